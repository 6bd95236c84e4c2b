//! Nothing where a list holds objects of several types: `nodes(ids:)` with an id that nobody knows.
//!
//! The library asks such an item for its type, and nothing has none. It says so with an error that
//! only an item can have: [`super::resolve`] gives every other one its type.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::{ServerResult, Value};
use async_trait::async_trait;

const NO_TYPE: [&str; 2] = [
    "internal: invalid value for interface",
    "internal: invalid value for union",
];

/// Answers such an item with null.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NullItems;

impl ExtensionFactory for NullItems {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(*self)
    }
}

#[async_trait]
impl Extension for NullItems {
    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let may_be_null = info.parent_type.starts_with('[') && !info.return_type.ends_with('!');
        match next.run(context, info).await {
            Err(error) if may_be_null && NO_TYPE.iter().any(|no| error.message.starts_with(no)) => {
                Ok(None)
            }
            result => result,
        }
    }
}
