//! What came back by returns: read to its end, counted once, or said to be unknown.

use channelsync_contract::order::{Restock, RestockKind};
use channelsync_contract::transport::Response;
use channelsync_contract::{CallError, OrderId, OrderSnapshot};
use serde_json::{Value, json};

use super::fetch::{fetch_one, nodes, page};
use super::shop::{connection, data, fixture, ok, shop};

/// The fixture's order, of which units came back.
fn order(refunds: &[Value]) -> Value {
    let mut order = fixture("order_detail.json");
    order["returnStatus"] = json!("IN_PROGRESS");
    order["refunds"] = json!(refunds);
    order
}

fn refund(number: u32, kind: &str) -> Value {
    let line = json!({ "id": format!("gid://shopify/RefundLineItem/{number}"), "quantity": 1,
        "restockType": kind, "location": { "id": "gid://shopify/Location/101" },
        "lineItem": { "id": "gid://shopify/LineItem/111" } });
    json!({ "id": format!("gid://shopify/Refund/{number}"), "createdAt": "2026-11-20T14:04:00Z",
        "processedAt": "2026-11-20T14:04:00Z", "refundLineItems": connection(&[line], None) })
}

fn disposition(number: u32, kind: &str, units: i64, location: Option<u32>) -> Value {
    let location = location.map(|id| json!({ "id": format!("gid://shopify/Location/{id}") }));
    json!({ "id": format!("gid://shopify/ReverseFulfillmentOrderDisposition/{number}"),
        "type": kind, "quantity": units, "createdAt": "2026-11-21T08:00:00Z", "location": location })
}

fn reverse_line(dispositions: &[Value]) -> Value {
    let line = json!({ "lineItem": { "id": "gid://shopify/LineItem/111" } });
    json!({ "fulfillmentLineItem": line, "dispositions": dispositions })
}

fn reverse_order(number: u32, lines: &Value) -> Value {
    json!({ "id": format!("gid://shopify/ReverseFulfillmentOrder/{number}"), "lineItems": lines })
}

fn returned(number: u32, reverse_orders: &Value) -> Value {
    json!({ "id": format!("gid://shopify/Return/{number}"),
        "reverseFulfillmentOrders": reverse_orders })
}

/// One return with one reverse fulfillment order of these lines.
fn one_return(lines: &[Value]) -> Value {
    let order = reverse_order(1, &connection(lines, None));
    returned(1, &connection(&[order], None))
}

fn refund_returns(refunds: &[(u32, Option<u32>)]) -> Result<Response, CallError> {
    let one = |(refund, of): &(u32, Option<u32>)| {
        let of = of.map(|id| json!({ "id": format!("gid://shopify/Return/{id}") }));
        json!({ "id": format!("gid://shopify/Refund/{refund}"), "return": of })
    };
    let refunds: Vec<Value> = refunds.iter().map(one).collect();
    data(&json!({ "order": { "refunds": refunds } }))
}

type Short<'a> = (&'a str, u32, RestockKind, Option<&'a str>);

fn short(one: &Restock) -> Short<'_> {
    let location = one.location.as_ref().map(|id| id.as_str());
    (one.id.as_str(), one.units.0, one.kind, location)
}

fn restocks(order: &OrderSnapshot) -> Vec<Short<'_>> {
    order
        .restocks
        .complete()
        .unwrap()
        .iter()
        .map(short)
        .collect()
}

/// R26
#[tokio::test]
async fn of_a_return_the_dispositions_count_and_its_refund_does_not() {
    let found = [
        disposition(1, "RESTOCKED", 2, Some(102)),
        disposition(2, "PROCESSING_REQUIRED", 1, Some(101)),
        disposition(3, "NOT_RESTOCKED", 1, None),
        disposition(4, "MISSING", 1, None),
        disposition(5, "A_NEW_KIND", 1, Some(101)),
    ];
    let refunds = [
        refund(1, "RETURN"),
        refund(2, "RETURN"),
        refund(3, "CANCEL"),
    ];
    let (order, asked) = fetch_one(vec![
        nodes(&[order(&refunds)]),
        data(&json!({ "order": order(&refunds) })),
        page(&[one_return(&[reverse_line(&found)])], None),
        refund_returns(&[(1, Some(1)), (2, None), (3, None)]),
    ])
    .await;
    let last = &asked[asked.len() - 2..];
    assert_eq!(last, ["OrderReturns", "RefundReturns"]);
    assert_eq!(
        restocks(&order),
        [
            ("2", 1, RestockKind::Return, Some("101")),
            ("3", 1, RestockKind::Cancel, Some("101")),
            ("1", 2, RestockKind::Return, Some("102")),
            ("2", 1, RestockKind::Inspect, Some("101")),
            ("3", 1, RestockKind::NotRestocked, None),
            ("4", 1, RestockKind::Missing, None),
            ("5", 1, RestockKind::Inspect, Some("101")),
        ]
    );
}

#[tokio::test]
async fn returns_are_read_to_their_end_and_each_disposition_counts_once() {
    let at = |number: u32| reverse_line(&[disposition(number, "RESTOCKED", 1, Some(101))]);
    let long = reverse_order(1, &connection(&[at(1)], Some("l1")));
    let first = returned(1, &connection(&[long], Some("o1")));
    let (order, asked) = fetch_one(vec![
        nodes(&[order(&[])]),
        page(&[first], Some("r1")),
        page(&[returned(2, &connection(&[], None))], None),
        page(&[reverse_order(2, &connection(&[at(3)], None))], None),
        page(&[at(1), at(2)], None),
    ])
    .await;
    assert_eq!(
        asked[1..],
        [
            "OrderReturns",
            "OrderReturns",
            "ReturnReverseOrders",
            "ReverseOrderLines"
        ]
    );
    let ids: Vec<_> = restocks(&order).into_iter().map(|one| one.0).collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

/// R19
#[tokio::test]
async fn what_came_back_is_unknown_where_not_all_of_it_can_be_read() {
    let lineless = json!({ "fulfillmentLineItem": null,
        "dispositions": [disposition(1, "RESTOCKED", 1, Some(101))] });
    let whole = || page(&[one_return(&[])], None);
    let many: Vec<_> = (1..=10).map(|number| (number, None)).collect();
    let denied = json!({ "data": { "owner": null }, "errors": [{ "message": "Access denied for \
        returns field.", "extensions": { "code": "ACCESS_DENIED" } }] });
    let refunds = [refund(1, "RETURN")];
    for (refunds, answers) in [
        (&refunds[..0], vec![page(&[one_return(&[lineless])], None)]),
        (&refunds[..0], vec![data(&json!({ "owner": null }))]),
        (&refunds[..0], vec![ok(&denied)]),
        (&refunds, vec![whole(), data(&json!({ "order": null }))]),
        (&refunds, vec![whole(), refund_returns(&many)]),
    ] {
        let answers = [nodes(&[order(refunds)])].into_iter().chain(answers);
        let (order, _) = fetch_one(answers.collect()).await;
        assert!(order.restocks.complete().is_none());
        assert!(order.lines.complete().is_some() && order.shipments.complete().is_some());
    }
}

#[tokio::test]
async fn a_refused_token_is_no_answer_about_returns() {
    let refused =
        channelsync_contract::suite::answer(http::StatusCode::UNAUTHORIZED, String::new());
    let (connector, _) = shop([nodes(&[order(&[])]), Ok(refused)]);
    let asked = [OrderId::new("6120334561234")];
    assert!(connector.orders.fetch(&asked).await.is_err());
}

/// R19: only `null` says that there is none.
#[tokio::test]
async fn an_answer_without_what_was_asked_for_is_no_answer_about_returns() {
    let whole = || page(&[one_return(&[])], None);
    let refunds = [refund(1, "RETURN")];
    for (refunds, answers) in [
        (&refunds[..0], vec![data(&json!({ "sorry": [] }))]),
        (&refunds, vec![whole(), data(&json!({}))]),
    ] {
        let first = [nodes(&[order(refunds)])].into_iter();
        let (connector, _) = shop(first.chain(answers));
        let asked = [OrderId::new("6120334561234")];
        assert!(connector.orders.fetch(&asked).await.is_err());
    }
}
