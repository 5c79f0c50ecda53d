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
        assignments: Vec<Assignment>,
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
    /// `[[ … ]]`
    Test(Condition),
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    /// `for ((first; test; step))`
    Count {
        head: [Word; 3],
        body: List,
    },
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

/// `name=value`, `name[index]+=value`, `name=(words)`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) index: Option<Word>,
    /// `+=`
    pub(crate) appends: bool,
    pub(crate) value: Assigned,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Assigned {
    One(Word),
    /// Each with the index in its brackets, if it has one.
    Many(Vec<(Option<Word>, Word)>),
}

/// What `[[ … ]]` asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Either(Box<Condition>, Box<Condition>),
    Both(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    /// `-n word`; without an operator it is this one.
    Is(String, Word),
    Compares(Word, String, Word),
}

/// `pattern | pattern) …;;`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arm {
    pub(crate) patterns: Vec<Word>,
    pub(crate) body: List,
    pub(crate) then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// `;;`
    Ends,
    /// `;&`: the next arm runs too.
    Falls,
    /// `;;&`: the next patterns are tried.
    Tries,
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
        index: Option<Index>,
        change: Option<Change>,
        quoted: bool,
    },
    /// `$(…)`
    Command {
        list: List,
        quoted: bool,
    },
    /// `<(…)`: a file with what the commands print.
    File(List),
    /// `$((…))`
    Arithmetic {
        word: Word,
        quoted: bool,
    },
}

/// `[…]` behind an array's name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Index {
    /// `[@]`
    All,
    /// `[*]`
    Joined,
    At(Word),
}

/// What `${name…}` does to the value. `empty`: it was written with a colon, so that an empty value
/// counts as none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// `${#name}`
    Length,
    /// `${name:-word}`
    Default { word: Word, empty: bool },
    /// `${name:=word}`
    Assign { word: Word, empty: bool },
    /// `${name:+word}`
    Instead { word: Word, empty: bool },
    /// `${name:?word}`
    Complain { word: Word, empty: bool },
    /// `${name#pattern}`; `longest`: `##`
    WithoutPrefix { pattern: Word, longest: bool },
    /// `${name%pattern}`
    WithoutSuffix { pattern: Word, longest: bool },
    /// `${name/pattern/text}`; `all`: `//`; `edge`: `/#` and `/%`
    Replace { pattern: Word, text: Word, all: bool, edge: Option<char> },
    /// `${name:from:length}`
    Slice { from: Word, length: Option<Word> },
    /// `${name^}`, `${name,}`; `all`: `^^`, `,,`
    Letters { upper: bool, all: bool },
    /// `${!name}`, and the indices of an array.
    Named,
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
