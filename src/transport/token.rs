//! The token of an account: kept here, asked for when needed, never logged.
//!
//! In: a connector's description of the exchange, a transport to ask through. Out: a token. Only
//! one exchange is under way at a time, and all who need its result wait for it; if the caller who
//! asks vanishes, the next in line asks. From 80 % of a token's life on the first caller to come
//! renews it, while others go on with the old one. When the channel gives no token it is not asked
//! again before a growing pause of at most a minute has passed.
//!
//! A grant's renewal replaces what it was asked for with. So it is kept outside before its token is
//! used, and only who holds the lease on it renews it; where another process did, its token is taken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channelsync_contract::transport::{
    CallError, Grant, GrantLease, Renewal, Request, Response, Secret, TokenSource, Transport,
};
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
    life: Option<Duration>,
    renew_at: Option<Duration>,
    expires_at: Option<Duration>,
}

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// A grant that could not be kept outside yet.
    unkept: Option<Grant>,
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
        if let TokenSource::Fixed(secret) = &self.source {
            return Ok(Token::fixed(secret));
        }
        let now = self.clock.uptime();
        let Some(token) = self.valid(now) else {
            return self.renew(0, line).await;
        };
        let (may_ask, is_unkept) = {
            let kept = self.kept();
            (kept.retry_at <= now, kept.unkept.is_some())
        };
        let is_due = token.renew_at.is_some_and(|at| at <= now);
        if (is_due || is_unkept)
            && may_ask
            && let Ok(_asking) = self.asking.try_acquire()
        {
            let renewed = self.ask(is_due, line).await;
            return match self.valid(self.clock.uptime()) {
                Some(token) => Ok(token),
                None => renewed,
            };
        }
        Ok(token)
    }

    /// How long the token at hand is still valid, down to zero, and how long it was when it came; none
    /// where it does not expire or none was asked for yet.
    pub(super) fn expires_in(&self) -> Option<(Duration, Duration)> {
        let token = self.kept().token.clone()?;
        let left = token.expires_at?.saturating_sub(self.clock.uptime());
        Some((left, token.life?))
    }

    /// Another token than number `used`, which the channel refused.
    ///
    /// # Errors
    /// As [`Tokens::current`].
    pub(super) async fn renew(&self, used: u64, line: &dyn Transport) -> Result<Token, CallError> {
        if matches!(self.source, TokenSource::Fixed(_)) {
            return Err(refused("the token"));
        }
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
            None => self.ask(true, line).await,
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

    /// Asks, holding the permit; for another token than the one at hand, or only for one that counts.
    async fn ask(&self, replaces: bool, line: &dyn Transport) -> Result<Token, CallError> {
        let began = self.clock.uptime();
        match &self.source {
            TokenSource::Fixed(secret) => Ok(Token::fixed(secret)),
            TokenSource::Exchange(exchange) => {
                let answer = exchanged(exchange.request(), line).await?;
                let (secret, life) = self.noted(exchange.decode(&answer))?;
                Ok(self.keep(secret, life, began))
            }
            TokenSource::Grant(renewal, store) => {
                let lease = store.lease().await;
                let lease = lease.map_err(|why| CallError::NotSent(format!("no token: {why}")))?;
                let grant = self.grant(&**renewal, &*lease, replaces, line).await?;
                let life = grant.expires_at.since(self.clock.now());
                Ok(self.keep(grant.token, Some(life), began))
            }
        }
    }

    /// The grant that counts from now on: the one that is kept, or what its renewal gives where its
    /// token ended or is the one to be replaced.
    async fn grant(
        &self,
        renewal: &dyn Renewal,
        lease: &dyn GrantLease,
        replaces: bool,
        line: &dyn Transport,
    ) -> Result<Grant, CallError> {
        let (unkept, at_hand) = {
            let kept = self.kept();
            (kept.unkept.clone(), kept.token.clone())
        };
        let now = self.clock.now();
        let is_unkept = unkept.is_some();
        let known = unkept.unwrap_or_else(|| lease.grant().clone());
        let is_old = at_hand.is_some_and(|token| replaces && token.secret == known.token);
        let grant = if is_old || known.expires_at <= now {
            let answer = exchanged(renewal.request(&known.refresh), line).await?;
            self.noted(renewal.decode(&answer, now))?
        } else if is_unkept {
            known
        } else {
            return Ok(known);
        };
        let failed = lease.keep(&grant).await.err();
        let mut kept = self.kept();
        kept.unkept = failed.as_ref().map(|_| grant.clone());
        drop(kept);
        if let Some(why) = failed {
            tracing::error!(
                why,
                "a renewed grant cannot be kept and would be lost with this process"
            );
            self.note_failure(&CallError::NotSent(why));
        }
        Ok(grant)
    }

    /// Takes note of what the channel says; what fails on the way is paced by the gate.
    fn noted<T>(&self, decoded: Result<T, ConnectorError>) -> Result<T, CallError> {
        decoded.map_err(|error| {
            let error = no_token(&error);
            self.note_failure(&error);
            error
        })
    }

    fn keep(&self, secret: Secret, life: Option<Duration>, began: Duration) -> Token {
        let mut kept = self.kept();
        kept.serial += 1;
        let token = Token {
            secret,
            serial: kept.serial,
            life,
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
            life: None,
            renew_at: None,
            expires_at: None,
        }
    }
}

fn refused(what: &str) -> CallError {
    CallError::Unauthorized(format!("the channel refuses {what}"))
}

async fn exchanged(mut request: Request, line: &dyn Transport) -> Result<Response, CallError> {
    request.authorize = false;
    let answer = line.call(request).await.map_err(unsent)?;
    if answer.status.is_server_error() {
        let status = answer.status.as_u16();
        return Err(CallError::NotSent(format!("no token: HTTP {status}")));
    }
    Ok(answer)
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
