//! Where programs read from and write to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::session::Files;

/// Two programs' common line: what one writes the other reads.
#[derive(Default)]
pub(crate) struct Pipe {
    text: RefCell<String>,
    /// The writer is done.
    pub(crate) ended: Cell<bool>,
    /// The reader is done; whoever writes on is told so by its end.
    pub(crate) broken: Cell<bool>,
    /// Somebody wrote after the reader was done.
    pub(crate) refused: Cell<bool>,
}

/// So much text waits in a pipe before its writer has to.
const CAPACITY: usize = 65_536;

impl Pipe {
    pub(crate) fn write(&self, text: &str) {
        if self.broken.get() {
            self.refused.set(true);
        } else {
            self.text.borrow_mut().push_str(text);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.text.borrow().len() >= CAPACITY
    }
}

/// What a program reads.
#[derive(Clone, Default)]
pub(crate) enum Input {
    /// Nothing is there to read.
    #[default]
    Nothing,
    Text(Rc<RefCell<String>>),
    Pipe(Rc<Pipe>),
}

/// One try to read.
pub(crate) enum Taken {
    Some(String),
    End,
    NotYet,
}

impl Input {
    pub(crate) fn text(text: impl Into<String>) -> Input {
        Input::Text(Rc::new(RefCell::new(text.into())))
    }

    /// The next line with its line end; what comes last may have none.
    pub(crate) fn line(&self) -> Taken {
        match self {
            Input::Nothing => Taken::End,
            Input::Text(text) => first_line(&mut text.borrow_mut(), true),
            Input::Pipe(pipe) => first_line(&mut pipe.text.borrow_mut(), pipe.ended.get()),
        }
    }
}

fn first_line(text: &mut String, ended: bool) -> Taken {
    match text.find('\n') {
        Some(end) => {
            let rest = text.split_off(end + 1);
            Taken::Some(std::mem::replace(text, rest))
        }
        None if !ended => Taken::NotYet,
        None if text.is_empty() => Taken::End,
        None => Taken::Some(std::mem::take(text)),
    }
}

/// Where a program's text goes.
#[derive(Clone)]
pub(crate) enum Output {
    Terminal(Stream),
    Pipe(Rc<Pipe>),
    /// Kept for `$(…)`.
    Kept(Rc<RefCell<String>>),
    /// A file by its absolute path.
    File {
        disk: Rc<RefCell<Files>>,
        path: Rc<str>,
    },
    /// `/dev/null`
    Nowhere,
}

/// Which of its two texts a program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}
