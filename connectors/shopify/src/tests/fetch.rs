//! Orders by id: small ones in batches, large ones to their end, doubtful facets unknown.

use channelsync_contract::order::{Changed, Fetched, RestockKind};
use channelsync_contract::transport::Response;
use channelsync_contract::webhook::Content;
use channelsync_contract::{CallError, Facet, OrderId, OrderSnapshot, Timestamp};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::shop::{asked, connection, data, fixture, shop};
use crate::orders::FETCH_MAX;

pub(super) type Answers = Vec<Result<Response, CallError>>;

const ID: &str = "6120334561234";

pub(super) async fn fetch(answers: Answers) -> (Vec<Fetched>, Vec<(String, Value)>) {
    let (connector, transport) = shop(answers);
    let fetched = connector.orders.fetch(&[OrderId::new(ID)]).await.unwrap();
    (fetched, asked(&transport))
}

pub(super) async fn fetch_one(answers: Answers) -> (OrderSnapshot, Vec<String>) {
    let expected = answers.len();
    let (mut fetched, asked) = fetch(answers).await;
    assert_eq!(asked.len(), expected, "every answer was needed");
    match fetched.pop() {
        Some(Fetched::Order(order)) => (*order, asked.into_iter().map(|(name, _)| name).collect()),
        other => panic!("no order: {other:?}"),
    }
}

pub(super) fn nodes(nodes: &[Value]) -> Result<Response, CallError> {
    data(&json!({ "nodes": nodes }))
}

pub(super) fn page(nodes: &[Value], next: Option<&str>) -> Result<Response, CallError> {
    data(&json!({ "owner": { "page": connection(nodes, next) } }))
}

fn line(number: usize) -> Value {
    json!({ "id": format!("gid://shopify/LineItem/{number}"), "quantity": 2,
        "unfulfilledQuantity": 2, "requiresShipping": true, "isGiftCard": false,
        "variant": { "id": format!("gid://shopify/ProductVariant/{}", number + 9_000) },
        "originalUnitPriceSet": { "shopMoney": { "amount": "1.5", "currencyCode": "EUR" } } })
}

fn lines(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(line).collect()
}

fn remaining(line: usize, units: u32) -> Value {
    let line = json!({ "id": format!("gid://shopify/LineItem/{line}") });
    json!({ "remainingQuantity": units, "lineItem": line })
}

fn fulfillment_order(number: usize, status: &str, location: u32, lines: &Value) -> Value {
    json!({ "id": format!("gid://shopify/FulfillmentOrder/{number}"), "status": status,
        "assignedLocation": { "location": { "id": format!("gid://shopify/Location/{location}") } },
        "lineItems": lines })
}

/// An order with these lines and fulfillment orders, none of them shipped.
fn order(lines: &Value, fulfillment_orders: &Value) -> Value {
    let mut order = fixture("order_detail.json");
    order["lineItems"] = lines.clone();
    order["fulfillmentOrders"] = fulfillment_orders.clone();
    order["refunds"] = json!([]);
    order
}

/// A parcel with one unit of the fixture's line.
fn sent(created_at: impl Into<Value>) -> Value {
    let line = json!({ "quantity": 1, "lineItem": { "id": "gid://shopify/LineItem/111" } });
    json!({ "id": "gid://shopify/Fulfillment/141", "status": "SUCCESS",
        "createdAt": created_at.into(), "location": { "id": "gid://shopify/Location/101" },
        "fulfillmentLineItems": connection(&[line], None) })
}

fn one_line_order(fulfillment_orders: &[Value]) -> Value {
    order(
        &connection(&[line(1)], None),
        &connection(fulfillment_orders, None),
    )
}

/// The answer that the page gives for `OrderDetail`, with the parcels that it leaves out.
#[tokio::test]
async fn the_sample_of_the_page_is_read_whole() {
    let (order, _) = fetch_one(vec![nodes(&[fixture("order_detail.json")])]).await;
    insta::assert_json_snapshot!(order);
}

#[tokio::test]
async fn a_webhook_and_a_fetch_tell_the_same_of_one_order() {
    let mut node = fixture("order_detail.json");
    node["fulfillments"] = json!([sent("2026-11-20T14:04:00Z")]);
    let (mut fetched, _) = fetch_one(vec![nodes(&[node])]).await;
    fetched.routes = Facet::Unknown;
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-shopify-topic",
        HeaderValue::from_static("orders/updated"),
    );
    let mut body = fixture("order_webhook.json");
    body["fulfillments"] = json!([{ "id": 141, "status": "success", "location_id": 101,
        "created_at": "2026-11-20T09:04:00-05:00", "line_items": [{ "id": 111, "quantity": 1 }] }]);
    let body = body.to_string();
    let delivery = shop([])
        .0
        .webhooks
        .unwrap()
        .decode(&headers, body.as_bytes())
        .unwrap();
    assert_eq!(
        delivery.content,
        Content::Order(Changed::Order(Box::new(fetched)))
    );
}

/// R9
#[tokio::test]
async fn a_parcel_or_restock_of_unreadable_time_is_still_told() {
    let (early, late) = ("2026-11-20T14:03:00Z", "2026-11-20T23:04:00+09:00");
    for (created, processed, parcel, restock) in [
        (json!(late), json!(early), Some(late), Some(late)),
        (Value::Null, json!(early), None, Some(early)),
        (json!("yesterday"), json!(early), None, Some(early)),
        (json!(5), json!({}), None, None),
        (json!([early]), Value::Null, None, None),
    ] {
        let mut node = fixture("order_detail.json");
        node["fulfillments"] = json!([sent(created.clone())]);
        node["refunds"][0]["createdAt"] = created.clone();
        node["refunds"][0]["processedAt"] = processed;
        let (order, _) = fetch_one(vec![nodes(&[node])]).await;
        let times = [
            order.shipments.complete().unwrap()[0].at,
            order.restocks.complete().unwrap()[0].at,
        ];
        let expected = [parcel, restock].map(|text| text.and_then(Timestamp::parse));
        assert_eq!(times, expected, "{created}");
    }
}

#[tokio::test]
async fn sixty_lines_at_one_location_are_all_there() {
    let at = |numbers: std::ops::Range<usize>, next| {
        let lines: Vec<_> = numbers.map(|number| remaining(number, 2)).collect();
        connection(
            &[fulfillment_order(1, "OPEN", 101, &connection(&lines, next))],
            None,
        )
    };
    let (order, asked) = fetch_one(vec![
        nodes(&[order(&connection(&lines(1..6), Some("l5")), &at(1..6, Some("f5")))]),
        data(&json!({ "order": order(&connection(&lines(1..51), Some("l50")), &at(1..21, Some("f20"))) })),
        page(&lines(51..61), None),
        page(&(21..61).map(|number| remaining(number, 2)).collect::<Vec<_>>(), None),
    ])
    .await;
    assert_eq!(
        asked,
        [
            "OrdersById",
            "OrderDetail",
            "OrderLines",
            "FulfillmentOrderLines"
        ]
    );
    let (lines, routes) = (
        order.lines.complete().unwrap(),
        order.routes.complete().unwrap(),
    );
    assert_eq!((lines.len(), routes.len()), (60, 60));
    assert!(
        routes
            .iter()
            .all(|route| route.open.0 == 2 && route.location.as_str() == "101")
    );
}

#[tokio::test]
async fn twelve_fulfillment_orders_are_all_there() {
    let at = |number: usize| {
        let lines = connection(&[remaining(1, 1)], None);
        fulfillment_order(number, "OPEN", 100 + u32::try_from(number).unwrap(), &lines)
    };
    let list = |numbers: std::ops::Range<usize>, next| {
        connection(&numbers.map(at).collect::<Vec<_>>(), next)
    };
    let lines = connection(&[line(1)], None);
    let (order, asked) = fetch_one(vec![
        nodes(&[order(&lines, &list(1..3, Some("2")))]),
        data(&json!({ "order": order(&lines, &list(1..6, Some("5"))) })),
        page(&(6..13).map(at).collect::<Vec<_>>(), None),
    ])
    .await;
    assert_eq!(
        asked,
        ["OrdersById", "OrderDetail", "OrderFulfillmentOrders"]
    );
    let routes = order.routes.complete().unwrap();
    assert_eq!(routes.len(), 12);
    assert_eq!(
        routes.iter().map(|route| route.location.as_str()).min(),
        Some("101")
    );
}

#[tokio::test]
async fn many_parcels_and_refunds_are_listed_and_then_paged_one_by_one() {
    let parcel = |number: usize, status: &str| {
        json!({ "id": format!("gid://shopify/Fulfillment/{number}"), "status": status,
            "createdAt": "2026-11-20T14:04:00Z",
            "location": { "id": "gid://shopify/Location/101" } })
    };
    let with_lines = |mut parcel: Value| {
        let line = json!({ "quantity": 1, "lineItem": { "id": "gid://shopify/LineItem/1" } });
        parcel["fulfillmentLineItems"] = connection(&[line], None);
        parcel
    };
    let parcels = |numbers: std::ops::Range<usize>| {
        numbers
            .map(|number| with_lines(parcel(number, "SUCCESS")))
            .collect::<Vec<_>>()
    };
    let refund_line = |number: usize, kind: &str| {
        json!({ "id": format!("gid://shopify/RefundLineItem/{number}"), "quantity": 1,
            "restockType": kind, "location": null, "lineItem": { "id": "gid://shopify/LineItem/1" } })
    };
    let mut small = one_line_order(&[]);
    small["lineItems"]["nodes"][0]["unfulfilledQuantity"] = json!(0);
    small["fulfillments"] = json!(parcels(1..4));
    let mut detail = small.clone();
    detail["fulfillments"] = json!(parcels(1..11));
    let mut all: Vec<_> = (1..12).map(|number| parcel(number, "SUCCESS")).collect();
    all.push(parcel(12, "CANCELLED"));
    let lists = json!({ "fulfillments": all, "refunds": [
        { "id": "gid://shopify/Refund/1", "processedAt": "2026-11-20T14:04:00Z" }
    ] });
    let mut answers = vec![
        nodes(&[small]),
        data(&json!({ "order": detail })),
        data(&json!({ "order": lists })),
    ];
    for _ in 1..12 {
        let line = json!({ "quantity": 1, "lineItem": { "id": "gid://shopify/LineItem/1" } });
        answers.push(page(&[line], None));
    }
    answers.push(page(
        &[refund_line(1, "RETURN"), refund_line(2, "NO_RESTOCK")],
        Some("2"),
    ));
    answers.push(page(
        &[
            refund_line(3, "LEGACY_RESTOCK"),
            refund_line(4, "A_NEW_KIND"),
        ],
        None,
    ));
    let (order, _) = fetch_one(answers).await;
    let (parcels, restocks) = (
        order.shipments.complete().unwrap(),
        order.restocks.complete().unwrap(),
    );
    assert_eq!(parcels.len(), 11);
    let at = Timestamp::parse("2026-11-20T14:04:00Z");
    assert!(parcels.iter().all(|one| one.at == at) && restocks.iter().all(|one| one.at == at));
    assert_eq!(order.lines.complete().unwrap()[0].fulfilled.0, 11);
    let kinds: Vec<_> = restocks.iter().map(|one| one.kind).collect();
    let (put_back, kept) = (RestockKind::Return, RestockKind::None);
    assert_eq!(kinds, [put_back, kept, put_back, kept]);
}

/// R19
#[tokio::test]
async fn what_cannot_be_read_to_its_end_is_unknown() {
    let endless = connection(&[line(1)], Some("same"));
    let routed = fulfillment_order(1, "OPEN", 101, &connection(&[remaining(1, 2)], None));
    let whole = order(&endless, &connection(&[routed], None));
    let mut answers = vec![
        nodes(std::slice::from_ref(&whole)),
        data(&json!({ "order": whole })),
    ];
    answers.extend((0..40).map(|_| page(&[line(1)], Some("same"))));
    let (order, _) = fetch_one(answers).await;
    assert!(order.lines.complete().is_none() && order.routes.complete().is_none());
    assert!(order.shipments.complete().is_some() && order.restocks.complete().is_some());
}

#[tokio::test]
async fn a_part_that_vanished_meanwhile_is_unknown() {
    let cut = connection(&[remaining(1, 1)], Some("1"));
    let whole = one_line_order(&[fulfillment_order(1, "OPEN", 101, &cut)]);
    let (order, _) = fetch_one(vec![
        nodes(std::slice::from_ref(&whole)),
        data(&json!({ "order": whole })),
        data(&json!({ "owner": null })),
    ])
    .await;
    assert!(order.routes.complete().is_none() && order.lines.complete().is_some());
}

/// R19
#[tokio::test]
async fn routes_are_unknown_until_every_open_unit_has_a_place() {
    let at = |status: &str, units: u32| {
        fulfillment_order(1, status, 101, &connection(&[remaining(1, units)], None))
    };
    let mut nowhere = at("OPEN", 2);
    nowhere["assignedLocation"]["location"] = Value::Null;
    for (fulfillment_orders, expected) in [
        (vec![at("OPEN", 2)], Some(2)),
        (vec![at("IN_PROGRESS", 2)], Some(2)),
        (vec![at("SCHEDULED", 2)], Some(2)),
        (vec![at("ON_HOLD", 2)], Some(2)),
        (vec![at("A_NEW_STATE", 2)], Some(2)),
        (vec![at("OPEN", 1), at("OPEN", 1)], Some(2)),
        (
            vec![at("OPEN", 2), at("CLOSED", 5), at("CANCELLED", 5)],
            Some(2),
        ),
        (vec![], None),
        (vec![at("OPEN", 1)], None),
        (vec![at("INCOMPLETE", 2)], None),
        (vec![nowhere], None),
    ] {
        // Not more than the batch holds, so that one answer does.
        let node = one_line_order(&fulfillment_orders);
        let (order, _) = fetch_one(vec![nodes(&[node])]).await;
        let open = order
            .routes
            .complete()
            .map(|routes| routes.iter().map(|one| one.open.0).sum());
        assert_eq!(open, expected, "{fulfillment_orders:?}");
    }
}

#[tokio::test]
async fn an_order_with_nothing_to_ship_needs_no_route() {
    let mut cancelled = one_line_order(&[]);
    cancelled["cancelledAt"] = json!("2026-11-20T14:06:00Z");
    let mut shipped = one_line_order(&[]);
    shipped["lineItems"]["nodes"][0]["unfulfilledQuantity"] = json!(0);
    let mut card = one_line_order(&[]);
    card["lineItems"]["nodes"][0]["isGiftCard"] = json!(true);
    for node in [cancelled, shipped, card] {
        let gone = !node["cancelledAt"].is_null();
        let (order, _) = fetch_one(vec![nodes(&[node])]).await;
        assert_eq!(order.routes.complete(), Some(&Vec::new()));
        let line = &order.lines.complete().unwrap()[0];
        assert!(line.open.is_zero() || (!line.stocked && !gone), "{line:?}");
    }
}

#[tokio::test]
async fn each_order_of_a_batch_stands_for_itself() {
    let good = fixture("order_detail.json");
    let mut wrong = good.clone();
    wrong["id"] = json!("gid://shopify/Order/2");
    wrong["test"] = json!("no");
    let (connector, transport) = shop([nodes(&[good, wrong, Value::Null])]);
    let ids = [ID, "2", "3", "A1"].map(OrderId::new);
    let fetched = connector.orders.fetch(&ids).await.unwrap();
    assert_eq!(asked(&transport)[0].1["ids"].as_array().unwrap().len(), 3);
    let short = |fetched: &Fetched| match fetched {
        Fetched::Order(order) => format!("order {}", order.id),
        Fetched::Absent(id) => format!("absent {id}"),
        Fetched::Unreadable { order, record, .. } => {
            assert!(
                String::from_utf8_lossy(record).contains(r#""test":"no""#),
                "as received"
            );
            format!("unreadable {order}")
        }
    };
    let found: Vec<_> = fetched.iter().map(short).collect();
    assert_eq!(
        found,
        [
            "absent A1",
            "order 6120334561234",
            "unreadable 2",
            "absent 3"
        ]
    );
}

#[tokio::test]
async fn an_answer_with_too_few_orders_is_no_answer() {
    let (connector, _) = shop([nodes(&[fixture("order_detail.json")])]);
    assert!(
        connector
            .orders
            .fetch(&[ID, "2"].map(OrderId::new))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_line_that_moved_across_a_page_counts_once() {
    let all = fulfillment_order(1, "OPEN", 101, &connection(&[remaining(1, 2)], None));
    let cut = |lines| {
        order(
            &connection(lines, Some("1")),
            &connection(std::slice::from_ref(&all), None),
        )
    };
    let (order, _) = fetch_one(vec![
        nodes(&[cut(&[line(1)])]),
        data(&json!({ "order": cut(&[line(1)]) })),
        page(&[line(1)], None),
    ])
    .await;
    assert_eq!(order.lines.complete().unwrap().len(), 1);
}

#[tokio::test]
async fn more_orders_than_fit_go_in_several_calls() {
    let ids: Vec<_> = (1..=FETCH_MAX + 1)
        .map(|number| OrderId::new(number.to_string()))
        .collect();
    let answers = [nodes(&vec![Value::Null; FETCH_MAX]), nodes(&[Value::Null])];
    let (connector, transport) = shop(answers);
    assert_eq!(
        connector.orders.fetch(&ids).await.unwrap().len(),
        FETCH_MAX + 1
    );
    let costs: Vec<_> = transport
        .sent()
        .iter()
        .map(|request| request.cost)
        .collect();
    assert_eq!(costs, [847, 121]);
}

/// R9 R12
#[tokio::test]
async fn changes_are_asked_for_in_utc_and_whatever_their_status() {
    let since = Timestamp::parse("2026-11-21T19:00:00.5+09:00").unwrap();
    let order = json!({ "id": "gid://shopify/Order/12", "updatedAt": "2026-11-21T10:00:05Z" });
    let foreign = json!({ "id": "gid://shopify/Refund/1", "updatedAt": "2026-11-21T10:00:07Z" });
    let moved = json!({ "orderId": "gid://shopify/Order/12", "updatedAt": "2026-11-21T10:00:09Z" });
    let (connector, transport) = shop([
        data(&json!({ "orders": connection(&[order, foreign], Some("c")) })),
        data(&json!({ "fulfillmentOrders": connection(&[moved], None) })),
    ]);
    let orders = connector
        .orders
        .changed("orders", since, None)
        .await
        .unwrap();
    let moves = connector
        .orders
        .changed("fulfillment_orders", since, Some("c"))
        .await
        .unwrap();
    let query = "updated_at:>='2026-11-21T10:00:00Z'";
    assert_eq!(
        asked(&transport),
        [
            (
                "OrdersChanged".to_owned(),
                json!({ "after": null, "query": query })
            ),
            (
                "FulfillmentOrdersChanged".to_owned(),
                json!({ "after": "c", "query": query })
            ),
        ]
    );
    let at = |text| Timestamp::parse(text);
    assert_eq!(
        (orders.times.as_slice(), orders.next.as_deref()),
        (at("2026-11-21T10:00:05Z").as_slice(), Some("c"))
    );
    assert!(
        matches!(&orders.changes[0], Changed::Hint(hint) if hint.version == at("2026-11-21T10:00:05Z"))
    );
    assert!(matches!(
        &orders.changes[1],
        Changed::Unreadable { order: None, .. }
    ));
    assert!(
        matches!(&moves.changes[0], Changed::Hint(hint) if hint.version.is_none()
            && hint.beside == at("2026-11-21T10:00:09Z") && hint.order.as_str() == "12")
    );
}
