//! The first part: the module without the functions of the rest.
//!
//! It imports `rest.load`, which brings the rest before it returns, and exports what the rest
//! shares with it: `m0` …, `t0` …, `g0` … are its memories, tables and globals.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{Reencode, utils};
use wasm_encoder::{
    CodeSection, DataSection, ElementSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, Instruction, TableSection, TypeSection,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, DataSectionReader, ElementSectionReader,
    ExportSectionReader, FunctionBody, FunctionSectionReader, ImportSectionReader, Parser,
    TableSectionReader, TypeSectionReader,
};

use crate::Result;
use crate::split::data::Piece;
use crate::split::module::{Module, number};
use crate::split::part::{self, Part, Written, missing, sentence};
use crate::split::plan::Plan;

/// `bytes` are those that `module` was read from.
pub(super) fn first(bytes: &[u8], module: &Module, plan: &Plan, data: &[Piece]) -> Result<Vec<u8>> {
    let mut first = First { part: own_part(module, plan), data };
    let mut written = wasm_encoder::Module::new();
    first.parse_core_module(&mut written, Parser::new(0), bytes).map_err(sentence)?;
    Ok(written.finish())
}

/// The imports keep their numbers, `load` comes after them, the stubs come last.
fn own_part<'a>(module: &'a Module<'a>, plan: &'a Plan) -> Part<'a> {
    let load = number(module.imports.len());
    let own = module.own().map(|(function, _)| function).filter(|it| !plan.rest.contains(it));
    let numbers = (0..load).map(|import| (import, import)).chain(own.zip(load + 1..));
    let numbers: BTreeMap<u32, u32> = numbers.collect();
    let stubs = plan.stubs().map(|(function, _)| function).zip(number(numbers.len() + 1)..);
    Part { module, plan, stubs: stubs.collect(), numbers }
}

struct First<'a> {
    part: Part<'a>,
    data: &'a [Piece],
}

impl First<'_> {
    fn load(&self) -> u32 {
        number(self.part.module.imports.len())
    }

    /// The type of `load`, after all others.
    fn type_of_load(&self) -> u32 {
        number(self.part.module.types.len())
    }

    fn stays(&self, function: u32) -> bool {
        !self.part.plan.rest.contains(&function)
    }

    /// What is in the slot of a function of the rest until the rest is there.
    fn stub(&self, function: u32, slot: u32) -> Written<Function> {
        let ty = self.part.module.types.get(self.part.type_of(function)? as usize);
        let parameters = number(ty.ok_or_else(|| missing(function))?.params().len());
        let mut code = Function::new([]);
        code.instruction(&Instruction::Call(self.load()));
        for parameter in 0..parameters {
            code.instruction(&Instruction::LocalGet(parameter));
        }
        self.part.call_slot(&mut code, function, slot)?;
        code.instruction(&Instruction::End);
        Ok(code)
    }
}

impl Reencode for First<'_> {
    type Error = String;

    fn function_index(&mut self, function: u32) -> Written<u32> {
        self.part.function_index(function)
    }

    fn parse_type_section(&mut self, types: &mut TypeSection, all: TypeSectionReader) -> Written {
        utils::parse_type_section(self, types, all)?;
        types.ty().function([], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        all: ImportSectionReader,
    ) -> Written {
        utils::parse_import_section(self, imports, all)?;
        imports.import("rest", "load", EntityType::Function(self.type_of_load()));
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        types: &mut FunctionSection,
        _: FunctionSectionReader,
    ) -> Written {
        for (_, function) in self.part.module.own().filter(|(number, _)| self.stays(*number)) {
            types.function(function.ty);
        }
        for (function, _) in self.part.plan.stubs() {
            types.function(self.part.type_of(function)?);
        }
        Ok(())
    }

    fn parse_table_section(&mut self, tables: &mut TableSection, _: TableSectionReader) -> Written {
        for ty in self.part.tables()? {
            tables.table(ty);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        all: ExportSectionReader,
    ) -> Written {
        utils::parse_export_section(self, exports, all)?;
        let module = self.part.module;
        let shared = [
            (ExportKind::Memory, "m", module.memories.len()),
            (ExportKind::Table, "t", module.tables.len()),
            (ExportKind::Global, "g", module.globals.len()),
        ];
        for (kind, letter, count) in shared {
            for index in 0..number(count) {
                exports.export(&format!("{letter}{index}"), kind, index);
            }
        }
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        _: ElementSectionReader,
    ) -> Written {
        self.part.fill_slots(elements, |_| true)
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, _: CodeSectionReader) -> Written {
        let module = self.part.module;
        for (number, function) in module.own() {
            if self.stays(number) {
                self.parse_function_body(code, function.body.clone())?;
            }
        }
        for (function, slot) in self.part.plan.stubs() {
            code.function(&self.stub(function, slot)?);
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody) -> Written {
        self.part.parse_function_body(code, body)
    }

    fn parse_data_section(&mut self, data: &mut DataSection, _: DataSectionReader) -> Written {
        part::fill_memory(data, self.data);
        Ok(())
    }

    fn data_count(&mut self, _: u32) -> Written<u32> {
        Ok(number(self.data.len()))
    }

    fn parse_custom_section(
        &mut self,
        _: &mut wasm_encoder::Module,
        _: CustomSectionReader,
    ) -> Written {
        Ok(())
    }
}
