//! The text is whole: every kind of the lab is in it, and nothing in it leads nowhere.

use svclab_core::key::Kind;
use svclab_core::reference::{Definition, Reference, Shape, Type};

fn reference() -> Reference {
    Reference::read(svclab_reference::TEXT.to_owned())
}

#[test]
fn every_kind_of_the_lab_is_described() {
    let reference = reference();
    for kind in Kind::all() {
        let found = reference.kind(kind.api_version(), kind.name());
        let found = found.unwrap_or_else(|| panic!("{} is not there", kind.name()));
        assert!(!found.description().is_empty(), "{}", kind.name());
        assert!(found.field("metadata").is_some(), "{}", kind.name());
    }
}

/// Follows every field of every kind to its end.
#[test]
fn every_type_is_defined() {
    let reference = reference();
    let mut open: Vec<Definition<'_>> = reference.kinds().map(|it| it.2).collect();
    let mut done: Vec<&str> = Vec::new();
    while let Some(definition) = open.pop() {
        if done.contains(&definition.name) {
            continue;
        }
        done.push(definition.name);
        for field in definition.fields() {
            let name = defined(field.kind);
            let inner = name.map(|it| reference.definition(it).unwrap_or_else(|| panic!("{it}")));
            open.extend(inner);
        }
    }
    assert!(done.len() > 300, "{}", done.len());
}

fn defined(kind: Type<'_>) -> Option<&str> {
    match kind.shape() {
        Shape::List(inner) | Shape::Map(inner) => defined(inner),
        Shape::Defined(name) => Some(name),
        Shape::Plain { .. } => None,
    }
}

/// A field of the table of enums that is in no definition would be a slip of the pen.
#[test]
fn every_enum_is_that_of_a_field() {
    let reference = reference();
    let table = include_str!("../enums.txt").lines().filter(|it| !it.starts_with('#'));
    for (fields, values) in table.filter_map(|it| it.split_once(':')) {
        for name in fields.split_whitespace() {
            let (definition, field) = name.split_once('.').expect("a type and a field");
            let lines = svclab_reference::TEXT.lines().filter_map(|it| it.strip_prefix("=\t"));
            let names = lines.filter_map(|it| it.split('\t').next());
            let found = names.filter(|it| it.rsplit('.').next() == Some(definition));
            let fields = found.filter_map(|it| reference.definition(it)?.field(field));
            let counts: Vec<usize> = fields.map(|it| it.values().count()).collect();
            assert!(!counts.is_empty(), "{name}");
            assert!(counts.iter().all(|it| *it == values.split_whitespace().count()), "{name}");
        }
    }
}

/// As a running server does.
#[test]
fn what_values_mean_is_said() {
    let reference = reference();
    let fields = [
        ("v1.ServiceSpec", "type"),
        ("v1.ServiceSpec", "sessionAffinity"),
        ("v1.ServicePort", "protocol"),
        ("v1.PodSpec", "dnsPolicy"),
        ("v1.Container", "imagePullPolicy"),
        ("v1.StatefulSetSpec", "podManagementPolicy"),
        ("v1.EndpointSlice", "addressType"),
    ];
    for (definition, field) in fields {
        let lines = svclab_reference::TEXT.lines().filter_map(|it| it.strip_prefix("=\t"));
        let names = lines.filter_map(|it| it.split('\t').next());
        let name = names.into_iter().find(|it| it.ends_with(definition)).expect(definition);
        let found = reference.definition(name).and_then(|it| it.field(field)).expect(field);
        let description = found.description();
        let listed: Vec<&str> = description.lines().filter(|it| it.starts_with(" - `")).collect();
        assert_eq!(listed.len(), found.values().count(), "{definition}.{field}");
        assert!(listed.iter().all(|it| !it.ends_with('`')), "{definition}.{field}: {listed:?}");
    }
}
