//! A request: its document, variables, chosen operation and idempotency keys.

use std::collections::{BTreeSet, HashMap};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType,
    Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value as Literal, Variables};
use serde_json::{Map, Value};

use super::resolve::Fault;

/// A parsed request body.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    parsed: ExecutableDocument,
    operation: OperationDefinition,
    /// Which operation of several.
    pub(crate) operation_name: Option<String>,
    /// As sent.
    pub(crate) variables: Map<String, Value>,
    /// Keys of `@idempotent`, by response key.
    pub(crate) keys: Vec<(String, String)>,
}

impl Document {
    /// Reads a request body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Fault> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            query: String,
            #[serde(default)]
            variables: Option<Map<String, Value>>,
            #[serde(default)]
            operation_name: Option<String>,
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| Fault::bad_request(format!("request body: {error}")))?;
        let variables = body.variables.unwrap_or_default();
        Self::parse(&body.query, variables, body.operation_name)
    }

    /// Reads a document with its variables.
    pub(crate) fn parse(
        query: &str,
        variables: Map<String, Value>,
        operation_name: Option<String>,
    ) -> Result<Self, Fault> {
        let parsed = parse_query(query).map_err(|error| Fault {
            message: format!("syntax error: {error}"),
            code: "GRAPHQL_PARSE_FAILED",
        })?;
        let named = |name: &Name| Some(name.as_str()) == operation_name.as_deref();
        let mut all = parsed.operations.iter();
        let chosen = match &operation_name {
            Some(_) if all.len() > 1 => all.find(|(name, _)| name.is_some_and(named)),
            _ if all.len() == 1 => all.next(),
            _ => None,
        };
        let Some((_, operation)) = chosen else {
            return Err(Fault::bad_request("An operation name is required"));
        };
        let operation = operation.node.clone();
        let mut made = Self {
            parsed,
            operation,
            operation_name,
            variables,
            keys: Vec::new(),
        };
        made.take_keys()?;
        Ok(made)
    }

    /// The selections at the top.
    pub(crate) fn selections(&self) -> &SelectionSet {
        &self.operation.selection_set.node
    }

    /// Whether it declares variables.
    pub(crate) fn has_variables(&self) -> bool {
        !self.operation.variable_definitions.is_empty()
    }

    /// All arguments of a field that were given.
    pub(crate) fn arguments(&self, field: &Field) -> Map<String, Value> {
        let names = field.arguments.iter().map(|(name, _)| name.node.as_str());
        names
            .filter_map(|name| Some((name.to_owned(), self.argument(field, name)?)))
            .collect()
    }

    /// `QueryRoot` or `Mutation`.
    pub(crate) fn root(&self) -> &'static str {
        match self.is_mutation() {
            true => "Mutation",
            false => "QueryRoot",
        }
    }

    /// Whether it writes.
    pub(crate) fn is_mutation(&self) -> bool {
        self.operation.ty == OperationType::Mutation
    }

    /// The fragment of this name.
    pub(crate) fn fragment(&self, name: &str) -> Option<&FragmentDefinition> {
        self.parsed.fragments.get(name).map(|found| &found.node)
    }

    /// An argument with variables and their defaults put in; none when it was left out.
    pub(crate) fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let literal = field.get_argument(name)?.node.clone();
        let value = literal.into_const_with(|name| self.variable(&name)).ok()?;
        value.into_json().ok()
    }

    /// An argument of a directive, like [`Document::argument`].
    fn of_directive(&self, directive: &Directive, name: &str) -> Option<Value> {
        let literal = directive.get_argument(name)?.node.clone();
        let value = literal.into_const_with(|name| self.variable(&name)).ok()?;
        value.into_json().ok()
    }

    fn variable(&self, name: &Name) -> Result<Literal, ()> {
        if let Some(value) = self.variables.get(name.as_str()) {
            return Literal::from_json(value.clone()).map_err(drop);
        }
        let all = &self.operation.variable_definitions;
        let found = all
            .iter()
            .find(|one| one.node.name.node == *name)
            .ok_or(())?;
        let default = found.node.default_value.as_ref().ok_or(())?;
        Ok(default.node.clone())
    }

    /// Whether `@skip` and `@include` leave a selection in.
    pub(crate) fn is_wanted(&self, selection: &Selection) -> bool {
        selection.directives().iter().all(|directive| {
            let value = self.of_directive(&directive.node, "if");
            match directive.node.name.node.as_str() {
                "skip" => value != Some(Value::Bool(true)),
                "include" => value != Some(Value::Bool(false)),
                _ => true,
            }
        })
    }

    /// As the engine takes it.
    pub(crate) fn request(self) -> async_graphql::Request {
        let variables = Variables::from_json(Value::Object(self.variables));
        let mut request = async_graphql::Request::new("").variables(variables);
        if let Some(name) = self.operation_name {
            request = request.operation_name(name);
        }
        request.set_parsed_query(self.parsed);
        request
    }

    /// Takes `@idempotent` off the top-level fields: the engine knows no directives of ours.
    fn take_keys(&mut self) -> Result<(), Fault> {
        let mut keys = Vec::new();
        for selection in &self.operation.selection_set.node.items {
            let Selection::Field(field) = &selection.node else {
                continue;
            };
            let field = &field.node;
            for directive in &field.directives {
                if directive.node.name.node.as_str() != "idempotent" {
                    continue;
                }
                match self.of_directive(&directive.node, "key") {
                    Some(Value::String(key)) if !key.is_empty() && key.len() <= 255 => {
                        keys.push((field.response_key().node.to_string(), key));
                    }
                    _ => {
                        let message =
                            "The @idempotent directive needs a key of 1 to 255 characters";
                        return Err(Fault::bad_request(message));
                    }
                }
            }
        }
        self.keys = keys;
        let mut in_fragments = BTreeSet::new();
        for fragment in self.parsed.fragments.values_mut() {
            strip(&mut fragment.node.selection_set.node, &mut in_fragments);
        }
        for (_, operation) in operations_mut(&mut self.parsed) {
            let operation = &mut operation.node;
            let mut used = in_fragments.clone();
            let keys = strip(&mut operation.selection_set.node, &mut used);
            // What only a key used is now unused, which the engine would refuse.
            let is_needed = |name: &Name| !keys.contains(name) || used.contains(name);
            operation
                .variable_definitions
                .retain(|one| is_needed(&one.node.name.node));
        }
        strip(&mut self.operation.selection_set.node, &mut BTreeSet::new());
        Ok(())
    }
}

fn operations_mut(
    document: &mut ExecutableDocument,
) -> HashMap<Option<Name>, &mut Positioned<OperationDefinition>> {
    use async_graphql::parser::types::DocumentOperations;
    match &mut document.operations {
        DocumentOperations::Single(one) => [(None, one)].into_iter().collect(),
        DocumentOperations::Multiple(all) => all
            .iter_mut()
            .map(|(name, one)| (Some(name.clone()), one))
            .collect(),
    }
}

/// Removes `@idempotent` everywhere below; gives the variables it named and collects the others.
fn strip(set: &mut SelectionSet, used: &mut BTreeSet<Name>) -> BTreeSet<Name> {
    let mut keys = BTreeSet::new();
    for selection in &mut set.items {
        for directive in selection.node.directives_mut().iter() {
            let is_key = directive.node.name.node.as_str() == "idempotent";
            for (_, value) in &directive.node.arguments {
                let names = if is_key { &mut keys } else { &mut *used };
                let collect = |name| {
                    names.insert(name);
                    Ok::<_, ()>(Literal::Null)
                };
                drop(value.node.clone().into_const_with(collect));
            }
        }
        let all = selection.node.directives_mut();
        all.retain(|one| one.node.name.node.as_str() != "idempotent");
        let inner = match &mut selection.node {
            Selection::Field(field) => {
                for (_, value) in &field.node.arguments {
                    let collect = |name| {
                        used.insert(name);
                        Ok::<_, ()>(Literal::Null)
                    };
                    drop(value.node.clone().into_const_with(collect));
                }
                &mut field.node.selection_set.node
            }
            Selection::InlineFragment(inline) => &mut inline.node.selection_set.node,
            Selection::FragmentSpread(_) => continue,
        };
        keys.extend(strip(inner, used));
    }
    keys
}
