//! What bulk operations wrote, served at signed addresses: whoever has one may read, and nothing else
//! lets in.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::unanswered;
use crate::sandbox::Sandbox;
use crate::state::Shop;

/// What follows the question mark.
#[derive(Deserialize)]
pub(super) struct Signed {
    signature: String,
}

/// `GET /files/{name}/{operation}?signature=..`, whole or one `Range`.
pub(super) async fn serve(
    State(sandbox): State<Arc<Sandbox>>,
    Path((name, operation)): Path<(String, u64)>,
    Query(signed): Query<Signed>,
    headers: HeaderMap,
) -> Response {
    let Ok(cell) = sandbox.find(&name) else {
        return plain(StatusCode::NOT_FOUND);
    };
    // A real storage host is not the shop's: nobody may learn the shop's token there.
    if headers.contains_key("X-Shopify-Access-Token") || headers.contains_key(header::AUTHORIZATION)
    {
        return plain(StatusCode::BAD_REQUEST);
    }
    let read = |shop: &mut Shop| {
        let file = shop.bulk.get(&operation)?.file.as_ref()?;
        let is_open = file.signature == signed.signature && shop.now < file.expires_at;
        let cut = shop.dice.bulk.chance(shop.faults.downloads_cut);
        is_open.then(|| (file.bytes.clone(), cut))
    };
    match cell.enter(sandbox.clock.now(), read) {
        Some((_, true)) => unanswered(),
        Some((bytes, false)) => part(&bytes, headers.get(header::RANGE)),
        None => plain(StatusCode::FORBIDDEN),
    }
}

/// What `bytes=FROM-TO` asks for, cut to what there is.
fn part(bytes: &Bytes, range: Option<&HeaderValue>) -> Response {
    let total = bytes.len();
    let Some(range) = range else {
        return Response::new(Body::from(bytes.clone()));
    };
    let asked = || {
        let (from, to) = range
            .to_str()
            .ok()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        (from <= to && from < total).then(|| (from, to.min(total - 1)))
    };
    let Some((from, to)) = asked() else {
        let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
        set_range(&mut response, format!("bytes */{total}"));
        return response;
    };
    let mut response = Response::new(Body::from(bytes.slice(from..=to)));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set_range(&mut response, format!("bytes {from}-{to}/{total}"));
    response
}

fn set_range(response: &mut Response, range: String) {
    if let Ok(range) = HeaderValue::try_from(range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
