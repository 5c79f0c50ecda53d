//! The words of a command → its options and operands, as getopt_long(3) reads them.

/// What a tool's options are called.
pub(super) struct Options {
    /// Letters; one that takes a value has a colon behind it, as in getopt's own string.
    pub(super) letters: &'static str,
    /// Long names without their dashes, each with the letter it stands for. A letter that is not
    /// among `letters` is the name of an option without one.
    pub(super) names: &'static [(&'static str, char)],
    /// The letters of long-only options that take a value.
    pub(super) valued: &'static str,
}

/// A command line that was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) options: Vec<(char, String)>,
    pub(super) operands: Vec<String>,
}

/// A word that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// With its dashes.
    Unknown(String),
    /// An option that lacks its value, with its dashes.
    Lacks(String),
}

impl Line {
    pub(super) fn has(&self, letter: char) -> bool {
        self.options.iter().any(|it| it.0 == letter)
    }

    /// The value given last.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.values(letter).last()
    }

    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.options.iter().filter(move |it| it.0 == letter).map(|it| it.1.as_str())
    }
}

impl Options {
    /// # Errors
    ///
    /// The first word that is no option of this tool.
    pub(super) fn read(&self, words: &[String]) -> Result<Line, Wrong> {
        let mut res = Line::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                res.operands.extend(words.cloned());
                break;
            }
            if let Some(name) = word.strip_prefix("--") {
                res.options.push(self.long(word, name, &mut words)?);
            } else if word.len() > 1 && word.starts_with('-') {
                self.short(word, &mut words, &mut res.options)?;
            } else {
                res.operands.push(word.clone());
            }
        }
        Ok(res)
    }

    fn takes_value(&self, letter: char) -> bool {
        let after = self.letters.split_once(letter).map_or("", |it| it.1);
        after.starts_with(':') || self.valued.contains(letter)
    }

    /// `--name`, `--name value`, `--name=value`; a name may be cut short where it stays clear.
    fn long<'a>(
        &self,
        word: &str,
        name: &str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(char, String), Wrong> {
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let exact = self.names.iter().find(|it| it.0 == name);
        let mut begun = self.names.iter().filter(|it| it.0.starts_with(name));
        let short = begun.next().filter(|_| begun.next().is_none() && !name.is_empty());
        let Some((_, letter)) = exact.or(short) else {
            return Err(Wrong::Unknown(word.to_owned()));
        };
        let value = match value {
            None if self.takes_value(*letter) => words.next().cloned(),
            value => Some(value.unwrap_or_default()),
        };
        Ok((*letter, value.ok_or_else(|| Wrong::Lacks(word.to_owned()))?))
    }

    /// `-abc`, `-o value`, `-ovalue`
    fn short<'a>(
        &self,
        word: &str,
        words: &mut impl Iterator<Item = &'a String>,
        into: &mut Vec<(char, String)>,
    ) -> Result<(), Wrong> {
        let mut letters = word.chars().skip(1);
        while let Some(letter) = letters.next() {
            if letter == ':' || !self.letters.contains(letter) {
                return Err(Wrong::Unknown(format!("-{letter}")));
            }
            if !self.takes_value(letter) {
                into.push((letter, String::new()));
                continue;
            }
            let rest: String = letters.by_ref().collect();
            let value = if rest.is_empty() { words.next().cloned() } else { Some(rest) };
            into.push((letter, value.ok_or_else(|| Wrong::Lacks(format!("-{letter}")))?));
        }
        Ok(())
    }
}

impl Wrong {
    /// As the GNU tools say it, with the line that tells where help is.
    pub(super) fn gnu(&self, tool: &str) -> String {
        let what = match self {
            Wrong::Unknown(word) if word.starts_with("--") => {
                format!("unrecognized option '{word}'")
            }
            Wrong::Unknown(word) => {
                format!("invalid option -- '{}'", word.trim_start_matches('-'))
            }
            Wrong::Lacks(word) if word.starts_with("--") => {
                format!("option '{word}' requires an argument")
            }
            Wrong::Lacks(word) => {
                format!("option requires an argument -- '{}'", word.trim_start_matches('-'))
            }
        };
        format!("{tool}: {what}\nTry '{tool} --help' for more information.\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Options = Options {
        letters: "sSo:",
        names: &[("silent", 's'), ("output", 'o'), ("max-time", '\u{1}'), ("max-redirs", '\u{2}')],
        valued: "\u{1}\u{2}",
    };

    #[track_caller]
    fn check(line: &str, expected: Result<(&str, &str), &str>) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let found = SAMPLE.read(&words).map(|it| {
            let options = it.options.iter().map(|(letter, value)| match letter {
                '\u{1}' => format!("max-time={value}"),
                letter => format!("{letter}={value}"),
            });
            (options.collect::<Vec<_>>().join(" "), it.operands.join(" "))
        });
        let found = found.map_err(|it| it.gnu("x"));
        let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(found, expected.map_err(str::to_owned), "{line}");
    }

    #[test]
    fn letters_and_names_are_read_as_getopt_reads_them() {
        check("-sSo file url", Ok(("s= S= o=file", "url")));
        check("-ofile -- -s", Ok(("o=file", "-s")));
        check("--silent --max-time=2 a --output b", Ok(("s= max-time=2 o=b", "a")));
        check("--sil -", Ok(("s=", "-")));
    }

    #[test]
    fn what_is_no_option_is_named() {
        let help = "Try 'x --help' for more information.\n";
        check("-sx", Err(&format!("x: invalid option -- 'x'\n{help}")));
        check("--max", Err(&format!("x: unrecognized option '--max'\n{help}")));
        check("a -o", Err(&format!("x: option requires an argument -- 'o'\n{help}")));
    }
}
