//! What the API says of its kinds: a text → their fields, types and descriptions.
//!
//! The text is that of the crate `svclab-reference`, or of the file beside the page. Its lines are
//! cut at tabs; in a description `\n`, `\t` and `\\` stand for what they stand for in Rust.
//!
//! ```text
//! @  API version  kind  definition
//! =  definition   type  description
//! field           type  ! where it has to be there   |value|value, for an enum   description
//! ```
//!
//! The fields of a definition follow its line, in byte order. A type is written as a Go type is:
//! `string`, `integer:int32` with its format, `[]string`, `map[string]string`, and `@` with the
//! name of a definition. Lines that say nothing are passed over.

use std::collections::BTreeMap;
use std::ops::Range;

/// The API's kinds, and all that is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    text: String,
    /// The lines of each definition, by its name.
    definitions: BTreeMap<String, Range<usize>>,
}

/// A kind, or what stands in a field of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition<'a> {
    /// As OpenAPI calls it: `io.k8s.api.core.v1.ServicePort`
    pub name: &'a str,
    /// `object`, or what it is written as: `string` for a time. Empty where it may be one of several.
    pub written: &'a str,
    description: &'a str,
    fields: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a str,
    pub kind: Type<'a>,
    pub required: bool,
    values: &'a str,
    description: &'a str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type<'a>(&'a str);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    List(Type<'a>),
    Map(Type<'a>),
    /// By the name of the definition.
    Defined(&'a str),
    Plain {
        /// `string`, `integer`, `number`, `boolean`, `object`
        name: &'a str,
        /// `int32`, `date-time`; mostly empty
        format: &'a str,
    },
}

impl Reference {
    pub fn read(text: String) -> Reference {
        let mut definitions = BTreeMap::new();
        let (mut at, mut open) = (0, None);
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            if let Some(head) = line.strip_prefix("=\t") {
                open = head.split('\t').next();
            }
            if let Some(name) = open {
                definitions.entry(name.to_owned()).or_insert(at..end).end = end;
            }
            at = end;
        }
        Reference { text, definitions }
    }

    /// Every kind, by its API version and name.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str, Definition<'_>)> {
        let roots = self.text.lines().map_while(|it| it.strip_prefix("@\t"));
        roots.filter_map(|line| {
            let mut words = line.split('\t');
            let (api_version, kind) = (words.next()?, words.next()?);
            Some((api_version, kind, self.definition(words.next()?)?))
        })
    }

    pub fn kind(&self, api_version: &str, kind: &str) -> Option<Definition<'_>> {
        let found = self.kinds().find(|it| (it.0, it.1) == (api_version, kind));
        found.map(|it| it.2)
    }

    pub fn definition(&self, name: &str) -> Option<Definition<'_>> {
        let lines = self.text.get(self.definitions.get(name)?.clone())?;
        let (head, fields) = lines.split_once('\n')?;
        let mut words = head.strip_prefix("=\t")?.splitn(3, '\t');
        let (name, written) = (words.next()?, words.next()?);
        Some(Definition { name, written, description: words.next()?, fields })
    }

    /// The field that a path of names leads to, through lists and maps; the keys of maps and the
    /// numbers of lists are not in the path.
    pub fn field(&self, api_version: &str, kind: &str, path: &[&str]) -> Option<Field<'_>> {
        let (last, path) = path.split_last()?;
        let mut definition = self.kind(api_version, kind)?;
        for name in path {
            definition = self.inside(definition.field(name)?.kind)?;
        }
        definition.field(last)
    }

    /// The definition of what stands in a field, in each item where there are several.
    pub fn inside(&self, kind: Type<'_>) -> Option<Definition<'_>> {
        match kind.shape() {
            Shape::List(inner) | Shape::Map(inner) => self.inside(inner),
            Shape::Defined(name) => self.definition(name),
            Shape::Plain { .. } => None,
        }
    }
}

impl<'a> Definition<'a> {
    pub fn description(&self) -> String {
        unescaped(self.description)
    }

    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        self.fields.lines().filter_map(field)
    }

    pub fn field(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(|it| it.name == name)
    }
}

fn field(line: &str) -> Option<Field<'_>> {
    let mut words = line.splitn(5, '\t');
    let (name, kind) = (words.next()?, Type(words.next()?));
    let (required, values) = (words.next()? == "!", words.next()?);
    Some(Field { name, kind, required, values, description: words.next()? })
}

impl<'a> Field<'a> {
    /// In plain text, with line breaks; empty where nothing is said.
    pub fn description(&self) -> String {
        unescaped(self.description)
    }

    /// The only values that it may have; none where it is no enum.
    pub fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.values.split('|').skip(1)
    }
}

impl<'a> Type<'a> {
    pub fn shape(self) -> Shape<'a> {
        if let Some(inner) = self.0.strip_prefix("[]") {
            return Shape::List(Type(inner));
        }
        if let Some(inner) = self.0.strip_prefix("map[string]") {
            return Shape::Map(Type(inner));
        }
        if let Some(name) = self.0.strip_prefix('@') {
            return Shape::Defined(name);
        }
        let (name, format) = self.0.split_once(':').unwrap_or((self.0, ""));
        Shape::Plain { name, format }
    }
}

fn unescaped(text: &str) -> String {
    let mut res = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        res.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                other => other.unwrap_or('\\'),
            },
            plain => plain,
        });
    }
    res
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "@\tv1\tService\tapi.Service\n\
        =\tapi.Port\tobject\tA port.\n\
        name\tstring\t\t\tIts name,\\nwith \\\\n.\n\
        port\tinteger:int32\t!\t\t\n\
        type\tstring\t\t||TCP\tIts kind.\n\
        =\tapi.Service\tobject\tA service.\n\
        ports\t[]@api.Port\t\t\tIts ports.\n\
        selector\tmap[string]string\t\t\t\n";

    fn reference() -> Reference {
        Reference::read(TEXT.to_owned())
    }

    #[test]
    fn a_path_leads_through_lists() {
        let reference = reference();
        let port = reference.field("v1", "Service", &["ports", "port"]).expect("it is there");
        assert!(port.required);
        assert_eq!(port.kind.shape(), Shape::Plain { name: "integer", format: "int32" });
        assert_eq!(reference.field("v1", "Service", &["ports", "nope"]), None);
        assert_eq!(reference.field("v1", "Service", &["selector", "app"]), None);
        assert_eq!(reference.field("v1", "Service", &[]), None);
        assert_eq!(reference.field("v2", "Service", &["ports"]), None);
    }

    #[test]
    fn a_description_has_its_lines() {
        let reference = reference();
        let name = reference.field("v1", "Service", &["ports", "name"]).expect("it is there");
        assert_eq!(name.description(), "Its name,\nwith \\n.");
        let service = reference.kind("v1", "Service").expect("it is there");
        assert_eq!((service.name, service.description().as_str()), ("api.Service", "A service."));
        let names: Vec<&str> = service.fields().map(|it| it.name).collect();
        assert_eq!(names, ["ports", "selector"]);
    }

    #[test]
    fn an_enum_has_values_and_one_may_be_empty() {
        let reference = reference();
        let of = |name| reference.field("v1", "Service", &["ports", name]).expect("it is there");
        assert_eq!(of("type").values().collect::<Vec<_>>(), ["", "TCP"]);
        assert_eq!(of("name").values().count(), 0);
    }

    #[test]
    fn any_text_is_read() {
        for text in ["", "=\t", "=\ta", "=\ta\nb", "@\tv1\n=\ta\tb\tc\n\t\t\n\\", "\n\n@\t\t\t\n"] {
            let reference = Reference::read(text.to_owned());
            reference.kinds().for_each(|it| it.2.fields().for_each(|it| drop(it.description())));
            let found = reference.definition("a");
            found.into_iter().for_each(|it| it.fields().for_each(|it| drop(it.description())));
        }
    }
}
