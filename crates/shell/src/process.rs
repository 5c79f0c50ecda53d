//! What a program has of the world: its streams, the shell around it, and the lab.

use std::cell::{Ref, RefCell, RefMut};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use svclab_core::lab::{Action, Lab, Reply};
use svclab_core::reference::Reference;
use svclab_core::time::{Duration, Instant};

use crate::job::{Draft, Stage};
use crate::pipe::{Input, Output, Stream, Taken};
use crate::session::{Files, Place, Session};

#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) stage: Rc<Stage>,
    session: Rc<RefCell<Session>>,
    /// What is on the disk of its machine: subshells share it.
    disk: Rc<RefCell<Files>>,
    /// How many shells the one that has this disk is inside of.
    depth: usize,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl Process {
    pub(crate) fn new(
        stage: Rc<Stage>,
        session: Rc<RefCell<Session>>,
        disk: Rc<RefCell<Files>>,
    ) -> Process {
        let depth = session.borrow().depth();
        Process {
            stage,
            session,
            disk,
            depth,
            stdin: Input::Nothing,
            stdout: Output::Terminal(Stream::Out),
            stderr: Output::Terminal(Stream::Err),
        }
    }

    /// A shell of its own: what it changes stays with it, files apart.
    pub(crate) fn subshell(&self) -> Process {
        let session = self.session().clone();
        Process { session: Rc::new(RefCell::new(session)), ..self.clone() }
    }

    /// The same with a text to read.
    pub(crate) fn reading(&self, text: String) -> Process {
        Process { stdin: Input::text(text), ..self.clone() }
    }

    /// A shell at another place; `reads`: what this one reads.
    pub(crate) fn at(&self, place: Place, reads: bool) -> Process {
        Process {
            session: Rc::new(RefCell::new(Session::new(place))),
            disk: Rc::default(),
            depth: 0,
            stdin: if reads { self.stdin.clone() } else { Input::Nothing },
            ..self.clone()
        }
    }

    /// Whether somebody sees what it prints as it is.
    pub(crate) fn is_at_terminal(&self) -> bool {
        matches!(self.stdout, Output::Terminal(_))
    }

    /// The lab as it is now. Not to be held while waiting.
    pub(crate) fn lab(&self) -> Ref<'_, Lab> {
        Ref::map(self.stage.world.borrow(), |world| {
            world.as_deref().expect("programs run while the lab is lent").lab()
        })
    }

    pub(crate) fn now(&self) -> Instant {
        self.lab().now()
    }

    pub(crate) fn act(&self, action: Action) -> Reply {
        let reply = {
            let mut world = self.stage.world.borrow_mut();
            world.as_deref_mut().expect("programs run while the lab is lent").act(action)
        };
        let sent = reply.exchange.as_ref().map(|it| it.id);
        let asked = reply.resolution.iter().flat_map(|it| it.exchanges.iter().copied());
        self.stage.exchanges.borrow_mut().extend(sent.into_iter().chain(asked));
        reply
    }

    pub(crate) fn session(&self) -> Ref<'_, Session> {
        self.session.borrow()
    }

    pub(crate) fn session_mut(&self) -> RefMut<'_, Session> {
        self.session.borrow_mut()
    }

    pub(crate) fn files(&self) -> Ref<'_, Files> {
        self.disk.borrow()
    }

    pub(crate) fn files_mut(&self) -> RefMut<'_, Files> {
        self.disk.borrow_mut()
    }

    /// Whether the disk is the one of where the shell is: not where another one was opened.
    pub(crate) fn has_own_disk(&self) -> bool {
        self.session().depth() == self.depth
    }

    /// What writes to a file by its absolute path.
    pub(crate) fn to_file(&self, path: String) -> Output {
        Output::File { disk: self.disk.clone(), path: path.into() }
    }

    /// The absolute path of what `path` names here.
    pub(crate) fn resolve(&self, path: &str) -> String {
        self.session().resolve(path)
    }

    pub(crate) fn out(&self, text: &str) {
        self.write(&self.stdout, text);
    }

    pub(crate) fn err(&self, text: &str) {
        self.write(&self.stderr, text);
    }

    fn write(&self, to: &Output, text: &str) {
        if text.is_empty() {
            return;
        }
        match to {
            Output::Terminal(stream) => self.stage.print(*stream, text),
            Output::Pipe(pipe) => {
                pipe.write(text);
                self.stage.touch();
            }
            Output::Kept(kept) => kept.borrow_mut().push_str(text),
            Output::File { disk, path } => disk.borrow_mut().append(path, text),
            Output::Nowhere => {}
        }
    }

    /// The next line of the input without its line end.
    pub(crate) async fn read_line(&self) -> Option<String> {
        let mut line = self.read_raw_line().await?;
        if line.ends_with('\n') {
            line.pop();
        }
        Some(line)
    }

    async fn read_raw_line(&self) -> Option<String> {
        poll_fn(|_| match self.stdin.line() {
            Taken::Some(line) => {
                self.stage.touch();
                Poll::Ready(Some(line))
            }
            Taken::End => Poll::Ready(None),
            Taken::NotYet => Poll::Pending,
        })
        .await
    }

    /// All that is left of the input.
    pub(crate) async fn read_all(&self) -> String {
        let mut res = String::new();
        while let Some(line) = self.read_raw_line().await {
            res.push_str(&line);
        }
        res
    }

    /// Until the lab's clock shows `at`.
    pub(crate) async fn until(&self, at: Instant) {
        poll_fn(|_| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            self.wake_at(at);
            Poll::Pending
        })
        .await;
    }

    pub(crate) async fn sleep(&self, span: Duration) {
        let at = self.now() + span;
        self.until(at).await;
    }

    /// Until the store has changed since it was at `version`, or it is `end`.
    pub(crate) async fn changed(&self, version: u64, end: Option<Instant>) {
        poll_fn(|_| {
            let (now, found, next) = {
                let lab = self.lab();
                (lab.now(), lab.resource_version(), lab.next_event())
            };
            if found != version || end.is_some_and(|end| now >= end) {
                return Poll::Ready(());
            }
            let next = next.map(|it| it.max(now + Duration::from_micros(1)));
            next.into_iter().chain(end).for_each(|at| self.wake_at(at));
            Poll::Pending
        })
        .await;
    }

    fn wake_at(&self, at: Instant) {
        let wake = &self.stage.wake;
        wake.set(Some(wake.get().map_or(at, |before| before.min(at))));
    }

    /// Lets others have their turn: readers of what was written, and after many commands
    /// whoever lent the lab.
    pub(crate) async fn breathe(&self) {
        if let Output::Pipe(pipe) = &self.stdout {
            let full = || pipe.is_full() && !pipe.broken.get();
            poll_fn(|_| if full() { Poll::Pending } else { Poll::Ready(()) }).await;
        }
        let left = &self.stage.commands_left;
        if left.get() > 0 {
            left.set(left.get() - 1);
            return;
        }
        let mut waited = false;
        poll_fn(|_| {
            if waited && left.get() > 0 {
                return Poll::Ready(());
            }
            waited = true;
            self.stage.is_busy.set(true);
            Poll::Pending
        })
        .await;
    }

    /// Lets the text be edited; `None`: the editor was closed.
    pub(crate) async fn edit(&self, draft: Draft) -> Option<String> {
        *self.stage.draft.borrow_mut() = Some(draft);
        poll_fn(|_| match self.stage.edited.borrow_mut().take() {
            Some(text) => Poll::Ready(text),
            None => Poll::Pending,
        })
        .await
    }

    /// What the API says of its kinds; `None`: it is not to be had.
    pub(crate) async fn reference(&self) -> Option<Rc<Reference>> {
        poll_fn(|_| {
            let given = self.stage.reference.borrow().clone();
            self.stage.wants_reference.set(given.is_none());
            given.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
