//! Bulk operations.

use serde_json::{Value, json};

use crate::state::{Gid, Shop};

pub(super) fn operation(shop: &Shop, id: u64) -> Option<Value> {
    let operation = shop.bulk.get(&id)?;
    let file = operation.file.as_ref();
    let url = file.map(|file| {
        let (name, signature) = (&shop.name, &file.signature);
        let address = &operation.address;
        format!("http://{address}/files/{name}/{id}?signature={signature}")
    });
    let (whole, partial) = match operation.status {
        "COMPLETED" => (url, None),
        "FAILED" => (None, url),
        _ => (None, None),
    };
    let size = file.filter(|_| whole.is_some());
    Some(json!({
        "id": Gid::of("BulkOperation", id).to_string(),
        "type": "QUERY",
        "status": operation.status,
        "errorCode": operation.error_code,
        "createdAt": operation.created_at.to_second_text(),
        "completedAt": operation.completed_at.map(|at| at.to_second_text()),
        "objectCount": operation.objects.to_string(),
        "rootObjectCount": operation.roots.to_string(),
        "fileSize": size.map(|file| file.bytes.len().to_string()),
        "url": whole,
        "partialDataUrl": partial,
        "query": operation.query,
    }))
}
