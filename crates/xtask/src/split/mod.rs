//! The page's module → what a first visit runs, and the rest, which comes once the page stands.
//!
//! What a first visit runs is found and not listed: the module is made to count, the page is opened
//! with it, and the functions that were entered are asked for.

mod module;
mod count;
mod data;
mod plan;
mod part;
mod first;
mod rest;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::Result;
use data::Data;
use module::Module;
use plan::Plan;

pub(crate) use count::counting;
pub(crate) use data::Constants;

/// Two modules that do together what one did.
pub(crate) struct Parts {
    pub(crate) first: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

/// The functions that were `entered` go to the first part, as do those that no part can do without.
/// The rest brings those of the `constants` that only its own functions read.
pub(crate) fn cut(bytes: &[u8], entered: &BTreeSet<u32>, constants: &Constants) -> Result<Parts> {
    let module = Module::from_bytes(bytes)?;
    let plan = Plan::of(&module, entered)?;
    let Data { first, rest } = Data::of(&module, &plan, constants)?;
    let first = first::first(bytes, &module, &plan, &first)?;
    Ok(Parts { first, rest: rest::rest(&module, &plan, &rest)? })
}
