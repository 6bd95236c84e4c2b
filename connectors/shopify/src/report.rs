//! What an answer says about limits: cost, bucket, and a throttle that comes as a success.
//!
//! It runs on every answer, so it reads only `extensions` and `errors` and skips `data` unparsed.
//! Shopify writes its figures with decimals (`2000.0`); they are read as text, in thousandths.

use std::time::Duration;

use channelsync_contract::transport::{Level, Report, Response};
use http::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::Value;

/// The shortest wait after a throttle (page section 1).
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest, whatever an answer says.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Status 430: refused for security at the request level; waited out like 429.
const SECURITY_REJECTION: u16 = 430;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    extensions: Value,
}

/// Reads an answer's own figures. Total: an answer that says nothing gives nothing.
pub(crate) fn report(response: &Response) -> Report {
    let body: Option<Body> = serde_json::from_slice(&response.body).ok();
    let cost = body.as_ref().and_then(|body| body.extensions.get("cost"));
    let whole = |name: &str| thousandths(cost?.get(name)?).map(|number| to_u32(number / 1_000));
    let status = cost.and_then(|cost| cost.get("throttleStatus"));
    let level = status.and_then(level);
    let throttled = if matches!(response.status.as_u16(), 429 | SECURITY_REJECTION) {
        Some(retry_after(response))
    } else if body
        .as_ref()
        .is_some_and(|body| has_code(&body.errors, "THROTTLED"))
    {
        Some(wait(whole("requestedQueryCost"), level))
    } else {
        None
    };
    Report {
        level,
        cost: whole("actualQueryCost"),
        throttled,
    }
}

fn has_code(errors: &Value, code: &str) -> bool {
    let is_it = |error: &Value| error["extensions"]["code"] == code;
    errors
        .as_array()
        .is_some_and(|errors| errors.iter().any(is_it))
}

fn level(status: &Value) -> Option<Level> {
    let figure = |name: &str| thousandths(status.get(name)?);
    Some(Level {
        available: to_u32(figure("currentlyAvailable")? / 1_000),
        capacity: to_u32(figure("maximumAvailable")? / 1_000),
        restore_per_kilosecond: to_u32(figure("restoreRate")?),
    })
}

/// Until the bucket holds what the request needs.
fn wait(requested: Option<u32>, level: Option<Level>) -> Duration {
    let (Some(requested), Some(level)) = (requested, level) else {
        return WAIT_MIN;
    };
    let lacking = u64::from(requested.saturating_sub(level.available));
    let rate = u64::from(level.restore_per_kilosecond);
    let millis = (lacking * 1_000_000).checked_div(rate).unwrap_or(0);
    Duration::from_millis(millis).clamp(WAIT_MIN, WAIT_MAX)
}

fn retry_after(response: &Response) -> Duration {
    let header = response
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let millis = header
        .and_then(decimal)
        .and_then(|number| u64::try_from(number).ok());
    millis
        .map_or(WAIT_MIN, Duration::from_millis)
        .clamp(WAIT_MIN, WAIT_MAX)
}

/// A JSON number in thousandths, rounded down.
fn thousandths(value: &Value) -> Option<i64> {
    value
        .is_number()
        .then(|| decimal(&value.to_string()))
        .flatten()
}

/// `12.3456` as 12345; none for anything but plain decimals that fit.
fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let negative = whole.starts_with('-');
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    whole
        .checked_mul(1_000)?
        .checked_add(if negative { -fraction } else { fraction })
}

fn to_u32(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use channelsync_contract::suite::answer;
    use http::StatusCode;

    use super::*;

    #[test]
    fn the_throttled_answer_of_the_page_tells_bucket_and_wait() {
        let body = r#"{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],
            "extensions":{"cost":{"requestedQueryCost":952,"actualQueryCost":null,"throttleStatus":
            {"maximumAvailable":2000.0,"currentlyAvailable":666,"restoreRate":100.0}}}}"#;
        let expected = Report {
            level: Some(Level {
                available: 666,
                capacity: 2_000,
                restore_per_kilosecond: 100_000,
            }),
            cost: None,
            throttled: Some(Duration::from_millis(2_860)),
        };
        assert_eq!(report(&answer(StatusCode::OK, body)), expected);
    }

    #[test]
    fn a_success_tells_its_cost() {
        let body = r#"{"data":{"order":null},"extensions":{"cost":{"requestedQueryCost":697,
            "actualQueryCost":38,"throttleStatus":{"maximumAvailable":2000.0,
            "currentlyAvailable":1962,"restoreRate":0.5}}}}"#;
        let expected = Report {
            level: Some(Level {
                available: 1_962,
                capacity: 2_000,
                restore_per_kilosecond: 500,
            }),
            cost: Some(38),
            throttled: None,
        };
        assert_eq!(report(&answer(StatusCode::OK, body)), expected);
    }

    #[test]
    fn a_request_limit_gives_its_own_wait() {
        for (status, header, expected) in [
            (429, Some("2.5"), 2_500),
            (430, Some("3"), 3_000),
            (429, Some("soon"), 1_000),
            (430, None, 1_000),
            (429, Some("99999999"), 600_000),
        ] {
            let mut response = answer(StatusCode::from_u16(status).unwrap(), "");
            if let Some(text) = header {
                response.headers.insert(RETRY_AFTER, text.parse().unwrap());
            }
            let wait = report(&response).throttled;
            assert_eq!(
                wait,
                Some(Duration::from_millis(expected)),
                "{status} {header:?}"
            );
        }
    }

    #[test]
    fn decimals_are_read_without_floats() {
        for (text, expected) in [
            ("2000.0", Some(2_000_000)),
            ("-3.25", Some(-3_250)),
            ("0.0009", Some(0)),
            ("1e21", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }
}
