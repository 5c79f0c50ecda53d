//! The words of the command line: options by name, then the rest.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::failure::Failure;

pub(crate) struct Arguments(std::vec::IntoIter<OsString>);

impl Arguments {
    pub(crate) fn new(words: Vec<OsString>) -> Arguments {
        Arguments(words.into_iter())
    }

    /// Hands each option that is no path to `option`, and gives the paths in their order.
    /// After `--` every word is a path; `-` is standard input.
    pub(crate) fn paths(
        mut self,
        mut option: impl FnMut(&str, &mut Arguments) -> Result<bool, Failure>,
    ) -> Result<Vec<PathBuf>, Failure> {
        let mut res = Vec::new();
        while let Some(word) = self.next() {
            match word.to_str() {
                Some("--") => res.extend(self.0.by_ref().map(PathBuf::from)),
                Some(name) if name.starts_with('-') && name != "-" => {
                    if !option(name, &mut self)? {
                        return Err(Failure::new(format!("there is no option {name:?} here")));
                    }
                }
                _ => res.push(PathBuf::from(word)),
            }
        }
        Ok(res)
    }

    /// The word after the option `name`.
    pub(crate) fn value(&mut self, name: &str) -> Result<PathBuf, Failure> {
        let value = self.next().filter(|it| it != OsStr::new("--"));
        value.map(PathBuf::from).ok_or_else(|| Failure::new(format!("{name} needs a value")))
    }
}

impl Iterator for Arguments {
    type Item = OsString;

    fn next(&mut self) -> Option<OsString> {
        self.0.next()
    }
}
