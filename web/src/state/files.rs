//! The manifests as files: what is being written, and what of it was applied last.
//!
//! kubectl is given them as one text, so places in that text are [`Files::place`]d in their files.

use std::ops::Range;
use std::rc::Rc;

use serde_json::{Value, json};
use svclab_core::key::ObjectKey;
use svclab_core::read;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Stays the same when it is renamed.
    pub id: u32,
    pub name: Rc<str>,
    pub text: Rc<str>,
    /// What of it was applied last; empty when nothing was.
    pub applied: Rc<str>,
}

impl File {
    pub fn differs(&self) -> bool {
        self.text != self.applied
    }
}

/// What can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Added,
    Renamed,
    Removed,
    Reset,
}

#[derive(Debug, Clone)]
pub enum Filing {
    Write {
        id: u32,
        text: String,
    },
    Choose(u32),
    Add,
    Rename {
        id: u32,
        name: String,
    },
    Remove(u32),
    /// The scenario's texts in place of all files.
    Reset,
    Undo,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    list: Vec<File>,
    chosen: usize,
    next_id: u32,
    before: Option<(Deed, Vec<File>, usize)>,
    /// Each text that was applied, with what of each file was applied then.
    sent: Vec<(Rc<str>, Vec<Applied>)>,
}

/// What of a file was applied.
#[derive(Debug, Clone, PartialEq)]
struct Applied {
    id: u32,
    text: Rc<str>,
}

/// Longer names would be cut off.
const LONGEST_NAME: usize = 40;

/// So that one text never goes on in the next.
const BETWEEN: &str = "---\n";

impl Files {
    /// Files as a scenario begins with them: applied.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Files {
        let mut res =
            Files { list: Vec::new(), chosen: 0, next_id: 0, before: None, sent: Vec::new() };
        for (name, text) in files {
            res.push(name, text.into(), text.into());
        }
        if res.list.is_empty() {
            res.push("service.yaml", "".into(), "".into());
        }
        let first = res.text();
        res.sent.push((first, res.applied_now()));
        res
    }

    fn push(&mut self, name: &str, text: Rc<str>, applied: Rc<str>) {
        self.list.push(File { id: self.next_id, name: name.into(), text, applied });
        self.next_id += 1;
    }

    pub fn all(&self) -> &[File] {
        &self.list
    }

    pub fn chosen(&self) -> &File {
        // There is always one, and `chosen` is kept within.
        &self.list[self.chosen]
    }

    /// What [`Filing::Undo`] would take back.
    pub fn undoable(&self) -> Option<Deed> {
        self.before.as_ref().map(|(deed, ..)| *deed)
    }

    pub fn differ(&self) -> bool {
        self.list.iter().any(File::differs)
    }

    /// What kubectl is given.
    pub fn text(&self) -> Rc<str> {
        joined(self.list.iter().map(|it| &it.text))
    }

    /// What has been applied of it all.
    pub fn applied_text(&self) -> Rc<str> {
        joined(self.list.iter().map(|it| &it.applied).filter(|it| !it.is_empty()))
    }

    /// The file that a place of [`Files::text`] lies in, and the place in that file.
    pub fn place(&self, span: Range<usize>) -> (u32, Range<usize>) {
        let mut start = 0;
        for (index, file) in self.list.iter().enumerate() {
            let end = start + file.text.len();
            if span.start <= end || index + 1 == self.list.len() {
                return (file.id, span.start.saturating_sub(start)..span.end.saturating_sub(start));
            }
            start = end + between(&file.text).len();
        }
        (self.chosen().id, 0..0)
    }

    pub fn file(&self, id: u32) -> Option<&File> {
        self.list.iter().find(|it| it.id == id)
    }

    /// Where an object is written.
    pub fn find(&self, key: &ObjectKey) -> Option<(u32, Range<usize>)> {
        self.list.iter().find_map(|file| {
            let read = read::read(&file.text);
            let document = read.documents.iter().find(|it| it.key().is_ok_and(|it| it == *key))?;
            Some((file.id, document.span.clone()))
        })
    }

    // A first visit does not run it: on its own, the first load leaves it out.
    #[inline(never)]
    pub fn act(&mut self, filing: Filing, scenario: &[(&str, &str)]) {
        match filing {
            Filing::Write { id, text } => {
                if let Some(file) = self.list.iter_mut().find(|it| it.id == id) {
                    file.text = text.into();
                }
            }
            Filing::Choose(id) => self.choose(id),
            Filing::Add => self.add(),
            Filing::Rename { id, name } => self.rename(id, &name),
            Filing::Remove(id) => self.remove(id),
            Filing::Reset => self.reset(scenario),
            Filing::Undo => self.undo(),
        }
    }

    pub fn write(&mut self, text: &str) {
        self.list[self.chosen].text = text.into();
    }

    fn choose(&mut self, id: u32) {
        if let Some(index) = self.list.iter().position(|it| it.id == id) {
            self.chosen = index;
        }
    }

    fn keep(&mut self, deed: Deed) {
        self.before = Some((deed, self.list.clone(), self.chosen));
    }

    fn add(&mut self) {
        self.keep(Deed::Added);
        let name = self.free_name("new", None);
        self.push(&name, "".into(), "".into());
        self.chosen = self.list.len() - 1;
    }

    fn rename(&mut self, id: u32, name: &str) {
        let name: String = name.chars().filter(|it| !it.is_control()).take(LONGEST_NAME).collect();
        let name = name.trim();
        let Some(index) = self.list.iter().position(|it| it.id == id) else { return };
        if name.is_empty() || *self.list[index].name == *name {
            return;
        }
        self.keep(Deed::Renamed);
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        let name = if stem == name && name.contains('.') && !self.is_taken(name, Some(id)) {
            name.to_owned()
        } else {
            self.free_name(stem, Some(id))
        };
        self.list[index].name = name.into();
    }

    fn is_taken(&self, name: &str, but: Option<u32>) -> bool {
        self.list.iter().any(|it| Some(it.id) != but && *it.name == *name)
    }

    /// `new.yaml`, `new-2.yaml` …
    fn free_name(&self, stem: &str, but: Option<u32>) -> String {
        let names = (1..).map(|number| match number {
            1 => format!("{stem}.yaml"),
            _ => format!("{stem}-{number}.yaml"),
        });
        let mut free = names.filter(|name| !self.is_taken(name, but));
        free.next().unwrap_or_default()
    }

    /// The last file cannot be removed.
    fn remove(&mut self, id: u32) {
        let Some(index) = self.list.iter().position(|it| it.id == id) else { return };
        if self.list.len() == 1 {
            return;
        }
        self.keep(Deed::Removed);
        self.list.remove(index);
        if self.chosen > index || self.chosen == self.list.len() {
            self.chosen -= 1;
        }
    }

    /// Files of the same name stay the same files, with their past in the editor.
    fn reset(&mut self, scenario: &[(&str, &str)]) {
        self.keep(Deed::Reset);
        let old = std::mem::take(&mut self.list);
        for (name, text) in scenario {
            match old.iter().find(|it| *it.name == **name) {
                Some(file) => self.list.push(File { text: (*text).into(), ..file.clone() }),
                None => self.push(name, (*text).into(), "".into()),
            }
        }
        self.chosen = self.chosen.min(self.list.len().saturating_sub(1));
        if self.list.is_empty() {
            self.undo();
        }
    }

    fn undo(&mut self) {
        let Some((_, mut list, chosen)) = self.before.take() else { return };
        // What was applied since then stays applied.
        for file in &mut list {
            if let Some(now) = self.list.iter().find(|it| it.id == file.id) {
                file.applied = now.applied.clone();
            }
        }
        (self.list, self.chosen) = (list, chosen);
    }

    /// All files have been applied, as `text`.
    pub fn all_sent(&mut self, text: Rc<str>) {
        for file in &mut self.list {
            file.applied = file.text.clone();
        }
        if matches!(self.before, Some((Deed::Added | Deed::Renamed, ..))) {
            self.before = None;
        }
        self.remember(text);
    }

    /// The document of the chosen file around `at`, in bytes of that file.
    pub fn document_at(&self, at: usize) -> Option<Range<usize>> {
        let parts = read::split(&self.chosen().text);
        let after = parts.iter().find(|it| it.end > at);
        after.or(parts.last()).cloned()
    }

    /// A document of the chosen file has been applied by itself, as `text`.
    pub fn document_sent(&mut self, text: Rc<str>) {
        let file = &mut self.list[self.chosen];
        file.applied = with_document(&file.applied, &text).into();
        if read::split(&file.text).len() == 1 {
            file.applied = file.text.clone();
        }
        self.remember(text);
    }

    /// `text` has been applied, which the files know already.
    pub fn remember(&mut self, text: Rc<str>) {
        let applied = self.applied_now();
        match self.sent.iter_mut().find(|(sent, _)| *sent == text) {
            Some((_, then)) => *then = applied,
            None => self.sent.push((text, applied)),
        }
    }

    fn applied_now(&self) -> Vec<Applied> {
        let applied = |it: &File| Applied { id: it.id, text: it.applied.clone() };
        self.list.iter().map(applied).collect()
    }

    /// `sent` is what was applied last at the moment that is shown; none before anything was.
    /// Texts that nobody has changed since become what they were then.
    pub fn look(&mut self, sent: Option<&str>) {
        let found = match sent {
            Some(sent) => self.sent.iter().find(|(it, _)| **it == *sent),
            None => self.sent.first(),
        };
        let Some((_, then)) = found else { return };
        for file in &mut self.list {
            let found = then.iter().find(|it| it.id == file.id);
            let applied = found.map_or_else(|| "".into(), |it| it.text.clone());
            if !file.differs() && found.is_some() {
                file.text = applied.clone();
            }
            file.applied = applied;
        }
    }

    /// How many bytes of text there are.
    pub fn size(&self) -> usize {
        self.list.iter().map(|it| it.text.len() + it.applied.len()).sum()
    }

    /// What the browser keeps.
    pub fn to_json(&self) -> String {
        let file = |it: &File| json!({"name": *it.name, "text": *it.text, "applied": *it.applied});
        let files: Vec<Value> = self.list.iter().map(file).collect();
        json!({"files": files, "chosen": self.chosen}).to_string()
    }

    /// None where the text is not of [`Files::to_json`].
    pub fn from_json(text: &str) -> Option<Files> {
        let value: Value = serde_json::from_str(text).ok()?;
        let mut res = Files::new([]);
        res.list.clear();
        res.sent.clear();
        for file in value.get("files")?.as_array()? {
            let part = |name| file.get(name).and_then(Value::as_str);
            res.push(part("name")?, part("text")?.into(), part("applied")?.into());
        }
        let chosen = value.get("chosen").and_then(Value::as_u64).unwrap_or_default();
        res.chosen = usize::try_from(chosen).ok()?.min(res.list.len().checked_sub(1)?);
        Some(res)
    }
}

impl Files {
    /// The one text that earlier releases kept.
    pub fn from_texts(text: &str, applied: &str) -> Files {
        let mut res = Files::new([("service.yaml", text)]);
        res.list[0].applied = applied.into();
        res
    }

    /// What is being written, nothing of it applied.
    pub fn unapplied(mut self) -> Files {
        for file in &mut self.list {
            file.applied = "".into();
        }
        self
    }
}

fn joined<'a>(texts: impl Iterator<Item = &'a Rc<str>>) -> Rc<str> {
    let texts: Vec<&Rc<str>> = texts.collect();
    if let [only] = texts[..] {
        return only.clone();
    }
    let mut res = String::new();
    for (index, text) in texts.iter().enumerate() {
        res.push_str(text);
        if index + 1 < texts.len() {
            res.push_str(&between(text));
        }
    }
    res.into()
}

/// What stands between a text and the next.
fn between(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{end}{BETWEEN}")
}

/// `text` with `document` in place of the one that is about the same object, or else after it.
fn with_document(text: &str, document: &str) -> String {
    let key_of = |part: &str| read::read(part).documents.first().and_then(|it| it.key().ok());
    let key = key_of(document);
    let same =
        read::split(text).into_iter().find(|it| key.is_some() && key_of(&text[it.clone()]) == key);
    match same {
        Some(part) => format!("{}{document}{}", &text[..part.start], &text[part.end..]),
        None if text.is_empty() => document.to_owned(),
        None => format!("{text}{}{document}", between(text)),
    }
}

#[cfg(test)]
mod tests;
