//! A line → what it says, as bash reads it.

use std::cell::OnceCell;
use std::rc::Rc;

use super::ast::*;

/// Why a line cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// More lines have to come: an open quote, a loop without its end.
    Incomplete(String),
    /// `bash: …`
    Wrong(String),
}

/// Groups and substitutions in each other, at most.
const MAX_DEPTH: usize = 40;

const RESERVED: [&str; 13] =
    ["if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "{", "}", "!"];

/// Everything a text says.
pub(crate) fn parse(text: &str) -> Result<List, Unreadable> {
    let mut parser = Parser::at_depth(text, 0);
    let list = parser.list(&[])?;
    match parser.peek() {
        None => {
            parser.read_documents();
            Ok(list)
        }
        Some(_) => Err(parser.unexpected()),
    }
}

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// Here-documents whose text comes with the next line.
    documents: Vec<Document>,
}

struct Document {
    delimiter: String,
    quoted: bool,
    /// `<<-`
    strips_tabs: bool,
    slot: Rc<OnceCell<Word>>,
}

pub(super) type Parsed<T> = Result<T, Unreadable>;

impl Parser {
    pub(super) fn at_depth(text: &str, depth: usize) -> Parser {
        Parser { chars: text.chars().collect(), at: 0, depth, documents: Vec::new() }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn ahead(&self, by: usize) -> Option<char> {
        self.chars.get(self.at + by).copied()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(at, c)| self.ahead(at) == Some(c))
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Unreadable::Wrong("too many commands inside each other".to_owned()));
        }
        let res = inner(self);
        self.depth -= 1;
        res
    }

    /// Blanks, comments and escaped line ends.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.ahead(1) == Some('\n') => self.at += 2,
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn skip_lines(&mut self) {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some('\n') => self.line_end(),
                Some(';') if self.ahead(1) != Some(';') => self.at += 1,
                _ => return,
            }
        }
    }

    fn line_end(&mut self) {
        self.at += 1;
        self.read_documents();
    }

    fn unexpected(&self) -> Unreadable {
        let token: String = match self.peek() {
            None => {
                return Unreadable::Incomplete("syntax error: unexpected end of file".to_owned());
            }
            Some('\n') => "newline".to_owned(),
            Some(c) if is_word_end(c) => {
                let twice = matches!(c, '&' | '|' | ';') && self.ahead(1) == Some(c);
                std::iter::repeat_n(c, 1 + usize::from(twice)).collect()
            }
            Some(_) => self.bare_word(),
        };
        Unreadable::Wrong(format!("syntax error near unexpected token `{token}'"))
    }

    /// The letters up to the next blank or operator.
    fn bare_word(&self) -> String {
        self.chars.iter().skip(self.at).take_while(|c| !is_word_end(**c)).collect()
    }

    fn at_keyword(&self, words: &[&str]) -> bool {
        let word = self.bare_word();
        words.contains(&word.as_str())
    }

    fn keyword(&mut self, word: &str) -> Parsed<()> {
        self.skip_lines();
        if !self.at_keyword(&[word]) {
            return Err(self.unexpected());
        }
        self.at += word.len();
        Ok(())
    }

    /// Until one of the keywords, a closing parenthesis or the end.
    pub(super) fn list(&mut self, ends: &[&str]) -> Parsed<List> {
        self.deeper(|parser| {
            let mut items: Vec<Item> = Vec::new();
            let mut after = After::Anything;
            let mut start = parser.at;
            loop {
                parser.skip_lines();
                if after == After::Anything {
                    start = parser.at;
                }
                if parser.peek().is_none_or(|c| c == ')') || parser.at_keyword(ends) {
                    break;
                }
                items.push(Item { after, pipeline: parser.pipeline()? });
                parser.skip_blanks();
                after = After::Anything;
                after = match parser.peek() {
                    _ if parser.eat("&&") => After::Success,
                    _ if parser.eat("||") => After::Failure,
                    Some('&') => {
                        parser.background(&mut items, start);
                        After::Anything
                    }
                    Some(';' | '\n') => After::Anything,
                    _ => break,
                };
                if after != After::Anything {
                    parser.skip_line_ends();
                    if parser.peek().is_none() {
                        return Err(parser.unexpected());
                    }
                }
            }
            if after != After::Anything {
                return Err(parser.unexpected());
            }
            Ok(List(items))
        })
    }

    /// `&` behind a list of pipelines that are joined by `&&` and `||`.
    fn background(&mut self, items: &mut Vec<Item>, start: usize) {
        let text: String = self.chars.iter().take(self.at).skip(start).collect();
        self.at += 1;
        let first = items.iter().rposition(|it| it.after == After::Anything).unwrap_or(0);
        let list = Rc::new(List(items.split_off(first)));
        let what = What::Background(list, text.trim().to_owned());
        let command = Command { what, redirects: Vec::new() };
        let pipeline = Pipeline { negated: false, commands: vec![command] };
        items.push(Item { after: After::Anything, pipeline });
    }

    fn skip_line_ends(&mut self) {
        self.skip_blanks();
        while self.peek() == Some('\n') {
            self.line_end();
            self.skip_blanks();
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let mut negated = false;
        while self.at_keyword(&["!"]) {
            self.at += 1;
            negated = !negated;
            self.skip_blanks();
        }
        let mut commands = vec![self.command()?];
        loop {
            self.skip_blanks();
            if self.starts_with("||") || !self.eat("|") {
                return Ok(Pipeline { negated, commands });
            }
            let takes_errors = self.eat("&");
            if let Some(last) = commands.last_mut().filter(|_| takes_errors) {
                let to = Target::Same(Descriptor::Out);
                last.redirects.push(Redirect { from: Descriptor::Err, to });
            }
            self.skip_line_ends();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        let what = match self.peek() {
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
            _ if self.at_keyword(&RESERVED) => return Err(self.unexpected()),
            _ => return self.simple(),
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { what, redirects })
    }

    /// A list that says something.
    fn filled(&mut self, ends: &[&str]) -> Parsed<List> {
        let list = self.list(ends)?;
        if list.0.is_empty() { Err(self.unexpected()) } else { Ok(list) }
    }

    fn close(&mut self, c: char) -> Parsed<()> {
        self.skip_lines();
        if self.peek() != Some(c) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
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
        let name = self.bare_word();
        if !is_name(&name) {
            return Err(self.unexpected());
        }
        self.at += name.chars().count();
        self.skip_line_ends();
        let mut words = None;
        if self.at_keyword(&["in"]) {
            self.at += 2;
            words = Some(self.words()?);
        }
        let body = self.body()?;
        Ok(What::For { name, words, body })
    }

    fn words(&mut self) -> Parsed<Vec<Word>> {
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek().is_none_or(is_word_end) {
                return Ok(words);
            }
            words.push(self.word()?);
        }
    }

    fn simple(&mut self) -> Parsed<Command> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.skip_blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
            } else if self.peek().is_none_or(is_word_end) {
                break;
            } else if let Some(name) = self.assigned().filter(|_| words.is_empty()) {
                self.at += name.len() + 1;
                let value = match self.peek() {
                    Some(c) if !is_word_end(c) => self.word()?,
                    _ => Word::default(),
                };
                assignments.push((name, value));
            } else {
                words.push(self.word()?);
            }
        }
        if let ([word], Some('('), true) = (words.as_slice(), self.peek(), redirects.is_empty())
            && let Some(name) = word.plain().filter(|it| is_name(it)).map(str::to_owned)
        {
            return self.function(name);
        }
        if words.is_empty() && assignments.is_empty() && redirects.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command { what: What::Simple { assignments, words }, redirects })
    }

    fn function(&mut self, name: String) -> Parsed<Command> {
        self.at += 1;
        self.close(')')?;
        self.skip_line_ends();
        if !self.at_keyword(&["{"]) {
            return Err(self.unexpected());
        }
        self.at += 1;
        let body = Rc::new(self.filled(&["}"])?);
        self.keyword("}")?;
        Ok(Command { what: What::Function { name, body }, redirects: Vec::new() })
    }

    /// The name before `=` of an assignment that stands here.
    fn assigned(&self) -> Option<String> {
        let rest = self.chars.iter().skip(self.at);
        let name: String = rest.take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        (is_name(&name) && self.ahead(name.len()) == Some('=')).then_some(name)
    }

    fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        self.skip_blanks();
        let from = match (self.peek(), self.ahead(1)) {
            (Some('2'), Some('>')) => Descriptor::Err,
            (Some('&'), Some('>')) => Descriptor::Both,
            (Some('1'), Some('>')) => Descriptor::Out,
            (Some('0'), Some('<')) => Descriptor::In,
            (Some('>'), _) => {
                return self.redirect_from(Descriptor::Out).map(Some);
            }
            (Some('<'), _) => return self.redirect_from(Descriptor::In).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        self.redirect_from(from).map(Some)
    }

    fn redirect_from(&mut self, from: Descriptor) -> Parsed<Redirect> {
        if from == Descriptor::In {
            return self.input();
        }
        let to = if self.eat(">>") {
            Target::Append(self.operand()?)
        } else if self.eat(">&1") {
            Target::Same(Descriptor::Out)
        } else if self.eat(">&2") {
            Target::Same(Descriptor::Err)
        } else {
            self.at += 1;
            Target::Write(self.operand()?)
        };
        Ok(Redirect { from, to })
    }

    fn input(&mut self) -> Parsed<Redirect> {
        let to = if self.eat("<<<") {
            Target::Text(self.operand()?)
        } else if self.eat("<<") {
            let strips_tabs = self.eat("-");
            self.skip_blanks();
            let start = self.at;
            let word = self.operand()?;
            let written: String = self.chars[start..self.at].iter().collect();
            let quoted = written.contains(['\'', '"', '\\']);
            let text = |part: &Part| match part {
                Part::Text { text, .. } => text.clone(),
                _ => written.clone(),
            };
            let delimiter = word.0.iter().map(text).collect();
            let slot = Rc::new(OnceCell::new());
            self.documents.push(Document { delimiter, quoted, strips_tabs, slot: slot.clone() });
            Target::Document(slot)
        } else {
            self.at += 1;
            Target::Read(self.operand()?)
        };
        Ok(Redirect { from: Descriptor::In, to })
    }

    fn operand(&mut self) -> Parsed<Word> {
        self.skip_blanks();
        if self.peek().is_none_or(is_word_end) { Err(self.unexpected()) } else { self.word() }
    }

    /// The here-documents of the line that ends here.
    fn read_documents(&mut self) {
        for document in std::mem::take(&mut self.documents) {
            let mut text = String::new();
            while self.at < self.chars.len() {
                let rest = self.chars.iter().skip(self.at);
                let line: String = rest.take_while(|c| **c != '\n').collect();
                self.at = (self.at + line.chars().count() + 1).min(self.chars.len());
                let line = match document.strips_tabs {
                    true => line.trim_start_matches('\t'),
                    false => line.as_str(),
                };
                if line == document.delimiter {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            let word = match document.quoted {
                true => Word::text(text, true),
                false => super::word::document(&text, self.depth),
            };
            let _ = document.slot.set(word);
        }
    }
}

pub(super) fn is_word_end(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>')
}

/// What may name a variable.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
