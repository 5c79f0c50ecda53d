//! `-o jsonpath` (`client-go/util/jsonpath`): a template and a value → text.

mod read;

use serde_json::Value;

use super::json;
use read::Reader;

/// A template, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Template(Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    /// `{.a}{.b}`; several with commas between them are printed one after the other.
    Path(Vec<Path>),
    /// `{range …}…{end}`
    Range(Path, Vec<Node>),
}

type Path = Vec<Step>;

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Wildcard,
    /// `..`
    Recursive,
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: i64,
    },
    Index(i64),
    /// `[0,2]`, `['a','b']`
    Union(Vec<Path>),
    Filter {
        left: Operand,
        comparison: Option<(&'static str, Operand)>,
    },
    /// Starts again at the whole value.
    Root,
    Literal(Value),
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(Path),
    Literal(Value),
}

const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

impl Template {
    /// # Errors
    ///
    /// What is wrong, as in `error parsing jsonpath {.spec, unclosed action`.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut reader = Reader { text, rest: text };
        let (nodes, ended) = reader.nodes(0)?;
        match ended {
            false => Ok(Template(nodes)),
            true => Err("not in range, nothing to end".to_owned()),
        }
    }

    /// A single path, in braces or not, with or without its first dot: `metadata.name`.
    pub(crate) fn relaxed(text: &str) -> Result<Template, String> {
        let inner = match text.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(inner) => inner,
            None => text,
        };
        let dot =
            if inner.starts_with(['.', '[', '$', '@']) || inner.is_empty() { "" } else { "." };
        Template::parse(&format!("{{{dot}{inner}}}"))
    }

    pub(crate) fn print(&self, value: &Value) -> String {
        let mut res = String::new();
        print(&self.0, value, value, &mut res);
        res
    }

    /// What the paths of the template lead to.
    pub(crate) fn find<'a>(&'a self, value: &'a Value) -> Vec<&'a Value> {
        let paths = self.0.iter().filter_map(|it| match it {
            Node::Path(paths) => Some(paths),
            _ => None,
        });
        paths.flatten().flat_map(|path| walk(path, value, value)).collect()
    }
}

fn print(nodes: &[Node], root: &Value, current: &Value, res: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => res.push_str(text),
            Node::Path(paths) => {
                let found = paths.iter().flat_map(|path| walk(path, root, current));
                let texts: Vec<String> = found.map(text_of).collect();
                res.push_str(&texts.join(" "));
            }
            Node::Range(path, inner) => {
                for value in walk(path, root, current) {
                    print(inner, root, value, res);
                }
            }
        }
    }
}

/// A value as a template prints it.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => json::compact(other),
    }
}

fn walk<'a>(path: &'a [Step], root: &'a Value, current: &'a Value) -> Vec<&'a Value> {
    let mut values = vec![current];
    for step in path {
        values = values.into_iter().flat_map(|value| next(step, root, value)).collect();
    }
    values
}

fn next<'a>(step: &'a Step, root: &'a Value, value: &'a Value) -> Vec<&'a Value> {
    match step {
        Step::Root => vec![root],
        Step::Literal(literal) => vec![literal],
        Step::Field(name) => match value {
            Value::Object(map) => map.get(name).filter(|it| !it.is_null()).into_iter().collect(),
            _ => Vec::new(),
        },
        Step::Wildcard => children(value),
        Step::Recursive => descendants(value),
        Step::Index(index) => at(value, *index).into_iter().collect(),
        Step::Slice { from, to, step } => slice(value, *from, *to, *step),
        Step::Union(paths) => paths.iter().flat_map(|path| walk(path, root, value)).collect(),
        Step::Filter { left, comparison } => {
            let fits = |it: &&'a Value| filter_fits(left, comparison.as_ref(), root, it);
            children(value).into_iter().filter(fits).collect()
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|it| it.0);
            entries.into_iter().map(|(_, it)| it).collect()
        }
        _ => Vec::new(),
    }
}

fn descendants(value: &Value) -> Vec<&Value> {
    let mut res = vec![value];
    for child in children(value) {
        res.extend(descendants(child));
    }
    res
}

fn at(value: &Value, index: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let index =
        if index < 0 { index.checked_add(i64::try_from(items.len()).ok()?)? } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn slice(value: &Value, from: Option<i64>, to: Option<i64>, step: i64) -> Vec<&Value> {
    let Some(items) = value.as_array() else { return Vec::new() };
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = |it: i64| if it < 0 { it.saturating_add(count).max(0) } else { it.min(count) };
    let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(count)));
    let inside = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    let found = inside.and_then(|(from, to)| items.get(from..to)).unwrap_or_default();
    found.iter().step_by(usize::try_from(step.max(1)).unwrap_or(1)).collect()
}

fn filter_fits(
    left: &Operand,
    comparison: Option<&(&'static str, Operand)>,
    root: &Value,
    value: &Value,
) -> bool {
    let found = |operand: &Operand| -> Option<Value> {
        match operand {
            Operand::Literal(literal) => Some(literal.clone()),
            Operand::Path(path) => walk(path, root, value).first().map(|it| (*it).clone()),
        }
    };
    let Some((sign, right)) = comparison else { return found(left).is_some() };
    let (Some(left), Some(right)) = (found(left), found(right)) else { return false };
    let order = match (&left, &right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        _ => Some(text_of(&left).cmp(&text_of(&right))),
    };
    let Some(order) = order else { return false };
    match *sign {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<=" => order.is_le(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        _ => order.is_gt(),
    }
}
