//! Commands made of lists: `if`, `case`, loops, functions, `((…))`.

use std::rc::Rc;

use super::ast::*;
use super::parse::{Parsed, Parser, is_name, is_word_end};

impl Parser {
    /// The compound command that begins here, if one does.
    pub(super) fn compound(&mut self) -> Parsed<Option<What>> {
        Ok(Some(match self.peek() {
            Some('(') if self.ahead(1) == Some('(') => self.arithmetic_command()?,
            Some('(') => {
                self.at += 1;
                let list = self.filled(&[])?;
                self.close(')')?;
                What::Subshell(list)
            }
            _ if self.at_keyword(&["{"]) => {
                self.at += 1;
                let list = self.filled(&["}"])?;
                self.keyword("}")?;
                What::Group(list)
            }
            _ if self.at_keyword(&["if"]) => self.branches()?,
            _ if self.at_keyword(&["while", "until"]) => self.repeated()?,
            _ if self.at_keyword(&["for"]) => self.each()?,
            _ if self.at_keyword(&["case"]) => self.case()?,
            _ if self.at_keyword(&["[["]) => self.test()?,
            _ => return Ok(None),
        }))
    }

    fn arithmetic_command(&mut self) -> Parsed<What> {
        self.at += 2;
        let word = self.arithmetic_text()?;
        Ok(What::Arithmetic(word))
    }

    fn branches(&mut self) -> Parsed<What> {
        self.at += 2;
        let mut branches = Vec::new();
        loop {
            let condition = self.filled(&["then"])?;
            self.keyword("then")?;
            let body = self.filled(&["elif", "else", "fi"])?;
            branches.push((condition, body));
            if !self.at_keyword(&["elif"]) {
                break;
            }
            self.at += 4;
        }
        let mut otherwise = None;
        if self.at_keyword(&["else"]) {
            self.at += 4;
            otherwise = Some(self.filled(&["fi"])?);
        }
        self.keyword("fi")?;
        Ok(What::If { branches, otherwise })
    }

    fn repeated(&mut self) -> Parsed<What> {
        let negated = self.at_keyword(&["until"]);
        self.at += 5;
        let condition = self.filled(&["do"])?;
        let body = self.body()?;
        Ok(What::While { negated, condition, body })
    }

    fn body(&mut self) -> Parsed<List> {
        self.keyword("do")?;
        let body = self.filled(&["done"])?;
        self.keyword("done")?;
        Ok(body)
    }

    fn each(&mut self) -> Parsed<What> {
        self.at += 3;
        self.skip_blanks();
        if self.eat("((") {
            return self.counted();
        }
        let name = self.bare_word();
        if !is_name(&name) {
            return Err(self.unexpected());
        }
        self.at += name.chars().count();
        self.skip_line_ends();
        self.skip_semicolon();
        let mut words = None;
        if self.at_keyword(&["in"]) {
            self.at += 2;
            words = Some(self.words()?);
        }
        let body = self.body()?;
        Ok(What::For { name, words, body })
    }

    /// `for x; do`
    fn skip_semicolon(&mut self) {
        if self.peek() == Some(';') && self.ahead(1) != Some(';') {
            self.at += 1;
            self.skip_line_ends();
        }
    }

    fn counted(&mut self) -> Parsed<What> {
        let mut parts = vec![Word::default()];
        for part in self.arithmetic_text()?.0 {
            let Part::Text { text, quoted } = part else {
                parts.last_mut().into_iter().for_each(|it| it.0.push(part.clone()));
                continue;
            };
            for (at, piece) in text.split(';').enumerate() {
                if at > 0 {
                    parts.push(Word::default());
                }
                let piece = Part::Text { text: piece.to_owned(), quoted };
                parts.last_mut().into_iter().for_each(|it| it.0.push(piece.clone()));
            }
        }
        let Ok(head) = <[Word; 3]>::try_from(parts) else {
            let why = "syntax error: arithmetic expression required";
            return Err(super::parse::Unreadable::Wrong(why.to_owned()));
        };
        self.skip_line_ends();
        self.skip_semicolon();
        let body = self.body()?;
        Ok(What::Count { head, body })
    }

    fn case(&mut self) -> Parsed<What> {
        self.at += 4;
        let word = self.operand()?;
        self.keyword("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_lines();
            if self.at_keyword(&["esac"]) {
                self.at += 4;
                return Ok(What::Case { word, arms });
            }
            self.eat("(");
            let mut patterns = vec![self.operand()?];
            self.skip_blanks();
            while self.eat("|") {
                patterns.push(self.operand()?);
                self.skip_blanks();
            }
            self.close(')')?;
            let body = self.list(&["esac"])?;
            let then = match () {
                () if self.eat(";;&") => Then::Tries,
                () if self.eat(";&") => Then::Falls,
                () if self.eat(";;") || self.at_keyword(&["esac"]) => Then::Ends,
                () => return Err(self.unexpected()),
            };
            arms.push(Arm { patterns, body, then });
        }
    }

    fn test(&mut self) -> Parsed<What> {
        self.at += 2;
        let condition = self.either()?;
        self.skip_line_ends();
        if !self.at_keyword(&["]]"]) {
            return Err(self.unexpected());
        }
        self.at += 2;
        Ok(What::Test(condition))
    }

    fn either(&mut self) -> Parsed<Condition> {
        self.deeper(|parser| {
            let mut left = parser.both()?;
            loop {
                parser.skip_line_ends();
                if !parser.eat("||") {
                    return Ok(left);
                }
                left = Condition::Either(Box::new(left), Box::new(parser.both()?));
            }
        })
    }

    fn both(&mut self) -> Parsed<Condition> {
        let mut left = self.one()?;
        loop {
            self.skip_line_ends();
            if !self.eat("&&") {
                return Ok(left);
            }
            left = Condition::Both(Box::new(left), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Parsed<Condition> {
        self.skip_line_ends();
        if self.at_keyword(&["!"]) {
            self.at += 1;
            return self.deeper(|parser| Ok(Condition::Not(Box::new(parser.one()?))));
        }
        if self.eat("(") {
            let inner = self.either()?;
            self.close(')')?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.skip_blanks();
        let ends = |it: &Parser| {
            it.peek().is_none_or(|c| matches!(c, '&' | '|' | ')' | '\n')) || it.at_keyword(&["]]"])
        };
        if let Some(flag) = left.plain().filter(|it| it.len() == 2 && it.starts_with('-'))
            && !ends(self)
        {
            let flag = flag.to_owned();
            return Ok(Condition::Is(flag, self.operand()?));
        }
        if ends(self) {
            return Ok(Condition::Is("-n".to_owned(), left));
        }
        let sign = match self.peek() {
            Some(c @ ('<' | '>')) => {
                self.at += 1;
                c.to_string()
            }
            _ => {
                let sign = self.bare_word();
                self.at += sign.chars().count();
                sign
            }
        };
        self.skip_blanks();
        let right = if sign == "=~" { self.expression()? } else { self.operand()? };
        Ok(Condition::Compares(left, sign, right))
    }

    /// The pattern behind `=~`, which ends at a blank outside of its groups.
    fn expression(&mut self) -> Parsed<Word> {
        let mut parts: Vec<Part> = Vec::new();
        let mut open = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' if open == 0 => break,
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                c if !is_word_end(c) => {
                    parts.extend(self.word()?.0);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            parts.push(Part::Text { text: c.to_string(), quoted: false });
        }
        if parts.is_empty() { Err(self.unexpected()) } else { Ok(Word(parts)) }
    }

    pub(super) fn function(&mut self, name: String) -> Parsed<Command> {
        if self.eat("(") {
            self.close(')')?;
        }
        self.skip_line_ends();
        if !self.at_keyword(&["{"]) {
            return Err(self.unexpected());
        }
        self.at += 1;
        let body = Rc::new(self.filled(&["}"])?);
        self.keyword("}")?;
        Ok(Command { what: What::Function { name, body }, redirects: Vec::new() })
    }
}
