//! The files' text → the cluster, and what it said of it.

use std::ops::Range;
use std::rc::Rc;

use svclab_core::lab::{Action, Reply};

use super::report::{LISTED, faults_of, said_of};
use super::{Report, State};
use crate::assist;

impl State {
    pub(super) fn apply(&mut self) {
        let text = self.files.text();
        self.apply_text(text.clone());
        self.files.all_sent(text);
    }

    #[inline(never)]
    pub(super) fn apply_document(&mut self, at: u32) {
        let file = self.files.chosen().clone();
        let Some(part) = self.files.document_at(assist::byte_of(&file.text, at)) else {
            return self.apply();
        };
        let document: Rc<str> = file.text[part.clone()].into();
        let reply = self.history.act(Action::Apply { text: document.to_string() });
        let inside = |it: &Range<usize>| (file.id, it.start + part.start..it.end + part.start);
        self.report(reply, inside);
        self.files.document_sent(document);
    }

    pub(super) fn apply_text(&mut self, text: Rc<str>) {
        let reply = self.history.act(Action::Apply { text: text.to_string() });
        let files = self.files.clone();
        self.report(reply, |it| files.place(it.clone()));
    }

    /// What came of an Apply, each mistake in its file.
    fn report(&mut self, reply: Reply, place: impl Fn(&Range<usize>) -> (u32, Range<usize>)) {
        let listed = reply.diagnostics.iter().take(LISTED).map(|it| (place(&it.span), it));
        let faults = faults_of(&self.files, listed);
        let report = Report {
            more: reply.diagnostics.len() - faults.len(),
            nothing: reply.applied.is_empty() && reply.diagnostics.is_empty(),
            applied: reply.applied.into_iter().map(|it| (it.key, it.change)).collect(),
            faults,
        };
        self.said = said_of(self.lang, &report);
        self.report = Rc::new(report);
        self.resume();
        self.refresh();
    }
}
