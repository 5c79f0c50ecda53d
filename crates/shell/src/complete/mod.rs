//! What Tab offers: a line and where its cursor stands → words that may stand there.
//!
//! As bash and kubectl's own completion do it: commands first, then what the command takes. The
//! lab is only read.

mod kubectl;
mod words;

use svclab_core::key::Kind;
use svclab_core::lab::Lab;

use crate::programs::PROGRAMS;
use crate::session::{Place, Session};
use words::Words;

/// What may stand in place of the word before the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// The byte of the line where the replaced part begins; it ends at the cursor.
    pub start: usize,
    /// In the order of their names, each once.
    pub candidates: Vec<String>,
}

impl Completion {
    fn new(start: usize, typed: &str, all: impl IntoIterator<Item = String>) -> Completion {
        let fits = |it: &String| it.starts_with(typed);
        let mut candidates: Vec<String> = all.into_iter().filter(fits).collect();
        candidates.sort_unstable();
        candidates.dedup();
        Completion { start, candidates }
    }

    /// What all candidates begin with; the only one is ended by a blank, unless more may follow it.
    pub fn common(&self) -> String {
        let Some((first, rest)) = self.candidates.split_first() else { return String::new() };
        let ends = first.ends_with(['/', '=', ',']);
        if rest.is_empty() {
            return if ends { first.clone() } else { format!("{first} ") };
        }
        let same = |it: &String| {
            let pairs = first.chars().zip(it.chars());
            pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
        };
        let length = rest.iter().map(same).min().unwrap_or(first.len());
        first.get(..length).unwrap_or_default().to_owned()
    }
}

/// Words of the shell itself that a command may begin with.
const KEYWORDS: [&str; 16] = [
    "alias", "cd", "do", "done", "else", "exit", "export", "fi", "for", "if", "pwd", "read", "set",
    "then", "unset", "while",
];

/// What may stand at `cursor`, a byte of `line`.
pub fn complete(line: &str, cursor: usize, lab: &Lab, session: &Session) -> Completion {
    let before = line.get(..cursor).unwrap_or(line);
    let Words { words, last, start, is_file } = words::before_cursor(before);
    let at = |from: usize, typed: &str, all: Vec<String>| Completion::new(start + from, typed, all);
    if let Some(name) = last.strip_prefix('$').filter(|it| !it.starts_with(['(', '{'])) {
        return at(1, name, session.variables.keys().cloned().collect());
    }
    let Some((command, arguments)) = words.split_first().filter(|_| !is_file) else {
        return match is_file || last.contains('/') {
            true => at(0, &last, files(session, &last)),
            false => at(0, &last, commands(session)),
        };
    };
    let has_kubeconfig = !matches!(session.place, Place::Pod { .. });
    match command.as_str() {
        "kubectl" | "k" if has_kubeconfig => {
            let (from, all) = kubectl::candidates(arguments, &last, lab, session);
            at(from, last.get(from..).unwrap_or_default(), all)
        }
        "man" | "type" | "which" => at(0, &last, commands(session)),
        "curl" | "dig" | "getent" | "host" | "nc" | "nslookup" | "ping" | "wget"
            if !last.starts_with('-') =>
        {
            let from = last.find("://").map_or(0, |it| it + 3);
            at(from, last.get(from..).unwrap_or_default(), hosts(lab, session))
        }
        _ => at(0, &last, files(session, &last)),
    }
}

fn commands(session: &Session) -> Vec<String> {
    let here = PROGRAMS.iter().filter(|it| it.places.include(&session.place));
    let programs = here.map(|it| it.name.to_owned());
    let keywords = KEYWORDS.iter().map(|it| (*it).to_owned());
    programs.chain(keywords).chain(session.functions.keys().cloned()).collect()
}

/// Files and directories, as `typed` begins to name them.
fn files(session: &Session, typed: &str) -> Vec<String> {
    let (folder, _) = typed.rsplit_once('/').map_or(("", typed), |(folder, name)| (folder, name));
    let prefix = if typed.contains('/') { format!("{folder}/") } else { String::new() };
    let place = match prefix.as_str() {
        "" => session.directory.clone(),
        "/" => "/".to_owned(),
        _ => session.resolve(folder),
    };
    let found = session.files.below(&place).map(|(path, _)| match path.split_once('/') {
        Some((inner, _)) => format!("{prefix}{inner}/"),
        None => format!("{prefix}{path}"),
    });
    found.filter(|it| !it.contains(char::is_whitespace)).collect()
}

/// Names by which a pod finds Services.
fn hosts(lab: &Lab, session: &Session) -> Vec<String> {
    let Place::Pod { namespace: own, .. } = &session.place else { return Vec::new() };
    let services = lab.objects().iter().filter(|(key, _)| key.kind == Kind::Service);
    let name = |namespace: &str, name: &str| match namespace == own {
        true => name.to_owned(),
        false => format!("{name}.{namespace}"),
    };
    services.map(|(key, _)| name(&key.namespace, &key.name)).collect()
}
