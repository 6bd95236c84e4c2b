//! The client-credentials grant: client id and secret for a token of 24 hours (page section 2).

use std::time::Duration;

use bytes::Bytes;
use channelsync_contract::ConnectorError;
use channelsync_contract::transport::{
    Effect, Lane, Report, Request, Response, Secret, TokenExchange,
};
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

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

impl TokenExchange for ClientCredentials {
    fn request(&self) -> Request {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose())
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

    fn decode(&self, answer: &Response) -> Result<(Secret, Option<Duration>), ConnectorError> {
        let status = answer.status;
        match status.as_u16() {
            200..=299 => {}
            429 | 430 | 500..=599 => return Err(ConnectorError::NotDone(status.to_string())),
            _ => {
                let why = format!("{status}: client id, secret or installation refused");
                return Err(ConnectorError::Unauthorized(why));
            }
        }
        // The parser's own words are left out: they could repeat a part of the token.
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| unreadable(WHAT, "no access_token in it"))?;
        if granted.access_token.is_empty() {
            return Err(unreadable(WHAT, "the access_token is empty"));
        }
        let life = granted.expires_in.map(Duration::from_secs);
        Ok((Secret::new(granted.access_token), life))
    }
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
