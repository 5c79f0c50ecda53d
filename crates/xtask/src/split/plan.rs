//! A module and the functions that were entered → which part each function goes to, and the slots
//! of the function table by which the parts reach each other's functions.
//!
//! A function of the rest that the first part refers to has a slot. The first part calls it through
//! that slot; a stub waits there that loads the rest, whose own functions then take their slots.
//! A function of the first part that the rest calls has a slot too, from which it is imported.

use std::collections::{BTreeMap, BTreeSet};

use crate::Result;
use crate::split::module::{Module, number};

pub(super) struct Plan {
    /// The functions of the rest.
    pub(super) rest: BTreeSet<u32>,
    /// The function table: slot → function.
    pub(super) table: BTreeMap<u32, u32>,
    /// Function → its slot, the lowest if it has several.
    pub(super) slots: BTreeMap<u32, u32>,
    /// How many entries the function table has.
    pub(super) size: u32,
    /// What functions of the rest call that is not of the rest.
    pub(super) called_by_rest: BTreeSet<u32>,
}

impl Plan {
    pub(super) fn of(module: &Module, entered: &BTreeSet<u32>) -> Result<Plan> {
        let size = module.tables.first().ok_or("the module has no function table")?.initial;
        let rest = without_short(module, rest(module, entered))?;
        let (called_by_first, called_by_rest) = calls_across(module, &rest)?;
        let mut plan = Plan {
            table: module.slots.clone(),
            slots: module.slots.iter().rev().map(|(slot, function)| (*function, *slot)).collect(),
            size: u32::try_from(size).map_err(|_| "the function table is too large")?,
            rest,
            called_by_rest,
        };
        let imports = number(module.imports.len());
        let own = plan.called_by_rest.iter().filter(|function| **function >= imports);
        for function in called_by_first.iter().chain(own).copied().collect::<Vec<_>>() {
            plan.give_slot(function);
        }
        Ok(plan)
    }

    fn give_slot(&mut self, function: u32) {
        if !self.slots.contains_key(&function) {
            self.slots.insert(function, self.size);
            self.table.insert(self.size, function);
            self.size += 1;
        }
    }

    /// The functions of the rest that the first part refers to.
    pub(super) fn stubs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.slots
            .iter()
            .map(|(function, slot)| (*function, *slot))
            .filter(|(function, _)| self.rest.contains(function))
    }
}

fn rest(module: &Module, entered: &BTreeSet<u32>) -> BTreeSet<u32> {
    let stays = |function: &u32| {
        entered.contains(function) || module.called_from_outside.contains(function)
    };
    module.own().map(|(number, _)| number).filter(|number| !stays(number)).collect()
}

/// Bytes of code that a stub's own are not worth, with its slot and the wait if it is missed.
const SHORT: usize = 48;

/// What the first part may call and is as short as that stays with it: when it is called may depend on
/// which of two things comes first, as with what is drawn twice in one moment.
fn without_short(module: &Module, mut rest: BTreeSet<u32>) -> Result<BTreeSet<u32>> {
    let short = module.own().filter(|it| it.1.body.as_bytes().len() <= SHORT).map(|it| it.0);
    let short: BTreeSet<u32> = short.collect();
    loop {
        let (called, _) = calls_across(module, &rest)?;
        let in_table = module.slots.values().filter(|it| rest.contains(it));
        let may_be_called = called.iter().chain(in_table);
        let staying: BTreeSet<u32> =
            may_be_called.filter(|it| short.contains(it)).copied().collect();
        if staying.is_empty() {
            return Ok(rest);
        }
        rest.retain(|it| !staying.contains(it));
    }
}

/// The functions of the rest that others call, and the others that functions of the rest call.
fn calls_across(module: &Module, rest: &BTreeSet<u32>) -> Result<(BTreeSet<u32>, BTreeSet<u32>)> {
    let (mut by_first, mut by_rest) = (BTreeSet::new(), BTreeSet::new());
    for (caller, function) in module.own() {
        for called in function.calls()? {
            match (rest.contains(&caller), rest.contains(&called)) {
                (false, true) => by_first.insert(called),
                (true, false) => by_rest.insert(called),
                _ => false,
            };
        }
    }
    Ok((by_first, by_rest))
}
