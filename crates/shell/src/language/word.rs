//! One word of a line: quotes, variables, substitutions.

use super::ast::*;
use super::parse::{Parsed, Parser, Unreadable, is_word_end};

impl Parser {
    pub(super) fn word(&mut self) -> Parsed<Word> {
        let mut parts = Parts::default();
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
                parts.0.push(Part::Variable { name, change: None, quoted });
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
        if self.starts_with("#") && self.ahead(1) != Some('}') {
            self.at += 1;
            let name = self.variable_name();
            return self.end_brace(name, Some(Change::Length), quoted);
        }
        let name = self.variable_name();
        if name.is_empty() {
            return Err(bad_substitution());
        }
        let change = match self.peek() {
            Some('}') => None,
            _ if self.eat(":-") || self.eat("-") => Some(Change::Default(self.operand_until("}")?)),
            _ if self.eat(":=") || self.eat("=") => Some(Change::Assign(self.operand_until("}")?)),
            _ if self.eat(":+") || self.eat("+") => Some(Change::Instead(self.operand_until("}")?)),
            Some(sign @ ('#' | '%')) => {
                self.at += 1;
                let longest = self.eat(&sign.to_string());
                let pattern = self.operand_until("}")?;
                Some(match sign {
                    '#' => Change::WithoutPrefix { pattern, longest },
                    _ => Change::WithoutSuffix { pattern, longest },
                })
            }
            Some('/') => {
                self.at += 1;
                let all = self.eat("/");
                let pattern = self.operand_until("/}")?;
                let text = match self.eat("/") {
                    true => self.operand_until("}")?,
                    false => Word::default(),
                };
                Some(Change::Replace { pattern, text, all })
            }
            None => return Err(unclosed('}')),
            Some(_) => return Err(bad_substitution()),
        };
        self.end_brace(name, change, quoted)
    }

    fn end_brace(&mut self, name: String, change: Option<Change>, quoted: bool) -> Parsed<Part> {
        match self.peek() {
            Some('}') if !name.is_empty() => {
                self.at += 1;
                Ok(Part::Variable { name, change, quoted })
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
