//! What the tests share: a shop, answers for it, and the folder of specifications.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use channelsync_contract::suite::{Scripted, answer};
use channelsync_contract::transport::{Request, Response, Secret};
use channelsync_contract::webhook::SigningSecret;
use channelsync_contract::{CallError, Connector};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{Credentials, Figure, Settings, connect};

pub(super) const SECRET: &str = "shpss_example_client_secret";

pub(super) fn settings() -> Settings {
    Settings {
        shop: "shop.myshopify.com".to_owned(),
        base_url: None,
        figure: Figure::OnHand,
        credentials: Credentials::AccessToken(Secret::new("shpat_example")),
        webhook_secrets: ["the next secret", SECRET]
            .map(|text| SigningSecret::new(Secret::new(text)))
            .to_vec(),
    }
}

/// The shop on a transport that gives these answers.
pub(super) fn shop(
    answers: impl IntoIterator<Item = Result<Response, CallError>>,
) -> (Connector, Arc<Scripted>) {
    let transport = Scripted::new(answers);
    (connect(settings(), transport.clone()), transport)
}

pub(super) fn ok(body: &Value) -> Result<Response, CallError> {
    Ok(answer(StatusCode::OK, body.to_string()))
}

pub(super) fn data(data: &Value) -> Result<Response, CallError> {
    ok(&json!({ "data": data }))
}

pub(super) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The operations sent, with their variables.
pub(super) fn asked(transport: &Scripted) -> Vec<(String, Value)> {
    let asked = |request: &Request| {
        let body = body(request);
        (
            body["operationName"].as_str().unwrap().to_owned(),
            body["variables"].clone(),
        )
    };
    transport.sent().iter().map(asked).collect()
}

/// A connection with these nodes; `next` is the cursor, if another page follows.
pub(super) fn connection(nodes: &[Value], next: Option<&str>) -> Value {
    json!({ "nodes": nodes, "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next } })
}

/// A file of this crate's `fixtures/`.
pub(super) fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The folder of Shopify's specifications; none, and a word about it, where it is not at hand.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub(super) fn specs() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    let folder = std::env::var_os("CHANNELSYNC_SPECS").map_or(beside, PathBuf::from);
    let folder = folder.join("shopify");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no specifications at {}", folder.display());
    None
}
