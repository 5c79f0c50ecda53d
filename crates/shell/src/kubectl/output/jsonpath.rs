//! `-o jsonpath` (`client-go/util/jsonpath`): a template and a value → text.

use serde_json::Value;

use super::json;

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

/// Ranges in each other, at most.
const MAX_DEPTH: usize = 30;

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The nodes up to `{end}` (true) or the end of the text.
    fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, bool), String> {
        let mut res = Vec::new();
        while let Some(start) = self.rest.find('{') {
            if start > 0 {
                res.push(Node::Text(self.rest[..start].to_owned()));
            }
            self.rest = &self.rest[start + 1..];
            let action = self.action()?.trim();
            if action == "end" {
                return Ok((res, true));
            }
            if let Some(path) = action.strip_prefix("range ") {
                if depth > MAX_DEPTH {
                    return Err("too many ranges".to_owned());
                }
                let path = parse_path(path.trim())?;
                let (inner, ended) = self.nodes(depth + 1)?;
                if !ended {
                    return Err("unterminated range".to_owned());
                }
                res.push(Node::Range(path, inner));
            } else if let Some(text) = quoted(action) {
                res.push(Node::Text(text));
            } else {
                res.push(Node::Path(parse_paths(action)?));
            }
        }
        if !self.rest.is_empty() {
            res.push(Node::Text(self.rest.to_owned()));
        }
        self.rest = "";
        Ok((res, false))
    }

    /// What stands up to the closing brace.
    fn action(&mut self) -> Result<&'a str, String> {
        let mut quote: Option<char> = None;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), c) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '}') => {
                    let action = &self.rest[..at];
                    self.rest = &self.rest[at + 1..];
                    return Ok(action);
                }
                _ => {}
            }
        }
        let _ = self.text;
        Err(match quote {
            Some(_) => "unterminated quoted string".to_owned(),
            None => "unclosed action".to_owned(),
        })
    }
}

/// A text in quotes, with its escapes resolved.
fn quoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut res = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            res.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => res.push('\n'),
            Some('t') => res.push('\t'),
            Some('r') => res.push('\r'),
            Some(other) => res.push(other),
            None => res.push('\\'),
        }
    }
    Some(res)
}

/// Paths with blanks or commas between them.
fn parse_paths(text: &str) -> Result<Vec<Path>, String> {
    split(text, &[' ', ',']).into_iter().map(parse_path).collect()
}

/// Splits where no bracket and no quote is open.
fn split<'a>(text: &'a str, at: &[char]) -> Vec<&'a str> {
    let (mut res, mut open, mut quote, mut start) = (Vec::new(), 0_i32, None, 0);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '(') => open += 1,
            (None, ']' | ')') => open -= 1,
            (None, c) if open == 0 && at.contains(&c) => {
                res.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    res.push(&text[start..]);
    res.into_iter().map(str::trim).filter(|it| !it.is_empty()).collect()
}

fn parse_path(text: &str) -> Result<Path, String> {
    if let Some(text) = quoted(text) {
        return Ok(vec![Step::Literal(text.into())]);
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(vec![Step::Literal(number.into())]);
    }
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '$' => {
                steps.push(Step::Root);
                &rest[1..]
            }
            '@' => &rest[1..],
            '.' if rest.starts_with("..") => {
                steps.push(Step::Recursive);
                rest[2..].strip_prefix('.').unwrap_or(&rest[2..])
            }
            '.' => field(&rest[1..], &mut steps),
            '[' => bracket(rest, &mut steps)?,
            '*' => {
                steps.push(Step::Wildcard);
                &rest[1..]
            }
            _ if matches!(steps.last(), Some(Step::Recursive)) => field(rest, &mut steps),
            _ => {
                let end = rest.find(['.', '[', ' ']).unwrap_or(rest.len());
                return Err(format!("unrecognized identifier {}", &rest[..end]));
            }
        };
    }
    Ok(steps)
}

/// A field's name; a backslash lets the next character be part of it.
fn field<'a>(text: &'a str, steps: &mut Vec<Step>) -> &'a str {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' | ' ' | '$' | '@' => {
                end = at;
                break;
            }
            c => name.push(c),
        }
    }
    match name.as_str() {
        "" => {}
        "*" => steps.push(Step::Wildcard),
        _ => steps.push(Step::Field(name)),
    }
    &text[end..]
}

fn bracket<'a>(text: &'a str, steps: &mut Vec<Step>) -> Result<&'a str, String> {
    let end = closing(text).ok_or("unterminated array")?;
    let (inner, rest) = (text[1..end].trim(), &text[end + 1..]);
    if let Some(filter) = inner.strip_prefix("?(").and_then(|it| it.strip_suffix(')')) {
        steps.push(parse_filter(filter)?);
        return Ok(rest);
    }
    let mut parts: Vec<Path> = Vec::new();
    for part in split(inner, &[',']) {
        parts.push(vec![subscript(part)?]);
    }
    match (parts.len(), parts.pop()) {
        (1, Some(path)) => steps.extend(path),
        (_, Some(last)) => {
            parts.push(last);
            steps.push(Step::Union(parts));
        }
        (_, None) => return Err("invalid array index ".to_owned()),
    }
    Ok(rest)
}

fn subscript(part: &str) -> Result<Step, String> {
    if part == "*" {
        return Ok(Step::Wildcard);
    }
    if let Some(name) = quoted(part) {
        return Ok(Step::Field(name));
    }
    if let Ok(index) = part.parse() {
        return Ok(Step::Index(index));
    }
    let wrong = || format!("invalid array index {part}");
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse::<i64>().map(Some).map_err(|_| wrong()),
    };
    match part.split(':').collect::<Vec<_>>().as_slice() {
        [from, to] => Ok(Step::Slice { from: number(from)?, to: number(to)?, step: 1 }),
        [from, to, step] => {
            let step = number(step)?.unwrap_or(1);
            Ok(Step::Slice { from: number(from)?, to: number(to)?, step })
        }
        _ => Err(wrong()),
    }
}

fn closing(text: &str) -> Option<usize> {
    let (mut open, mut quote) = (0_i32, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => open += 1,
            (None, ']') => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn parse_filter(text: &str) -> Result<Step, String> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, _) => {
                let rest = &text[at..];
                if let Some(sign) = COMPARISONS.into_iter().find(|it| rest.starts_with(it)) {
                    let left = operand(text[..at].trim())?;
                    let right = operand(rest[sign.len()..].trim())?;
                    return Ok(Step::Filter { left, comparison: Some((sign, right)) });
                }
            }
        }
    }
    Ok(Step::Filter { left: operand(text.trim())?, comparison: None })
}

fn operand(text: &str) -> Result<Operand, String> {
    if let Some(text) = quoted(text) {
        return Ok(Operand::Literal(text.into()));
    }
    if let Ok(number) = text.parse::<serde_json::Number>() {
        return Ok(Operand::Literal(Value::Number(number)));
    }
    match text {
        "true" => Ok(Operand::Literal(true.into())),
        "false" => Ok(Operand::Literal(false.into())),
        text => parse_path(text).map(Operand::Path),
    }
}
