//! Bulk operations: what may run, what comes out, and how it goes wrong.

use channelsync_sandbox::Faults;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::shapes;
use crate::world::{World, spec};

const START: &str = "mutation($query: String!, $grouped: Boolean!) {
    bulkOperationRunQuery(query: $query, groupObjects: $grouped) {
        bulkOperation { id status createdAt } userErrors { code field message } } }";
const STATUS: &str = "query($id: ID!) { bulkOperation(id: $id) { id status errorCode createdAt
    completedAt objectCount rootObjectCount fileSize url partialDataUrl query } }";
const ORDERS: &str = "{ orders { edges { node { id name
    lineItems { edges { node { id quantity } } }
    fulfillmentOrders { edges { node { id lineItems { edges { node { id remainingQuantity
        lineItem { id } } } } } } } } } } }";

async fn start(world: &World, query: &str, grouped: bool) -> Value {
    let variables = json!({ "query": query, "grouped": grouped });
    let mut data = world.data(START, variables).await;
    data["bulkOperationRunQuery"].take()
}

async fn status(world: &World, id: &Value) -> Value {
    let mut data = world.data(STATUS, json!({ "id": id })).await;
    data["bulkOperation"].take()
}

/// Lets a query run to its end.
async fn run(world: &World, query: &str, grouped: bool) -> Value {
    let started = start(world, query, grouped).await;
    assert_eq!(started["userErrors"], json!([]), "{query}");
    let id = &started["bulkOperation"]["id"];
    assert_eq!(started["bulkOperation"]["status"], "CREATED");
    world.pass(6).await;
    assert_eq!(status(world, id).await["status"], "RUNNING");
    world.pass(5).await;
    status(world, id).await
}

async fn get(world: &World, url: &Value, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut request = http::Request::get(url.as_str().unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = world.sandbox.router().oneshot(request).await.unwrap();
    let range = response.headers().get("Content-Range");
    let range = range.map_or_else(String::new, |range| range.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let body = body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec());
    (status, range, String::from_utf8(body).unwrap())
}

fn lines(text: &str) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap();
    text.lines().map(read).collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_may_run_is_taken() {
    let world = World::new(1);
    let node = "id lineItems { edges { node { id } } }";
    for (query, why) in [
        ("{ orders { edges { node { id } }", "syntax error"),
        ("{ shop { id } }", "at least one connection"),
        (
            "query($a: String) { orders(query: $a) { edges { node { id } } } }",
            "variables",
        ),
        (
            "{ nodes(ids: [\"gid://shopify/Order/1\"]) { id } }",
            "top level",
        ),
        (
            "{ orders { edges { node { id } } } products { edges { node { id } } } }",
            "one field",
        ),
        ("{ orders { nodes { id } } }", "edges and node"),
        (
            "{ orders { edges { node { idd } } } }",
            "'idd' doesn't exist on type 'Order'",
        ),
        (
            "{ orders { edges { node { name lineItems { edges { node { id } } } } } } }",
            "'id'",
        ),
        (
            "{ orders { edges { node { id refunds { id refundLineItems { edges { node { id } } } \
             } } } } }",
            "connection field within a list",
        ),
        (
            "{ products { edges { node { id variants { edges { node { id inventoryItem { id \
             inventoryLevels { edges { node { id location { id } } } } } } } } } } } }",
            "",
        ),
        (
            &format!(
                "{{ orders {{ edges {{ node {{ {node} fulfillmentOrders {{ edges {{ node {{ id \
                 fulfillments {{ edges {{ node {{ id fulfillmentLineItems {{ edges {{ node {{ id \
                 }} }} }} }} }} }} }} }} }} }} }} }} }}"
            ),
            "levels deep",
        ),
        (
            &format!(
                "{{ orders {{ edges {{ node {{ {node} fulfillmentOrders {{ edges {{ node {{ id \
                 lineItems {{ edges {{ node {{ id }} }} }} fulfillments {{ edges {{ node {{ id }} \
                 }} }} }} }} }} shippingLines {{ edges {{ node {{ id }} }} }} }} }} }} }}"
            ),
            "more than 5 connections",
        ),
    ] {
        let answer = start(&world, query, false).await;
        let error = &answer["userErrors"][0];
        if why.is_empty() {
            assert_eq!(*error, Value::Null, "{query}");
            continue;
        }
        assert_eq!(error["code"], "INVALID", "{query}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(why), "{query}: {message}");
    }
    for _ in 0..4 {
        start(&world, ORDERS, false).await;
    }
    let sixth = start(&world, ORDERS, false).await;
    assert_eq!(sixth["userErrors"][0]["code"], "LIMIT_REACHED", "{sixth}");
}

#[tokio::test(start_paused = true)]
async fn a_file_holds_the_shop_of_a_moment_before_its_end() {
    let world = World::new(1);
    let topic = json!({ "topic": "BULK_OPERATIONS_FINISH",
        "sub": { "uri": "http://127.0.0.1:9/hook", "format": "JSON" } });
    let subscribe = "mutation($topic: WebhookSubscriptionTopic!, $sub: WebhookSubscriptionInput!) {
        webhookSubscriptionCreate(topic: $topic, webhookSubscription: $sub) {
            webhookSubscription { id } userErrors { message } } }";
    world.data(subscribe, topic).await;
    let orders: Vec<u64> = (0..3).map(|_| world.place(&[(0, 2), (1, 1)])).collect();
    world.pass(20).await;
    let started = start(&world, ORDERS, true).await;
    world.pass(6).await;
    world.place(&[(2, 1)]);
    world.pass(6).await;
    let ended = status(&world, &started["bulkOperation"]["id"]).await;
    assert_eq!(
        (&ended["status"], &ended["query"]),
        (&json!("COMPLETED"), &json!(ORDERS))
    );
    assert_eq!(
        (&ended["rootObjectCount"], &ended["objectCount"]),
        (&json!("3"), &json!("18"))
    );
    let (status, _, text) = get(&world, &ended["url"], &[]).await;
    assert_eq!(
        (status, ended["fileSize"].as_str()),
        (200, Some(text.len().to_string().as_str()))
    );
    let lines = lines(&text);
    let roots = lines.iter().filter(|line| line.get("__parentId").is_none());
    let roots: Vec<&str> = roots.map(|line| line["id"].as_str().unwrap()).collect();
    let placed: Vec<String> = orders
        .iter()
        .map(|id| format!("gid://shopify/Order/{id}"))
        .collect();
    assert_eq!(roots, placed);
    // Each line has what it belongs to before it, and belongs to the root that came last.
    for (at, line) in lines.iter().enumerate() {
        let Some(parent) = line.get("__parentId") else {
            continue;
        };
        assert!(lines[..at].iter().any(|before| before["id"] == *parent));
    }
    let of_first = lines
        .iter()
        .take_while(|line| line["id"] != placed[1])
        .count();
    assert_eq!(
        of_first, 6,
        "an order, two lines, its fulfillment order and two lines of that"
    );
    let told = world.mail.bodies("bulk_operations/finish");
    assert_eq!((told.len(), &told[0]["status"]), (1, &json!("completed")));
    shapes::check("bulk_operations/finish", &told[0]);
}

#[tokio::test(start_paused = true)]
async fn the_queries_of_the_specification_run() {
    let Some(text) = spec("shopify/bulk-queries.graphql") else {
        return;
    };
    let world = World::new(1);
    world.place(&[(0, 2), (1, 1)]);
    world.pass(20).await;
    let text = String::from_utf8(text).unwrap();
    let queries: Vec<&str> = text.split("\nquery ").skip(1).collect();
    assert_eq!(queries.len(), 2);
    for (query, rows) in queries.iter().zip(["4", "15"]) {
        let ended = run(&world, &format!("query {query}"), false).await;
        assert_eq!(
            (&ended["status"], &ended["objectCount"]),
            (&json!("COMPLETED"), &json!(rows))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_in_parts_by_whoever_has_its_address_for_a_week() {
    let world = World::new(1);
    let ended = run(
        &world,
        "{ productVariants { edges { node { id sku } } } }",
        false,
    )
    .await;
    let url = &ended["url"];
    let (_, _, whole) = get(&world, url, &[]).await;
    assert_eq!(whole.lines().count(), 5);
    let total = whole.len();
    let (status, range, part) = get(&world, url, &[("Range", "bytes=10-29")]).await;
    assert_eq!((status, part.as_str()), (206, &whole[10..30]));
    assert_eq!(range, format!("bytes 10-29/{total}"));
    let (_, _, tail) = get(&world, url, &[("Range", "bytes=10-9999999")]).await;
    assert_eq!(tail, whole[10..]);
    let behind = format!("bytes={total}-{}", total + 10);
    assert_eq!(get(&world, url, &[("Range", &behind)]).await.0, 416);
    let token = world.shop.access_token.clone();
    for header in ["X-Shopify-Access-Token", "Authorization"] {
        assert_eq!(
            get(&world, url, &[(header, &token)]).await.0,
            400,
            "{header}"
        );
    }
    let (other, _) = url.as_str().unwrap().split_once('=').unwrap();
    assert_eq!(get(&world, &json!(format!("{other}=00")), &[]).await.0, 403);
    world.pass(7 * 24 * 3600).await;
    assert_eq!(get(&world, url, &[]).await.0, 403, "it is over");
    let empty = run(&world, "{ orders { edges { node { id } } } }", false).await;
    assert_eq!(
        (&empty["status"], &empty["url"]),
        (&json!("COMPLETED"), &Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn operations_fail_downloads_break_off_and_one_can_be_called_off() {
    let world = World::new(1);
    let variants = "{ productVariants { edges { node { id } } } }";
    world
        .sandbox
        .set_faults(&Faults::parse(&["bulk-fails=1", "downloads-cut=1"]).unwrap());
    let failed = run(&world, variants, false).await;
    let told = (&failed["status"], &failed["errorCode"], &failed["url"]);
    assert_eq!(
        told,
        (
            &json!("FAILED"),
            &json!("INTERNAL_SERVER_ERROR"),
            &Value::Null
        )
    );
    let partial = &failed["partialDataUrl"];
    assert_eq!(
        get(&world, partial, &[]).await.0,
        599,
        "no client sees this answer"
    );
    world.sandbox.set_faults(&Faults::default());
    assert_eq!(get(&world, partial, &[]).await.2.lines().count(), 2);
    let started = start(&world, variants, false).await;
    let id = &started["bulkOperation"]["id"];
    let cancel = "mutation($id: ID!) { bulkOperationCancel(id: $id) {
        bulkOperation { status } userErrors { message } } }";
    let answer = world.data(cancel, json!({ "id": id })).await;
    assert_eq!(
        answer["bulkOperationCancel"]["bulkOperation"]["status"],
        "CANCELING"
    );
    world.pass(2).await;
    assert_eq!(status(&world, id).await["status"], "CANCELED");
    let again = world.data(cancel, json!({ "id": id })).await;
    let errors = again["bulkOperationCancel"]["userErrors"]
        .as_array()
        .unwrap();
    assert_eq!(errors.len(), 1, "{again}");
    let recent = "{ bulkOperations(first: 20) { nodes { id query } } }";
    let recent = world.data(recent, json!({})).await;
    let recent = recent["bulkOperations"]["nodes"].as_array().unwrap();
    let ids: Vec<&Value> = recent.iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [id, &failed["id"]], "newest first");
}
