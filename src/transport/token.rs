//! The token of an account: kept here, asked for when needed, never logged.
//!
//! In: a connector's description of the exchange, a transport to ask through. Out: a token. Only
//! one exchange is under way at a time, and all who need its result wait for it; if the caller who
//! asks vanishes, the next in line asks. From 80 % of a token's life on the first caller to come
//! renews it, while others go on with the old one. When the channel gives no token it is not asked
//! again before a growing pause of at most a minute has passed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channelsync_contract::transport::{CallError, Secret, TokenExchange, TokenSource, Transport};
use channelsync_contract::{Clock, ConnectorError, Rng};
use tokio::sync::Semaphore;

use super::backoff::backoff;

/// One account's token.
pub(super) struct Tokens {
    source: TokenSource,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// One permit: who holds it may ask.
    asking: Semaphore,
    kept: Mutex<Kept>,
}

/// A token and which one it is.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) serial: u64,
    renew_at: Option<Duration>,
    expires_at: Option<Duration>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    serial: u64,
    /// Failures in a row, what the last one was, and when to try again.
    failures: u32,
    failure: Option<CallError>,
    retry_at: Duration,
}

impl Tokens {
    pub(super) fn new(source: TokenSource, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self {
            source,
            clock,
            rng,
            asking: Semaphore::new(1),
            kept: Mutex::default(),
        }
    }

    /// A token that is valid as far as we know.
    ///
    /// # Errors
    /// [`CallError::Unauthorized`] where the channel gives none, else why it could not be asked.
    pub(super) async fn current(&self, line: &dyn Transport) -> Result<Token, CallError> {
        let exchange = match &self.source {
            TokenSource::Fixed(secret) => return Ok(Token::fixed(secret)),
            TokenSource::Exchange(exchange) => exchange,
        };
        let now = self.clock.uptime();
        let Some(token) = self.valid(now) else {
            return self.renew(0, line).await;
        };
        let due = token.renew_at.is_some_and(|at| at <= now) && self.kept().retry_at <= now;
        if due && let Ok(_asking) = self.asking.try_acquire() {
            let renewed = self.ask(&**exchange, line).await;
            return match self.valid(self.clock.uptime()) {
                Some(token) => Ok(token),
                None => renewed,
            };
        }
        Ok(token)
    }

    /// How long the token at hand is still valid, down to zero; none where it does not expire or none
    /// was asked for yet.
    pub(super) fn expires_in(&self) -> Option<Duration> {
        let at = self.kept().token.as_ref()?.expires_at?;
        Some(at.saturating_sub(self.clock.uptime()))
    }

    /// Another token than number `used`, which the channel refused.
    ///
    /// # Errors
    /// As [`Tokens::current`].
    pub(super) async fn renew(&self, used: u64, line: &dyn Transport) -> Result<Token, CallError> {
        let exchange = match &self.source {
            TokenSource::Fixed(_) => return Err(refused("the token")),
            TokenSource::Exchange(exchange) => exchange,
        };
        let Ok(_asking) = self.asking.acquire().await else {
            unreachable!("the semaphore is never closed");
        };
        let now = self.clock.uptime();
        if let Some(token) = self.valid(now).filter(|token| token.serial != used) {
            return Ok(token);
        }
        let failure = {
            let kept = self.kept();
            let waiting = kept.failure.as_ref().filter(|_| now < kept.retry_at);
            waiting.map(copy)
        };
        match failure {
            Some(failure) => Err(failure),
            None => self.ask(&**exchange, line).await,
        }
    }

    /// The channel took a token: whatever failed before is over.
    pub(super) fn accepted(&self) {
        let mut kept = self.kept();
        kept.failures = 0;
        kept.failure = None;
        kept.retry_at = Duration::ZERO;
    }

    /// The channel refused a token that it had just given: asking again at once would not help.
    pub(super) fn refused(&self) -> CallError {
        let error = refused("a fresh token");
        self.note_failure(&error);
        error
    }

    /// Asks, holding the permit.
    async fn ask(
        &self,
        exchange: &dyn TokenExchange,
        line: &dyn Transport,
    ) -> Result<Token, CallError> {
        let mut request = exchange.request();
        request.authorize = false;
        let began = self.clock.uptime();
        // What fails on the way is paced by the gate; only what the channel says is remembered
        // here.
        let answer = line.call(request).await.map_err(unsent)?;
        if answer.status.is_server_error() {
            let status = answer.status.as_u16();
            return Err(CallError::NotSent(format!("no token: HTTP {status}")));
        }
        match exchange.decode(&answer) {
            Ok((secret, life)) => Ok(self.keep(secret, life, began)),
            Err(error) => {
                let error = no_token(&error);
                self.note_failure(&error);
                Err(error)
            }
        }
    }

    fn keep(&self, secret: Secret, life: Option<Duration>, began: Duration) -> Token {
        let mut kept = self.kept();
        kept.serial += 1;
        let token = Token {
            secret,
            serial: kept.serial,
            renew_at: life.map(|life| began.saturating_add(life / 5 * 4)),
            expires_at: life.map(|life| began.saturating_add(life)),
        };
        kept.token = Some(token.clone());
        token
    }

    fn note_failure(&self, error: &CallError) {
        let now = self.clock.uptime();
        let mut kept = self.kept();
        kept.failures = kept.failures.saturating_add(1);
        kept.retry_at = now.saturating_add(backoff(kept.failures, &*self.rng));
        kept.failure = Some(copy(error));
    }

    fn valid(&self, now: Duration) -> Option<Token> {
        let token = self.kept().token.clone();
        token.filter(|token| token.expires_at.is_none_or(|at| now < at))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn fixed(secret: &Secret) -> Self {
        Self {
            secret: secret.clone(),
            serial: 0,
            renew_at: None,
            expires_at: None,
        }
    }
}

fn refused(what: &str) -> CallError {
    CallError::Unauthorized(format!("the channel refuses {what}"))
}

/// Whatever became of the exchange, the call that needed the token was not sent.
fn unsent(error: CallError) -> CallError {
    match error {
        CallError::NotSent(why) | CallError::Unanswered(why) => {
            CallError::NotSent(format!("no token: {why}"))
        }
        CallError::Throttled { .. } | CallError::Unauthorized(_) => error,
    }
}

fn no_token(error: &ConnectorError) -> CallError {
    match error {
        ConnectorError::Throttled { retry_after } => CallError::Throttled {
            retry_after: *retry_after,
        },
        ConnectorError::NotDone(_)
        | ConnectorError::Unanswered(_)
        | ConnectorError::Unreadable { .. } => CallError::NotSent(format!("no token: {error}")),
        ConnectorError::Unauthorized(_) | ConnectorError::Refused { .. } => {
            CallError::Unauthorized(format!("no token: {error}"))
        }
    }
}

fn copy(error: &CallError) -> CallError {
    match error {
        CallError::NotSent(why) => CallError::NotSent(why.clone()),
        CallError::Unanswered(why) => CallError::Unanswered(why.clone()),
        CallError::Throttled { retry_after } => CallError::Throttled {
            retry_after: *retry_after,
        },
        CallError::Unauthorized(why) => CallError::Unauthorized(why.clone()),
    }
}

#[cfg(test)]
mod tests;
