//! Webhook subscriptions.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{UserError, read};
use crate::graphql::resolve::Fault;
use crate::state::{Gid, Shop};
use crate::webhook::{SUBSCRIPTIONS_MAX, Subscription};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    #[serde(default)]
    topic: String,
    #[serde(default)]
    id: String,
    webhook_subscription: Input,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    callback_url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    include_fields: Option<Vec<String>>,
    #[serde(default)]
    metafields: Option<Vec<Value>>,
    #[serde(default)]
    metafield_namespaces: Option<Vec<String>>,
}

fn error(field: &str, message: &str) -> Value {
    let field = ["webhookSubscription".to_owned(), field.to_owned()];
    let error = UserError {
        field: Some(field.to_vec()),
        ..UserError::plain(message)
    };
    json!({ "webhookSubscription": null, "userErrors": [error.json()] })
}

fn answer(id: u64) -> Value {
    let gid = Gid::of("WebhookSubscription", id).to_string();
    json!({ "webhookSubscription": gid, "userErrors": [] })
}

impl Input {
    fn uri(&self) -> Option<&str> {
        self.uri.as_deref().or(self.callback_url.as_deref())
    }

    /// What cannot be subscribed; `taken` says whether topic and uri exist already.
    fn refusal(&self, uri: &str, taken: bool) -> Option<Value> {
        let is_name = |name: &str| {
            let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !name.is_empty() && name.len() <= 50 && name.bytes().all(part)
        };
        let has_host = uri
            .split_once("://")
            .is_some_and(|(_, rest)| !rest.is_empty());
        if !has_host || uri.parse::<http::Uri>().is_err() {
            return Some(error("callbackUrl", "Address is invalid"));
        }
        if !uri.starts_with("http://") && !uri.starts_with("https://") {
            return Some(error("uri", "not simulated: transports other than HTTP"));
        }
        if self.name.as_deref().is_some_and(|name| !is_name(name)) {
            let message = "Name must have 1 to 50 letters, digits, hyphens and underscores";
            return Some(error("name", message));
        }
        if self.format.as_deref() == Some("XML") {
            return Some(error("format", "not simulated: XML"));
        }
        if self
            .filter
            .as_deref()
            .is_some_and(|filter| !filter.is_empty())
        {
            return Some(error("filter", "not simulated: filters"));
        }
        let metafields = self.metafields.as_ref().map_or(0, Vec::len);
        let namespaces = self.metafield_namespaces.as_ref().map_or(0, Vec::len);
        if metafields + namespaces > 0 {
            return Some(error("metafields", "not simulated: metafields"));
        }
        taken.then(|| {
            error(
                "callbackUrl",
                "Address for this topic has already been taken",
            )
        })
    }
}

/// `webhookSubscriptionCreate`.
pub(super) fn create(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let args: Arguments = read(args)?;
    let input = args.webhook_subscription;
    let Some(uri) = input.uri().map(str::to_owned) else {
        return Ok(error("callbackUrl", "Address can't be blank"));
    };
    let mut all = shop.outbox.subscriptions.values();
    let taken = all.any(|one| one.topic == args.topic && one.uri == uri);
    if let Some(refusal) = input.refusal(&uri, taken) {
        return Ok(refusal);
    }
    if shop.outbox.subscriptions.len() >= SUBSCRIPTIONS_MAX {
        return Ok(error("topic", "Too many subscriptions"));
    }
    let id = shop.ids.next();
    let subscription = Subscription {
        id,
        topic: args.topic,
        uri,
        name: input.name,
        include_fields: input.include_fields.unwrap_or_default(),
        created_at: shop.now,
        updated_at: shop.now,
        answered_at: None,
    };
    shop.outbox.subscriptions.insert(id, subscription);
    Ok(answer(id))
}

/// `webhookSubscriptionUpdate`.
pub(super) fn update(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let args: Arguments = read(args)?;
    let input = args.webhook_subscription;
    let id = Gid::number(&args.id, "WebhookSubscription").unwrap_or(0);
    let Some(found) = shop.outbox.subscriptions.get(&id).cloned() else {
        return Ok(error("id", "Webhook subscription does not exist"));
    };
    let uri = input.uri().unwrap_or(&found.uri).to_owned();
    let mut all = shop.outbox.subscriptions.values();
    let taken = all.any(|one| one.id != id && one.topic == found.topic && one.uri == uri);
    if let Some(refusal) = input.refusal(&uri, taken) {
        return Ok(refusal);
    }
    let changed = Subscription {
        uri,
        name: input.name.or(found.name),
        include_fields: input.include_fields.unwrap_or(found.include_fields),
        updated_at: shop.now,
        ..found
    };
    shop.outbox.subscriptions.insert(id, changed);
    Ok(answer(id))
}

#[derive(Deserialize)]
struct DeleteArguments {
    id: String,
}

/// `webhookSubscriptionDelete`.
pub(super) fn delete(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let gid = read::<DeleteArguments>(args)?.id;
    let id = Gid::number(&gid, "WebhookSubscription").unwrap_or(0);
    if shop.outbox.unsubscribe(id) {
        return Ok(json!({ "deletedWebhookSubscriptionId": gid, "userErrors": [] }));
    }
    let error = UserError {
        field: Some(vec!["id".to_owned()]),
        ..UserError::plain("Webhook subscription does not exist")
    };
    Ok(json!({ "deletedWebhookSubscriptionId": null, "userErrors": [error.json()] }))
}
