//! `kubectl explain`: a kind or a field of one → what the API says of it
//! (`kubectl/pkg/explain/v2`, its template `plaintext`).

mod wrap;

use svclab_core::reference::{Definition, Field, Reference, Shape, Type};

use super::Kubectl;
use super::errors::{Done, Failed, error};
use super::resources::{self, RESOURCES, Resource};
use wrap::{indent, wrap};

const NO_TYPE: &str = "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a complete list of supported resources.";

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let asked = match kubectl.flags.arguments.as_slice() {
        [] => return Err(error(NO_TYPE)),
        [asked] => asked,
        _ => return Err(error("We accept only this format: explain RESOURCE")),
    };
    let (resource, path) = named(asked)?;
    match kubectl.flags.text("output") {
        None | Some("plaintext" | "plaintext-openapiv2") => {}
        Some(other) => return Err(error(format!("unrecognized format: {other}"))),
    }
    let api_version = kubectl.flags.text("api-version").filter(|it| !it.is_empty());
    let api_version = api_version.unwrap_or(resource.api_version);
    if api_version.matches('/').count() > 1 {
        return Err(error(format!("unexpected GroupVersion string: {api_version}")));
    }
    let Some(reference) = kubectl.process.reference().await else {
        return Err(error("failed to fetch list of groupVersions: the description of the API"));
    };
    let definition = kind_of(&reference, resource, api_version)?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if !group.is_empty() {
        kubectl.out(&format!("GROUP:      {group}\n"));
    }
    kubectl.out(&format!("KIND:       {}\nVERSION:    {version}\n\n", resource.kind));
    let explained = Explained { reference: &reference, recursive: kubectl.flags.has("recursive") };
    match explained.text(definition, &path) {
        Some(text) => kubectl.out(&format!("{text}\n")),
        None => {
            let last = path.last().copied().unwrap_or_default();
            return Err(error(format!("field \"{last}\" does not exist")));
        }
    }
    Ok(())
}

/// The resource and the path of fields behind it: `svc.spec`, `deployments.apps.spec`
/// (`SplitAndParseResourceRequestWithMatchingPrefix`).
fn named(asked: &str) -> Done<(&'static Resource, Vec<&str>)> {
    let asked = asked.strip_suffix('.').unwrap_or(asked);
    let is_name =
        |it: char| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '[' | '*' | ']');
    if let Some(other) = asked.chars().find(|it| !is_name(*it)) {
        let number = u32::from(other);
        return Err(error(format!("unrecognized character in action: U+{number:04X} '{other}'")));
    }
    if asked.contains(['[', '*']) || asked.contains("..") {
        return Err(error("invalid jsonpath syntax, first node must be field node"));
    }
    let (word, fields) = asked.split_once('.').unwrap_or((asked, ""));
    let missing = || Failed(format!("the server doesn't have a resource type \"{word}\""));
    let resource = resources::find(word).ok_or_else(missing)?;
    let with_group = RESOURCES.iter().filter(|it| it.plural == resource.plural).find_map(|it| {
        let rest = asked.strip_prefix(it.full_plural().as_str())?;
        Some((it, rest.strip_prefix('.').unwrap_or(rest)))
    });
    let (resource, fields) = with_group.unwrap_or((resource, fields));
    Ok((resource, fields.split('.').filter(|it| !it.is_empty()).collect()))
}

fn kind_of<'a>(
    reference: &'a Reference,
    resource: &Resource,
    api_version: &str,
) -> Done<Definition<'a>> {
    if let Some(found) = reference.kind(api_version, resource.kind) {
        return Ok(found);
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let asked = format!("{group}/{version}, Resource={}", resource.plural);
    Err(match RESOURCES.iter().any(|it| it.api_version == api_version) {
        true => error(format!("GVR ({asked}) not found in OpenAPI schema")),
        false => error(format!("couldn't find resource for \"{asked}\"")),
    })
}

struct Explained<'a> {
    reference: &'a Reference,
    recursive: bool,
}

impl<'a> Explained<'a> {
    /// Nothing where the path leads nowhere.
    fn text(&self, kind: Definition<'a>, path: &[&str]) -> Option<String> {
        let Some((last, path)) = path.split_last() else {
            let fields = self.fields(kind, 1, &mut Vec::new());
            return Some(about(&said(&kind.description()), &fields));
        };
        let mut inside = kind;
        for name in path {
            inside = self.reference.inside(inside.field(name)?.kind)?;
        }
        let field = inside.field(last)?;
        let values: String = field.values().map(|it| format!("\n    {}", shown(it))).collect();
        let values = if values.is_empty() { values } else { format!("ENUM:{values}") };
        let head = format!("FIELD: {last} <{}>\n{values}\n\n", self.type_name(field.kind));
        let description = said(&field.description()) + &self.said_of(field.kind);
        let fields = self.inner_fields(field.kind, 1, &mut Vec::new());
        Some(head + &about(&description, &fields))
    }

    /// `[]ServicePort`, `map[string]string`, `Object`
    fn type_name(&self, kind: Type<'a>) -> String {
        match kind.shape() {
            Shape::List(inner) => format!("[]{}", self.type_name(inner)),
            Shape::Map(inner) => format!("map[string]{}", self.type_name(inner)),
            Shape::Defined(name) => {
                let written = self.reference.definition(name).map_or("", |it| it.written);
                let written = written.split(':').next().unwrap_or_default();
                let short = name.rsplit('.').next().unwrap_or(name);
                if matches!(written, "" | "object") { short } else { written }.to_owned()
            }
            Shape::Plain { name: "" | "object", .. } => "Object".to_owned(),
            Shape::Plain { name, .. } => name.to_owned(),
        }
    }

    /// What is said of the definition of a field, or of its items.
    fn said_of(&self, kind: Type<'a>) -> String {
        self.reference.inside(kind).map_or_else(String::new, |it| said(&it.description()))
    }

    /// `seen`: the definitions that these fields are inside of.
    fn fields(&self, kind: Definition<'a>, level: usize, seen: &mut Vec<&'a str>) -> String {
        let mut res = String::new();
        for field in kind.fields() {
            res.push_str(&self.field(field, level));
            if self.recursive {
                res.push_str(&self.inner_fields(field.kind, level + 1, seen));
            }
        }
        res
    }

    fn inner_fields(&self, kind: Type<'a>, level: usize, seen: &mut Vec<&'a str>) -> String {
        let found = self.reference.inside(kind).filter(|it| !seen.contains(&it.name));
        let Some(definition) = found else { return String::new() };
        seen.push(definition.name);
        let res = self.fields(definition, level, seen);
        seen.pop();
        res
    }

    /// One field of a list: a line, one with its values, and what is said of it.
    fn field(&self, field: Field<'a>, level: usize) -> String {
        let margin = level * 2;
        let pad = " ".repeat(margin);
        let required = if field.required { " -required-" } else { "" };
        let name = self.type_name(field.kind);
        let mut res = format!("{pad}{}\t<{name}>{required}", field.name);
        let values: Vec<&str> = field.values().map(shown).collect();
        if !values.is_empty() {
            let first: Vec<&str> = values.iter().copied().take(SHOWN).collect();
            let more = if values.len() > SHOWN { ", ...." } else { "" };
            res.push_str(&format!("\n{pad}enum: {}{more}", first.join(", ")));
        }
        res.push('\n');
        if !self.recursive {
            let description = Some(field.description()).filter(|it| !it.is_empty());
            let description = description.unwrap_or_else(|| "<no description>".to_owned());
            let lines = wrap(&description, 78 - margin);
            res.push_str(&format!("{}\n\n", indent(&lines, margin + 2)));
        }
        res
    }
}

/// Values of an enum in a list of fields.
const SHOWN: usize = 4;

fn shown(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}

fn said(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!("{description}\n") }
}

fn about(description: &str, fields: &str) -> String {
    let description = if description.is_empty() { "<empty>" } else { description };
    let mut res = format!("DESCRIPTION:\n{}\n", indent(&wrap(description, 76), 4));
    if !fields.is_empty() {
        res.push_str(&format!("FIELDS:\n{fields}"));
    }
    res
}
