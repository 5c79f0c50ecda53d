//! What came of an Apply: the faults at their places in the text.

use std::ops::Range;

use svclab_core::key::ObjectKey;
use svclab_core::lab::log::Change;
use svclab_core::read::{Diagnostic, Problem, Severity};

use crate::words::{self, Lang, Word};

use super::Files;

/// One thing that is wrong in the text, at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file that it is in.
    pub file: u32,
    pub place: Place,
    pub severity: Severity,
    pub text: String,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Both count from 1.
    pub line: usize,
    pub column: usize,
    /// In UTF-16 units, as a browser counts.
    pub selection: Range<u32>,
}

/// What came of the last Apply.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub applied: Vec<(ObjectKey, Change)>,
    pub faults: Vec<Fault>,
    /// Faults beyond those listed.
    pub more: usize,
    /// The text held no object at all.
    pub nothing: bool,
}

/// At most so many faults are listed.
pub(super) const LISTED: usize = 50;

/// The faults that `found` has at the places of files.
pub(super) fn faults_of<'a>(
    files: &Files,
    found: impl Iterator<Item = ((u32, Range<usize>), &'a Diagnostic)>,
) -> Vec<Fault> {
    let mut reading: Option<(u32, Faults)> = None;
    let fault = |((file, span), it): ((u32, Range<usize>), &Diagnostic)| {
        if reading.as_ref().is_none_or(|(read, _)| *read != file) {
            reading = files.file(file).map(|it| (file, Faults::new(&it.text)));
        }
        let place = reading.as_mut()?.1.at(span);
        let text = match &it.problem {
            // Lines count from the top of their own file.
            Problem::Syntax { detail, .. } => {
                Problem::Syntax { line: place.line, detail: detail.clone() }.to_string()
            }
            problem => problem.to_string(),
        };
        Some(Fault { file, place, severity: it.severity, text })
    };
    found.filter_map(fault).collect()
}

/// Turns byte ranges into places, reading the text once as long as ranges come in order.
pub(super) struct Faults<'a> {
    text: &'a str,
    byte: usize,
    line: usize,
    line_start: usize,
    units: u32,
}

impl<'a> Faults<'a> {
    pub(super) fn new(text: &'a str) -> Faults<'a> {
        Faults { text, byte: 0, line: 1, line_start: 0, units: 0 }
    }

    pub(super) fn at(&mut self, span: Range<usize>) -> Place {
        let start = floor_char(self.text, span.start);
        if start < self.byte {
            *self = Faults::new(self.text);
        }
        let passed = &self.text[self.byte..start];
        self.units += units(passed);
        for (index, _) in passed.match_indices('\n') {
            self.line += 1;
            self.line_start = self.byte + index + 1;
        }
        self.byte = start;
        let end = floor_char(self.text, span.end.max(start));
        let column = self.text[self.line_start..start].chars().count() + 1;
        let selection = self.units..self.units + units(&self.text[start..end]);
        Place { line: self.line, column, selection }
    }
}

/// Where a span of bytes is for people.
pub(super) fn place_in(text: &str, span: Range<usize>) -> Place {
    Faults::new(text).at(span)
}

pub(super) fn said_of(lang: Lang, report: &Report) -> String {
    if report.nothing {
        return lang.say(Word::NoObjects).to_owned();
    }
    let mut parts: Vec<String> = report
        .applied
        .iter()
        .map(|(key, change)| format!("{key} {}", words::change(lang, *change)))
        .collect();
    if !report.faults.is_empty() {
        parts.push(words::error_count(lang, report.faults.len() + report.more));
    }
    parts.join(", ")
}

fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

/// The last place at or before `index` where a character begins.
fn floor_char(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
