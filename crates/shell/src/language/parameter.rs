//! `${name…}`: a variable or an array's values, and what is done to them.

use super::ast::*;
use super::expand::{Expanded, pattern_text, text};
use super::variables::{self, Key};
use super::{arithmetic, pattern};
use crate::process::Process;

/// All of an array's values or of the shell's arguments, where the word asks for them.
pub(super) async fn elements(
    process: &Process,
    name: &str,
    index: Option<&Index>,
    change: Option<&Change>,
) -> Expanded<Option<Vec<String>>> {
    let is_all = matches!(index, Some(Index::All | Index::Joined));
    let is_named = matches!(change, Some(Change::Length | Change::Default { .. }));
    if !is_all && !matches!(name, "@" | "*") || is_named {
        return Ok(None);
    }
    let mut all: Vec<String> = match is_all {
        false => process.session().arguments.clone(),
        true => match (process.session().state.arrays.get(name), change) {
            (Some(array), Some(Change::Named)) => return Ok(Some(array.keys().collect())),
            (Some(array), _) => array.items.values().cloned().collect(),
            (None, _) => process.session().variables.get(name).cloned().into_iter().collect(),
        },
    };
    match change {
        Some(Change::Slice { from, length }) => {
            let is_arguments = !is_all;
            if is_arguments {
                all.insert(0, "bash".to_owned());
            }
            let (from, length) = slice(process, from, length.as_ref(), all.len()).await?;
            all = all.into_iter().skip(from).take(length).collect();
        }
        Some(change) => {
            for value in &mut all {
                *value = changed(process, value, change).await?;
            }
        }
        None => {}
    }
    Ok(Some(all))
}

/// One value of an array, or a plain variable's.
async fn found(
    process: &Process,
    (name, index): (&str, Option<&Index>),
) -> Expanded<Option<String>> {
    let Some(Index::At(word)) = index else { return Ok(variables::parameter(process, name)) };
    let key = key(process, name, word).await?;
    let session = process.session();
    Ok(match session.state.arrays.get(name) {
        Some(array) => array.items.get(&key).cloned(),
        None => session.variables.get(name).filter(|_| key.0 == 0 && key.1.is_empty()).cloned(),
    })
}

/// Where a value of an array is kept.
pub(super) async fn key(process: &Process, name: &str, word: &Word) -> Expanded<Key> {
    let index = text(process, word).await?;
    let (is_keyed, end) = {
        let session = process.session();
        session.state.arrays.get(name).map_or((false, 0), |it| (it.is_keyed, it.end()))
    };
    if is_keyed {
        return Ok((0, index));
    }
    let number = arithmetic::evaluate(&index, &mut process.session_mut())?;
    let number = if number < 0 { number.saturating_add(end) } else { number };
    match number < 0 {
        true => Err(format!("{name}: bad array subscript")),
        false => Ok((number, String::new())),
    }
}

/// From where and how many, of so many.
async fn slice(
    process: &Process,
    from: &Word,
    length: Option<&Word>,
    count: usize,
) -> Expanded<(usize, usize)> {
    let number = |text: &str| arithmetic::evaluate(text, &mut process.session_mut());
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let from = number(&text(process, from).await?)?;
    let from = if from < 0 { (from.saturating_add(count)).max(0) } else { from.min(count) };
    let end = match length {
        None => count,
        Some(word) => match number(&text(process, word).await?)? {
            length if length < 0 => count.saturating_add(length),
            length => from.saturating_add(length),
        },
    };
    let size = |it: i64| usize::try_from(it.max(0)).unwrap_or(usize::MAX);
    if end < from {
        return Err("substring expression < 0".to_owned());
    }
    Ok((size(from), size(end - from)))
}

/// A variable with what `${name…}` does to it.
pub(super) async fn variable(
    process: &Process,
    (name, index): (&str, Option<&Index>),
    change: Option<&Change>,
) -> Expanded<String> {
    let is_all = matches!(index, Some(Index::All | Index::Joined)) || matches!(name, "@" | "*");
    if is_all && matches!(change, Some(Change::Length)) {
        let session = process.session();
        return Ok(match session.state.arrays.get(name) {
            _ if index.is_none() => session.arguments.len(),
            Some(array) => array.items.len(),
            None => usize::from(session.variables.contains_key(name)),
        }
        .to_string());
    }
    let found = found(process, (name, index)).await?;
    let counts = |empty: bool| found.as_ref().is_some_and(|it| !empty || !it.is_empty());
    match change {
        Some(Change::Default { word, empty }) if !counts(*empty) => {
            return text(process, word).await;
        }
        Some(Change::Assign { word, empty }) if !counts(*empty) => {
            let value = text(process, word).await?;
            process.session_mut().set(name, value.clone())?;
            return Ok(value);
        }
        Some(Change::Complain { word, empty }) if !counts(*empty) => {
            let why = text(process, word).await?;
            let own = if *empty { "parameter null or not set" } else { "parameter not set" };
            process.session_mut().state.misses = true;
            return Err(format!("{name}: {}", if why.is_empty() { own } else { &why }));
        }
        Some(Change::Instead { word, empty }) => {
            return if counts(*empty) { text(process, word).await } else { Ok(String::new()) };
        }
        Some(Change::Default { .. }) => {}
        _ if found.is_none() && !is_all && process.session().state.options.nounset => {
            process.session_mut().state.misses = true;
            return Err(format!("{name}: unbound variable"));
        }
        _ => {}
    }
    let value = found.unwrap_or_default();
    match change {
        None => Ok(value),
        Some(Change::Named) => Ok(variables::parameter(process, &value).unwrap_or_default()),
        Some(Change::Slice { from, length }) => {
            let letters: Vec<char> = value.chars().collect();
            let (from, length) = slice(process, from, length.as_ref(), letters.len()).await?;
            Ok(letters.into_iter().skip(from).take(length).collect())
        }
        Some(change) => changed(process, &value, change).await,
    }
}

/// A value with a change that needs to know nothing but the value.
async fn changed(process: &Process, value: &str, change: &Change) -> Expanded<String> {
    Ok(match change {
        Change::Length => value.chars().count().to_string(),
        Change::WithoutPrefix { pattern, longest } => {
            let pattern = pattern_text(process, pattern).await?;
            pattern::without_prefix(&pattern, value, *longest).to_owned()
        }
        Change::WithoutSuffix { pattern, longest } => {
            let pattern = pattern_text(process, pattern).await?;
            pattern::without_suffix(&pattern, value, *longest).to_owned()
        }
        Change::Replace { pattern, text: by, all, edge } => {
            let (pattern, by) = (pattern_text(process, pattern).await?, text(process, by).await?);
            match edge {
                None => pattern::replace(&pattern, value, &by, *all),
                Some('#') => match pattern::without_prefix(&pattern, value, true) {
                    rest if rest.len() < value.len() || pattern.is_empty() => format!("{by}{rest}"),
                    _ => value.to_owned(),
                },
                Some(_) => match pattern::without_suffix(&pattern, value, true) {
                    rest if rest.len() < value.len() || pattern.is_empty() => format!("{rest}{by}"),
                    _ => value.to_owned(),
                },
            }
        }
        Change::Letters { upper, all } => {
            let turned = |c: char| match upper {
                true => c.to_uppercase().next().unwrap_or(c),
                false => c.to_lowercase().next().unwrap_or(c),
            };
            let turns = |(at, c)| if *all || at == 0 { turned(c) } else { c };
            value.chars().enumerate().map(turns).collect()
        }
        _ => value.to_owned(),
    })
}
