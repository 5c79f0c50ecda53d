//! What both parts of a module are written with: functions under the part's own numbers.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, Function, Instruction, TableType,
};
use wasmparser::{FunctionBody, Operator};

use crate::split::data::Piece;
use crate::split::module::Module;
use crate::split::plan::Plan;

pub(super) type Written<T = ()> = std::result::Result<T, Error<String>>;

pub(super) struct Part<'a> {
    pub(super) module: &'a Module<'a>,
    pub(super) plan: &'a Plan,
    /// Number in the whole module → number in this part.
    pub(super) numbers: BTreeMap<u32, u32>,
    /// As `numbers`, for the stubs of functions that this part is without.
    pub(super) stubs: BTreeMap<u32, u32>,
}

impl Part<'_> {
    pub(super) fn type_of(&self, function: u32) -> Written<u32> {
        self.module.type_of(function).ok_or_else(|| missing(function))
    }

    /// The tables, the first of them as large as all slots need.
    pub(super) fn tables(&mut self) -> Written<Vec<TableType>> {
        let mut tables = Vec::new();
        for (index, table) in self.module.tables.iter().enumerate() {
            let mut table = self.table_type(*table)?;
            if index == 0 {
                table.minimum = self.plan.size.into();
                table.maximum = Some(table.minimum);
            }
            tables.push(table);
        }
        Ok(tables)
    }

    /// Calls whatever is in the slot.
    pub(super) fn call_slot(&self, code: &mut Function, function: u32, slot: u32) -> Written {
        let type_index = self.type_of(function)?;
        code.instruction(&Instruction::I32Const(slot.cast_signed()));
        code.instruction(&Instruction::CallIndirect { type_index, table_index: 0 });
        Ok(())
    }

    /// The functions for the slots that `wanted` names, one segment for each run of slots.
    pub(super) fn fill_slots(
        &self,
        elements: &mut ElementSection,
        wanted: impl Fn(u32) -> bool,
    ) -> Written {
        let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
        for (&slot, &function) in self.plan.table.iter().filter(|(_, function)| wanted(**function))
        {
            let number = self.numbers.get(&function).or_else(|| self.stubs.get(&function));
            let function = *number.ok_or_else(|| missing(function))?;
            match runs.last_mut() {
                Some((start, run)) if *start as usize + run.len() == slot as usize => {
                    run.push(function)
                }
                _ => runs.push((slot, vec![function])),
            }
        }
        for (start, run) in runs {
            let start = ConstExpr::i32_const(start.cast_signed());
            elements.active(None, &start, Elements::Functions(run.into()));
        }
        Ok(())
    }
}

impl Reencode for Part<'_> {
    type Error = String;

    fn function_index(&mut self, function: u32) -> Written<u32> {
        self.numbers.get(&function).copied().ok_or_else(|| missing(function))
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody) -> Written {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Call { function_index: called }
                    if !self.numbers.contains_key(&called) =>
                {
                    let slot = *self.plan.slots.get(&called).ok_or_else(|| missing(called))?;
                    self.call_slot(&mut function, called, slot)?;
                }
                operator => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}

pub(super) fn missing(function: u32) -> Error<String> {
    Error::UserError(format!("function {function} is not where it is referred to"))
}

pub(super) fn sentence(error: Error<String>) -> String {
    match error {
        Error::ParseError(error) => format!("the module cannot be read: {error}"),
        error => format!("the module cannot be cut: {error}"),
    }
}

/// What stands in the memory before any function runs.
pub(super) fn fill_memory(data: &mut DataSection, pieces: &[Piece]) {
    for (at, bytes) in pieces {
        data.active(0, &ConstExpr::i32_const(at.cast_signed()), bytes.iter().copied());
    }
}
