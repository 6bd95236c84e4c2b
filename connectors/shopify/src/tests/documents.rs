//! The documents against the schema, and their costs against an independent calculation.

use std::io::Read;

use apollo_compiler::ast::{Definition, Document as Ast, Field, OperationType, Selection, Value};
use apollo_compiler::{ExecutableDocument, Schema};

use super::shop::specs;
use crate::documents::{
    ALL, BULK_ORDERS, BULK_VARIANTS, Document, INVENTORY_AT_LOCATION, ORDERS_BY_ID,
};
use crate::{CAPABILITIES, orders, read_back};

/// What one request may cost at most, and what we keep below.
const COST_MAX: u32 = 1_000;
const HEADROOM: u32 = 100;

#[test]
fn every_document_is_valid_in_the_schema() {
    let Some(specs) = specs() else { return };
    // apollo-compiler 1.33 does not know the directive that the schema uses (specs' ORIGIN.md).
    let mut text = "directive @oneOf on INPUT_OBJECT\n".to_owned();
    let packed = std::fs::File::open(specs.join("admin_2026-10.graphql.gz")).unwrap();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    let schema = Schema::parse_and_validate(text, "admin_2026-10.graphql").unwrap();
    for document in ALL {
        if let Err(faults) =
            ExecutableDocument::parse_and_validate(&schema, document.text, document.name)
        {
            panic!("{}", faults.errors);
        }
    }
    for text in [BULK_ORDERS, BULK_VARIANTS] {
        if let Err(faults) = ExecutableDocument::parse_and_validate(&schema, text, "bulk") {
            panic!("{}", faults.errors);
        }
    }
}

#[test]
fn every_cost_is_as_the_rule_gives_it() {
    for document in ALL {
        let (name, cost, each) = cost_of(document);
        assert_eq!(name, document.name);
        assert_eq!((cost, each), (document.cost, document.cost_each), "{name}");
    }
}

#[test]
fn every_request_fits_in_what_one_may_cost() {
    for document in ALL {
        assert!(document.cost <= COST_MAX - HEADROOM, "{}", document.name);
        let counted = [ORDERS_BY_ID.name, INVENTORY_AT_LOCATION.name].contains(&document.name);
        assert_eq!(document.cost_each > 0, counted, "{}", document.name);
    }
    for (document, ids_max) in [
        (ORDERS_BY_ID, orders::FETCH_MAX),
        (INVENTORY_AT_LOCATION, read_back::ITEMS_MAX),
    ] {
        let cost = document.cost_each * u32::try_from(ids_max).unwrap();
        assert!(
            cost <= COST_MAX - HEADROOM,
            "{} of {ids_max} costs {cost}",
            document.name
        );
    }
    assert_eq!(CAPABILITIES.fetch_max, orders::FETCH_MAX);
}

/// The operation's name, its cost without and for each id of a `nodes(ids:)`.
fn cost_of(document: &Document) -> (String, u32, u32) {
    let ast = Ast::parse(document.text, document.name).unwrap();
    let [Definition::OperationDefinition(operation)] = ast.definitions.as_slice() else {
        panic!("{}: one operation and no fragment", document.name);
    };
    let (mut cost, mut each) = (0, 0);
    for field in fields(&operation.selection_set) {
        if field.name == "nodes" {
            each += 1 + inside(field);
        } else if operation.operation_type == OperationType::Mutation {
            cost += 10 + inside(field);
        } else {
            cost += price(field);
        }
    }
    (operation.name.as_ref().unwrap().to_string(), cost, each)
}

fn fields(selections: &[Selection]) -> Vec<&Field> {
    let mut found = Vec::new();
    for selection in selections {
        match selection {
            Selection::Field(field) => found.push(&**field),
            Selection::InlineFragment(fragment) => found.extend(fields(&fragment.selection_set)),
            Selection::FragmentSpread(spread) => panic!("a fragment: {}", spread.fragment_name),
        }
    }
    found
}

fn inside(field: &Field) -> u32 {
    fields(&field.selection_set).into_iter().map(price).sum()
}

fn price(field: &Field) -> u32 {
    if field.selection_set.is_empty() || field.name == "pageInfo" {
        return 0;
    }
    let children = fields(&field.selection_set);
    let node = children.iter().find(|child| child.name == "nodes");
    match (argument(field, "first"), node) {
        (Some(first), Some(node)) => 2 + first * (1 + inside(node)),
        (Some(first), None) => first * (1 + inside(field)),
        (None, Some(_)) => panic!("{} is a connection without a size", field.name),
        (None, None) => argument(field, "names").unwrap_or(1) * (1 + inside(field)),
    }
}

/// The size that an argument gives: its number, or the length of its list.
fn argument(field: &Field, name: &str) -> Option<u32> {
    let argument = field
        .arguments
        .iter()
        .find(|argument| argument.name == name)?;
    match &*argument.value {
        Value::Int(number) => u32::try_from(number.try_to_i32().ok()?).ok(),
        Value::List(items) => u32::try_from(items.len()).ok(),
        other => panic!("{name} of {} is {other}", field.name),
    }
}
