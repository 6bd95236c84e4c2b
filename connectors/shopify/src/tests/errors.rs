//! The error table of the page's section 1, each row on a read and on a write.

use channelsync_contract::quantity::{Push, PushRow};
use channelsync_contract::suite::answer;
use channelsync_contract::{CallId, ConnectorError, SlotKey, Units};
use http::StatusCode;
use serde_json::json;

use super::shop::shop;

async fn both(status: u16, body: &str) -> (String, String) {
    let reply = || {
        [Ok(answer(
            StatusCode::from_u16(status).unwrap(),
            body.to_owned(),
        ))]
    };
    let (connector, _) = shop(reply());
    let read = connector.probe.probe().await.err().unwrap();
    let (connector, _) = shop(reply());
    let slot = SlotKey {
        item: "4501".into(),
        location: Some("101".into()),
    };
    let row = PushRow {
        slot,
        quantity: Units(1),
        expected: None,
    };
    let push = Push {
        call: CallId(uuid::Uuid::from_u128(1)),
        rows: vec![row],
    };
    let write = connector.quantities.push(&push).await.err().unwrap();
    (kind(&read), kind(&write))
}

fn kind(error: &ConnectorError) -> String {
    match error {
        ConnectorError::Throttled { retry_after } => {
            format!("throttled {}", retry_after.as_millis())
        }
        ConnectorError::NotDone(_) => "not done".to_owned(),
        ConnectorError::Unanswered(_) => "unanswered".to_owned(),
        ConnectorError::Unauthorized(_) => "unauthorized".to_owned(),
        ConnectorError::Refused { code, .. } => format!("refused {code}"),
        ConnectorError::Unreadable { .. } => "unreadable".to_owned(),
    }
}

fn errors(code: &str) -> String {
    json!({ "errors": [{ "message": "words", "extensions": { "code": code } }] }).to_string()
}

fn errors_beside_data(code: &str) -> String {
    let error = json!({ "message": "words", "extensions": { "code": code } });
    json!({ "data": { "inventorySetQuantities": null }, "errors": [error] }).to_string()
}

const THROTTLED: &str = r#"{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],
    "extensions":{"cost":{"requestedQueryCost":752,"actualQueryCost":null,"throttleStatus":
    {"maximumAvailable":2000.0,"currentlyAvailable":352,"restoreRate":100.0}}}}"#;

#[tokio::test]
async fn every_status_means_its_action() {
    for (status, body, read, write) in [
        (401, "", "unauthorized", "unauthorized"),
        (402, "", "unauthorized", "unauthorized"),
        (403, "", "unauthorized", "unauthorized"),
        (
            404,
            r#"{"errors":"Not Found"}"#,
            "unauthorized",
            "unauthorized",
        ),
        (423, "", "unauthorized", "unauthorized"),
        (429, "", "throttled 1000", "throttled 1000"),
        (430, "", "throttled 1000", "throttled 1000"),
        (500, "", "not done", "unanswered"),
        (503, "<html>", "not done", "unanswered"),
        (301, "", "refused HTTP 301", "refused HTTP 301"),
        (400, "", "refused HTTP 400", "refused HTTP 400"),
        (200, THROTTLED, "throttled 4000", "throttled 4000"),
        (
            200,
            r#"{"errors":"words"}"#,
            "refused UNKNOWN",
            "refused UNKNOWN",
        ),
        (200, r#"{"data":null}"#, "unreadable", "unanswered"),
        (200, "{}", "unreadable", "unanswered"),
        (200, "<html>", "unreadable", "unanswered"),
    ] {
        let found = both(status, body).await;
        assert_eq!(
            found,
            (read.to_owned(), write.to_owned()),
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn every_code_of_a_successful_status_means_its_action() {
    let beside = |code: &str| errors_beside_data(code);
    let same = |text: &'static str| (text, text);
    for (body, (read, write)) in [
        (
            errors("MAX_COST_EXCEEDED"),
            same("refused MAX_COST_EXCEEDED"),
        ),
        (errors("ACCESS_DENIED"), same("unauthorized")),
        (beside("ACCESS_DENIED"), same("unauthorized")),
        (errors("SHOP_INACTIVE"), same("unauthorized")),
        (errors("INTERNAL_SERVER_ERROR"), ("not done", "unanswered")),
        (beside("INTERNAL_SERVER_ERROR"), ("not done", "unanswered")),
        (errors("BAD_REQUEST"), same("refused BAD_REQUEST")),
        (beside("BAD_REQUEST"), same("refused BAD_REQUEST")),
        (
            errors("INVALID_FIELD_ARGUMENTS"),
            same("refused INVALID_FIELD_ARGUMENTS"),
        ),
        (errors("undefinedField"), same("refused undefinedField")),
        (beside("A_NEW_CODE"), ("refused A_NEW_CODE", "unanswered")),
    ] {
        let found = both(200, &body).await;
        assert_eq!(found, (read.to_owned(), write.to_owned()), "{body}");
    }
}
