//! The schema as a table: which type has which fields, of which type.
//!
//! In: `admin.graphql`, the only place where types are written down. Out: the table that costs and
//! resolvers consult, and the executable schema built from the same text.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::dynamic::{
    Enum, Field, InputObject, InputValue, Interface, InterfaceField, Object, Scalar, Schema,
    SchemaError, TypeRef, Union,
};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, ObjectType, Type, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};

use super::nulls::NullItems;
use super::resolve;

/// The text of the schema.
pub(crate) const SDL: &str = include_str!("admin.graphql");

/// What a field gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldType {
    /// Name of its type without lists and bangs.
    pub(crate) base: String,
    /// Whether it is a list.
    pub(crate) list: bool,
    /// What the base type is.
    pub(crate) kind: Kind,
}

/// What a type is, as far as costs and resolvers care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A scalar or an enum.
    Leaf,
    /// A connection, sized by `first` or `last`.
    Connection,
    /// An edge of a connection.
    Edge,
    /// `PageInfo`.
    PageInfo,
    /// Any other object.
    Object,
    /// An interface or a union.
    Abstract,
}

/// Every output type with its fields.
#[derive(Clone, Debug)]
pub(crate) struct Types(BTreeMap<String, BTreeMap<String, FieldType>>);

impl Types {
    /// The field, or none for a type or field that does not exist.
    pub(crate) fn field(&self, of: &str, name: &str) -> Option<&FieldType> {
        self.0.get(of)?.get(name)
    }

    /// Reads the table out of the schema's text.
    pub(crate) fn read(sdl: &str) -> Result<Self, async_graphql::parser::Error> {
        let definitions = definitions(sdl)?;
        let kinds: BTreeMap<String, Kind> = definitions
            .iter()
            .map(|one| (one.name.node.to_string(), kind(one)))
            .collect();
        let field_type = |field: &FieldDefinition| {
            let (base, list) = base(&field.ty.node);
            let kind = kinds.get(&base).copied().unwrap_or(Kind::Leaf);
            FieldType { base, list, kind }
        };
        let mut types = BTreeMap::new();
        for one in &definitions {
            let fields = match &one.kind {
                TypeKind::Object(object) => &object.fields,
                TypeKind::Interface(interface) => &interface.fields,
                _ => continue,
            };
            let fields = fields.iter().map(|field| {
                let field = &field.node;
                (field.name.node.to_string(), field_type(field))
            });
            types.insert(one.name.node.to_string(), fields.collect());
        }
        Ok(Self(types))
    }
}

/// The executable schema of the text.
pub(crate) fn build(sdl: &str) -> Result<Schema, SchemaError> {
    let types = Types::read(sdl).map_err(|error| SchemaError(error.to_string()))?;
    let definitions = definitions(sdl).map_err(|error| SchemaError(error.to_string()))?;
    let mut schema = Schema::build("QueryRoot", Some("Mutation"), None).extension(NullItems);
    for one in &definitions {
        let name = one.name.node.as_str();
        schema = match &one.kind {
            TypeKind::Scalar => schema.register(Scalar::new(name)),
            TypeKind::Enum(list) => {
                let values = list
                    .values
                    .iter()
                    .map(|value| value.node.value.node.to_string());
                schema.register(values.fold(Enum::new(name), Enum::item))
            }
            TypeKind::InputObject(input) => {
                let fields = input.fields.iter().map(|field| argument(&field.node));
                schema.register(fields.fold(InputObject::new(name), InputObject::field))
            }
            TypeKind::Union(union) => {
                let members = union.members.iter().map(|member| member.node.to_string());
                schema.register(members.fold(Union::new(name), Union::possible_type))
            }
            TypeKind::Interface(interface) => {
                let mut made = Interface::new(name);
                for field in &interface.fields {
                    let ty = reference(&field.node.ty.node);
                    made = made.field(InterfaceField::new(field.node.name.node.as_str(), ty));
                }
                for of in &interface.implements {
                    made = made.implement(of.node.as_str());
                }
                schema.register(made)
            }
            TypeKind::Object(object) => schema.register(build_object(&types, name, object)),
        };
    }
    schema
        .disable_suggestions()
        .limit_depth(64)
        .limit_recursive_depth(64)
        .finish()
}

fn build_object(types: &Types, name: &str, object: &ObjectType) -> Object {
    let mut made = Object::new(name);
    for field in &object.fields {
        let field = &field.node;
        let Some(ty) = types.field(name, field.name.node.as_str()) else {
            continue;
        };
        let resolver = resolve::Resolver::new(name, field.name.node.as_str(), ty);
        let reference = reference(&field.ty.node);
        let mut built = Field::new(field.name.node.as_str(), reference, move |context| {
            resolver.resolve(&context)
        });
        for one in &field.arguments {
            built = built.argument(argument(&one.node));
        }
        made = made.field(built);
    }
    for of in &object.implements {
        made = made.implement(of.node.as_str());
    }
    made
}

fn argument(one: &InputValueDefinition) -> InputValue {
    let made = InputValue::new(one.name.node.as_str(), reference(&one.ty.node));
    match &one.default_value {
        Some(value) => made.default_value(value.node.clone()),
        None => made,
    }
}

fn definitions(sdl: &str) -> Result<Vec<TypeDefinition>, async_graphql::parser::Error> {
    let only_types = |one: TypeSystemDefinition| match one {
        TypeSystemDefinition::Type(Positioned { node, .. }) => Some(node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    };
    Ok(parse_schema(sdl)?
        .definitions
        .into_iter()
        .filter_map(only_types)
        .collect())
}

fn kind(one: &TypeDefinition) -> Kind {
    let name = one.name.node.as_str();
    match &one.kind {
        TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => Kind::Leaf,
        TypeKind::Interface(_) | TypeKind::Union(_) => Kind::Abstract,
        TypeKind::Object(_) if name.ends_with("Connection") => Kind::Connection,
        TypeKind::Object(_) if name.ends_with("Edge") => Kind::Edge,
        TypeKind::Object(_) if name == "PageInfo" => Kind::PageInfo,
        TypeKind::Object(_) => Kind::Object,
    }
}

fn base(ty: &Type) -> (String, bool) {
    match &ty.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => (base(inner).0, true),
    }
}

fn reference(ty: &Type) -> TypeRef {
    let bare = match &ty.base {
        BaseType::Named(name) => TypeRef::named(name.to_string()),
        BaseType::List(inner) => TypeRef::List(Box::new(reference(inner))),
    };
    match ty.nullable {
        true => bare,
        false => TypeRef::NonNull(Box::new(bare)),
    }
}
