//! Words as written → the words that a command gets.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::ast::*;
use super::{arithmetic, braces, pattern, run};
use crate::pipe::Output;
use crate::process::Process;
use crate::programs;

/// A message for `bash: …`.
pub(super) type Expanded<T> = Result<T, String>;

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// All words: braces, variables and substitutions, split at blanks, files for patterns.
pub(super) async fn fields(process: &Process, words: &[Word]) -> Expanded<Vec<String>> {
    let mut res = Vec::new();
    for word in words {
        for word in braces::expand(word) {
            for field in split(process, &word).await? {
                match field.has_pattern.then(|| files(process, &field.text)) {
                    Some(found) if !found.is_empty() => res.extend(found),
                    _ => res.push(field.text),
                }
            }
        }
    }
    Ok(res)
}

/// One word that is not split: a value, a file name, a here-document.
pub(super) fn text<'a>(process: &'a Process, word: &'a Word) -> Later<'a, Expanded<String>> {
    Box::pin(async move {
        let mut res = String::new();
        for (at, part) in word.0.iter().enumerate() {
            match part {
                Part::Text { text, quoted: false } if at == 0 && text.starts_with('~') => {
                    res.push_str(&home(process, text));
                }
                part => res.push_str(&value(process, part).await?),
            }
        }
        Ok(res)
    })
}

fn home(process: &Process, text: &str) -> String {
    match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            format!("{}{rest}", process.session().place.home())
        }
        _ => text.to_owned(),
    }
}

struct Field {
    text: String,
    has_pattern: bool,
}

async fn split(process: &Process, word: &Word) -> Expanded<Vec<Field>> {
    let mut res = Vec::new();
    let mut current: Option<Field> = None;
    for (at, part) in word.0.iter().enumerate() {
        if let Part::Variable { name, change: None, quoted: true } = part
            && name == "@"
        {
            let arguments = process.session().arguments.clone();
            for (index, argument) in arguments.into_iter().enumerate() {
                if index > 0 {
                    res.extend(current.take());
                }
                add(&mut current, &argument, false);
            }
            continue;
        }
        match part {
            Part::Text { text, quoted: false } => {
                let text = if at == 0 { home(process, text) } else { text.clone() };
                add(&mut current, &text, text.contains(['*', '?']));
            }
            Part::Text { text, quoted: true } => add(&mut current, text, false),
            part => {
                let value = value(process, part).await?;
                if is_quoted(part) {
                    add(&mut current, &value, false);
                } else {
                    add_split(&mut res, &mut current, &value);
                }
            }
        }
    }
    res.extend(current);
    Ok(res)
}

fn is_quoted(part: &Part) -> bool {
    match part {
        Part::Text { quoted, .. }
        | Part::Variable { quoted, .. }
        | Part::Command { quoted, .. }
        | Part::Arithmetic { quoted, .. } => *quoted,
    }
}

fn add(current: &mut Option<Field>, text: &str, has_pattern: bool) {
    let field = current.get_or_insert(Field { text: String::new(), has_pattern: false });
    field.text.push_str(text);
    field.has_pattern |= has_pattern;
}

fn add_split(res: &mut Vec<Field>, current: &mut Option<Field>, value: &str) {
    const BLANKS: [char; 3] = [' ', '\t', '\n'];
    if value.starts_with(BLANKS) {
        res.extend(current.take());
    }
    let mut pieces = value.split(BLANKS).filter(|it| !it.is_empty()).peekable();
    while let Some(piece) = pieces.next() {
        add(current, piece, piece.contains(['*', '?']));
        if pieces.peek().is_some() || value.ends_with(BLANKS) {
            res.extend(current.take());
        }
    }
}

fn files(process: &Process, text: &str) -> Vec<String> {
    let (directory, last) = match text.rsplit_once('/') {
        Some((directory, last)) => (Some(directory), last),
        None => (None, text),
    };
    let (start, files) = (process.resolve(directory.unwrap_or(".")), process.files());
    let found = files.below(&start).map(|(name, _)| name);
    let found = found.filter(|name| !name.contains('/') && pattern::matches(last, name));
    let found = found.map(|name| match directory {
        Some(directory) => format!("{directory}/{name}"),
        None => name.to_owned(),
    });
    found.collect()
}

async fn value(process: &Process, part: &Part) -> Expanded<String> {
    match part {
        Part::Text { text, .. } => Ok(text.clone()),
        Part::Variable { name, change, .. } => variable(process, name, change.as_ref()).await,
        Part::Command { list, .. } => Ok(output_of(process, list).await),
        Part::Arithmetic { word, .. } => {
            let expression = text(process, word).await?;
            let value = arithmetic::evaluate(&expression, &mut process.session_mut())?;
            Ok(value.to_string())
        }
    }
}

/// What the commands print, without the line ends at its end.
fn output_of<'a>(process: &'a Process, list: &'a List) -> Later<'a, String> {
    Box::pin(async move {
        let kept = Rc::new(RefCell::new(String::new()));
        let mut inner = process.subshell();
        inner.stdout = Output::Kept(kept.clone());
        let status = run::subshell(inner, list).await;
        process.session_mut().status = status;
        let text = kept.take();
        text.trim_end_matches('\n').to_owned()
    })
}

fn parameter(process: &Process, name: &str) -> Option<String> {
    let session = process.session();
    match name {
        "?" => Some(session.status.to_string()),
        "$" => Some("1".to_owned()),
        "#" => Some(session.arguments.len().to_string()),
        "@" | "*" => Some(session.arguments.join(" ")),
        "0" => Some("bash".to_owned()),
        name => match name.parse::<usize>() {
            Ok(index) => session.arguments.get(index.wrapping_sub(1)).cloned(),
            Err(_) => {
                let own = session.variables.get(name).cloned();
                own.or_else(|| programs::of_container(process, name))
            }
        },
    }
}

async fn variable(process: &Process, name: &str, change: Option<&Change>) -> Expanded<String> {
    let found = parameter(process, name);
    let value = found.clone().unwrap_or_default();
    Ok(match change {
        None => value,
        Some(Change::Length) => value.chars().count().to_string(),
        Some(Change::Default(word)) if value.is_empty() => text(process, word).await?,
        Some(Change::Assign(word)) if value.is_empty() => {
            let value = text(process, word).await?;
            process.session_mut().variables.insert(name.to_owned(), value.clone());
            value
        }
        Some(Change::Default(_) | Change::Assign(_)) => value,
        Some(Change::Instead(_)) if value.is_empty() => String::new(),
        Some(Change::Instead(word)) => text(process, word).await?,
        Some(Change::WithoutPrefix { pattern, longest }) => {
            let pattern = text(process, pattern).await?;
            pattern::without_prefix(&pattern, &value, *longest).to_owned()
        }
        Some(Change::WithoutSuffix { pattern, longest }) => {
            let pattern = text(process, pattern).await?;
            pattern::without_suffix(&pattern, &value, *longest).to_owned()
        }
        Some(Change::Replace { pattern, text: by, all }) => {
            let (pattern, by) = (text(process, pattern).await?, text(process, by).await?);
            pattern::replace(&pattern, &value, &by, *all)
        }
    })
}
