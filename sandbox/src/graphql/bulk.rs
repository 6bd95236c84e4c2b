//! The query of a bulk operation: what it may be, and the lines it gives.
//!
//! Rule: channel page, section 4.4. One connection at the top, at most five in all, two below one
//! another, none inside a plain list, no variables. Each node of a connection is a line; one of an
//! inner connection names the node it belongs to in `__parentId`.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use serde_json::{Map, Value, json};

use super::document::Document;
use super::page::WHOLE;
use super::resolve::Fault;
use super::types::{Kind, SDL, Types};
use super::{objects, query};
use crate::state::Shop;

const CONNECTIONS_MAX: usize = 5;
const DEPTH_MAX: usize = 2;

/// What a query gave.
pub(crate) struct Written {
    /// The lines.
    pub(crate) text: String,
    /// All of them.
    pub(crate) objects: u64,
    /// Those of the connection at the top.
    pub(crate) roots: u64,
}

impl Written {
    /// Leaves half of the lines.
    pub(crate) fn halve(&mut self) {
        let lines = self.text.lines().count();
        let half = self.text.lines().take(lines / 2);
        self.text = half.fold(String::new(), |text, line| text + line + "\n");
        (self.objects, self.roots) = (self.objects / 2, self.roots / 2);
    }
}

/// Whether it may run; else why not.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let types = types().map_err(|fault| fault.message)?;
    let document = parse(text).map_err(|fault| fault.message)?;
    if document.is_mutation() {
        return Err("Only queries are allowed".to_owned());
    }
    if document.has_variables() {
        return Err("Bulk queries cannot contain variables".to_owned());
    }
    let root = root(&document).map_err(|fault| fault.message)?;
    if ["node", "nodes"].contains(&root.name.node.as_str()) {
        return Err("Bulk queries cannot contain a top level `node` or `nodes` field".to_owned());
    }
    let mut connections = 0;
    let walk = Check { types: &types };
    walk.field(root, "QueryRoot", &mut connections, (0, false))?;
    match connections {
        0 => Err("Bulk queries must contain at least one connection".to_owned()),
        1..=CONNECTIONS_MAX => Ok(()),
        _ => Err(format!(
            "Bulk queries cannot contain more than {CONNECTIONS_MAX} connections"
        )),
    }
}

/// The lines of a query over the shop as it is.
pub(crate) fn write(shop: &Shop, text: &str, grouped: bool) -> Result<Written, Fault> {
    let (types, document) = (types()?, parse(text)?);
    let root = root(&document)?;
    let mut args = document.arguments(root);
    args.insert(WHOLE.to_owned(), json!(true));
    let page = query::root(shop, root.name.node.as_str(), &args)?;
    let walk = Walk {
        shop,
        types: &types,
        document: &document,
    };
    let (set, of) = walk.node(root, "QueryRoot")?;
    let mut roots = Vec::new();
    for edge in page["edges"].as_array().into_iter().flatten() {
        roots.extend(walk.line(set, &of, &edge["node"], None)?);
    }
    let mut written = Written {
        text: String::new(),
        objects: 0,
        roots: u64::try_from(roots.len()).unwrap_or(u64::MAX),
    };
    match grouped {
        true => written.nest(roots),
        false => written.level(roots),
    }
    Ok(written)
}

/// A line with those that belong to it.
struct Line {
    object: Value,
    inner: Vec<Line>,
}

impl Written {
    fn add(&mut self, object: &Value) {
        self.text.push_str(&object.to_string());
        self.text.push('\n');
        self.objects += 1;
    }

    /// Each line with its own right behind it.
    fn nest(&mut self, lines: Vec<Line>) {
        for line in lines {
            self.add(&line.object);
            self.nest(line.inner);
        }
    }

    /// All of one depth before those of the next: anywhere behind what they belong to.
    fn level(&mut self, lines: Vec<Line>) {
        let mut next = Vec::new();
        for line in lines {
            self.add(&line.object);
            next.extend(line.inner);
        }
        if !next.is_empty() {
            self.level(next);
        }
    }
}

fn types() -> Result<Types, Fault> {
    Types::read(SDL).map_err(Fault::not_simulated)
}

fn parse(text: &str) -> Result<Document, Fault> {
    Document::parse(text, Map::new(), None)
}

/// The only selection at the top.
fn root(document: &Document) -> Result<&Field, Fault> {
    match document.selections().items.as_slice() {
        [one] => plain(&one.node),
        _ => Err(Fault::bad_request("Bulk queries have one field at the top")),
    }
}

fn plain(selection: &Selection) -> Result<&Field, Fault> {
    match selection {
        Selection::Field(field) => Ok(&field.node),
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => {
            Err(Fault::not_simulated("fragments in bulk queries"))
        }
    }
}

fn fields(set: &SelectionSet) -> impl Iterator<Item = Result<&Field, Fault>> {
    set.items.iter().map(|one| plain(&one.node))
}

/// What `edges { node { .. } }` selects.
fn node_set(field: &Field) -> Result<&SelectionSet, Fault> {
    let mut set = &field.selection_set.node;
    for name in ["edges", "node"] {
        let mut all = fields(set).filter_map(Result::ok);
        let Some(found) = all.find(|field| field.name.node.as_str() == name) else {
            return Err(Fault::bad_request(
                "connections of bulk queries are selected by edges and node",
            ));
        };
        set = &found.selection_set.node;
    }
    Ok(set)
}

struct Check<'a> {
    types: &'a Types,
}

impl Check<'_> {
    /// Counts connections; `depth` is how many are around it, and whether a plain list is.
    fn field(
        &self,
        field: &Field,
        of: &str,
        connections: &mut usize,
        (depth, in_list): (usize, bool),
    ) -> Result<(), String> {
        let name = field.name.node.as_str();
        let Some(ty) = self.types.field(of, name) else {
            return Err(format!("Field '{name}' doesn't exist on type '{of}'"));
        };
        let (set, of, depth) = match ty.kind {
            Kind::Leaf | Kind::PageInfo => return Ok(()),
            Kind::Connection if in_list => {
                return Err(
                    "Queries that contain a connection field within a list field are not \
                            currently supported."
                        .to_owned(),
                );
            }
            Kind::Connection if depth > DEPTH_MAX => {
                return Err(format!(
                    "Bulk queries cannot nest connections more than {DEPTH_MAX} levels deep"
                ));
            }
            Kind::Connection => {
                *connections += 1;
                let set = node_set(field).map_err(|fault| fault.message)?;
                (set, node_type(self.types, &ty.base), depth + 1)
            }
            Kind::Edge | Kind::Object | Kind::Abstract => {
                (&field.selection_set.node, ty.base.clone(), depth)
            }
        };
        let before = *connections;
        let in_list = in_list || (ty.list && ty.kind != Kind::Connection);
        let mut has_id = false;
        for inner in fields(set) {
            let inner = inner.map_err(|fault| fault.message)?;
            has_id |= inner.name.node.as_str() == "id";
            self.field(inner, &of, connections, (depth, in_list))?;
        }
        if *connections > before && !has_id {
            return Err(
                "The parent field for a nested connection must select the 'id' field \
                        without an alias and must be of 'ID' return type."
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// The type of a connection's nodes.
fn node_type(types: &Types, connection: &str) -> String {
    let edge = types.field(connection, "edges").map(|ty| ty.base.as_str());
    let node = edge.and_then(|edge| types.field(edge, "node"));
    node.map(|ty| ty.base.clone()).unwrap_or_default()
}

struct Walk<'a> {
    shop: &'a Shop,
    types: &'a Types,
    document: &'a Document,
}

impl<'a> Walk<'a> {
    /// What is selected of a connection's nodes, and their type.
    fn node(&self, field: &'a Field, of: &str) -> Result<(&'a SelectionSet, String), Fault> {
        let ty = self.types.field(of, field.name.node.as_str());
        let connection = ty.map(|ty| ty.base.as_str()).unwrap_or_default();
        Ok((node_set(field)?, node_type(self.types, connection)))
    }

    /// The line of a node; none where it is gone.
    fn line(
        &self,
        set: &'a SelectionSet,
        of: &str,
        node: &Value,
        parent: Option<&Value>,
    ) -> Result<Option<Line>, Fault> {
        let Some(object) = self.object(node) else {
            return Ok(None);
        };
        let mut inner = Vec::new();
        let mut shown = self.select(set, of, &object, &mut inner)?;
        if let Some(parent) = parent {
            shown.insert("__parentId".to_owned(), parent.clone());
        }
        let object = Value::Object(shown);
        Ok(Some(Line { object, inner }))
    }

    fn object(&self, node: &Value) -> Option<Map<String, Value>> {
        match node {
            Value::String(gid) => objects::lookup(self.shop, gid),
            Value::Object(object) => Some(object.clone()),
            _ => None,
        }
    }

    /// The selected fields of an object; nodes of its connections become lines.
    fn select(
        &self,
        set: &'a SelectionSet,
        of: &str,
        object: &Map<String, Value>,
        inner: &mut Vec<Line>,
    ) -> Result<Map<String, Value>, Fault> {
        let mut shown = Map::new();
        for field in fields(set) {
            let field = field?;
            let name = field.name.node.as_str();
            let Some(ty) = self.types.field(of, name) else {
                continue;
            };
            let args = self.document.arguments(field);
            let value = objects::field(self.shop, of, object, name, &args)?;
            let value = match (ty.kind, value) {
                (Kind::Leaf | Kind::PageInfo, value) => value,
                (Kind::Connection, nodes) => {
                    let (set, of) = self.node(field, of)?;
                    for node in nodes.as_array().into_iter().flatten() {
                        inner.extend(self.line(set, &of, node, object.get("id"))?);
                    }
                    continue;
                }
                (_, value) => self.inline(&field.selection_set.node, &ty.base, &value, inner)?,
            };
            shown.insert(field.response_key().node.to_string(), value);
        }
        Ok(shown)
    }

    /// An object, or a list of them, within a line.
    fn inline(
        &self,
        set: &'a SelectionSet,
        of: &str,
        value: &Value,
        inner: &mut Vec<Line>,
    ) -> Result<Value, Fault> {
        if let Value::Array(items) = value {
            let items = items.iter().map(|item| self.inline(set, of, item, inner));
            return Ok(Value::Array(items.collect::<Result<_, _>>()?));
        }
        match self.object(value) {
            Some(object) => Ok(Value::Object(self.select(set, of, &object, inner)?)),
            None => Ok(Value::Null),
        }
    }
}
