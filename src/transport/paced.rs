//! A connector's way to its channel: authorized, paced, guarded.
//!
//! In: requests of one account, paths below its base URL. Out: answers. The inner transport gets
//! the absolute URL in [`Request::path`] and the token among the headers; everything else is as the
//! connector made it. Throttles and refused tokens come back as errors, any other status as an
//! answer. Nothing is repeated but a call refused with 401, once, with a fresh token: that refusal
//! proves that the first attempt had no effect.

use std::sync::Arc;

use async_trait::async_trait;
use channelsync_contract::transport::{Account, Auth, FilePart};
use channelsync_contract::{CallError, Clock, Request, Response, Rng, Transport};
use http::{HeaderName, HeaderValue, StatusCode};

use super::line::Line;
use super::stats::Stats;
use super::token::{Token, Tokens};

/// One account's transport.
///
/// A call needs room in three places: the breaker (the channel answers at all), a slot of the
/// account's `calls_max`, and its bucket, where both our level of the server's points and a steady
/// pace must be able to pay. While it lacks room it waits, in its lane; at most 1,024 calls wait,
/// more are refused as not sent. Lower lanes do not starve: one call that has waited ten seconds
/// overtakes, every ten seconds. Dropping the future of a call at any point is safe.
pub struct Paced {
    header: HeaderName,
    tokens: Tokens,
    line: Line,
}

impl Paced {
    /// A transport for `account` through `inner`. All its levels are empty.
    pub fn new(
        account: Account,
        channel: &str,
        inner: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Arc<Self> {
        let (for_line, for_line_rng) = (Arc::clone(&clock), Arc::clone(&rng));
        let line = Line::new(&account, channel, inner, for_line, for_line_rng);
        let Auth { header, token } = account.auth;
        Arc::new(Self {
            header,
            tokens: Tokens::new(token, clock, rng),
            line,
        })
    }

    /// What happened so far, and what is the state now.
    pub fn stats(&self) -> Stats {
        Stats {
            token_expires_in: self.tokens.expires_in(),
            ..self.line.stats()
        }
    }

    /// Lets nothing leave any more. Calls that wait come back as not sent; what is under way goes on.
    pub fn close(&self) {
        self.line.close();
    }

    async fn authorized(&self, request: Request) -> Result<Response, CallError> {
        let token = self.tokens.current(&self.line).await?;
        let first = self.with_token(request.clone(), &token)?;
        let answer = self.line.call(first).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            self.tokens.accepted();
            return Ok(answer);
        }
        let token = self.tokens.renew(token.serial, &self.line).await?;
        let second = self.with_token(request, &token)?;
        let answer = self.line.call(second).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            self.tokens.accepted();
            return Ok(answer);
        }
        Err(self.tokens.refused())
    }

    fn with_token(&self, mut request: Request, token: &Token) -> Result<Request, CallError> {
        let Ok(mut value) = HeaderValue::from_str(token.secret.expose()) else {
            let why = "the token holds characters that no header may".to_owned();
            return Err(CallError::Unauthorized(why));
        };
        value.set_sensitive(true);
        request.headers.insert(self.header.clone(), value);
        Ok(request)
    }
}

#[async_trait]
impl Transport for Paced {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let result = if request.authorize {
            self.authorized(request).await
        } else {
            self.line.call(request).await
        };
        self.line.count(&result);
        result
    }

    async fn download(&self, part: FilePart) -> Result<Response, CallError> {
        let result = self.line.download(part).await;
        self.line.count(&result);
        result
    }
}

#[cfg(test)]
mod tests;
