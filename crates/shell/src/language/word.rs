//! One word of a line: quotes, variables, substitutions.

use super::ast::*;
use super::parse::{Parsed, Parser, Unreadable, is_word_end};

impl Parser {
    pub(super) fn word(&mut self) -> Parsed<Word> {
        let mut parts = Parts::default();
        if self.eat("<(") {
            let list = self.list(&[])?;
            if !self.eat(")") {
                return Err(unclosed(')'));
            }
            return Ok(Word(vec![Part::File(list)]));
        }
        while let Some(c) = self.peek().filter(|c| !is_word_end(*c)) {
            self.at += 1;
            match c {
                '\'' => parts.text(&self.until_quote()?, true),
                '"' => self.double_quoted(&mut parts)?,
                '$' if self.peek() == Some('\'') => {
                    self.at += 1;
                    let text = self.until_quote()?;
                    parts.text(&escapes(&text), true);
                }
                '$' => self.dollar(&mut parts, false)?,
                '`' => self.backquoted(&mut parts, false)?,
                '\\' => match self.peek() {
                    Some(next) => {
                        self.at += 1;
                        if next != '\n' {
                            parts.text(&next.to_string(), true);
                        }
                    }
                    None => parts.text("\\", true),
                },
                c => parts.text(&c.to_string(), false),
            }
        }
        Ok(Word(parts.0))
    }

    fn until_quote(&mut self) -> Parsed<String> {
        let start = self.at;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\'' => return Ok(self.chars[start..self.at - 1].iter().collect()),
                '\\' if start >= 2 && self.chars[start - 2] == '$' => self.at += 1,
                _ => {}
            }
        }
        self.at = self.chars.len();
        Err(unclosed('\''))
    }

    fn double_quoted(&mut self, parts: &mut Parts) -> Parsed<()> {
        parts.text("", true);
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(()),
                c => self.quoted_char(c, "$`\"\\", parts)?,
            }
        }
        Err(unclosed('"'))
    }

    /// A character between double quotes or in a here-document; a backslash escapes `special`.
    fn quoted_char(&mut self, c: char, special: &str, parts: &mut Parts) -> Parsed<()> {
        match c {
            '$' => self.dollar(parts, true)?,
            '`' => self.backquoted(parts, true)?,
            '\\' => match self.peek() {
                Some('\n') => self.at += 1,
                Some(next) if special.contains(next) => {
                    self.at += 1;
                    parts.text(&next.to_string(), true);
                }
                _ => parts.text("\\", true),
            },
            c => parts.text(&c.to_string(), true),
        }
        Ok(())
    }

    /// What follows a `$`.
    fn dollar(&mut self, parts: &mut Parts, quoted: bool) -> Parsed<()> {
        if self.eat("((") {
            let word = self.arithmetic_text()?;
            parts.0.push(Part::Arithmetic { word, quoted });
        } else if self.eat("(") {
            let list = self.list(&[])?;
            if !self.eat(")") {
                return Err(unclosed(')'));
            }
            parts.0.push(Part::Command { list, quoted });
        } else if self.eat("{") {
            let part = self.deeper(|parser| parser.braced(quoted))?;
            parts.0.push(part);
        } else {
            let name = self.variable_name();
            if name.is_empty() {
                parts.text("$", quoted);
            } else {
                parts.0.push(Part::Variable { name, index: None, change: None, quoted });
            }
        }
        Ok(())
    }

    fn variable_name(&mut self) -> String {
        let rest = || self.chars.iter().skip(self.at);
        let name: String = match self.peek() {
            Some(c @ ('?' | '#' | '@' | '*' | '$' | '!' | '0'..='9')) => c.to_string(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                rest().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect()
            }
            _ => String::new(),
        };
        self.at += name.chars().count();
        name
    }

    fn braced(&mut self, quoted: bool) -> Parsed<Part> {
        let is_length = self.starts_with("#") && self.ahead(1) != Some('}');
        let is_named = self.starts_with("!") && self.ahead(1) != Some('}');
        if is_length || is_named {
            self.at += 1;
            let name = self.variable_name();
            let index = self.index();
            let change = if is_length { Change::Length } else { Change::Named };
            return self.end_brace(name, index, Some(change), quoted);
        }
        let name = self.variable_name();
        if name.is_empty() {
            return Err(bad_substitution());
        }
        let index = self.index();
        let change = self.change()?;
        self.end_brace(name, index, change, quoted)
    }

    /// `[…]` behind a name.
    fn index(&mut self) -> Option<Index> {
        let rest = self.chars.iter().skip(self.at + 1);
        let inner: String = rest.take_while(|c| **c != ']').collect();
        let end = inner.chars().count() + 1;
        if self.peek() != Some('[') || self.ahead(end) != Some(']') {
            return None;
        }
        self.at += end + 1;
        Some(match inner.as_str() {
            "@" => Index::All,
            "*" => Index::Joined,
            inner => Index::At(self.subscript(inner)),
        })
    }

    fn change(&mut self) -> Parsed<Option<Change>> {
        let empty =
            self.peek() == Some(':') && matches!(self.ahead(1), Some('-' | '=' | '+' | '?'));
        self.at += usize::from(empty);
        let Some(sign) = self.peek() else { return Err(unclosed('}')) };
        if sign == '}' {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(match sign {
            '-' => Change::Default { word: self.operand_until("}")?, empty },
            '=' => Change::Assign { word: self.operand_until("}")?, empty },
            '+' => Change::Instead { word: self.operand_until("}")?, empty },
            '?' => Change::Complain { word: self.operand_until("}")?, empty },
            ':' => {
                let from = self.operand_until(":}")?;
                let length = match self.eat(":") {
                    true => Some(self.operand_until("}")?),
                    false => None,
                };
                Change::Slice { from, length }
            }
            '#' | '%' => {
                let longest = self.eat(&sign.to_string());
                let pattern = self.operand_until("}")?;
                match sign {
                    '#' => Change::WithoutPrefix { pattern, longest },
                    _ => Change::WithoutSuffix { pattern, longest },
                }
            }
            '^' | ',' => {
                let all = self.eat(&sign.to_string());
                Change::Letters { upper: sign == '^', all }
            }
            '/' => {
                let all = self.eat("/");
                let edge = self.peek().filter(|it| !all && matches!(it, '#' | '%'));
                self.at += usize::from(edge.is_some());
                let pattern = self.operand_until("/}")?;
                let text = match self.eat("/") {
                    true => self.operand_until("}")?,
                    false => Word::default(),
                };
                Change::Replace { pattern, text, all, edge }
            }
            _ => return Err(bad_substitution()),
        }))
    }

    fn end_brace(
        &mut self,
        name: String,
        index: Option<Index>,
        change: Option<Change>,
        quoted: bool,
    ) -> Parsed<Part> {
        match self.peek() {
            Some('}') if !name.is_empty() => {
                self.at += 1;
                Ok(Part::Variable { name, index, change, quoted })
            }
            None => Err(unclosed('}')),
            Some(_) => Err(bad_substitution()),
        }
    }

    fn operand_until(&mut self, ends: &str) -> Parsed<Word> {
        let mut parts = Parts::default();
        while let Some(c) = self.peek().filter(|c| !ends.contains(*c)) {
            self.at += 1;
            match c {
                '\'' => parts.text(&self.until_quote()?, true),
                '"' => self.double_quoted(&mut parts)?,
                '$' => self.dollar(&mut parts, false)?,
                '\\' => {
                    let next = self.peek().unwrap_or('\\');
                    self.at = (self.at + 1).min(self.chars.len());
                    parts.text(&next.to_string(), true);
                }
                c => parts.text(&c.to_string(), false),
            }
        }
        if self.peek().is_none() { Err(unclosed('}')) } else { Ok(Word(parts.0)) }
    }

    /// Up to the `))` that closes it.
    pub(super) fn arithmetic_text(&mut self) -> Parsed<Word> {
        self.deeper(|parser| {
            let mut parts = Parts::default();
            let mut open = 0_usize;
            while let Some(c) = parser.peek() {
                if open == 0 && parser.eat("))") {
                    return Ok(Word(parts.0));
                }
                parser.at += 1;
                match c {
                    '$' => parser.dollar(&mut parts, true)?,
                    '(' => open += 1,
                    ')' => open = open.saturating_sub(1),
                    _ => {}
                }
                if c != '$' {
                    parts.text(&c.to_string(), true);
                }
            }
            Err(unclosed(')'))
        })
    }

    fn backquoted(&mut self, parts: &mut Parts, quoted: bool) -> Parsed<()> {
        let mut inner = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '`' => {
                    let list = self.deeper(|parser| {
                        let mut nested = Parser::at_depth(&inner, parser.depth);
                        nested.list(&[])
                    })?;
                    parts.0.push(Part::Command { list, quoted });
                    return Ok(());
                }
                '\\' if matches!(self.peek(), Some('`' | '$' | '\\')) => {
                    inner.extend(self.peek());
                    self.at += 1;
                }
                c => inner.push(c),
            }
        }
        Err(unclosed('`'))
    }
}

/// A here-document's text: variables and substitutions count, quotes do not.
pub(super) fn document(text: &str, depth: usize) -> Word {
    let mut parser = Parser::at_depth(text, depth);
    let mut parts = Parts::default();
    while let Some(c) = parser.peek() {
        let start = parser.at;
        parser.at += 1;
        if parser.quoted_char(c, "$`\\", &mut parts).is_err() {
            // What cannot be read as a substitution stays as it is.
            parser.at = start + 1;
            parts.text(&c.to_string(), true);
        }
    }
    Word(parts.0)
}

fn unclosed(quote: char) -> Unreadable {
    Unreadable::Incomplete(format!("unexpected EOF while looking for matching `{quote}'"))
}

fn bad_substitution() -> Unreadable {
    Unreadable::Wrong("bad substitution".to_owned())
}

/// `$'…'`
fn escapes(text: &str) -> String {
    let mut res = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => res.push('\n'),
                Some('t') => res.push('\t'),
                Some('r') => res.push('\r'),
                Some('e') => res.push('\u{1b}'),
                Some(other) => res.push(other),
                None => res.push('\\'),
            },
            c => res.push(c),
        }
    }
    res
}

/// Parts of a word; text of one sort goes together.
#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn text(&mut self, more: &str, is_quoted: bool) {
        match self.0.last_mut() {
            Some(Part::Text { text, quoted }) if *quoted == is_quoted => text.push_str(more),
            _ => self.0.push(Part::Text { text: more.to_owned(), quoted: is_quoted }),
        }
    }
}
