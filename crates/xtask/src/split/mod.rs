//! The page's module → what a first visit runs, and the rest, which comes once the page stands.
//!
//! What a first visit runs is found and not listed: the module is made to count, the page is opened
//! with it, and the functions that were entered are asked for.

mod module;
mod count;
mod plan;
mod part;
mod first;
mod rest;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::Result;
use module::Module;
use plan::Plan;

pub(crate) use count::counting;

/// Two modules that do together what one did.
pub(crate) struct Parts {
    pub(crate) first: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

/// The functions that were `entered` go to the first part, as do those that no part can do without.
pub(crate) fn cut(bytes: &[u8], entered: &BTreeSet<u32>) -> Result<Parts> {
    let module = Module::from_bytes(bytes)?;
    let plan = Plan::of(&module, entered)?;
    Ok(Parts { first: first::first(bytes, &module, &plan)?, rest: rest::rest(&module, &plan)? })
}
