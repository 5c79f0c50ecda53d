//! The text of a template → its nodes.

use serde_json::Value;

use super::{COMPARISONS, Node, Operand, Path, Step};

/// Ranges in each other, at most.
const MAX_DEPTH: usize = 30;

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The nodes up to `{end}` (true) or the end of the text.
    pub(super) fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, bool), String> {
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
