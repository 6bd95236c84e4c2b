//! What a document costs: requested from the document, actual from what came back.
//!
//! Rule: channel page, sections 4.3 and 10.3. Object 1, connection 2 and `first` times its node,
//! `pageInfo` free, mutation 10, scalars free, plain lists not sized. The actual cost counts the
//! objects that came back; a connection itself is free there, as in the page's sample answer.

use std::cell::Cell;
use std::collections::BTreeMap;

use async_graphql::Value as Answer;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use serde_json::Value;

use super::document::Document;
use super::types::{Kind, Types};

/// The highest cost a single request may have.
pub(crate) const COST_MAX: u64 = 1000;
/// Fragments may nest this deep; deeper ones are refused by the engine anyway.
const DEPTH_MAX: u32 = 64;
/// A document with more selections than this, fragments unfolded, is too costly whatever it asks.
const STEPS_MAX: u32 = 100_000;

/// What `document` may cost at most.
pub(crate) fn requested(types: &Types, document: &Document) -> u64 {
    let walk = Walk {
        steps_left: Cell::new(STEPS_MAX),
        types,
        document,
    };
    walk.set(document.selections(), document.root(), 0)
}

/// What `document` cost, given the data it brought.
pub(crate) fn actual(types: &Types, document: &Document, data: &Answer) -> u64 {
    let walk = Walk {
        steps_left: Cell::new(STEPS_MAX),
        types,
        document,
    };
    walk.brought(document.selections(), document.root(), data, 0)
}

struct Walk<'a> {
    /// Selections that may still be looked at: fragments can repeat each other without end.
    steps_left: Cell<u32>,
    types: &'a Types,
    document: &'a Document,
}

impl Walk<'_> {
    /// Fields add up; of fragments on different types only the dearest counts.
    fn set(&self, set: &SelectionSet, of: &str, depth: u32) -> u64 {
        if depth > DEPTH_MAX {
            return u64::from(u32::MAX);
        }
        let mut sum: u64 = 0;
        let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
        for selection in &set.items {
            let Some(left) = self.steps_left.get().checked_sub(1) else {
                return u64::from(u32::MAX);
            };
            self.steps_left.set(left);
            if !self.document.is_wanted(&selection.node) {
                continue;
            }
            if let Selection::Field(field) = &selection.node {
                sum = sum.saturating_add(self.field(&field.node, of, depth));
            } else if let Some((on, inner)) = self.fragment(&selection.node, of) {
                let cost = self.set(inner, &on, depth + 1);
                let total = by_type.entry(on).or_default();
                *total = total.saturating_add(cost);
            }
        }
        let same = by_type.remove(of).unwrap_or(0);
        let dearest = by_type.into_values().max().unwrap_or(0);
        sum.saturating_add(same).saturating_add(dearest)
    }

    fn fragment<'s>(
        &'s self,
        selection: &'s Selection,
        of: &str,
    ) -> Option<(String, &'s SelectionSet)> {
        match selection {
            Selection::Field(_) => None,
            Selection::InlineFragment(inline) => {
                let on = inline.node.type_condition.as_ref();
                let on = on.map_or_else(|| of.to_owned(), |on| on.node.on.node.to_string());
                Some((on, &inline.node.selection_set.node))
            }
            Selection::FragmentSpread(spread) => {
                let found = self
                    .document
                    .fragment(spread.node.fragment_name.node.as_str())?;
                let on = found.type_condition.node.on.node.to_string();
                Some((on, &found.selection_set.node))
            }
        }
    }

    fn field(&self, field: &Field, of: &str, depth: u32) -> u64 {
        let name = field.name.node.as_str();
        let Some(ty) = self.types.field(of, name) else {
            return 0;
        };
        if ty.kind == Kind::Leaf || ty.kind == Kind::PageInfo {
            return 0;
        }
        let inner = self.set(&field.selection_set.node, &ty.base, depth + 1);
        if of == "Mutation" {
            return inner.saturating_add(10);
        }
        let inner_and_object = inner.saturating_add(1);
        match ty.kind {
            Kind::Connection => self
                .page_size(field)
                .saturating_mul(inner)
                .saturating_add(2),
            Kind::Edge => inner,
            _ if (of, name) == ("QueryRoot", "nodes") => {
                self.ids(field).saturating_mul(inner_and_object)
            }
            _ => inner_and_object,
        }
    }

    fn page_size(&self, field: &Field) -> u64 {
        let size = |name| {
            let value = self.document.argument(field, name)?;
            value.as_u64()
        };
        size("first").or_else(|| size("last")).unwrap_or(0)
    }

    fn ids(&self, field: &Field) -> u64 {
        match self.document.argument(field, "ids") {
            Some(Value::Array(ids)) => u64::try_from(ids.len()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    fn brought(&self, set: &SelectionSet, of: &str, data: &Answer, depth: u32) -> u64 {
        let Answer::Object(object) = data else {
            return 0;
        };
        if depth > DEPTH_MAX {
            return 0;
        }
        let mut sum: u64 = 0;
        for selection in &set.items {
            if let Selection::Field(field) = &selection.node {
                let field = &field.node;
                let value = object.get(field.response_key().node.as_str());
                if let (true, Some(value)) = (self.document.is_wanted(&selection.node), value) {
                    sum = sum.saturating_add(self.brought_field(field, of, value, depth));
                }
            } else if let Some((on, inner)) = self.fragment(&selection.node, of) {
                sum = sum.saturating_add(self.brought(inner, &on, data, depth + 1));
            }
        }
        sum
    }

    fn brought_field(&self, field: &Field, of: &str, value: &Answer, depth: u32) -> u64 {
        let name = field.name.node.as_str();
        let Some(ty) = self.types.field(of, name) else {
            return 0;
        };
        let own = match ty.kind {
            Kind::Leaf | Kind::PageInfo => return 0,
            Kind::Connection | Kind::Edge => 0,
            Kind::Object | Kind::Abstract if of == "Mutation" => 10,
            Kind::Object | Kind::Abstract => 1,
        };
        let one = |value: &Answer| match value {
            Answer::Object(_) => {
                let inner = self.brought(&field.selection_set.node, &ty.base, value, depth + 1);
                inner.saturating_add(own)
            }
            _ => 0,
        };
        match value {
            Answer::List(items) => items.iter().map(one).sum(),
            value => one(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::types::SDL;
    use super::*;

    fn cost(query: &str, variables: &Value) -> u64 {
        let types = Types::read(SDL).unwrap();
        let variables = variables.as_object().unwrap().clone();
        requested(&types, &Document::parse(query, variables, None).unwrap())
    }

    #[test]
    fn small_documents_cost_what_the_rule_says() {
        assert_eq!(cost("{ shop { id name } }", &json!({})), 1);
        assert_eq!(cost("{ __typename }", &json!({})), 0);
        let orders =
            "query($n: Int!) { orders(first: $n) { nodes { id } pageInfo { endCursor } } }";
        assert_eq!(cost(orders, &json!({ "n": 250 })), 252);
        let edges = "{ orders(first: 10) { edges { cursor node { id customer { id } } } } }";
        assert_eq!(cost(edges, &json!({})), 22);
        let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) {
            ... on Order { id customer { id } } ... on Product { id } } }";
        assert_eq!(cost(nodes, &json!({ "ids": ["a", "b", "c"] })), 6);
        let bomb = "fragment A on Order { a: customer { id } ...A ...A } { order(id: 1) { ...A } }";
        assert!(cost(bomb, &json!({})) > COST_MAX);
        let skipped = "query($s: Boolean!) { shop @skip(if: $s) { id } }";
        assert_eq!(cost(skipped, &json!({ "s": true })), 0);
    }
}
