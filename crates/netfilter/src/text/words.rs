//! A line → its words, as iptables-restore splits them: at spaces, but not inside double quotes,
//! where a backslash takes the next character as it is.

/// One word; `start..end` are its bytes in the line, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The error is the place of the quote that is not closed.
pub(super) fn words(line: &str) -> Result<Vec<Word>, usize> {
    let mut res = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let word = word(rest, line.len() - rest.len())?;
        rest = line[word.end..].trim_start();
        res.push(word);
    }
    Ok(res)
}

fn word(rest: &str, start: usize) -> Result<Word, usize> {
    let mut res = Word { text: String::new(), quoted: false, start, end: start + rest.len() };
    let mut quote = None;
    let mut chars = rest.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                quote = if quote.is_some() { None } else { Some(start + at) };
                res.quoted = true;
            }
            '\\' if quote.is_some() => res.text.extend(chars.next().map(|(_, char)| char)),
            _ if char.is_whitespace() && quote.is_none() => {
                res.end = start + at;
                break;
            }
            _ => res.text.push(char),
        }
    }
    match quote {
        Some(place) => Err(place),
        None => Ok(res),
    }
}

/// Whether `text` must be quoted to stay one word.
pub(super) fn needs_quotes(text: &str) -> bool {
    let special = |it: char| it.is_whitespace() || it == '"';
    text.is_empty() || text.contains(special)
}
