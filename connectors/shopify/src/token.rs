//! Tokens (page section 2): of 24 hours for client id and secret, or of an hour for what came with the
//! token before it, which the merchant's consent began.

use std::time::Duration;

use bytes::Bytes;
use channelsync_contract::transport::{
    Effect, Grant, Lane, Renewal, Report, Request, Response, Secret, TokenExchange,
};
use channelsync_contract::{ConnectorError, Timestamp};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;

use crate::BUCKET;
use crate::call::unreadable;

const WHAT: &str = "the token request";

/// An app of the merchant's own organization.
pub(crate) struct ClientCredentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
}

/// An app of another organization that the merchant let into the shop.
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
}

/// Seconds that a renewed token is taken to live where the answer does not say.
const EXPIRES_IN: u64 = 3_600;

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

impl TokenExchange for ClientCredentials {
    fn request(&self) -> Request {
        let id_and_secret = (self.client_id.as_str(), &self.client_secret);
        request(&[("grant_type", "client_credentials")], id_and_secret)
    }

    fn decode(&self, answer: &Response) -> Result<(Secret, Option<Duration>), ConnectorError> {
        let granted = granted(answer, "client id, secret or installation refused")?;
        let life = granted.expires_in.map(Duration::from_secs);
        Ok((Secret::new(granted.access_token), life))
    }
}

impl Renewal for App {
    fn request(&self, refresh: &Secret) -> Request {
        let id_and_secret = (self.client_id.as_str(), &self.client_secret);
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
        ];
        // What it is asked for with counts once.
        Request {
            effect: Effect::Write,
            ..request(&grant, id_and_secret)
        }
    }

    fn decode(&self, answer: &Response, asked_at: Timestamp) -> Result<Grant, ConnectorError> {
        let refused = "the shop does not renew the grant, the merchant must agree anew";
        let granted = granted(answer, refused)?;
        let refresh = granted.refresh_token.filter(|text| !text.is_empty());
        let refresh = refresh.ok_or_else(|| unreadable(WHAT, "no refresh_token in it"))?;
        let life = Duration::from_secs(granted.expires_in.unwrap_or(EXPIRES_IN));
        Ok(Grant {
            token: Secret::new(granted.access_token),
            expires_at: asked_at.plus(life),
            refresh: Secret::new(refresh),
        })
    }
}

impl App {
    /// Asks for the first token, with the code that the merchant's consent gave.
    pub(crate) fn first(&self, code: &Secret) -> Request {
        let id_and_secret = (self.client_id.as_str(), &self.client_secret);
        let code = [("code", code.expose()), ("expiring", "1")];
        Request {
            effect: Effect::Write,
            ..request(&code, id_and_secret)
        }
    }
}

fn request(fields: &[(&str, &str)], (id, secret): (&str, &Secret)) -> Request {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .append_pair("client_id", id)
        .append_pair("client_secret", secret.expose())
        .finish();
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form);
    Request {
        method: Method::POST,
        path: "/admin/oauth/access_token".to_owned(),
        headers,
        body: Bytes::from(body),
        bucket: BUCKET,
        cost: 0,
        lane: Lane::Push,
        effect: Effect::Read,
        authorize: false,
        report: Report::none,
    }
}

fn granted(answer: &Response, refused: &str) -> Result<Granted, ConnectorError> {
    let status = answer.status;
    match status.as_u16() {
        200..=299 => {}
        429 | 430 | 500..=599 => return Err(ConnectorError::NotDone(status.to_string())),
        _ => return Err(ConnectorError::Unauthorized(format!("{status}: {refused}"))),
    }
    // The parser's own words are left out: they could repeat a part of the token.
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| unreadable(WHAT, "no access_token in it"))?;
    if granted.access_token.is_empty() {
        return Err(unreadable(WHAT, "the access_token is empty"));
    }
    Ok(granted)
}

#[cfg(test)]
mod tests {
    use channelsync_contract::NextStep;
    use channelsync_contract::suite::answer;
    use http::StatusCode;

    use super::*;

    fn app() -> ClientCredentials {
        ClientCredentials {
            client_id: "id 1".into(),
            client_secret: Secret::new("s&=+é"),
        }
    }

    #[test]
    fn the_form_is_encoded() {
        let body = "grant_type=client_credentials&client_id=id+1&client_secret=s%26%3D%2B%C3%A9";
        assert_eq!(app().request().body, body);
        assert!(!app().request().authorize);
    }

    #[test]
    fn a_renewal_gives_the_next_grant_or_says_that_it_ended() {
        let app = App {
            client_id: "id 1".into(),
            client_secret: Secret::new("s"),
        };
        let body = "grant_type=refresh_token&refresh_token=r+1&client_id=id+1&client_secret=s";
        let request = app.request(&Secret::new("r 1"));
        assert_eq!(
            (request.body.as_ref(), request.effect),
            (body.as_bytes(), Effect::Write)
        );
        let first = app.first(&Secret::new("c"));
        assert_eq!(
            first.body,
            "code=c&expiring=1&client_id=id+1&client_secret=s"
        );
        let at = Timestamp(5_000_000);
        for (status, body, expected) in [
            (
                200,
                r#"{"access_token":"t","expires_in":60,"refresh_token":"r2"}"#,
                Ok(65_000_000),
            ),
            (
                200,
                r#"{"access_token":"t","refresh_token":"r2"}"#,
                Ok(3_605_000_000),
            ),
            (
                200,
                r#"{"access_token":"t","expires_in":60}"#,
                Err(NextStep::Park),
            ),
            (
                401,
                r#"{"error":"invalid_request"}"#,
                Err(NextStep::PauseChannel),
            ),
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                Err(NextStep::PauseChannel),
            ),
            (503, "", Err(NextStep::RetryWithBackoff)),
        ] {
            let answer = answer(StatusCode::from_u16(status).unwrap(), body);
            let got = Renewal::decode(&app, &answer, at);
            let got = got.map(|grant| {
                assert_eq!((grant.token.expose(), grant.refresh.expose()), ("t", "r2"));
                grant.expires_at.0
            });
            assert_eq!(
                got.map_err(|error| error.next_step()),
                expected,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_grant_and_each_refusal_are_told_apart() {
        let granted = r#"{"access_token":"t","scope":"read_orders","expires_in":86399}"#;
        let (token, life) = app().decode(&answer(StatusCode::OK, granted)).unwrap();
        assert_eq!(
            (token.expose(), life),
            ("t", Some(Duration::from_secs(86_399)))
        );
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_client"}"#, NextStep::PauseChannel),
            (401, "", NextStep::PauseChannel),
            (404, "", NextStep::PauseChannel),
            (503, "", NextStep::RetryWithBackoff),
            (200, r#"{"access_token":""}"#, NextStep::Park),
            (200, r#"{"access_token":7}"#, NextStep::Park),
        ] {
            let answer = answer(StatusCode::from_u16(status).unwrap(), body);
            let error = app().decode(&answer).err().unwrap();
            assert_eq!(error.next_step(), expected, "{status} {body}");
            assert!(
                !error.to_string().contains('7'),
                "no part of a token in {error}"
            );
        }
    }
}
