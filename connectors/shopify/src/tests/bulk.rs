//! Bulk operations: found by their mark, read in parts, whole orders or only that they changed.

use channelsync_contract::bulk::{BulkOf, BulkPart, BulkRows, BulkStarted, BulkState};
use channelsync_contract::order::{Changed, Fetched};
use channelsync_contract::suite::answer;
use channelsync_contract::transport::{Response, Secret};
use channelsync_contract::{CallError, ConnectorError, Facet, OrderSnapshot, Timestamp, Units};
use http::StatusCode;
use http::header::CONTENT_RANGE;
use serde_json::{Value, json};

use super::fetch::Answers;
use super::shop::{asked, body, connection, data, shop};

const SINCE: Timestamp = Timestamp(1_795_000_000_000_000);
const MARK: &str = "channelsync_3f1a";

fn order(id: u64) -> Value {
    json!({ "id": format!("gid://shopify/Order/{id}"), "name": format!("#{id}"),
        "createdAt": "2026-11-20T14:00:00Z", "updatedAt": "2026-11-20T14:05:02Z",
        "cancelledAt": null, "test": false, "returnStatus": "NO_RETURN",
        "fulfillments": [], "refunds": [] })
}

fn line(id: u64, open: u32) -> Value {
    json!({ "id": format!("gid://shopify/LineItem/{id}"), "quantity": 2, "currentQuantity": 2,
        "unfulfilledQuantity": open, "requiresShipping": true, "isGiftCard": false,
        "variant": { "id": "gid://shopify/ProductVariant/9" },
        "originalUnitPriceSet": { "shopMoney": { "amount": "1.5", "currencyCode": "EUR" } } })
}

fn fulfillment_order(id: u64) -> Value {
    json!({ "id": format!("gid://shopify/FulfillmentOrder/{id}"), "status": "OPEN",
        "fulfillAt": null, "fulfillBy": null,
        "assignedLocation": { "location": { "id": "gid://shopify/Location/101" } } })
}

fn remaining(id: u64, line: u64, units: u32) -> Value {
    json!({ "id": format!("gid://shopify/FulfillmentOrderLineItem/{id}"),
        "remainingQuantity": units, "lineItem": { "id": format!("gid://shopify/LineItem/{line}") } })
}

fn parcel(id: u64, status: &str) -> Value {
    json!({ "id": format!("gid://shopify/Fulfillment/{id}"), "status": status,
        "createdAt": "2026-11-20T14:04:00Z", "location": { "id": "gid://shopify/Location/101" } })
}

fn of(mut object: Value, parent: &Value) -> Value {
    object["__parentId"] = parent["id"].clone();
    object
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// An order of one line of which so many units are open, and where.
fn group(root: &Value, open: u32) -> Vec<Value> {
    let place = fulfillment_order(7);
    vec![
        root.clone(),
        of(place.clone(), root),
        of(remaining(8, 5, open), &place),
        of(line(5, open), root),
    ]
}

fn partial(body: &str, from: usize, total: usize) -> Result<Response, CallError> {
    let mut part = answer(StatusCode::PARTIAL_CONTENT, body.to_owned());
    let range = format!("bytes {from}-{}/{total}", from + body.len() - 1);
    part.headers.insert(CONTENT_RANGE, range.parse().unwrap());
    Ok(part)
}

async fn part(answer: Result<Response, CallError>, from: u64) -> Result<BulkPart, ConnectorError> {
    let (connector, transport) = shop([answer]);
    let url = Secret::new("https://files.example/1?signature=canary");
    let bulk = connector.bulk.unwrap();
    let part = bulk.part(BulkOf::Orders(SINCE), &url, from).await;
    let asked = transport.downloads();
    assert_eq!(
        (asked.len(), asked[0].url.expose(), asked[0].from),
        (1, url.expose(), from)
    );
    assert_eq!(transport.sent().len(), 0, "the shop is not asked");
    part
}

/// All changes of a file that comes whole.
async fn changes(lines: &[Value]) -> Vec<Changed> {
    let part = part(Ok(answer(StatusCode::OK, text(lines))), 0)
        .await
        .unwrap();
    assert_eq!(part.next, None);
    match part.rows {
        BulkRows::Orders(changes) => changes,
        BulkRows::Listings(_) => panic!("orders were asked for"),
    }
}

async fn change(lines: &[Value]) -> Changed {
    let [change] = <[Changed; 1]>::try_from(changes(lines).await).unwrap();
    change
}

fn snapshot(change: Changed) -> OrderSnapshot {
    match change {
        Changed::Order(snapshot) => *snapshot,
        other => panic!("no order: {other:?}"),
    }
}

#[tokio::test]
async fn an_order_in_a_file_is_the_same_as_one_read_by_itself() {
    let root = order(1);
    let from_file = snapshot(change(&group(&root, 2)).await);
    let mut node = root;
    let mut place = fulfillment_order(7);
    place["lineItems"] = connection(&[remaining(8, 5, 2)], None);
    node["lineItems"] = connection(&[line(5, 2)], None);
    node["fulfillmentOrders"] = connection(&[place], None);
    let (connector, _) = shop([data(&json!({ "nodes": [node] }))]);
    let fetched = connector.orders.fetch(&["1".into()]).await.unwrap();
    assert_eq!(fetched, [Fetched::Order(Box::new(from_file))]);
}

#[tokio::test]
async fn an_order_that_left_in_one_parcel_is_whole_and_one_in_several_is_to_be_read() {
    let mut left = order(1);
    left["fulfillments"] = json!([parcel(3, "CANCELLED"), parcel(4, "SUCCESS")]);
    let snapshot = snapshot(change(&group(&left, 0)).await);
    let Facet::Complete(shipments) = &snapshot.shipments else {
        panic!("{snapshot:?}");
    };
    assert_eq!((shipments.len(), shipments[0].id.as_str()), (1, "4"));
    assert_eq!(shipments[0].lines, [("5".into(), Units(2))]);
    let lines = snapshot.lines.complete().unwrap();
    assert_eq!((lines[0].open, lines[0].fulfilled), (Units(0), Units(2)));

    let with = |name: &str, value: Value| {
        let mut root = order(1);
        root[name] = value;
        root
    };
    let fewer = |mut lines: Vec<Value>| {
        lines[3]["currentQuantity"] = json!(1);
        lines
    };
    let two = json!([parcel(3, "SUCCESS"), parcel(4, "SUCCESS")]);
    let one = with("fulfillments", json!([parcel(4, "SUCCESS")]));
    let astray = [
        group(&order(1), 2),
        vec![of(line(6, 1), &fulfillment_order(99))],
    ]
    .concat();
    for lines in [
        group(&with("fulfillments", two), 0),
        group(&one, 1),
        fewer(group(&one, 0)),
        group(
            &with("refunds", json!([{ "id": "gid://shopify/Refund/1" }])),
            2,
        ),
        group(&with("returnStatus", json!("RETURNED")), 0),
        astray,
    ] {
        let change = change(&lines).await;
        let Changed::Hint(hint) = &change else {
            panic!("{change:?} of {}", text(&lines));
        };
        let version = Timestamp::parse("2026-11-20T14:05:02Z");
        assert_eq!((hint.order.as_str(), hint.version), ("1", version));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_hides_no_other() {
    let mut torn = order(2);
    torn["updatedAt"] = json!("yesterday");
    let lines = [
        vec![of(line(5, 2), &order(9))],
        group(&order(1), 2),
        vec![torn.clone()],
        group(&order(3), 2),
    ]
    .concat();
    let changes = changes(&lines).await;
    let told = |change: &Changed| match change {
        Changed::Order(order) => format!("order {}", order.id),
        Changed::Hint(hint) => format!("hint {}", hint.order),
        Changed::Unreadable { order, .. } => format!("unreadable {order:?}"),
    };
    let told: Vec<String> = changes.iter().map(told).collect();
    let second = r#"unreadable Some("2")"#;
    assert_eq!(told, ["unreadable None", "order 1", second, "order 3"]);
}

#[tokio::test]
async fn a_part_ends_with_its_last_whole_order_and_the_next_goes_on_there() {
    let file = text(&[group(&order(1), 2), group(&order(2), 2)].concat());
    let second = text(&group(&order(1), 2)).len();
    let head = text(&[order(2)]).len();
    for cut in [second + head + 1, file.len() - 1, file.len() - 300] {
        let first = part(partial(&file[..cut], 0, file.len()), 0).await.unwrap();
        assert_eq!(first.next, Some(second as u64), "{cut}");
        let BulkRows::Orders(changes) = first.rows else {
            panic!("orders were asked for");
        };
        assert_eq!(changes.len(), 1);
        let rest = partial(&file[second..], second, file.len());
        let rest = part(rest, second as u64).await.unwrap();
        assert_eq!(rest.next, None);
    }
    // A host that knows no ranges gives everything.
    let all = Ok(answer(StatusCode::OK, file.clone()));
    let rest = part(all, second as u64).await.unwrap();
    assert!(matches!(rest.rows, BulkRows::Orders(changes) if changes.len() == 1));
    let other = partial(&file[1..], 1, file.len());
    assert!(part(other, 0).await.is_err(), "not what was asked for");
    let endless = partial(&file[..20], 0, file.len());
    let error = part(endless, 0).await.unwrap_err().to_string();
    assert!(error.contains("longer than a part"), "{error}");
    let over = part(Ok(answer(StatusCode::FORBIDDEN, "")), 0).await;
    assert!(matches!(over, Err(ConnectorError::Refused { code, .. }) if code == "HTTP 403"));
    let cut = part(Err(CallError::Unanswered("reset".to_owned())), 0).await;
    assert!(matches!(cut, Err(ConnectorError::NotDone(_))));
}

async fn start(answers: Answers) -> (Result<BulkStarted, ConnectorError>, Vec<String>) {
    let (connector, transport) = shop(answers);
    let bulk = connector.bulk.unwrap();
    let started = bulk.start(BulkOf::Orders(SINCE), MARK).await;
    let asked = asked(&transport)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    (started, asked)
}

fn recent(queries: &[&str]) -> Result<Response, CallError> {
    let node = |query: &&str| {
        json!({ "id": "gid://shopify/BulkOperation/5",
        "createdAt": "2026-11-20T14:00:00Z", "query": query })
    };
    let nodes: Vec<Value> = queries.iter().map(node).collect();
    data(&json!({ "bulkOperations": { "nodes": nodes } }))
}

fn payload(error: Option<&str>) -> Result<Response, CallError> {
    let operation = json!({ "id": "gid://shopify/BulkOperation/6",
        "createdAt": "2026-11-20T15:00:00Z" });
    let payload = match error {
        Some(code) => json!({ "bulkOperation": null,
            "userErrors": [{ "code": code, "field": null, "message": "no" }] }),
        None => json!({ "bulkOperation": operation, "userErrors": [] }),
    };
    data(&json!({ "bulkOperationRunQuery": payload }))
}

#[tokio::test]
async fn an_operation_is_started_once_under_its_mark() {
    let others = "query other { orders { edges { node { id } } } }";
    let (started, asked) = start(vec![recent(&[others]), payload(None)]).await;
    assert_eq!(started.unwrap().id, "6");
    assert_eq!(asked, ["BulkRecent", "BulkStart"]);
    let ours = format!("query {MARK} {{ orders {{ edges {{ node {{ id }} }} }} }}");
    let (found, asked) = start(vec![recent(&[others, &ours])]).await;
    let at = Timestamp::parse("2026-11-20T14:00:00Z").unwrap();
    let id = "5".to_owned();
    assert_eq!((found.unwrap(), asked.len()), (BulkStarted { id, at }, 1));
    let lost = Err(CallError::Unanswered("reset".to_owned()));
    let (started, _) = start(vec![recent(&[]), lost]).await;
    assert!(matches!(started, Err(ConnectorError::Unanswered(_))));
    for code in ["LIMIT_REACHED", "OPERATION_IN_PROGRESS"] {
        let (started, _) = start(vec![recent(&[]), payload(Some(code))]).await;
        assert!(
            matches!(started, Err(ConnectorError::Throttled { .. })),
            "{code}"
        );
    }
    let (started, _) = start(vec![recent(&[]), payload(Some("INVALID"))]).await;
    assert!(matches!(started, Err(ConnectorError::Refused { code, .. }) if code == "INVALID"));
}

#[tokio::test]
async fn the_query_names_its_mark_and_its_time_and_groups_orders_only() {
    for (of, holds, grouped) in [
        (
            BulkOf::Orders(SINCE),
            "updated_at:>='2026-11-18T11:06:40Z'",
            true,
        ),
        (BulkOf::Listings, "productVariants", false),
    ] {
        let (connector, transport) = shop([recent(&[]), payload(None)]);
        connector.bulk.unwrap().start(of, MARK).await.unwrap();
        let variables = body(&transport.sent()[1])["variables"].take();
        let query = variables["query"].as_str().unwrap();
        assert!(query.starts_with(&format!("query {MARK} {{")), "{query}");
        assert!(query.contains(holds), "{query}");
        assert_eq!(variables["grouped"], grouped);
    }
}

#[tokio::test]
async fn an_operation_runs_is_ready_or_failed() {
    let standing = |status: &str, code: Value, url: Value| {
        json!({ "bulkOperation": { "id": "gid://shopify/BulkOperation/5", "status": status,
            "errorCode": code, "objectCount": "12", "url": url } })
    };
    let url = "https://files.example/1?signature=canary";
    let failed = |why: &str| BulkState::Failed(why.to_owned());
    for (answer, expected) in [
        (
            standing("CREATED", Value::Null, Value::Null),
            BulkState::Running(12),
        ),
        (
            standing("RUNNING", Value::Null, Value::Null),
            BulkState::Running(12),
        ),
        (
            standing("COMPLETED", Value::Null, json!(url)),
            BulkState::Ready(Some(Secret::new(url))),
        ),
        (
            standing("COMPLETED", Value::Null, Value::Null),
            BulkState::Ready(None),
        ),
        (
            standing("FAILED", json!("TIMEOUT"), Value::Null),
            failed("FAILED TIMEOUT"),
        ),
        (
            standing("CANCELED", Value::Null, Value::Null),
            failed("CANCELED"),
        ),
        (
            standing("EXPIRED", Value::Null, Value::Null),
            failed("EXPIRED"),
        ),
        (
            json!({ "bulkOperation": null }),
            failed("the shop knows nothing of it"),
        ),
    ] {
        let (connector, _) = shop([data(&answer)]);
        assert_eq!(connector.bulk.unwrap().state("5").await.unwrap(), expected);
    }
}

#[tokio::test]
async fn listings_are_read_line_by_line() {
    let variant = |id: u64| {
        json!({ "id": format!("gid://shopify/ProductVariant/{id}"), "sku": " MUG ",
            "barcode": null, "title": "Red", "inventoryPolicy": "DENY", "requiresComponents": false,
            "inventoryItem": { "id": "gid://shopify/InventoryItem/4", "tracked": true },
            "product": { "title": "Mug" } })
    };
    let file = text(&[variant(1), variant(2)]);
    let cut = file.len() - 10;
    let (connector, _) = shop([partial(&file[..cut], 0, file.len())]);
    let url = Secret::new("https://files.example/1");
    let part = connector
        .bulk
        .unwrap()
        .part(BulkOf::Listings, &url, 0)
        .await
        .unwrap();
    assert_eq!(part.next, Some(text(&[variant(1)]).len() as u64));
    let BulkRows::Listings(listings) = part.rows else {
        panic!("listings were asked for");
    };
    let listing = &listings[0];
    let told = (
        listings.len(),
        listing.id.as_str(),
        listing.sku.as_str(),
        listing.title.as_str(),
    );
    assert_eq!(told, (1, "1", "MUG", "Mug - Red"));
}
