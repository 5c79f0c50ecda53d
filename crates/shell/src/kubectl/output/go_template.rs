//! `-o go-template` (Go's `text/template`): paths, `range`, `if`, `with`, `else`, and a few functions.

use serde_json::Value;

use super::columns::go_text;
use crate::programs::base64;

/// A template, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct GoTemplate(Vec<Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Print(Vec<Expression>),
    Branch { how: Branch, on: Vec<Expression>, inner: Vec<Node>, otherwise: Vec<Node> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    If,
    With,
    Range,
}

/// A call's words; pipes hand the result on as the last one.
type Expression = Vec<Term>;

#[derive(Debug, Clone, PartialEq)]
enum Term {
    /// `.a.b`, from what is current; `$.a` from the whole.
    Path {
        from_root: bool,
        fields: Vec<String>,
    },
    Literal(Value),
    Function(String),
    Nested(Vec<Expression>),
}

const MAX_DEPTH: usize = 30;

impl GoTemplate {
    pub(crate) fn parse(text: &str) -> Result<GoTemplate, String> {
        let mut reader = Reader { rest: text };
        match reader.nodes(0)? {
            (nodes, Stop::Text) => Ok(GoTemplate(nodes)),
            (_, Stop::Else) => Err("unexpected {{else}}".to_owned()),
            (_, Stop::End) => Err("unexpected {{end}}".to_owned()),
        }
    }

    pub(crate) fn print(&self, value: &Value) -> String {
        let mut res = String::new();
        print(&self.0, value, value, &mut res);
        res
    }
}

#[derive(PartialEq)]
enum Stop {
    Text,
    Else,
    End,
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, Stop), String> {
        if depth > MAX_DEPTH {
            return Err("exceeded maximum template depth".to_owned());
        }
        let mut res = Vec::new();
        while let Some(start) = self.rest.find("{{") {
            let (before, after) = (&self.rest[..start], &self.rest[start + 2..]);
            let trims = after.starts_with("- ");
            let before = if trims { before.trim_end() } else { before };
            if !before.is_empty() {
                res.push(Node::Text(before.to_owned()));
            }
            let end = after.find("}}").ok_or("unclosed action")?;
            let mut action = after[..end].trim_start_matches("- ").trim();
            self.rest = &after[end + 2..];
            if let Some(inner) = action.strip_suffix(" -") {
                action = inner.trim();
                self.rest = self.rest.trim_start();
            }
            match action {
                "end" => return Ok((res, Stop::End)),
                "else" => return Ok((res, Stop::Else)),
                action => res.extend(self.action(action, depth)?),
            }
        }
        if !self.rest.is_empty() {
            res.push(Node::Text(self.rest.to_owned()));
        }
        self.rest = "";
        Ok((res, Stop::Text))
    }

    fn action(&mut self, action: &str, depth: usize) -> Result<Option<Node>, String> {
        if action.starts_with("/*") {
            return Ok(None);
        }
        let branches = [("if ", Branch::If), ("with ", Branch::With), ("range ", Branch::Range)];
        let found =
            branches.iter().find_map(|(word, how)| Some((action.strip_prefix(word)?, *how)));
        let Some((condition, how)) = found else {
            return Ok(Some(Node::Print(pipeline(action)?)));
        };
        let on = pipeline(condition)?;
        let (inner, end) = self.nodes(depth + 1)?;
        let (otherwise, end) = match end {
            Stop::Else => self.nodes(depth + 1)?,
            end => (Vec::new(), end),
        };
        match end {
            Stop::End => Ok(Some(Node::Branch { how, on, inner, otherwise })),
            _ => Err("unexpected EOF".to_owned()),
        }
    }
}

fn pipeline(text: &str) -> Result<Vec<Expression>, String> {
    let mut words = words(text)?.into_iter().peekable();
    let res = expressions(&mut words, 0)?;
    match words.next() {
        Some(word) => Err(format!("unexpected {word:?} in operand")),
        None => Ok(res),
    }
}

fn expressions(
    words: &mut std::iter::Peekable<std::vec::IntoIter<String>>,
    depth: usize,
) -> Result<Vec<Expression>, String> {
    if depth > MAX_DEPTH {
        return Err("exceeded maximum template depth".to_owned());
    }
    let mut res = vec![Expression::new()];
    while let Some(word) = words.next_if(|it| it != ")") {
        let term = match word.as_str() {
            "|" => {
                res.push(Expression::new());
                continue;
            }
            "(" => {
                let inner = expressions(words, depth + 1)?;
                words.next().ok_or("unclosed left paren")?;
                Term::Nested(inner)
            }
            word => term(word)?,
        };
        if let Some(last) = res.last_mut() {
            last.push(term);
        }
    }
    if res.iter().any(Vec::is_empty) {
        Err("missing value for command".to_owned())
    } else {
        Ok(res)
    }
}

fn term(word: &str) -> Result<Term, String> {
    let path = |from_root, text: &str| {
        let fields = text.split('.').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Term::Path { from_root, fields }
    };
    if let Some(rest) = word.strip_prefix('$') {
        return Ok(path(true, rest));
    }
    if word.starts_with('.') {
        return Ok(path(false, word));
    }
    if let Some(raw) = word.strip_prefix('`').and_then(|it| it.strip_suffix('`')) {
        return Ok(Term::Literal(raw.into()));
    }
    if word.starts_with('"') {
        let text: Result<String, _> = serde_json::from_str(word);
        return text.map(|it| Term::Literal(it.into())).map_err(|_| format!("bad string {word}"));
    }
    match word {
        "true" => return Ok(Term::Literal(true.into())),
        "false" => return Ok(Term::Literal(false.into())),
        _ => {}
    }
    if let Ok(number) = word.parse::<serde_json::Number>() {
        return Ok(Term::Literal(Value::Number(number)));
    }
    const FUNCTIONS: [&str; 16] = [
        "index",
        "len",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "and",
        "or",
        "not",
        "print",
        "println",
        "printf",
        "exists",
        "base64decode",
    ];
    match FUNCTIONS.contains(&word) {
        true => Ok(Term::Function(word.to_owned())),
        false => Err(format!("function {word:?} not defined")),
    }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut res, mut rest) = (Vec::new(), text.trim());
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' | '`' => {
                let mut escaped = false;
                let inner = rest.char_indices().skip(1).find(|(_, it)| {
                    let ends = *it == c && !escaped;
                    escaped = *it == '\\' && !escaped && c == '"';
                    ends
                });
                inner.map(|(at, _)| at + 1).ok_or("unterminated quoted string")?
            }
            '(' | ')' | '|' => 1,
            _ => rest.find([' ', '(', ')', '|']).unwrap_or(rest.len()),
        };
        res.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    Ok(res)
}

fn print(nodes: &[Node], root: &Value, current: &Value, res: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => res.push_str(text),
            Node::Print(on) => {
                let value = evaluate(on, root, current);
                res.push_str(&if value.is_null() { "<no value>".into() } else { go_text(&value) });
            }
            Node::Branch { how, on, inner, otherwise } => {
                let value = evaluate(on, root, current);
                match how {
                    _ if !is_true(&value) => print(otherwise, root, current, res),
                    Branch::If => print(inner, root, current, res),
                    Branch::With => print(inner, root, &value, res),
                    Branch::Range => {
                        for item in items(&value) {
                            print(inner, root, item, res);
                        }
                    }
                }
            }
        }
    }
}

fn items(value: &Value) -> Vec<&Value> {
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

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) => true,
    }
}

fn evaluate(pipeline: &[Expression], root: &Value, current: &Value) -> Value {
    let mut handed: Option<Value> = None;
    for expression in pipeline {
        let mut values = expression.iter().skip(1).map(|it| of_term(it, root, current));
        let first = expression.first();
        handed = Some(match first {
            Some(Term::Function(name)) => {
                let arguments: Vec<Value> = values.by_ref().chain(handed).collect();
                call(name, &arguments)
            }
            Some(term) => of_term(term, root, current),
            None => Value::Null,
        });
    }
    handed.unwrap_or_default()
}

fn of_term(term: &Term, root: &Value, current: &Value) -> Value {
    match term {
        Term::Path { from_root, fields } => {
            let start = if *from_root { root } else { current };
            let found = fields.iter().try_fold(start, |value, field| value.get(field));
            found.cloned().unwrap_or_default()
        }
        Term::Literal(value) => value.clone(),
        Term::Function(name) => call(name, &[]),
        Term::Nested(inner) => evaluate(inner, root, current),
    }
}

fn call(name: &str, arguments: &[Value]) -> Value {
    let first = arguments.first().unwrap_or(&Value::Null);
    let compare = || {
        let second = arguments.get(1).unwrap_or(&Value::Null);
        match (first.as_f64(), second.as_f64()) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => Some(go_text(first).cmp(&go_text(second))),
        }
    };
    match name {
        "index" => {
            let step = |value: &Value, key: &Value| match key {
                Value::String(key) => value.get(key).cloned().unwrap_or_default(),
                key => {
                    let index = key.as_u64().and_then(|it| usize::try_from(it).ok());
                    index.and_then(|it| value.get(it)).cloned().unwrap_or_default()
                }
            };
            arguments.iter().skip(1).fold(first.clone(), |value, key| step(&value, key))
        }
        "len" => match first {
            Value::String(text) => text.len().into(),
            other => items(other).len().into(),
        },
        "eq" => arguments.iter().skip(1).any(|it| it == first).into(),
        "ne" => (arguments.get(1) != Some(first)).into(),
        "lt" => compare().is_some_and(|it| it.is_lt()).into(),
        "le" => compare().is_some_and(|it| it.is_le()).into(),
        "gt" => compare().is_some_and(|it| it.is_gt()).into(),
        "ge" => compare().is_some_and(|it| it.is_ge()).into(),
        "and" => arguments
            .iter()
            .find(|it| !is_true(it))
            .or(arguments.last())
            .cloned()
            .unwrap_or_default(),
        "or" => arguments
            .iter()
            .find(|it| is_true(it))
            .or(arguments.last())
            .cloned()
            .unwrap_or_default(),
        "not" => (!is_true(first)).into(),
        "exists" => (!call("index", arguments).is_null()).into(),
        "printf" => formatted(&go_text(first), &arguments[1.min(arguments.len())..]).into(),
        "base64decode" => {
            let bytes = base64::decoded(&go_text(first)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned().into()
        }
        "println" => format!("{}\n", texts(arguments)).into(),
        _ => texts(arguments).into(),
    }
}

fn texts(values: &[Value]) -> String {
    values.iter().map(go_text).collect::<Vec<_>>().join(" ")
}

/// `%s`, `%v`, `%d`, `%q`, `%%`; widths count.
fn formatted(format: &str, arguments: &[Value]) -> String {
    let (mut res, mut chars, mut arguments) = (String::new(), format.chars(), arguments.iter());
    while let Some(c) = chars.next() {
        if c != '%' {
            res.push(c);
            continue;
        }
        let mut width = String::new();
        let verb = loop {
            match chars.next() {
                Some(c) if c.is_ascii_digit() || c == '-' => width.push(c),
                other => break other,
            }
        };
        let text = match verb {
            Some('%') => "%".to_owned(),
            Some('q') => {
                arguments.next().map(|it| format!("{:?}", go_text(it))).unwrap_or_default()
            }
            Some(_) => arguments.next().map(go_text).unwrap_or_default(),
            None => "%!(NOVERB)".to_owned(),
        };
        let (left, width) = match width.strip_prefix('-') {
            Some(width) => (true, width),
            None => (false, width.as_str()),
        };
        let blanks =
            width.parse::<usize>().unwrap_or(0).min(200).saturating_sub(text.chars().count());
        let blanks = " ".repeat(blanks);
        res.push_str(&if left { format!("{text}{blanks}") } else { format!("{blanks}{text}") });
    }
    res
}
