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

const RESERVED: [&str; 15] = [
    "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "{",
    "}", "!",
];
/// Commands whose arguments are assignments, which are not split.
const DECLARES: [&str; 5] = ["declare", "local", "export", "readonly", "typeset"];

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
    pub(super) documents: Vec<Document>,
}

pub(super) struct Document {
    pub(super) delimiter: String,
    pub(super) quoted: bool,
    /// `<<-`
    pub(super) strips_tabs: bool,
    pub(super) slot: Rc<OnceCell<Word>>,
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
    pub(super) fn skip_blanks(&mut self) {
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

    pub(super) fn skip_lines(&mut self) {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some('\n') => self.line_end(),
                Some(';') if !matches!(self.ahead(1), Some(';' | '&')) => self.at += 1,
                _ => return,
            }
        }
    }

    fn line_end(&mut self) {
        self.at += 1;
        self.read_documents();
    }

    pub(super) fn unexpected(&self) -> Unreadable {
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
    pub(super) fn bare_word(&self) -> String {
        self.chars.iter().skip(self.at).take_while(|c| !is_word_end(**c)).collect()
    }

    pub(super) fn at_keyword(&self, words: &[&str]) -> bool {
        let word = self.bare_word();
        words.contains(&word.as_str())
    }

    pub(super) fn keyword(&mut self, word: &str) -> Parsed<()> {
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
                // A second `;` or a `&` behind one ends an arm of `case`.
                if parser.peek().is_none_or(|c| matches!(c, ')' | ';')) || parser.at_keyword(ends) {
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

    pub(super) fn skip_line_ends(&mut self) {
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
        if self.at_keyword(&["function"]) {
            self.at += "function".len();
            self.skip_blanks();
            let name = self.bare_word();
            self.at += name.chars().count();
            self.skip_blanks();
            return if is_name(&name) { self.function(name) } else { Err(self.unexpected()) };
        }
        let Some(what) = self.compound()? else {
            return if self.at_keyword(&RESERVED) { Err(self.unexpected()) } else { self.simple() };
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { what, redirects })
    }

    /// A list that says something.
    pub(super) fn filled(&mut self, ends: &[&str]) -> Parsed<List> {
        let list = self.list(ends)?;
        if list.0.is_empty() { Err(self.unexpected()) } else { Ok(list) }
    }

    pub(super) fn close(&mut self, c: char) -> Parsed<()> {
        self.skip_lines();
        if self.peek() != Some(c) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn words(&mut self) -> Parsed<Vec<Word>> {
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
            if self.starts_with("<(") {
                words.push(self.word()?);
            } else if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
            } else if self.peek().is_none_or(is_word_end) {
                break;
            } else if let Some(assignment) = self.assignment(&words)? {
                assignments.push(assignment);
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

    /// The assignment that stands here: before a command's words, or among those of `declare`.
    fn assignment(&mut self, words: &[Word]) -> Parsed<Option<Assignment>> {
        let declares = words.first().and_then(Word::plain).is_some_and(|it| DECLARES.contains(&it));
        if !words.is_empty() && !declares {
            return Ok(None);
        }
        let rest = self.chars.iter().skip(self.at);
        let name: String = rest.take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        let mut end = name.len();
        let mut index = None;
        if self.ahead(end) == Some('[') {
            let inner: String =
                self.chars.iter().skip(self.at + end + 1).take_while(|c| **c != ']').collect();
            end += inner.chars().count() + 2;
            index = Some(inner);
        }
        let appends = self.ahead(end) == Some('+');
        end += usize::from(appends);
        if !is_name(&name) || self.ahead(end) != Some('=') {
            return Ok(None);
        }
        self.at += end + 1;
        let index = index.map(|it| self.subscript(&it));
        let value = match self.peek() {
            Some('(') if index.is_none() => Assigned::Many(self.elements()?),
            Some(c) if !is_word_end(c) => Assigned::One(self.word()?),
            _ => Assigned::One(Word::default()),
        };
        Ok(Some(Assignment { name, index, appends, value }))
    }

    /// What stands in brackets behind a name.
    pub(super) fn subscript(&self, text: &str) -> Word {
        super::word::document(text.trim_matches(['\'', '"']), self.depth + 1)
    }

    /// `(a b [3]=c)`
    fn elements(&mut self) -> Parsed<Vec<(Option<Word>, Word)>> {
        self.at += 1;
        let mut res = Vec::new();
        loop {
            self.skip_line_ends();
            if self.eat(")") {
                return Ok(res);
            }
            let rest = self.chars.iter().skip(self.at + 1);
            let inner: String = rest.take_while(|c| **c != ']').collect();
            let end = inner.chars().count() + 2;
            let is_keyed = self.peek() == Some('[') && self.ahead(end) == Some('=');
            let index = is_keyed.then(|| {
                self.at += end + 1;
                self.subscript(&inner)
            });
            let word = match self.peek() {
                Some(c) if !is_word_end(c) => self.word()?,
                _ if is_keyed => Word::default(),
                _ => return Err(self.unexpected()),
            };
            res.push((index, word));
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
