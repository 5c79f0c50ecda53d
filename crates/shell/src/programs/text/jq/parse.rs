//! A jq filter's text → what it says.

use serde_json::Value;

/// A filter: each value that goes in comes out as none, one or several.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    /// `.`
    Same,
    /// `..`
    Recurse,
    Literal(Value),
    /// `"a\(.b)c"`, or with `@csv` before it.
    Text(Option<String>, Vec<Piece>),
    Variable(String),
    /// `.a`, `.["a"]`, `.[0]`
    At(Box<Filter>, Box<Filter>),
    /// `.[1:3]`
    Slice(Box<Filter>, Option<Box<Filter>>, Option<Box<Filter>>),
    /// `.[]`
    Each(Box<Filter>),
    /// `f?`
    Try(Box<Filter>),
    Array(Option<Box<Filter>>),
    Object(Vec<(Filter, Filter)>),
    Negative(Box<Filter>),
    Pipe(Box<Filter>, Box<Filter>),
    Comma(Box<Filter>, Box<Filter>),
    /// `a + b`, `a == b`, `a and b`, `a // b`
    Binary(&'static str, Box<Filter>, Box<Filter>),
    /// `a as $name | b`
    Bind(Box<Filter>, String, Box<Filter>),
    If(Vec<(Filter, Filter)>, Option<Box<Filter>>),
    /// `length`, `map(f)`, `@tsv`
    Call(String, Vec<Filter>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Filter(Filter),
}

/// Filters inside each other, at most.
const DEPTH: usize = 50;

/// # Errors
///
/// What was not expected, as jq names it, and how many characters stand before it.
pub(super) fn parse(text: &str) -> Result<Filter, (String, usize)> {
    let mut reader = Reader { rest: text, depth: 0 };
    reader.whole().map_err(|why| {
        let read = text.strip_suffix(reader.rest).unwrap_or(text).chars().count();
        (why, read.saturating_sub(usize::from(reader.rest.is_empty())))
    })
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

/// How tightly operators hold their sides, the loosest first.
const OPERATORS: [&[&str]; 6] = [
    &["//"],
    &["or"],
    &["and"],
    &["==", "!=", "<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Reader<'_> {
    fn whole(&mut self) -> Result<Filter, String> {
        self.skip();
        if self.rest.is_empty() {
            return Ok(Filter::Same);
        }
        let filter = self.pipe()?;
        self.skip();
        if self.rest.is_empty() { Ok(filter) } else { Err(self.unexpected()) }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
        while let Some(comment) = self.rest.strip_prefix('#') {
            self.rest = comment.find('\n').map_or("", |at| &comment[at..]).trim_start();
        }
    }

    fn unexpected(&self) -> String {
        let what = match self.rest.chars().next() {
            None => "$end".to_owned(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => "IDENT".to_owned(),
            Some(c) if c.is_ascii_digit() => "LITERAL".to_owned(),
            Some(c) if ".[]{}()|,:;=<>+-*/%$?\"".contains(c) => format!("'{c}'"),
            Some(_) => "INVALID_CHARACTER".to_owned(),
        };
        format!("syntax error, unexpected {what}")
    }

    fn take(&mut self, text: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A word that stands for itself: not the start of a longer one.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip();
        let is_it = name(self.rest) == word;
        if is_it {
            self.rest = &self.rest[word.len()..];
        }
        is_it
    }

    fn pipe(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("syntax error, memory exhausted".to_owned());
        }
        let left = self.comma()?;
        let res = if self.take_word("as") {
            self.expect("$")?;
            let variable = self.identifier()?;
            self.expect("|")?;
            let body = self.pipe()?;
            Filter::Bind(Box::new(left), variable, Box::new(body))
        } else if self.take_pipe() {
            Filter::Pipe(Box::new(left), Box::new(self.pipe()?))
        } else {
            left
        };
        self.depth -= 1;
        Ok(res)
    }

    fn take_pipe(&mut self) -> bool {
        self.skip();
        !self.rest.starts_with("|=") && self.take("|")
    }

    fn comma(&mut self) -> Result<Filter, String> {
        let mut left = self.binary(0)?;
        while self.take(",") {
            left = Filter::Comma(Box::new(left), Box::new(self.binary(0)?));
        }
        Ok(left)
    }

    fn binary(&mut self, level: usize) -> Result<Filter, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.postfix() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            // `//` looks to its right first.
            let next = if operator == "//" { level } else { level + 1 };
            let right = self.binary(next)?;
            left = Filter::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self, all: &[&'static str]) -> Option<&'static str> {
        self.skip();
        let is_word = |it: &str| it.starts_with(|c: char| c.is_ascii_alphabetic());
        let starts = |it: &&&str| match is_word(it) {
            true => name(self.rest) == **it,
            false => self.rest.starts_with(**it),
        };
        let found = *all.iter().find(starts)?;
        let behind = &self.rest[found.len()..];
        // `/` is not the start of `//`, nor is `+` that of `+=`.
        let is_longer = found == "/" && behind.starts_with('/')
            || found.len() == 1 && "+-*/%".contains(found) && behind.starts_with('=');
        if is_longer {
            return None;
        }
        self.rest = behind;
        Some(found)
    }

    fn postfix(&mut self) -> Result<Filter, String> {
        let mut filter = self.term()?;
        loop {
            filter = if self.take("?") {
                Filter::Try(Box::new(filter))
            } else if self.rest.starts_with("[") {
                self.bracket(filter)?
            } else if self.rest.starts_with(".[") {
                self.rest = &self.rest[1..];
                self.bracket(filter)?
            } else if let Some(rest) = self.rest.strip_prefix('.')
                && (rest.starts_with('"') || !name(rest).is_empty())
            {
                self.rest = rest;
                self.field(filter)?
            } else {
                return Ok(filter);
            };
        }
    }

    /// What stands behind a dot.
    fn field(&mut self, of: Filter) -> Result<Filter, String> {
        let key = match self.rest.starts_with('"') {
            true => self.string(None)?,
            false => Filter::Literal(self.identifier()?.into()),
        };
        Ok(Filter::At(Box::new(of), Box::new(key)))
    }

    fn bracket(&mut self, of: Filter) -> Result<Filter, String> {
        self.expect("[")?;
        let of = Box::new(of);
        if self.take("]") {
            return Ok(Filter::Each(of));
        }
        if self.take(":") {
            let to = self.pipe()?;
            self.expect("]")?;
            return Ok(Filter::Slice(of, None, Some(Box::new(to))));
        }
        let first = Box::new(self.pipe()?);
        if self.take(":") {
            let to = if self.take("]") { None } else { Some(Box::new(self.pipe()?)) };
            if to.is_some() {
                self.expect("]")?;
            }
            return Ok(Filter::Slice(of, Some(first), to));
        }
        self.expect("]")?;
        Ok(Filter::At(of, first))
    }

    fn term(&mut self) -> Result<Filter, String> {
        self.skip();
        let Some(first) = self.rest.chars().next() else { return Err(self.unexpected()) };
        match first {
            '.' => self.dot(),
            '"' => self.string(None),
            '(' => {
                self.rest = &self.rest[1..];
                let filter = self.pipe()?;
                self.expect(")")?;
                Ok(filter)
            }
            '[' => {
                self.rest = &self.rest[1..];
                if self.take("]") {
                    return Ok(Filter::Array(None));
                }
                let filter = self.pipe()?;
                self.expect("]")?;
                Ok(Filter::Array(Some(Box::new(filter))))
            }
            '{' => self.object(),
            '-' => {
                self.rest = &self.rest[1..];
                Ok(Filter::Negative(Box::new(self.limited(Self::postfix)?)))
            }
            '$' => {
                self.rest = &self.rest[1..];
                Ok(Filter::Variable(self.identifier()?))
            }
            '@' => self.format(),
            '0'..='9' => self.number(),
            c if c.is_ascii_alphabetic() || c == '_' => self.call(),
            _ => Err(self.unexpected()),
        }
    }

    /// Counts what is read inside.
    fn limited<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("syntax error, memory exhausted".to_owned());
        }
        let res = read(self)?;
        self.depth -= 1;
        Ok(res)
    }

    fn dot(&mut self) -> Result<Filter, String> {
        self.rest = &self.rest[1..];
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            return Ok(Filter::Recurse);
        }
        match self.rest.starts_with('"') || !name(self.rest).is_empty() {
            true => self.field(Filter::Same),
            false => Ok(Filter::Same),
        }
    }

    fn identifier(&mut self) -> Result<String, String> {
        let found = name(self.rest);
        if found.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = &self.rest[found.len()..];
        Ok(found.to_owned())
    }

    fn number(&mut self) -> Result<Filter, String> {
        let is_number = |(at, c): (usize, char)| {
            c.is_ascii_digit()
                || c == '.'
                || matches!(c, 'e' | 'E')
                || matches!(c, '+' | '-') && self.rest[..at].ends_with(['e', 'E'])
        };
        let end = self.rest.char_indices().find(|it| !is_number(*it)).map(|it| it.0);
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let value = super::order::number(digits.parse::<f64>().map_err(|_| self.unexpected())?);
        self.rest = rest;
        Ok(Filter::Literal(value))
    }

    fn format(&mut self) -> Result<Filter, String> {
        self.rest = &self.rest[1..];
        let format = format!("@{}", self.identifier()?);
        self.skip();
        match self.rest.starts_with('"') {
            true => self.string(Some(format)),
            false => Ok(Filter::Call(format, Vec::new())),
        }
    }

    fn string(&mut self, format: Option<String>) -> Result<Filter, String> {
        self.rest = &self.rest[1..];
        let (mut pieces, mut text) = (Vec::new(), String::new());
        loop {
            let mut letters = self.rest.chars();
            let letter = letters.next().ok_or("syntax error, unexpected QQSTRING_START")?;
            self.rest = letters.as_str();
            match letter {
                '"' => break,
                '\\' => match self.escape()? {
                    Some(letter) => text.push(letter),
                    None => {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                        pieces.push(Piece::Filter(self.pipe()?));
                        self.expect(")")?;
                    }
                },
                letter => text.push(letter),
            }
        }
        if pieces.is_empty() && format.is_none() {
            return Ok(Filter::Literal(text.into()));
        }
        pieces.push(Piece::Text(text));
        Ok(Filter::Text(format, pieces))
    }

    /// What a backslash means; `None` for `\(`.
    fn escape(&mut self) -> Result<Option<char>, String> {
        let mut letters = self.rest.chars();
        let letter = letters.next().ok_or("syntax error, unexpected $end")?;
        self.rest = letters.as_str();
        Ok(Some(match letter {
            '(' => return Ok(None),
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'u' => {
                let (code, rest) = self.rest.split_at_checked(4).unwrap_or(("", ""));
                self.rest = rest;
                u32::from_str_radix(code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
            }
            '"' | '\\' | '/' => letter,
            _ => return Err("syntax error, unexpected INVALID_CHARACTER".to_owned()),
        }))
    }

    fn object(&mut self) -> Result<Filter, String> {
        self.rest = &self.rest[1..];
        let mut entries = Vec::new();
        while !self.take("}") {
            if !entries.is_empty() {
                self.expect(",")?;
                self.skip();
            }
            entries.push(self.limited(Self::entry)?);
        }
        Ok(Filter::Object(entries))
    }

    /// `a: f`, `"a": f`, `(f): f`, `a`, `$a`
    fn entry(&mut self) -> Result<(Filter, Filter), String> {
        self.skip();
        if self.rest.starts_with('$') {
            self.rest = &self.rest[1..];
            let variable = self.identifier()?;
            return Ok((Filter::Literal(variable.clone().into()), Filter::Variable(variable)));
        }
        let key = match self.rest.chars().next() {
            Some('(') => {
                self.rest = &self.rest[1..];
                let key = self.pipe()?;
                self.expect(")")?;
                key
            }
            Some('"') => self.string(None)?,
            _ => Filter::Literal(self.identifier()?.into()),
        };
        if !self.take(":") {
            let own = Filter::At(Box::new(Filter::Same), Box::new(key.clone()));
            return Ok((key, own));
        }
        let mut value = self.binary(0)?;
        while self.take_pipe() {
            value = Filter::Pipe(Box::new(value), Box::new(self.binary(0)?));
        }
        Ok((key, value))
    }

    fn call(&mut self) -> Result<Filter, String> {
        let name = self.identifier()?;
        match name.as_str() {
            "null" => return Ok(Filter::Literal(Value::Null)),
            "true" => return Ok(Filter::Literal(true.into())),
            "false" => return Ok(Filter::Literal(false.into())),
            "if" => return self.conditional(),
            "and" | "or" | "as" | "then" | "else" | "elif" | "end" => {
                return Err(format!("syntax error, unexpected {name}"));
            }
            _ => {}
        }
        let mut arguments = Vec::new();
        if self.rest.starts_with('(') {
            self.rest = &self.rest[1..];
            arguments.push(self.pipe()?);
            while self.take(";") {
                arguments.push(self.pipe()?);
            }
            self.expect(")")?;
        }
        Ok(Filter::Call(name, arguments))
    }

    fn conditional(&mut self) -> Result<Filter, String> {
        let mut branches = Vec::new();
        loop {
            let condition = self.pipe()?;
            if !self.take_word("then") {
                return Err(self.unexpected());
            }
            branches.push((condition, self.pipe()?));
            if self.take_word("end") {
                return Ok(Filter::If(branches, None));
            }
            if self.take_word("else") {
                let otherwise = self.pipe()?;
                return match self.take_word("end") {
                    true => Ok(Filter::If(branches, Some(Box::new(otherwise)))),
                    false => Err(self.unexpected()),
                };
            }
            if !self.take_word("elif") {
                return Err(self.unexpected());
            }
        }
    }
}

/// The name that a text begins with.
fn name(text: &str) -> &str {
    let is_name = |(at, c): (usize, char)| {
        c.is_ascii_alphabetic() || c == '_' || at > 0 && c.is_ascii_digit()
    };
    let end = text.char_indices().find(|it| !is_name(*it)).map_or(text.len(), |it| it.0);
    &text[..end]
}
