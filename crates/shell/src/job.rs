//! A line that runs: from its start through all its waiting to its exit status.
//!
//! Programs are futures, so that one may wait in the middle of whatever it does, for virtual time,
//! for a change in the lab or for the other end of a pipe. Nothing here knows who waits: whoever
//! owns the lab lends it for each [`Job::resume`], lets time pass until the instant that the job
//! asks for, and resumes it. A job that is dropped is a job that was interrupted.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use svclab_core::reference::Reference;
use svclab_core::time::Instant;

use crate::language;
use crate::pipe::Stream;
use crate::process::Process;
use crate::session::{Files, Session};
use crate::world::World;

/// A program under way.
pub(crate) type Task = Pin<Box<dyn Future<Output = u8>>>;

/// Why a job does not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// With its exit status.
    Ended(u8),
    /// Until the lab's clock shows this; without an instant, until somebody does something.
    Waits(Option<Instant>),
    /// It has done much without any time passing and wants to go on: a loop without end, perhaps.
    Busy,
    /// `kubectl edit` shows a text in the page's editor, and waits for [`Job::edited`].
    Edits(Draft),
    /// `kubectl explain` needs what the API says of its kinds, and waits for [`Job::refer`].
    WantsReference,
}

/// A text to edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    pub text: String,
}

/// A piece of what was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub stream: Stream,
    pub text: String,
}

/// Commands that a job carries out before it lets go of the lab.
const COMMANDS_AT_ONCE: u32 = 1000;

/// What all programs of a job share.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) world: RefCell<Option<Box<dyn World>>>,
    /// The earliest instant that anybody waits for.
    pub(crate) wake: Cell<Option<Instant>>,
    /// Counts what one program may have done for another one.
    pub(crate) activity: Cell<u64>,
    pub(crate) commands_left: Cell<u32>,
    pub(crate) is_busy: Cell<bool>,
    pub(crate) printed: RefCell<Vec<Chunk>>,
    /// Numbers of the requests that were sent, for the page to show their packets.
    pub(crate) exchanges: RefCell<Vec<usize>>,
    pub(crate) draft: RefCell<Option<Draft>>,
    pub(crate) edited: RefCell<Option<Option<String>>>,
    pub(crate) wants_reference: Cell<bool>,
    pub(crate) reference: RefCell<Option<Option<Rc<Reference>>>>,
}

impl Stage {
    pub(crate) fn print(&self, stream: Stream, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut printed = self.printed.borrow_mut();
        match printed.last_mut().filter(|it| it.stream == stream) {
            Some(last) => last.text.push_str(text),
            None => printed.push(Chunk { stream, text: text.to_owned() }),
        }
    }

    pub(crate) fn touch(&self) {
        self.activity.set(self.activity.get().wrapping_add(1));
    }
}

/// A line that runs.
pub struct Job {
    task: Task,
    stage: Rc<Stage>,
    session: Rc<RefCell<Session>>,
    /// What is on the disk of where the line was typed.
    disk: Rc<RefCell<Files>>,
    /// How many shells that one was inside of.
    depth: usize,
    progress: Option<u8>,
}

impl Job {
    /// Nothing of it runs yet.
    pub fn new(mut session: Session, line: &str) -> Job {
        let disk = Rc::new(RefCell::new(std::mem::take(&mut session.files)));
        let stage = session.jobs.stage().unwrap_or_default();
        let depth = session.depth();
        let session = Rc::new(RefCell::new(session));
        let process = Process::new(stage.clone(), session.clone(), disk.clone());
        let task = Box::pin(language::run_line(process, line.to_owned()));
        Job { task, stage, session, disk, depth, progress: None }
    }

    /// Goes on as far as it can without time passing. Gives the lab back.
    pub fn resume<W: World>(&mut self, world: W) -> (W, Progress) {
        if let Some(status) = self.progress {
            return (world, Progress::Ended(status));
        }
        let stage = &self.stage;
        *stage.world.borrow_mut() = Some(Box::new(world));
        stage.is_busy.set(false);
        stage.wants_reference.set(false);
        stage.commands_left.set(COMMANDS_AT_ONCE);
        let polled = self.poll();
        let stage = &self.stage;
        let world: Option<Box<dyn World>> = stage.world.borrow_mut().take();
        let world: Box<dyn Any> = world.expect("nobody takes the world from its stage");
        let world = *world.downcast::<W>().expect("what was lent comes back");
        let draft = stage.draft.borrow().clone();
        let progress = match polled {
            Poll::Ready(status) => {
                self.progress = Some(status);
                self.session.borrow_mut().status = status;
                stage.print(Stream::Err, &self.session.borrow().jobs.list(true));
                Progress::Ended(status)
            }
            Poll::Pending => match draft {
                Some(draft) => Progress::Edits(draft),
                None if stage.wants_reference.get() => Progress::WantsReference,
                None if stage.is_busy.get() => Progress::Busy,
                None => Progress::Waits(stage.wake.get()),
            },
        };
        (world, progress)
    }

    /// The line goes on, and what runs in the background, until all of them wait.
    fn poll(&mut self) -> Poll<u8> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let before = self.stage.activity.get();
            self.stage.wake.set(None);
            let polled = self.task.as_mut().poll(&mut context);
            let jobs = self.session.borrow().jobs.clone();
            jobs.poll(&mut context);
            if polled.is_ready() || self.stage.activity.get() == before {
                return polled;
            }
        }
    }

    /// What came of [`Progress::Edits`]; `None`: the editor was closed without saving.
    pub fn edited(&mut self, text: Option<String>) {
        *self.stage.draft.borrow_mut() = None;
        *self.stage.edited.borrow_mut() = Some(text);
    }

    /// What came of [`Progress::WantsReference`]; `None`: it is not to be had. May be told before.
    pub fn refer(&mut self, reference: Option<Rc<Reference>>) {
        *self.stage.reference.borrow_mut() = Some(reference);
    }

    /// What was printed since this was asked last.
    pub fn printed(&mut self) -> Vec<Chunk> {
        self.stage.printed.take()
    }

    /// The requests that were sent since this was asked last, by their number in the lab.
    pub fn exchanges(&mut self) -> Vec<usize> {
        self.stage.exchanges.take()
    }

    /// The shell for the next line; where the job has not ended, it is interrupted (`^C`).
    pub fn into_session(self) -> Session {
        let mut session = self.session.borrow().clone();
        // Another shell may have been opened, or this one left with its disk.
        let mut opened = session.depth().checked_sub(self.depth);
        let mut shell = Some(&mut session);
        while let (Some(it), Some(left)) = (shell.take(), opened) {
            if left == 0 {
                it.files = self.disk.take();
                break;
            }
            opened = left.checked_sub(1);
            shell = it.outer.as_deref_mut();
        }
        session.status = self.progress.unwrap_or(INTERRUPTED);
        session
    }
}

/// The status of a command that was interrupted: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;
