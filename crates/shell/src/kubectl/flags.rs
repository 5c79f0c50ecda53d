//! kubectl's command line → flags and the rest (`spf13/pflag`).

use std::collections::BTreeMap;

/// The flags of a command: words like `output,o=`, with a letter where it has one, and what it
/// takes: nothing (`watch,w`), a text (`output,o=`), a number (`replicas#`), or a text that may be
/// left out (`dry-run?unchanged`).
pub(crate) type Known = &'static str;

/// What every command takes.
pub(crate) const GLOBAL: Known = "help,h namespace,n= as= as-group= as-uid= cache-dir= \
    certificate-authority= client-certificate= client-key= cluster= context= \
    disable-compression insecure-skip-tls-verify kubeconfig= log-flush-frequency= \
    match-server-version password= profile= profile-output= request-timeout= server,s= \
    tls-server-name= token= user= username= v,v# vmodule= warnings-as-errors";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Text,
    Number,
    Perhaps(&'static str),
}

#[derive(Debug, Clone, Copy)]
struct Flag {
    name: &'static str,
    letter: Option<char>,
    takes: Takes,
}

fn flags(known: Known) -> impl Iterator<Item = Flag> {
    [known, GLOBAL].into_iter().flat_map(str::split_whitespace).map(flag)
}

fn flag(word: &'static str) -> Flag {
    let end = word.find(['=', '#', '?']).unwrap_or(word.len());
    let (names, rest) = word.split_at(end);
    let (name, letter) = names.split_once(',').unwrap_or((names, ""));
    let takes = match rest.split_at_checked(1) {
        Some(("=", _)) => Takes::Text,
        Some(("#", _)) => Takes::Number,
        Some(("?", text)) => Takes::Perhaps(text),
        _ => Takes::Nothing,
    };
    Flag { name, letter: letter.chars().next(), takes }
}

/// `--output`, `-o` and so on, for the completion; those that take a value end in `=`.
pub(crate) fn names(known: Known) -> Vec<String> {
    let name = |it: Flag| match it.takes {
        Takes::Text | Takes::Number => format!("--{}=", it.name),
        Takes::Nothing | Takes::Perhaps(_) => format!("--{}", it.name),
    };
    flags(known).map(name).collect()
}

/// Whether the word behind `-o` or `--output` is its value.
pub(crate) fn takes_word(known: Known, flag: &str) -> bool {
    let is_it = |it: &Flag| match flag.strip_prefix("--") {
        Some(name) => it.name == name,
        None => it.letter.is_some() && it.letter == flag.chars().last(),
    };
    let found = flags(known).find(is_it);
    found.is_some_and(|it| matches!(it.takes, Takes::Text | Takes::Number))
}

/// Whether a flag stands for itself, or its value is part of its word.
pub(crate) fn is_switch(known: Known, flag: &str) -> bool {
    let is_it = |it: &Flag| match flag.strip_prefix("--") {
        Some(name) => it.name == name,
        None => it.letter.is_some() && it.letter == flag.chars().last(),
    };
    let found = flags(known).find(is_it);
    found.is_some_and(|it| matches!(it.takes, Takes::Nothing | Takes::Perhaps(_)))
}

/// A command line, read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    values: BTreeMap<&'static str, Vec<String>>,
    pub(crate) arguments: Vec<String>,
    /// How many arguments stand before `--`.
    pub(crate) before_dash: Option<usize>,
}

impl Flags {
    /// # Errors
    ///
    /// The first flag that is wrong, as kubectl says it after `error: `.
    pub(crate) fn parse(known: Known, words: &[String]) -> Result<Flags, String> {
        let mut res = Flags::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                res.before_dash = Some(res.arguments.len());
                res.arguments.extend(words.by_ref().cloned());
            } else if let Some(long) = word.strip_prefix("--") {
                res.long(known, long, &mut words)?;
            } else if let Some(letters) = word.strip_prefix('-').filter(|it| !it.is_empty()) {
                res.short(known, letters, &mut words)?;
            } else {
                res.arguments.push(word.clone());
            }
        }
        Ok(res)
    }

    fn long<'a>(
        &mut self,
        known: Known,
        word: &str,
        more: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(format!("bad flag syntax: --{word}"));
        }
        let flag = flags(known).find(|it| it.name == name);
        let flag = flag.ok_or_else(|| format!("unknown flag: --{name}"))?;
        let value = match (value, flag.takes) {
            (Some(value), _) => value,
            (None, Takes::Nothing) => "true".to_owned(),
            (None, Takes::Perhaps(default)) => default.to_owned(),
            (None, Takes::Text | Takes::Number) => {
                let next = more.next().cloned();
                next.ok_or_else(|| format!("flag needs an argument: --{name}"))?
            }
        };
        self.set(flag, value)
    }

    fn short<'a>(
        &mut self,
        known: Known,
        letters: &str,
        more: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let flag = flags(known).find(|it| it.letter == Some(letter));
            let flag =
                flag.ok_or_else(|| format!("unknown shorthand flag: '{letter}' in -{letters}"))?;
            let rest = &letters[at + letter.len_utf8()..];
            if let Some(value) = rest.strip_prefix('=') {
                return self.set(flag, value.to_owned());
            }
            match flag.takes {
                Takes::Nothing => self.set(flag, "true".to_owned())?,
                Takes::Perhaps(default) => self.set(flag, default.to_owned())?,
                Takes::Text | Takes::Number => {
                    let value = match rest {
                        "" => more.next().cloned(),
                        rest => Some(rest.to_owned()),
                    };
                    let missing = || format!("flag needs an argument: '{letter}' in -{letters}");
                    return self.set(flag, value.ok_or_else(missing)?);
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: Flag, value: String) -> Result<(), String> {
        let wrong = |function: &str| {
            let name = match flag.letter {
                Some(letter) => format!("-{letter}, --{}", flag.name),
                None => format!("--{}", flag.name),
            };
            format!(
                "invalid argument \"{value}\" for \"{name}\" flag: strconv.{function}: parsing \"{value}\": invalid syntax"
            )
        };
        match flag.takes {
            Takes::Nothing if boolean(&value).is_none() => return Err(wrong("ParseBool")),
            Takes::Number if value.parse::<i64>().is_err() => return Err(wrong("ParseInt")),
            _ => {}
        }
        self.values.entry(flag.name).or_default().push(value);
        Ok(())
    }

    /// The last value given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(|it| it.last()).map(String::as_str)
    }

    /// The last value, or what stands for none.
    pub(crate) fn text_or<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.text(name).unwrap_or(otherwise)
    }

    /// All values in their order; each may hold several with commas between them.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let values = self.values.get(name).into_iter().flatten();
        values.flat_map(|it| it.split(',')).map(str::to_owned).collect()
    }

    /// All values in their order, as they are.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.flag(name, false)
    }

    /// A flag that is on or off.
    pub(crate) fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.text(name).and_then(boolean).unwrap_or(otherwise)
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|it| it.parse().ok())
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = "output,o= watch,w replicas# dry-run?unchanged";

    fn parse(line: &str) -> Result<Flags, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Flags::parse(KNOWN, &words)
    }

    #[test]
    fn flags_stand_anywhere_and_in_either_form() {
        for line in ["svc -o yaml -w web", "--output=yaml svc --watch web", "svc web -wo=yaml"] {
            let flags = parse(line).unwrap();
            assert_eq!((flags.text("output"), flags.has("watch")), (Some("yaml"), true), "{line}");
            assert_eq!(flags.arguments, ["svc", "web"]);
        }
        assert_eq!(parse("--dry-run x").unwrap().text("dry-run"), Some("unchanged"));
        let flags = parse("x -- -o").unwrap();
        assert_eq!((flags.arguments.len(), flags.before_dash), (2, Some(1)));
    }

    #[test]
    fn a_wrong_flag_is_named() {
        let error = |line: &str| parse(line).unwrap_err();
        assert_eq!(error("--foo"), "unknown flag: --foo");
        assert_eq!(error("-z"), "unknown shorthand flag: 'z' in -z");
        assert_eq!(error("--output"), "flag needs an argument: --output");
        assert_eq!(error("-o"), "flag needs an argument: 'o' in -o");
        let number = "invalid argument \"x\" for \"--replicas\" flag: strconv.ParseInt: parsing \"x\": invalid syntax";
        assert_eq!(error("--replicas=x"), number);
    }
}
