//! A module → the same module, which makes short copies by itself.
//!
//! A browser leaves the module's code for every `memory.copy`, which takes longer than to move the
//! few words that most copies are: values on their way from one place to another.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, ImportSection, Instruction, MemArg,
    MemArgTarget, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, FunctionSectionReader, ImportSectionReader, Operator, Parser, TypeRef,
    TypeSectionReader,
};

use crate::{Result, page};

/// In bytes; of more, the browser's own way is the better one.
const SHORT: i32 = 128;

/// Rewrites the modules in a folder.
pub(crate) fn shorten(folder: &Path) -> Result<()> {
    let modules = page::files(folder)?.into_iter().filter(|(name, _)| name.ends_with(".wasm"));
    for (name, module) in modules {
        let path = folder.join(name);
        fs::write(&path, with_short_copies(&module)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Every `memory.copy` becomes a call of one function, the module's last. The module must have
/// types, functions and code.
pub(crate) fn with_short_copies(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut res = wasm_encoder::Module::new();
    Copies::default()
        .parse_core_module(&mut res, Parser::new(0), bytes)
        .map_err(|error| format!("the module's copies cannot be rewritten: {error}"))?;
    Ok(res.finish())
}

#[derive(Default)]
struct Copies {
    /// The type of `copy`: to, from, how many bytes.
    ty: u32,
    /// How many functions are imported, then the number of the new one.
    copy: u32,
}

type Step<T = ()> = std::result::Result<T, Error<Infallible>>;

impl Reencode for Copies {
    type Error = Infallible;

    fn parse_type_section(&mut self, types: &mut TypeSection, all: TypeSectionReader) -> Step {
        utils::parse_type_section(self, types, all)?;
        self.ty = types.len();
        types.ty().function([ValType::I32; 3], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        all: ImportSectionReader,
    ) -> Step {
        for import in all.clone().into_imports() {
            self.copy += u32::from(matches!(import?.ty, TypeRef::Func(_)));
        }
        utils::parse_import_section(self, imports, all)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        all: FunctionSectionReader,
    ) -> Step {
        utils::parse_function_section(self, functions, all)?;
        self.copy += functions.len();
        functions.function(self.ty);
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, all: CodeSectionReader) -> Step {
        utils::parse_code_section(self, code, all)?;
        code.function(&copy());
        Ok(())
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Step<Instruction<'a>> {
        match operator {
            Operator::MemoryCopy { dst_mem: 0, src_mem: 0 } => Ok(Instruction::Call(self.copy)),
            other => utils::instruction(self, other),
        }
    }
}

const TO: u32 = 0;
const FROM: u32 = 1;
const LENGTH: u32 = 2;

/// Eight bytes at a time from the front, then the rest. What is long is left to the browser, and
/// what would overwrite itself.
fn copy() -> Function {
    let mut res = Function::new([]);
    let mut code = res.instructions();
    code.local_get(LENGTH).i32_const(SHORT).i32_gt_u();
    code.local_get(TO).local_get(FROM).i32_sub().local_get(LENGTH).i32_lt_u();
    code.i32_or().if_(BlockType::Empty);
    code.local_get(TO).local_get(FROM).local_get(LENGTH).memory_copy(0, 0).return_().end();

    code.block(BlockType::Empty).loop_(BlockType::Empty);
    code.local_get(LENGTH).i32_const(8).i32_lt_u().br_if(1);
    step(&mut res, 8, Instruction::I64Load(HERE), Instruction::I64Store(HERE));
    let mut code = res.instructions();
    code.local_get(LENGTH).i32_const(8).i32_sub().local_set(LENGTH).br(0).end().end();

    for (bytes, load, store) in [
        (4, Instruction::I32Load(HERE), Instruction::I32Store(HERE)),
        (2, Instruction::I32Load16U(HERE), Instruction::I32Store16(HERE)),
        (1, Instruction::I32Load8U(HERE), Instruction::I32Store8(HERE)),
    ] {
        let mut code = res.instructions();
        code.local_get(LENGTH).i32_const(bytes).i32_and().if_(BlockType::Empty);
        step(&mut res, bytes, load, store);
        res.instructions().end();
    }
    res.instructions().end();
    res
}

const HERE: MemArg =
    MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(0), ordering: None };

/// Moves so many bytes, and both ends behind them.
fn step(code: &mut Function, bytes: i32, load: Instruction, store: Instruction) {
    code.instructions().local_get(TO).local_get(FROM);
    code.instruction(&load).instruction(&store);
    for end in [TO, FROM] {
        code.instructions().local_get(end).i32_const(bytes).i32_add().local_set(end);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::with_short_copies;

    /// The copy is neither the first type nor the first function.
    const MODULE: &str = r#"
      (module
        (import "js" "number" (global i32))
        (import "js" "add" (func $add (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func $one (result i32) (call $add (i32.const 0) (i32.const 1)))
        (func (export "move") (param i32 i32 i32) (result i32)
          (memory.copy (local.get 0) (local.get 1) (local.get 2))
          (call $one)))
    "#;

    /// Each length, to the front and to the back, near enough to overlap and not.
    const RUN: &str = r#"
      const js = { number: 0, add: (a, b) => a + b };
      const module = new WebAssembly.Module(Buffer.from(process.argv[1], "hex"));
      const { move, memory } = new WebAssembly.Instance(module, { js }).exports;
      const bytes = new Uint8Array(memory.buffer);
      let hash = 0;
      for (const length of [...Array(150).keys(), 1000, 5000]) {
        for (const apart of [-6000, -200, -9, -8, -7, -3, -1, 0, 1, 3, 7, 8, 9, 200, 6000]) {
          for (let at = 0; at < 20000; at += 1) bytes[at] = (at * 7919) >> 3;
          hash = (hash * 31 + move(7000 + apart, 7000, length)) >>> 0;
          for (let at = 0; at < 20000; at += 1) hash = (hash * 31 + bytes[at]) >>> 0;
        }
      }
      console.log(hash);
    "#;

    fn run(module: &[u8]) -> String {
        let hex: String = module.iter().map(|byte| format!("{byte:02x}")).collect();
        let output = Command::new("node").args(["-e", RUN, &hex]).output();
        let output = output.expect("Node is there, as for the page");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn every_copy_is_the_browsers() {
        let module = wat::parse_str(MODULE).expect("the module is right");
        let rewritten = with_short_copies(&module).expect("it can be rewritten");
        assert_ne!(module, rewritten);
        assert_eq!(run(&rewritten), run(&module));
    }

    #[test]
    fn what_is_no_module_is_said_so() {
        let problem = with_short_copies(b"<!doctype html>").expect_err("it is no module");
        assert!(problem.starts_with("the module's copies cannot be rewritten: "), "{problem}");
    }
}
