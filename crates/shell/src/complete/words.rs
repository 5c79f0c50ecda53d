//! The text before the cursor → the words of the command that is being typed.

/// The command that the cursor stands in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Words {
    /// Those before the one being typed, without their quotes.
    pub(super) words: Vec<String>,
    /// The one being typed.
    pub(super) last: String,
    /// The byte where that one begins.
    pub(super) start: usize,
    /// It names a file, for it stands behind `<` or `>`.
    pub(super) is_file: bool,
}

/// Words after which another command begins.
const OPENERS: [&str; 8] = ["do", "else", "if", "then", "time", "until", "while", "!"];

pub(super) fn before_cursor(text: &str) -> Words {
    let mut res = Words::default();
    let mut quote = None;
    let mut open = false;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let after = at + letter.len_utf8();
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), letter) => res.last.push(letter),
            (None, '\'' | '"') => {
                (quote, open) = (Some(letter), true);
            }
            (None, '\\') => {
                res.last.extend(letters.next().map(|it| it.1));
                open = true;
            }
            (None, ' ' | '\t') => {
                res.end_word(open, after);
                open = false;
            }
            (None, '|' | ';' | '&' | '\n' | '(' | '`' | '{')
                if letter != '{' || res.last.is_empty() =>
            {
                res = Words { start: after, ..Words::default() };
                open = false;
            }
            (None, '<' | '>') => {
                res.end_word(open, after);
                (res.is_file, open) = (true, false);
            }
            (None, letter) => {
                res.last.push(letter);
                open = true;
            }
        }
    }
    res
}

impl Words {
    /// `open`: there is a word, be it an empty one in quotes.
    fn end_word(&mut self, open: bool, next: usize) {
        let word = std::mem::take(&mut self.last);
        self.start = next;
        if !open {
            return;
        }
        if std::mem::take(&mut self.is_file) {
            return;
        }
        let assigns = word.split_once('=').is_some_and(|(name, _)| is_name(name));
        let opens = OPENERS.contains(&word.as_str());
        if !(self.words.is_empty() && (assigns || opens)) {
            self.words.push(word);
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|it: char| it.is_ascii_digit())
        && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}
