//! What a line says.

use std::cell::OnceCell;
use std::rc::Rc;

/// Commands one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct List(pub(crate) Vec<Item>);

/// A pipeline, and what the one before it must have come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) after: After,
    pub(crate) pipeline: Pipeline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// `;` or a line end
    Anything,
    /// `&&`
    Success,
    /// `||`
    Failure,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pipeline {
    /// `! …`
    pub(crate) negated: bool,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) what: What,
    pub(crate) redirects: Vec<Redirect>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    /// `{ …; }`
    Group(List),
    /// `( … )`
    Subshell(List),
    /// `… &`, and how it was written.
    Background(Rc<List>, String),
    /// `(( … ))`
    Arithmetic(Word),
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    /// `until` is the negated one.
    While {
        negated: bool,
        condition: List,
        body: List,
    },
    /// Without `in`: over the shell's arguments.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Function {
        name: String,
        body: Rc<List>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Redirect {
    /// What is redirected: 0, 1 or 2; `&>` is both 1 and 2.
    pub(crate) from: Descriptor,
    pub(crate) to: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descriptor {
    In,
    Out,
    Err,
    Both,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Read(Word),
    Write(Word),
    Append(Word),
    /// `2>&1`
    Same(Descriptor),
    /// A here-document: its text comes with the next line.
    Document(Rc<OnceCell<Word>>),
    /// `<<<`
    Text(Word),
}

/// Parts that stand together without a blank.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Word(pub(crate) Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// `quoted`: nothing in it means anything but itself.
    Text {
        text: String,
        quoted: bool,
    },
    Variable {
        name: String,
        change: Option<Change>,
        quoted: bool,
    },
    /// `$(…)`
    Command {
        list: List,
        quoted: bool,
    },
    /// `$((…))`
    Arithmetic {
        word: Word,
        quoted: bool,
    },
}

/// What `${name…}` does to the value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// `${#name}`
    Length,
    /// `${name:-word}`
    Default(Word),
    /// `${name:=word}`
    Assign(Word),
    /// `${name:+word}`
    Instead(Word),
    /// `${name#pattern}`; `longest`: `##`
    WithoutPrefix { pattern: Word, longest: bool },
    /// `${name%pattern}`
    WithoutSuffix { pattern: Word, longest: bool },
    /// `${name/pattern/text}`; `all`: `//`
    Replace { pattern: Word, text: Word, all: bool },
}

impl Word {
    pub(crate) fn text(text: impl Into<String>, quoted: bool) -> Word {
        Word(vec![Part::Text { text: text.into(), quoted }])
    }

    /// The word, if it is plain text without any quotes.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Text { text, quoted: false }] => Some(text),
            _ => None,
        }
    }
}
