//! Assignments, and the words that declare variables: `declare`, `local`, `export`, `readonly`.

use super::arithmetic;
use super::ast::{Assigned, Assignment, Word};
use super::expand::{Expanded, text};
use super::parameter::key;
use super::run::Flow;
use super::variables::Array;
use crate::process::Process;

pub(super) fn is(word: &str) -> bool {
    matches!(word, "declare" | "typeset" | "local" | "export" | "readonly")
}

pub(super) async fn run(process: &Process, words: &[String], assignments: &[Assignment]) -> Flow {
    let Some((command, words)) = words.split_first() else { return Flow::Next(0) };
    let has = |letter: char| {
        let mut flags = words.iter().filter_map(|it| it.strip_prefix('-'));
        flags.any(|it| it.contains(letter))
    };
    if has('p') || words.is_empty() && assignments.is_empty() && command != "local" {
        return Flow::Next(listed(process, command));
    }
    let (is_keyed, is_array, is_number) = (has('A'), has('a'), has('i'));
    let is_local =
        command == "local" || matches!(command.as_str(), "declare" | "typeset") && !has('g');
    let named = words.iter().filter(|it| !it.starts_with('-')).map(String::as_str);
    let assigned = assignments.iter().map(|it| it.name.as_str());
    for name in named.chain(assigned) {
        let mut session = process.session_mut();
        if is_local && !session.localize(name) && command == "local" {
            drop(session);
            process.err("bash: local: can only be used in a function\n");
            return Flow::Next(1);
        }
        if is_keyed || is_array {
            session.array_mut(name).is_keyed = is_keyed;
        }
    }
    for assignment in assignments {
        let done = assign(process, assignment).await;
        let done =
            done.and_then(|()| if is_number { count(process, &assignment.name) } else { Ok(()) });
        if let Err(message) = done {
            process.err(&format!("bash: {message}\n"));
            return Flow::Next(1);
        }
    }
    if command == "readonly" || has('r') {
        let named = words.iter().filter(|it| !it.starts_with('-')).cloned();
        let names = named.chain(assignments.iter().map(|it| it.name.clone()));
        process.session_mut().state.readonly.extend(names);
    }
    Flow::Next(0)
}

/// `export` and `declare -p` alone show the variables.
fn listed(process: &Process, command: &str) -> u8 {
    let flag = if command == "readonly" { "-r" } else { "-x" };
    let text: String = {
        let session = process.session();
        let wanted = session
            .variables
            .iter()
            .filter(|it| command != "readonly" || session.state.readonly.contains(it.0));
        wanted.map(|(name, value)| format!("declare {flag} {name}={value:?}\n")).collect()
    };
    process.out(&text);
    0
}

/// `declare -i`: the value is what its expression comes to.
fn count(process: &Process, name: &str) -> Expanded<()> {
    let mut session = process.session_mut();
    let expression = session.variable(name).cloned().unwrap_or_default();
    let value = arithmetic::evaluate(&expression, &mut session)?;
    session.set(name, value.to_string())
}

/// Gives a variable, an array or one of its values a value.
pub(super) async fn assign(process: &Process, it: &Assignment) -> Expanded<()> {
    let name = it.name.as_str();
    process.session().writable(name)?;
    match (&it.value, &it.index) {
        (Assigned::Many(elements), _) => fill(process, it, elements).await,
        (Assigned::One(word), Some(index)) => {
            let (key, value) = (key(process, name, index).await?, text(process, word).await?);
            let mut session = process.session_mut();
            let old = &mut session.array_mut(name).items;
            let before = old.get(&key).filter(|_| it.appends).cloned().unwrap_or_default();
            old.insert(key, before + &value);
            Ok(())
        }
        (Assigned::One(word), None) => {
            let value = text(process, word).await?;
            let mut session = process.session_mut();
            let before = session.variable(name).filter(|_| it.appends).cloned().unwrap_or_default();
            session.set(name, before + &value)
        }
    }
}

async fn fill(
    process: &Process,
    it: &Assignment,
    elements: &[(Option<Word>, Word)],
) -> Expanded<()> {
    let name = it.name.as_str();
    let mut array = process.session().state.arrays.get(name).cloned().unwrap_or_default();
    if !it.appends {
        array.items.clear();
    }
    process.session_mut().set_array(name, Array { items: Default::default(), ..array.clone() });
    for (index, word) in elements {
        match index {
            Some(index) => {
                let key = key(process, name, index).await?;
                array.items.insert(key, text(process, word).await?);
            }
            None => {
                for value in super::expand::fields(process, std::slice::from_ref(word)).await? {
                    let key = (array.end(), String::new());
                    array.items.insert(key, value);
                }
            }
        }
    }
    process.session_mut().set_array(name, array);
    Ok(())
}
