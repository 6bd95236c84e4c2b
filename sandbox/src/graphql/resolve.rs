//! From a field of the schema to its value.
//!
//! Objects travel as JSON maps; where a map holds a GID in the place of an object, the object is
//! looked up when somebody selects it. So each type is written down once, flat, in `objects`.

use std::sync::Arc;

use async_graphql::dynamic::{FieldFuture, FieldValue, ResolverContext};
use async_graphql::{Error, ErrorExtensions, Value as GraphqlValue};
use channelsync_contract::Timestamp;
use serde_json::{Map, Value};

use super::types::{FieldType, Kind};
use super::{arguments, mutations, objects, page, query};
use crate::state::{Shop, ShopCell};

/// What every resolver of one request shares.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The shop asked.
    pub(crate) shop: Arc<ShopCell>,
    /// When the request arrived.
    pub(crate) now: Timestamp,
    /// Idempotency keys by response key of the mutation.
    pub(crate) keys: Vec<(String, String)>,
    /// Whether every mutation fails inside the shop, before any effect.
    pub(crate) fails: bool,
}

/// An error at the top level of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What went wrong.
    pub(crate) message: String,
    /// `extensions.code`.
    pub(crate) code: &'static str,
}

impl Fault {
    /// An error with Shopify's code for a request that cannot be right.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        let message = message.into();
        let code = "BAD_REQUEST";
        Self { message, code }
    }

    /// An error inside the shop.
    pub(crate) fn internal() -> Self {
        let message = "Internal error. Looks like something went wrong on our end.".to_owned();
        let code = "INTERNAL_SERVER_ERROR";
        Self { message, code }
    }

    /// What the double does not do. An error, so that nobody takes it for an answer.
    pub(crate) fn not_simulated(what: impl std::fmt::Display) -> Self {
        let message = format!("not simulated: {what}");
        let code = "NOT_SIMULATED";
        Self { message, code }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::new(fault.message).extend_with(|_, extensions| extensions.set("code", fault.code))
    }
}

/// Resolves one field of one type.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    of: String,
    name: String,
    ty: FieldType,
}

impl Resolver {
    pub(crate) fn new(of: &str, name: &str, ty: &FieldType) -> Self {
        Self {
            of: of.to_owned(),
            name: name.to_owned(),
            ty: ty.clone(),
        }
    }

    pub(crate) fn resolve<'a>(&self, context: &ResolverContext<'a>) -> FieldFuture<'a> {
        let result = self.value(context).map_err(Error::from);
        FieldFuture::new(std::future::ready(result))
    }

    fn value<'a>(&self, context: &ResolverContext<'a>) -> Result<Option<FieldValue<'a>>, Fault> {
        let call = match context.data::<Call>() {
            Ok(call) => call,
            Err(error) => return Err(Fault::bad_request(error.message)),
        };
        let args = arguments::of(context);
        let at_root = matches!(self.of.as_str(), "QueryRoot" | "Mutation");
        if !at_root && self.ty.kind == Kind::Leaf && args.is_empty() {
            // The common case needs neither the shop nor its lock.
            let value = parent(context).and_then(|object| object.get(&self.name));
            return Ok(value.and_then(leaf));
        }
        call.shop.enter(call.now, |shop| {
            let value = self.raw(shop, context, &args, call)?;
            self.shape(shop, value)
        })
    }

    /// The value before its type is looked at: JSON with GIDs for objects.
    fn raw(
        &self,
        shop: &mut Shop,
        context: &ResolverContext<'_>,
        args: &Map<String, Value>,
        call: &Call,
    ) -> Result<Value, Fault> {
        match self.of.as_str() {
            "QueryRoot" => query::root(shop, &self.name, args),
            "Mutation" => {
                let field = context.ctx.field();
                let response_key = field.alias().unwrap_or(field.name());
                let key = call.keys.iter().find(|(of, _)| of == response_key);
                let key = key.map(|(_, key)| key.as_str());
                match call.fails {
                    true => Err(mutations::fail(shop, &self.name, args, key)),
                    false => mutations::run(shop, &self.name, args, key),
                }
            }
            _ => {
                let Some(object) = parent(context) else {
                    return Ok(Value::Null);
                };
                let value = objects::field(shop, &self.of, object, &self.name, args)?;
                match (self.ty.kind, value) {
                    (Kind::Connection, Value::Array(nodes)) => page::of_list(nodes, args),
                    (_, value) => Ok(value),
                }
            }
        }
    }

    fn shape<'a>(&self, shop: &Shop, value: Value) -> Result<Option<FieldValue<'a>>, Fault> {
        match value {
            Value::Array(items) if self.ty.list => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.one(shop, item)?.unwrap_or(FieldValue::NULL));
                }
                Ok(Some(FieldValue::list(list)))
            }
            value => self.one(shop, value),
        }
    }

    fn one<'a>(&self, shop: &Shop, value: Value) -> Result<Option<FieldValue<'a>>, Fault> {
        if self.ty.kind == Kind::Leaf {
            return Ok(leaf(&value));
        }
        let object = match value {
            Value::Null => return Ok(None),
            Value::String(gid) => match objects::lookup(shop, &gid) {
                Some(object) => object,
                None => return Ok(None),
            },
            Value::Object(object) => object,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                let place = format!("{}.{}", self.of, self.name);
                return Err(Fault::not_simulated(place));
            }
        };
        if self.ty.kind != Kind::Abstract {
            return Ok(Some(FieldValue::owned_any(object)));
        }
        let Some(Value::String(name)) = object.get("__typename") else {
            return Ok(None);
        };
        let name = name.clone();
        Ok(Some(FieldValue::owned_any(object).with_type(name)))
    }
}

fn parent<'a>(context: &ResolverContext<'a>) -> Option<&'a Map<String, Value>> {
    context.parent_value.downcast_ref::<Map<String, Value>>()
}

fn leaf<'a>(value: &Value) -> Option<FieldValue<'a>> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(FieldValue::list(items.iter().filter_map(leaf))),
        value => GraphqlValue::from_json(value.clone())
            .ok()
            .map(FieldValue::value),
    }
}
