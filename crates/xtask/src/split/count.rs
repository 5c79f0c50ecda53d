//! A module → the same module, which also says which of its functions were entered.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, GlobalSection, GlobalType, Instruction,
    ValType,
};
use wasmparser::{ExportSectionReader, FunctionBody, GlobalSectionReader, Parser};

use crate::Result;
use crate::split::module::{Module, number};

/// Each function has a global that is 1 once it was entered, exported as `entered N`, where N is
/// the function's number. The module must have globals and exports.
pub(crate) fn counting(bytes: &[u8]) -> Result<Vec<u8>> {
    let module = Module::from_bytes(bytes)?;
    let mut counting = Counting {
        marks: number(module.globals.len()),
        functions: number(module.imports.len())..module.function_count(),
        next: 0,
    };
    let mut counted = wasm_encoder::Module::new();
    counting
        .parse_core_module(&mut counted, Parser::new(0), bytes)
        .map_err(|error| format!("the module cannot be counted: {error}"))?;
    Ok(counted.finish())
}

struct Counting {
    /// The first of the new globals.
    marks: u32,
    functions: std::ops::Range<u32>,
    /// How many functions were written.
    next: u32,
}

type Step = std::result::Result<(), Error<Infallible>>;

impl Reencode for Counting {
    type Error = Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader,
    ) -> Step {
        utils::parse_global_section(self, globals, section)?;
        let mark = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        for _ in self.functions.clone() {
            globals.global(mark, &ConstExpr::i32_const(0));
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader,
    ) -> Step {
        utils::parse_export_section(self, exports, section)?;
        for (mark, function) in (self.marks..).zip(self.functions.clone()) {
            exports.export(&format!("entered {function}"), ExportKind::Global, mark);
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody) -> Step {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        function.instruction(&Instruction::I32Const(1));
        function.instruction(&Instruction::GlobalSet(self.marks + self.next));
        self.next += 1;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }
}
