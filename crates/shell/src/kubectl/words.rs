//! The words of kubectl's own language, for the completion.

pub(crate) use super::commands::COMMANDS;
pub(crate) use super::resources::{RESOURCES, Resource, find};

use super::{command, flags};

/// The command that words begin, how its flags are called, and the words behind it. It may be only
/// the beginning of one: `rollout`.
pub(crate) fn command_of(words: &[String]) -> (&'static str, &'static str, &[String]) {
    let mut rest = words;
    while let Some((first, after)) = rest.split_first().filter(|(it, _)| it.starts_with('-')) {
        let value = usize::from(takes_word("", first)).min(after.len());
        rest = &after[value..];
    }
    let (name, used) = command::longest(rest);
    let flags = COMMANDS.iter().find(|it| it.name == name).map_or("", |it| it.flags);
    (name, flags, rest.get(used..).unwrap_or_default())
}

/// Whether the word behind a flag is its value.
pub(crate) fn takes_word(known: flags::Known, flag: &str) -> bool {
    flags::takes_word(known, flag)
}

/// `--output=`, `--watch`
pub(crate) fn flag_names(known: flags::Known) -> Vec<String> {
    flags::names(known)
}
