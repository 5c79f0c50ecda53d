//! `-o custom-columns=NAME:.metadata.name,…`

use serde_json::Value;

use super::jsonpath::{Template, text_of};
use super::table::Columns;

/// The columns asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CustomColumns(Vec<(String, Template)>);

impl CustomColumns {
    /// # Errors
    ///
    /// As kubectl says it after `error: `.
    pub(crate) fn parse(text: &str) -> Result<CustomColumns, String> {
        if text.is_empty() {
            return Err("custom-columns format specified but no custom columns given".to_owned());
        }
        let mut res = Vec::new();
        for part in text.split(',') {
            let (name, path) = part.split_once(':').ok_or_else(|| {
                format!(
                    "unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
                )
            })?;
            res.push((name.to_owned(), Template::relaxed(path)?));
        }
        Ok(CustomColumns(res))
    }

    pub(crate) fn print(&self, objects: &[Value], headers: bool) -> String {
        let header = self.0.iter().map(|(name, _)| name.clone()).collect();
        let rows = objects.iter().map(|object| self.row(object));
        let lines: Vec<Vec<String>> = headers.then_some(header).into_iter().chain(rows).collect();
        Columns::default().print(&lines)
    }

    fn row(&self, object: &Value) -> Vec<String> {
        let cell = |template: &Template| {
            let found: Vec<String> =
                template.find(object).into_iter().filter(|it| !it.is_null()).map(go_text).collect();
            if found.is_empty() { "<none>".to_owned() } else { found.join(",") }
        };
        self.0.iter().map(|(_, template)| cell(template)).collect()
    }
}

/// As Go prints a value with `%v`: `map[app:web]`, `[a b]`.
pub(crate) fn go_text(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|it| it.0);
            let entries: Vec<String> =
                entries.into_iter().map(|(key, it)| format!("{key}:{}", go_text(it))).collect();
            format!("map[{}]", entries.join(" "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_text).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Null => "<nil>".to_owned(),
        other => text_of(other),
    }
}
