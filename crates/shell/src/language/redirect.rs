//! `<`, `>`, here-documents: where a command reads and writes.

use std::cell::OnceCell;
use std::rc::Rc;

use super::ast::*;
use super::parse::{Document, Parsed, Parser, is_word_end};

impl Parser {
    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
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

    pub(super) fn operand(&mut self) -> Parsed<Word> {
        self.skip_blanks();
        if self.starts_with("<(") {
            return self.word();
        }
        if self.peek().is_none_or(is_word_end) { Err(self.unexpected()) } else { self.word() }
    }

    /// The here-documents of the line that ends here.
    pub(super) fn read_documents(&mut self) {
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
