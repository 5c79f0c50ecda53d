//! Which values a field takes, and what is said of each.
//!
//! The API's published schemas leave out what a running server adds to them: `enum`, and a list of
//! the values at the end of the description. The values are facts and stand in `enums.txt`; what is
//! said of a value is known where a server was heard saying it, or from an earlier release.

use std::collections::BTreeMap;

/// By `Type.field`.
pub(crate) struct Enums {
    values: BTreeMap<String, Vec<String>>,
    /// By all values of an enum: each with what follows it.
    said: BTreeMap<Vec<String>, Vec<String>>,
    /// The same by `Type.field`, as an earlier release said it.
    before: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl Enums {
    /// Lines of fields and, behind a colon, their values; `""` is the empty one.
    pub(crate) fn read(text: &str) -> Enums {
        let mut values = BTreeMap::new();
        for line in text.lines().filter(|it| !it.starts_with('#') && !it.is_empty()) {
            let (fields, of) = line.split_once(':').expect("a colon is behind the fields");
            let mut of: Vec<String> =
                of.split_whitespace().map(|it| it.trim_matches('"').to_owned()).collect();
            of.sort();
            for field in fields.split_whitespace() {
                values.insert(field.to_owned(), of.clone());
            }
        }
        Enums { values, said: BTreeMap::new(), before: BTreeMap::new() }
    }

    /// The lists of values in what `kubectl explain` printed.
    pub(crate) fn learn(&mut self, output: &str) {
        for part in output.split(HEAD).skip(1) {
            let (values, said) = listed(part);
            self.said.insert(values, said);
        }
    }

    /// The list at the end of a field's description in another release.
    pub(crate) fn learn_of(&mut self, field: String, description: &str) {
        if let Some((_, list)) = description.split_once(HEAD) {
            self.before.insert(field, listed(list));
        }
    }

    pub(crate) fn of(&self, definition: &str, field: &str) -> &[String] {
        self.values.get(&format!("{definition}.{field}")).map_or(&[], Vec::as_slice)
    }

    /// The description of a field with the list of its values, as `kube-openapi` writes it.
    pub(crate) fn described(&self, field: &str, description: &str, values: &[String]) -> String {
        let mut res = format!("{description}\n\n{HEAD}");
        let before = self.before.get(field).filter(|it| it.0 == values).map(|it| &it.1);
        let said = self.said.get(values).or(before);
        for (index, value) in values.iter().enumerate() {
            res.push_str(&format!("\n - `\"{value}\"`"));
            let said = said.and_then(|it| it.get(index)).filter(|it| !it.is_empty());
            if let Some(said) = said {
                res.push_str(&format!(" {said}"));
            }
        }
        res
    }
}

/// Lines of values, each with what follows it.
fn listed(text: &str) -> (Vec<String>, Vec<String>) {
    let mut values: Vec<String> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    for line in text.lines().skip(1).map(str::trim).take_while(|it| !it.is_empty()) {
        match line.strip_prefix("- `\"").and_then(|it| it.split_once("\"`")) {
            Some((value, rest)) => {
                values.push(value.to_owned());
                said.push(rest.trim().to_owned());
            }
            None => {
                if let Some(last) = said.last_mut() {
                    *last = format!("{last} {line}");
                }
            }
        }
    }
    (values, said)
}

const HEAD: &str = "Possible enum values:";
