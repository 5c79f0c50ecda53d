//! Text → lines of some length at most, broken at blanks (`mitchellh/go-wordwrap`).

/// Line breaks stay; the blanks that a new break replaces go; a word that is too long stays whole.
pub(super) fn wrap(text: &str, limit: usize) -> String {
    let mut wrapped =
        Wrapped { res: String::new(), width: 0, blanks: String::new(), word: String::new() };
    for letter in text.chars() {
        match letter {
            '\n' => wrapped.end_line(limit),
            ' ' | '\t' | '\u{b}' | '\u{c}' | '\r' => {
                if wrapped.blanks.is_empty() || !wrapped.word.is_empty() {
                    wrapped.take();
                }
                wrapped.blanks.push(letter);
            }
            letter => wrapped.letter(letter, limit),
        }
    }
    if !wrapped.word.is_empty() || wrapped.width + count(&wrapped.blanks) <= limit {
        wrapped.take();
    }
    wrapped.res
}

struct Wrapped {
    res: String,
    /// Of the line that is written.
    width: usize,
    /// What may still go to the next line.
    blanks: String,
    word: String,
}

impl Wrapped {
    fn take(&mut self) {
        self.width += count(&self.blanks) + count(&self.word);
        self.res.push_str(&self.blanks);
        self.res.push_str(&self.word);
        self.blanks.clear();
        self.word.clear();
    }

    fn end_line(&mut self, limit: usize) {
        if !self.word.is_empty() || self.width + count(&self.blanks) <= limit {
            self.take();
        }
        self.blanks.clear();
        self.res.push('\n');
        self.width = 0;
    }

    fn letter(&mut self, letter: char, limit: usize) {
        self.word.push(letter);
        let word = count(&self.word);
        if self.width + count(&self.blanks) + word > limit && word < limit {
            self.res.push('\n');
            self.width = 0;
            self.blanks.clear();
        }
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// Every line behind as many blanks.
pub(super) fn indent(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks() {
        for (text, wrapped) in [
            ("one two three", "one two\nthree"),
            ("one  two   three", "one  two\nthree"),
            ("a verylongword b", "a\nverylongword\nb"),
            ("one\n\n two\n", "one\n\n two\n"),
            ("", ""),
        ] {
            assert_eq!(wrap(text, 8), wrapped, "{text}");
        }
    }
}
