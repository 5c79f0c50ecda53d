//! What runs in the background of a shell: `COMMAND &`, `jobs`, `wait`, `kill`.
//!
//! It goes on whenever a line of its shell runs: the shell of a terminal is nobody's between two
//! lines, but the lab's clock tells a program afterwards how long it has slept.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::job::{Stage, Task};

/// The background of one shell. Copies are the same one.
#[derive(Clone, Default)]
pub(crate) struct Jobs(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    all: Vec<Background>,
    /// What their programs have been told to work on.
    stage: Option<Rc<Stage>>,
    started: u32,
}

struct Background {
    /// `%1`
    number: usize,
    /// `$!`
    process: u32,
    line: String,
    /// Out while it is polled.
    task: Option<Task>,
    ended: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Exited(u8),
    Killed,
}

/// The first process of a shell that anybody sees.
const FIRST_PROCESS: u32 = 2001;
/// The status of what was ended by SIGTERM: 128 + 15.
const TERMINATED: u8 = 143;

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jobs({})", self.0.borrow().all.len())
    }
}

impl PartialEq for Jobs {
    fn eq(&self, other: &Jobs) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.is_empty() && other.is_empty()
    }
}

impl Jobs {
    fn is_empty(&self) -> bool {
        self.0.borrow().all.is_empty()
    }

    /// The stage that what still runs was started on; the next line has to share it.
    pub(crate) fn stage(&self) -> Option<Rc<Stage>> {
        let inner = self.0.borrow();
        inner.stage.clone().filter(|_| !inner.all.is_empty())
    }

    /// Starts a task, and gives its number and its process.
    pub(crate) fn start(&self, stage: Rc<Stage>, line: String, task: Task) -> (usize, u32) {
        let mut inner = self.0.borrow_mut();
        let number = inner.all.iter().map(|it| it.number).max().unwrap_or(0) + 1;
        let process = FIRST_PROCESS + inner.started;
        inner.started = inner.started.wrapping_add(1) % 30_000;
        inner.stage = Some(stage);
        inner.all.push(Background { number, process, line, task: Some(task), ended: None });
        (number, process)
    }

    /// Lets all of them go on.
    pub(crate) fn poll(&self, context: &mut Context<'_>) {
        let mut at = 0;
        loop {
            // A task may start, end or list others: nothing is borrowed while it is polled.
            let taken = {
                let mut inner = self.0.borrow_mut();
                let Some(job) = inner.all.get_mut(at) else { return };
                job.task.take().map(|task| (job.process, task))
            };
            at += 1;
            let Some((process, mut task)) = taken else { continue };
            let polled = task.as_mut().poll(context);
            let mut inner = self.0.borrow_mut();
            let stage = inner.stage.clone();
            let Some(job) = inner.all.iter_mut().find(|it| it.process == process) else { continue };
            match polled {
                Poll::Ready(status) => {
                    job.ended.get_or_insert(End::Exited(status));
                    stage.iter().for_each(|it| it.touch());
                }
                Poll::Pending if job.ended.is_none() => job.task = Some(task),
                Poll::Pending => {}
            }
        }
    }

    /// The job that `%1`, `%+` or a process's number names.
    pub(crate) fn find(&self, word: &str) -> Option<u32> {
        let inner = self.0.borrow();
        let found = match word.strip_prefix('%') {
            Some("" | "+" | "%") => inner.all.last(),
            Some("-") => inner.all.iter().rev().nth(1),
            Some(number) => {
                let number: usize = number.parse().ok()?;
                inner.all.iter().find(|it| it.number == number)
            }
            None => {
                let process: u32 = word.parse().ok()?;
                inner.all.iter().find(|it| it.process == process)
            }
        };
        found.map(|it| it.process)
    }

    /// Ends a job from outside.
    pub(crate) fn kill(&self, process: u32) {
        let mut inner = self.0.borrow_mut();
        if let Some(job) = inner.all.iter_mut().find(|it| it.process == process) {
            job.ended.get_or_insert(End::Killed);
            let task = job.task.take();
            drop(inner);
            // What it held may look at the jobs as it goes.
            drop(task);
        }
    }

    /// The status of one that has ended, which is forgotten with it; `None` while it runs.
    pub(crate) fn reap(&self, process: u32) -> Option<u8> {
        let mut inner = self.0.borrow_mut();
        let at = inner.all.iter().position(|it| it.process == process);
        let Some(at) = at else { return Some(NOT_A_CHILD) };
        let status = match inner.all.get(at)?.ended? {
            End::Exited(status) => status,
            End::Killed => TERMINATED,
        };
        inner.all.remove(at);
        Some(status)
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.0.borrow().all.iter().map(|it| it.process).collect()
    }

    /// The lines of `jobs`; those that have ended are forgotten.
    pub(crate) fn list(&self, only_ended: bool) -> String {
        let mut inner = self.0.borrow_mut();
        let count = inner.all.len();
        let shown = inner.all.iter().enumerate().filter(|it| !only_ended || it.1.ended.is_some());
        let lines = shown.map(|(at, job)| {
            let mark = match count - at {
                1 => '+',
                2 => '-',
                _ => ' ',
            };
            let (state, end) = match job.ended {
                None => ("Running".to_owned(), " &"),
                Some(End::Exited(0)) => ("Done".to_owned(), ""),
                Some(End::Exited(status)) => (format!("Exit {status}"), ""),
                Some(End::Killed) => ("Terminated".to_owned(), ""),
            };
            format!("[{}]{mark}  {state:<24}{}{end}\n", job.number, job.line)
        });
        let text = lines.collect();
        inner.all.retain(|it| it.ended.is_none());
        text
    }

    pub(crate) fn line(&self, process: u32) -> Option<String> {
        let inner = self.0.borrow();
        inner.all.iter().find(|it| it.process == process).map(|it| it.line.clone())
    }
}

/// What `wait` gives for a process that is none of the shell's.
pub(crate) const NOT_A_CHILD: u8 = 127;
