//! Access, costs, throttling, errors and `/control`, over the router.

use std::time::Duration;

use axum::body::Body;
use channelsync_contract::Clock;
use channelsync_sandbox::{Action, Buying, LineUnits, Plan, Restock, Wanted};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{World, spec};

const NODES: &str =
    "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Product { id } ... on Location { id } } }";

#[tokio::test(start_paused = true)]
async fn the_sample_order_of_the_page_costs_38() {
    let Some(text) = spec("shopify/operations.graphql") else {
        return;
    };
    let text = String::from_utf8(text).unwrap();
    let world = World::new(1);
    let lines = vec![Wanted {
        variant: Some(world.variant(0)),
        units: 3,
    }];
    let buying = Buying {
        lines,
        on_terms: true,
        test: false,
    };
    let order = world.act(Action::Place(buying)).id.unwrap();
    world.pass(10).await;
    let line = world.order(order).lines[0].id;
    world.act(Action::Refund {
        order,
        lines: vec![LineUnits { line, units: 1 }],
        restock: Restock::Cancel,
        location: None,
        amount_minor: None,
    });
    let body = json!({ "query": text, "operationName": "OrderDetail",
        "variables": { "id": format!("gid://shopify/Order/{order}") } });
    let request = world
        .request("", Value::Null)
        .map(|_| Body::from(body.to_string()));
    let (_, answer) = world.send(request).await;
    let cost = &answer["extensions"]["cost"];
    assert_eq!(
        (&cost["requestedQueryCost"], &cost["actualQueryCost"]),
        (&json!(697), &json!(38))
    );
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 20_000 - 38);
}

#[tokio::test(start_paused = true)]
async fn an_empty_bucket_throttles_until_time_restores_it() {
    let world = World::new(1);
    world.act(Action::Plan(Plan {
        restore_per_sec: 50,
        points_max: 100,
    }));
    let ids = vec![world.location_gid(0); 90];
    let first = world.query(NODES, json!({ "ids": ids })).await;
    assert_eq!(first["extensions"]["cost"]["actualQueryCost"], 90);
    let second = world.query(NODES, json!({ "ids": ids })).await;
    let expected = json!({
        "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED",
            "documentation": "https://shopify.dev/api/usage/rate-limits" } }],
        "extensions": { "cost": { "requestedQueryCost": 90, "actualQueryCost": null,
            "throttleStatus": { "maximumAvailable": 100.0, "currentlyAvailable": 10,
                "restoreRate": 50.0 } } },
    });
    assert_eq!(second, expected);
    world.clock.sleep(Duration::from_millis(1600)).await;
    assert_eq!(
        world
            .query(NODES, json!({ "ids": ids }))
            .await
            .get("errors"),
        None
    );
    // What was requested but not brought is given back.
    world.clock.sleep(Duration::from_secs(5)).await;
    let wide = "{ orders(first: 90) { nodes { id } } }";
    let answer = world.query(wide, json!({})).await;
    let cost = &answer["extensions"]["cost"];
    assert_eq!(
        (&cost["requestedQueryCost"], &cost["actualQueryCost"]),
        (&json!(92), &json!(0))
    );
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 100);
    let counters = world.truth().counters;
    assert_eq!(
        (counters.throttled_by_limit, counters.throttled_injected),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_query_above_a_thousand_points_is_never_run() {
    let world = World::new(1);
    let query =
        "{ orders(first: 250) { nodes { customer { id } lineItems(first: 2) { nodes { id } } } } }";
    let answer = world.query(query, json!({})).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "MAX_COST_EXCEEDED"
    );
    assert_eq!(world.truth().counters.refused_too_costly, 1);
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_are_errors_in_a_good_answer() {
    let world = World::new(1);
    let answer = world.query("{ shop { id weather } }", json!({})).await;
    assert_eq!(
        answer["errors"][0]["message"],
        "Field 'weather' doesn't exist on type 'Shop'"
    );
    assert_eq!(answer["errors"][0]["extensions"]["code"], "undefinedField");
    for query in [
        "",
        "{",
        "query A { shop { id } } query B { shop { id } }",
        "{ orders { nodes { id } } }",
    ] {
        let answer = world.query(query, json!({})).await;
        assert!(
            answer["errors"][0]["message"].is_string(),
            "{query}: {answer}"
        );
    }
    let alias = world
        .data("{ a: shop { b: name __typename } }", json!({}))
        .await;
    assert_eq!(
        alias,
        json!({ "a": { "b": "north", "__typename": "Shop" } })
    );
}

#[tokio::test(start_paused = true)]
async fn nodes_that_nobody_knows_are_null_beside_the_others() {
    let world = World::new(1);
    let place = format!("gid://shopify/Location/{}", world.location(0));
    let ids = [
        "gid://shopify/Product/1",
        &place,
        "gid://shopify/Order/2",
        "no id",
    ];
    let answer = world.query(NODES, json!({ "ids": ids })).await;
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(
        answer["data"]["nodes"],
        json!([null, { "id": place }, null, null])
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_are_granted_and_expire() {
    let world = World::new(1);
    let grant = |body: String| {
        let path = format!("{}/admin/oauth/access_token", world.shop.base_path);
        let form = "application/x-www-form-urlencoded";
        http::Request::post(path)
            .header("Content-Type", form)
            .body(Body::from(body))
            .unwrap()
    };
    let (id, secret) = (&world.shop.client_id, &world.shop.client_secret);
    let good = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let (status, _) = world.send(grant(good.replace(secret, "wrong"))).await;
    assert_eq!(status, 400);
    let (status, granted) = world.send(grant(good)).await;
    assert_eq!(
        (status.as_u16(), &granted["expires_in"]),
        (200, &json!(86_399))
    );
    let ask = |token: &str| {
        let mut request = world.request("{ shop { id } }", json!({}));
        request
            .headers_mut()
            .insert("X-Shopify-Access-Token", token.parse().unwrap());
        request
    };
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(world.send(ask(token)).await.0, 200);
    assert_eq!(world.send(ask("shpat_wrong")).await.0, 401);
    world.clock.sleep(Duration::from_secs(86_400)).await;
    assert_eq!(world.send(ask(token)).await.0, 401);
    assert_eq!(world.send(ask(&world.shop.access_token)).await.0, 200);
}

/// A code gives a grant once, each renewal ends the token and the secret before it.
#[tokio::test(start_paused = true)]
async fn a_consent_gives_a_grant_that_each_renewal_replaces() {
    let world = World::new(1);
    let base = &world.shop.base_path;
    let (id, secret) = (&world.shop.client_id, &world.shop.client_secret);
    let page = format!(
        "{base}/admin/oauth/authorize?client_id={id}&redirect_uri=https://app.example/back&state=s"
    );
    let agree = http::Request::get(page).body(Body::empty()).unwrap();
    let sent = world.sandbox.router().oneshot(agree).await.unwrap();
    let back = sent.headers()["Location"].to_str().unwrap();
    let code = back.split_once("code=").unwrap().1;
    let code = code.split('&').next().unwrap();
    let exchange = |grant: String| {
        let body = format!("{grant}&client_id={id}&client_secret={secret}");
        let form = "application/x-www-form-urlencoded";
        http::Request::post(format!("{base}/admin/oauth/access_token"))
            .header("Content-Type", form)
            .body(Body::from(body))
            .unwrap()
    };
    let first = format!("code={code}&expiring=1");
    let (status, granted) = world.send(exchange(first.clone())).await;
    assert_eq!(
        (status.as_u16(), &granted["expires_in"]),
        (200, &json!(3_600))
    );
    assert_eq!(
        world.send(exchange(first)).await.0,
        400,
        "a code counts once"
    );
    let ask = |granted: &Value| {
        let mut request = world.request("{ shop { id } }", json!({}));
        let token = granted["access_token"].as_str().unwrap().parse().unwrap();
        request
            .headers_mut()
            .insert("X-Shopify-Access-Token", token);
        request
    };
    let renew = |granted: &Value| {
        let refresh = granted["refresh_token"].as_str().unwrap();
        exchange(format!("grant_type=refresh_token&refresh_token={refresh}"))
    };
    let (status, renewed) = world.send(renew(&granted)).await;
    assert_eq!(status, 200);
    assert_eq!(world.send(ask(&granted)).await.0, 401);
    assert_eq!(world.send(ask(&renewed)).await.0, 200);
    assert_eq!(
        world.send(renew(&granted)).await.0,
        401,
        "a refresh counts once"
    );
    world.clock.sleep(Duration::from_secs(3_600)).await;
    assert_eq!(world.send(ask(&renewed)).await.0, 401);
    assert_eq!(world.send(renew(&renewed)).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn answers_name_their_version_and_request() {
    let world = World::new(1);
    let mut request = world.request("{ shop { id } }", json!({}));
    *request.uri_mut() = request
        .uri()
        .to_string()
        .replace("2026-10", "2024-01")
        .parse()
        .unwrap();
    let response = world.sandbox.router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["X-Shopify-API-Version"], "2026-10");
    assert!(response.headers().contains_key("X-Request-Id"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(
        std::str::from_utf8(&body)
            .unwrap()
            .contains("\"restoreRate\":1000.0")
    );
    for path in [
        "/shops/none/admin/api/2026-10/graphql.json",
        "/shops/north/admin/api/latest/graphql.json",
    ] {
        let mut request = world.request("{ shop { id } }", json!({}));
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(world.send(request).await.0, 404, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn control_speaks_json() {
    let world = World::new(1);
    let get = |path: &str| http::Request::get(path).body(Body::empty()).unwrap();
    let post = |path: &str, body: Value| {
        http::Request::post(path)
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    let (_, shops) = world.send(get("/control/shops")).await;
    assert_eq!(shops[0]["name"], "north");
    assert_eq!(shops[1]["webhook_secret"], shops[1]["client_secret"]);
    let variant = shops[0]["variants"][0]["id"].clone();
    let place = json!({ "do": "place", "lines": [{ "variant": variant, "units": 2 }] });
    let (status, placed) = world.send(post("/control/shops/north", place)).await;
    assert_eq!(status, 200, "{placed}");
    let ship = json!({ "do": "ship", "order": placed["id"] });
    let (status, refused) = world.send(post("/control/shops/north", ship.clone())).await;
    assert_eq!(status, 409, "{refused}");
    world.pass(10).await;
    assert_eq!(world.send(post("/control/shops/north", ship)).await.0, 200);
    let cancel = json!({ "do": "cancel", "order": placed["id"] });
    assert_eq!(
        world.send(post("/control/shops/north", cancel)).await.0,
        200
    );
    let (_, truth) = world
        .send(get("/control/shops/north/truth?orders_max=1"))
        .await;
    assert_eq!(truth["orders"][0]["id"], placed["id"]);
    assert_eq!(truth["orders"][0]["cancelled"], true);
    assert_eq!(truth["orders"][0]["lines"][0]["fulfilled"], 2);
    assert_eq!(truth["counters"]["orders_placed"], 1);
    let faults = json!({ "faults": ["answer-5xx=1", "away=60"] });
    assert_eq!(world.send(post("/control/faults", faults)).await.0, 200);
    let wrong = json!({ "faults": ["answer-5xx=2"] });
    assert_eq!(world.send(post("/control/faults", wrong)).await.0, 400);
    let wrong = json!({ "do": "dance" });
    assert_eq!(world.send(post("/control/shops/north", wrong)).await.0, 400);
    assert_eq!(world.send(get("/control/shops/none/truth")).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn variants_and_levels_are_read_in_pages() {
    let world = World::new(1);
    let query = "query($after: String) { productVariants(first: 2, after: $after) {
        nodes { id sku barcode inventoryItem { id inventoryLevels(first: 5) { edges { node {
            location { id } quantities(names: [\"available\", \"on_hand\"]) { name quantity } } } } }
            product { id } }
        pageInfo { hasNextPage endCursor } } }";
    let (mut skus, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = world.data(query, json!({ "after": after })).await;
        let page = &data["productVariants"];
        for node in page["nodes"].as_array().unwrap() {
            skus.push(node["sku"].as_str().unwrap().to_owned());
            let edges = node["inventoryItem"]["inventoryLevels"]["edges"]
                .as_array()
                .unwrap();
            assert_eq!(edges.len(), 2);
            assert_eq!(edges[0]["node"]["quantities"][1]["quantity"], 10);
        }
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(
        skus,
        ["MUG-RED", "MUG-BLUE", "MUG-GREEN", "MUG-WHITE", "MUG-BLACK"]
    );
}
