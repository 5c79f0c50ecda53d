//! Words as written → the words that a command gets.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::ast::*;
use super::parameter::{elements, variable};
use super::variables::separators;
use super::{arithmetic, braces, pattern, run};
use crate::pipe::Output;
use crate::process::Process;

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
        if let Part::Variable { name, index, change, quoted } = part
            && let Some(all) = elements(process, name, index.as_ref(), change.as_ref()).await?
        {
            let separators = separators(process);
            let joins = *quoted && (name == "*" || *index == Some(Index::Joined));
            let values = if joins { vec![joined(&all, &separators)] } else { all };
            for (at, value) in values.into_iter().enumerate() {
                if at > 0 {
                    res.extend(current.take());
                }
                match quoted {
                    true => add(&mut current, &value, false),
                    false => add_split(&mut res, &mut current, &value, &separators),
                }
            }
            continue;
        }
        match part {
            Part::Text { text, quoted: false } if text.is_empty() => {}
            // `"$@"` of nothing is no word at all.
            Part::Text { text, quoted: true } if text.is_empty() && has_all(word) => {}
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
                    add_split(&mut res, &mut current, &value, &separators(process));
                }
            }
        }
    }
    res.extend(current);
    Ok(res)
}

/// Whether all values of an array stand in it.
fn has_all(word: &Word) -> bool {
    word.0.iter().any(|it| match it {
        Part::Variable { name, index, change: None, .. } => {
            name == "@" || *index == Some(Index::All)
        }
        _ => false,
    })
}

fn is_quoted(part: &Part) -> bool {
    match part {
        Part::Text { quoted, .. }
        | Part::Variable { quoted, .. }
        | Part::Command { quoted, .. }
        | Part::Arithmetic { quoted, .. } => *quoted,
        Part::File(_) => true,
    }
}

fn add(current: &mut Option<Field>, text: &str, has_pattern: bool) {
    let field = current.get_or_insert(Field { text: String::new(), has_pattern: false });
    field.text.push_str(text);
    field.has_pattern |= has_pattern;
}

/// Blanks next to each other separate once; any other separator ends a field, which may be empty.
fn add_split(res: &mut Vec<Field>, current: &mut Option<Field>, value: &str, separators: &str) {
    let is_blank = |c: char| c.is_whitespace() && separators.contains(c);
    let mut rest = value.trim_start_matches(is_blank);
    if rest.len() < value.len() {
        res.extend(current.take());
    }
    while !rest.is_empty() {
        let end = rest.find(|c| separators.contains(c)).unwrap_or(rest.len());
        let piece = &rest[..end];
        add(current, piece, piece.contains(['*', '?']));
        let after = rest[end..].trim_start_matches(is_blank);
        let mark = after.chars().next().filter(|c| separators.contains(*c));
        if end < rest.len() {
            res.extend(current.take());
        }
        rest = match mark {
            Some(mark) => after[mark.len_utf8()..].trim_start_matches(is_blank),
            None => after,
        };
    }
}

fn joined(values: &[String], separators: &str) -> String {
    let by: String = separators.chars().take(1).collect();
    values.join(&by)
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
        Part::Variable { name, index, change, .. } => {
            match elements(process, name, index.as_ref(), change.as_ref()).await? {
                Some(all) => Ok(all.join(" ")),
                None => variable(process, (name, index.as_ref()), change.as_ref()).await,
            }
        }
        Part::Command { list, .. } => Ok(output_of(process, list).await),
        Part::File(list) => {
            let text = output_of(process, list).await;
            let end = if text.is_empty() { "" } else { "\n" };
            let mut files = process.files_mut();
            let path =
                format!("/dev/fd/{}", 63_usize.saturating_sub(files.below("/dev/fd").count()));
            files.put(path.clone(), format!("{text}{end}"));
            Ok(path)
        }
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

/// A word as a pattern: what is quoted stands for itself.
pub(super) fn pattern_text<'a>(
    process: &'a Process,
    word: &'a Word,
) -> Later<'a, Expanded<String>> {
    Box::pin(async move {
        let mut res = String::new();
        for part in &word.0 {
            let text = value(process, part).await?;
            match is_quoted(part) {
                false => res.push_str(&text),
                true => {
                    for c in text.chars() {
                        if !c.is_alphanumeric() && !c.is_whitespace() {
                            res.push('\\');
                        }
                        res.push(c);
                    }
                }
            }
        }
        Ok(res)
    })
}
