//! The rest: the functions that the first part is without, for the slots where its stubs wait.
//!
//! From `first` it imports what both share, from `slot` the first part's functions by their slots,
//! and what the page's script brings as the whole module did.

use std::collections::BTreeMap;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    CodeSection, DataSection, ElementSection, EntityType, FunctionSection, ImportSection,
    TypeSection,
};

use crate::Result;
use crate::split::data::Piece;
use crate::split::module::Module;
use crate::split::part::{Part, Written, fill_memory, missing, sentence};
use crate::split::plan::Plan;

pub(super) fn rest(module: &Module, plan: &Plan, data: &[Piece]) -> Result<Vec<u8>> {
    let mut part = Part { module, plan, numbers: numbers(plan), stubs: BTreeMap::new() };
    part.rest(data).map_err(sentence)
}

/// What is called of the others is imported, so it comes first.
fn numbers(plan: &Plan) -> BTreeMap<u32, u32> {
    plan.called_by_rest.iter().chain(&plan.rest).copied().zip(0..).collect()
}

impl Part<'_> {
    fn rest(&mut self, data: &[Piece]) -> Written<Vec<u8>> {
        let mut written = wasm_encoder::Module::new();
        written.section(&self.types()?);
        written.section(&self.imports()?);
        let mut types = FunctionSection::new();
        let mut code = CodeSection::new();
        let (module, plan) = (self.module, self.plan);
        for (_, function) in module.own().filter(|(number, _)| plan.rest.contains(number)) {
            types.function(function.ty);
            self.parse_function_body(&mut code, function.body.clone())?;
        }
        let mut elements = ElementSection::new();
        self.fill_slots(&mut elements, |function| plan.rest.contains(&function))?;
        let mut memory = DataSection::new();
        fill_memory(&mut memory, data);
        written.section(&types).section(&elements).section(&code).section(&memory);
        Ok(written.finish())
    }

    fn types(&mut self) -> Written<TypeSection> {
        let mut types = TypeSection::new();
        for ty in &self.module.types {
            types.ty().func_type(&self.func_type(ty.clone())?);
        }
        Ok(types)
    }

    fn imports(&mut self) -> Written<ImportSection> {
        let mut imports = ImportSection::new();
        for &function in &self.plan.called_by_rest {
            let ty = EntityType::Function(self.type_of(function)?);
            if let Some(import) = self.module.imports.get(function as usize) {
                imports.import(import.module, import.name, ty);
            } else {
                let slot = self.plan.slots.get(&function).ok_or_else(|| missing(function))?;
                imports.import("slot", &slot.to_string(), ty);
            }
        }
        self.shared(&mut imports)?;
        Ok(imports)
    }

    fn shared(&mut self, imports: &mut ImportSection) -> Written {
        let module = self.module;
        for (index, memory) in module.memories.iter().enumerate() {
            imports.import("first", &format!("m{index}"), self.memory_type(*memory)?);
        }
        for (index, table) in self.tables()?.into_iter().enumerate() {
            imports.import("first", &format!("t{index}"), table);
        }
        for (index, global) in module.globals.iter().enumerate() {
            imports.import("first", &format!("g{index}"), self.global_type(*global)?);
        }
        Ok(())
    }
}
