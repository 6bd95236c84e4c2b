//! The Admin GraphQL API of the double.
//!
//! In: a request body and the shop. Out: the answer's `data` and `errors`, executed by a real
//! GraphQL engine over the types of `admin.graphql`.

mod arguments;
pub(crate) mod bulk;
pub(crate) mod cost;
pub(crate) mod document;
mod mutations;
mod nulls;
mod objects;
mod page;
mod query;
mod resolve;
pub(crate) mod types;

pub(crate) use resolve::{Call, Fault};
