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

/// Flags that may stand before the command and take a word.
const BEFORE: [&str; 6] = ["-n", "--namespace", "--context", "--kubeconfig", "-s", "--server"];

/// The command that a line names, and the words that are left.
pub(crate) fn find(words: &[String]) -> Done<(&'static Command, Vec<String>)> {
    let mut rest: Vec<String> = words.to_vec();
    let mut before = Vec::new();
    while rest.first().is_some_and(|it| it.starts_with('-')) {
        let takes = BEFORE.contains(&rest[0].as_str());
        before.extend(rest.drain(..(1 + usize::from(takes)).min(rest.len())));
    }
    let Some(first) = rest.first().cloned() else {
        return Err(Failed(OVERVIEW.to_owned()));
    };
    let (name, used) = longest(&rest);
    let found = COMMANDS.iter().find(|it| it.name == name);
    match found {
        Some(command) => {
            before.extend(rest.drain(used..));
            Ok((command, before))
        }
        None if name.is_empty() => Err(unknown(&first)),
        // A group of commands alone shows what is in it.
        None => Err(Failed(group(name))),
    }
}

/// The longest beginning of a command's name that the words spell, and how many they are.
pub(crate) fn longest(words: &[String]) -> (&'static str, usize) {
    let (mut name, mut used) = ("", 0);
    for word in words {
        let longer = if name.is_empty() { word.clone() } else { format!("{name} {word}") };
        let alias = ALIASES.iter().find(|(it, _)| *it == longer).map(|it| it.1);
        let longer = alias.unwrap_or(&longer);
        let starts = |it: &str| {
            it.strip_prefix(longer).is_some_and(|it| it.is_empty() || it.starts_with(' '))
        };
        let Some(found) = COMMANDS.iter().find(|it| starts(it.name)) else { break };
        (name, used) = (&found.name[..longer.len()], used + 1);
    }
    (name, used)
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
