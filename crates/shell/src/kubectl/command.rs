//! kubectl's commands: names, flags, help.

use std::future::Future;
use std::pin::Pin;

use super::commands::COMMANDS;
use super::errors::{Done, Failed, error};
use super::flags::Known;
use super::*;

type Running<'a> = Pin<Box<dyn Future<Output = Done> + 'a>>;

pub(crate) struct Command {
    /// `get`, `rollout status`
    pub(crate) name: &'static str,
    /// What follows it in its usage line.
    pub(crate) usage: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) flags: Known,
    /// Flags that have to be there.
    pub(crate) required: &'static str,
    pub(crate) run: for<'a> fn(&'a Kubectl) -> Running<'a>,
}

/// What kubectl calls some of its commands too.
const ALIASES: [(&str, &str); 16] = [
    ("create deploy", "create deployment"),
    ("create svc", "create service"),
    ("create ns", "create namespace"),
    ("create cm", "create configmap"),
    ("create ing", "create ingress"),
    ("create cj", "create cronjob"),
    ("create pc", "create priorityclass"),
    ("create pdb", "create poddisruptionbudget"),
    ("create resourcequota", "create quota"),
    ("create sa", "create serviceaccount"),
    ("event", "events"),
    ("top no", "top node"),
    ("top nodes", "top node"),
    ("top po", "top pod"),
    ("top pods", "top pod"),
    ("log", "logs"),
];

/// The command that a line names, and the words that are left. Flags may stand before each word of
/// its name (`kubectl -n shop create -o yaml service clusterip web`).
pub(crate) fn find(words: &[String]) -> Done<(&'static Command, Vec<String>)> {
    let mut rest: Vec<String> = words.to_vec();
    let mut name = "";
    let of = |name: &str| COMMANDS.iter().find(|it| it.name == name);
    while let Some(at) = next_word(&rest, of(name).map_or("", |it| it.flags)) {
        let Some(longer) = longer(name, &rest[at]) else {
            if name.is_empty() {
                return Err(unknown(&rest[at]));
            }
            break;
        };
        name = longer;
        rest.remove(at);
    }
    match of(name) {
        Some(command) => Ok((command, rest)),
        None if name.is_empty() => Err(Failed(OVERVIEW.to_owned())),
        // A group of commands alone shows what is in it.
        None => Err(Failed(group(name))),
    }
}

/// Where the first word is that is neither a flag nor a flag's value (cobra's `stripFlags`, for
/// which a flag that it does not know has a value).
fn next_word(words: &[String], known: Known) -> Option<usize> {
    let mut at = 0;
    loop {
        let word = words.get(at)?;
        let is_flag = word.len() > 1 && word.starts_with('-');
        let is_whole = word.starts_with("--") && !word.contains('=') || word.len() == 2;
        at += match () {
            () if word == "--" => return None,
            () if !is_flag => return Some(at),
            () if is_whole && !flags::is_switch(known, word) => 2,
            () => 1,
        };
    }
}

/// The longest beginning of a command's name that the words spell, and how many they are.
pub(crate) fn longest(words: &[String]) -> (&'static str, usize) {
    let (mut name, mut used) = ("", 0);
    for word in words {
        let Some(longer) = longer(name, word) else { break };
        (name, used) = (longer, used + 1);
    }
    (name, used)
}

/// A command's name, or the beginning of one, with one more word.
fn longer(name: &str, word: &str) -> Option<&'static str> {
    let longer = if name.is_empty() { word.to_owned() } else { format!("{name} {word}") };
    let alias = ALIASES.iter().find(|(it, _)| *it == longer).map(|it| it.1);
    let longer = alias.unwrap_or(&longer);
    let starts =
        |it: &str| it.strip_prefix(longer).is_some_and(|it| it.is_empty() || it.starts_with(' '));
    let found = COMMANDS.iter().find(|it| starts(it.name))?;
    Some(&found.name[..longer.len()])
}

fn unknown(word: &str) -> Failed {
    let firsts: BTreeSet<&str> =
        COMMANDS.iter().filter_map(|it| it.name.split(' ').next()).collect();
    let near = |it: &&str| distance(word, it) <= 2 || it.starts_with(word);
    let near: Vec<String> = firsts.into_iter().filter(near).map(|it| format!("\t{it}\n")).collect();
    let mut message = format!("unknown command \"{word}\" for \"kubectl\"");
    if !near.is_empty() {
        message.push_str(&format!("\n\nDid you mean this?\n{}", near.concat()));
    }
    error(message)
}

/// How many letters to change, add or take away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let cost = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn group(name: &str) -> String {
    let start = format!("{name} ");
    let inner = COMMANDS.iter().filter_map(|it| Some((it.name.strip_prefix(&start)?, it.summary)));
    let lines: String = inner.map(|(name, summary)| format!("  {name}\t{summary}\n")).collect();
    let lines = output::tabs::aligned(&lines);
    format!("Available Commands:\n{lines}\nUsage:\n  kubectl {name} [command]")
}

const OVERVIEW: &str = "kubectl controls the Kubernetes cluster manager.\n\nUsage:\n  kubectl [flags] [options]\n\nUse \"kubectl <command> --help\" for more information about a given command.";

pub(crate) fn help(command: &Command) -> String {
    let flags: String = flags::names(command.flags)
        .iter()
        .filter(|it| !flags::names("").contains(it))
        .map(|it| format!("    {it}\n"))
        .collect();
    format!(
        "{}.\n\nOptions:\n{flags}\nUsage:\n  kubectl {} {}\n\nUse \"kubectl options\" for a list of global command-line options (applies to all commands).\n",
        command.summary, command.name, command.usage
    )
}
