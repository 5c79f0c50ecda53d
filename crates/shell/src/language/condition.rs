//! `[[ … ]]`: whether its condition holds.

use std::future::Future;
use std::pin::Pin;

use super::arithmetic;
use super::ast::{Condition, Word};
use super::expand::{pattern_text, text};
use super::variables::Array;
use crate::process::Process;
use crate::programs::{self, test};

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

pub(super) fn holds<'a>(
    process: &'a Process,
    it: &'a Condition,
) -> Later<'a, Result<bool, String>> {
    Box::pin(async move {
        match it {
            Condition::Either(a, b) => Ok(holds(process, a).await? || holds(process, b).await?),
            Condition::Both(a, b) => Ok(holds(process, a).await? && holds(process, b).await?),
            Condition::Not(inner) => holds(process, inner).await.map(|it| !it),
            Condition::Is(flag, word) => {
                let word = text(process, word).await?;
                match flag.as_str() {
                    "-v" => Ok(process.session().variable(&word).is_some()),
                    flag => Ok(test::is(process, flag, &word)),
                }
            }
            Condition::Compares(left, sign, right) => compare(process, left, sign, right).await,
        }
    })
}

async fn compare(process: &Process, left: &Word, sign: &str, right: &Word) -> Result<bool, String> {
    let left = text(process, left).await?;
    match sign {
        "=~" => {
            let pattern = pattern_text(process, right).await?;
            let found = programs::found(&pattern, &left)?;
            let is_match = found.is_some();
            let groups = Array::of(found.unwrap_or_default());
            process.session_mut().set_array("BASH_REMATCH", groups);
            Ok(is_match)
        }
        "=" | "==" | "!=" => {
            let pattern = pattern_text(process, right).await?;
            Ok(super::pattern::matches(&pattern, &left) == (sign != "!="))
        }
        "<" => Ok(left < text(process, right).await?),
        ">" => Ok(left > text(process, right).await?),
        "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
            let right = text(process, right).await?;
            let value = |text: &str| arithmetic::evaluate(text, &mut process.session_mut());
            Ok(test::ordered(sign, value(&left)?.cmp(&value(&right)?)))
        }
        sign => Err(format!("[[: {sign}: conditional binary operator expected")),
    }
}
