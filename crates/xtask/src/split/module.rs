//! A module's bytes → what counting and cutting must know of it.

use std::collections::BTreeMap;

use wasmparser::{
    BinaryReaderError, ConstExpr, DataKind, Element, ElementItems, ElementKind, ExternalKind,
    FuncType, FunctionBody, GlobalType, MemoryType, Operator, Parser, Payload, TableType, TypeRef,
};

use crate::Result;

/// Functions have one row of numbers: first `imports`, then `functions`.
#[derive(Default)]
pub(super) struct Module<'a> {
    pub(super) types: Vec<FuncType>,
    pub(super) imports: Vec<Import<'a>>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) tables: Vec<TableType>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<GlobalType>,
    /// Functions that are called by name or at the start.
    pub(super) called_from_outside: Vec<u32>,
    /// What stands in memory 0 at the start, by its address.
    pub(super) data: Vec<(u32, &'a [u8])>,
    /// Table 0: which function is in which slot.
    pub(super) slots: BTreeMap<u32, u32>,
}

/// A function that the page's script brings.
pub(super) struct Import<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) ty: u32,
}

pub(super) struct Function<'a> {
    pub(super) ty: u32,
    pub(super) body: FunctionBody<'a>,
}

impl<'a> Module<'a> {
    pub(super) fn from_bytes(bytes: &'a [u8]) -> Result<Module<'a>> {
        let mut module = Module::default();
        let mut types = Vec::new();
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(unreadable)? {
                Payload::FunctionSection(section) => types = all(section)?,
                Payload::CodeSectionEntry(body) => bodies.push(body),
                payload => module.read(payload)?,
            }
        }
        let functions = types.into_iter().zip(bodies);
        module.functions = functions.map(|(ty, body)| Function { ty, body }).collect();
        Ok(module)
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => self.types = all(section.into_iter_err_on_gc_types())?,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.imports.push(function_import(import.map_err(unreadable)?)?);
                }
            }
            Payload::TableSection(section) => {
                self.tables =
                    all(section)?.into_iter().map(|table: wasmparser::Table| table.ty).collect();
            }
            Payload::MemorySection(section) => self.memories = all(section)?,
            Payload::GlobalSection(section) => {
                self.globals =
                    all(section)?.into_iter().map(|global: wasmparser::Global| global.ty).collect();
            }
            Payload::ExportSection(section) => {
                let exports: Vec<wasmparser::Export> = all(section)?;
                let functions = exports.iter().filter(|export| export.kind == ExternalKind::Func);
                self.called_from_outside.extend(functions.map(|export| export.index));
            }
            Payload::StartSection { func, .. } => self.called_from_outside.push(func),
            Payload::DataSection(section) => {
                for data in all::<wasmparser::Data>(section)? {
                    let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                        return Err("data of another kind than active is not understood".to_owned());
                    };
                    self.data.push((constant(&offset_expr)?, data.data));
                }
            }
            Payload::ElementSection(section) => {
                for element in all::<Element>(section)? {
                    self.read_element(element)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_element(&mut self, element: Element<'a>) -> Result<()> {
        let ElementKind::Active { table_index: None | Some(0), offset_expr } = element.kind else {
            return Err("elements of another table than the first are not understood".to_owned());
        };
        let ElementItems::Functions(functions) = element.items else {
            return Err("elements that are computed are not understood".to_owned());
        };
        self.slots.extend((constant(&offset_expr)?..).zip(all::<u32>(functions)?));
        Ok(())
    }

    /// How many functions there are, imported and own.
    pub(super) fn function_count(&self) -> u32 {
        number(self.imports.len() + self.functions.len())
    }

    /// The own functions with their numbers.
    pub(super) fn own(&self) -> impl Iterator<Item = (u32, &Function<'a>)> {
        (number(self.imports.len())..).zip(&self.functions)
    }

    /// The number of a function's type, if there is such a function.
    pub(super) fn type_of(&self, function: u32) -> Option<u32> {
        let imports = self.imports.iter().map(|import| import.ty);
        imports.chain(self.functions.iter().map(|function| function.ty)).nth(function as usize)
    }
}

impl Function<'_> {
    /// The functions that it calls by their numbers.
    pub(super) fn calls(&self) -> Result<Vec<u32>> {
        let mut calls = Vec::new();
        for operator in self.body.get_operators_reader().map_err(unreadable)? {
            if let Operator::Call { function_index } = operator.map_err(unreadable)? {
                calls.push(function_index);
            }
        }
        Ok(calls)
    }
}

/// What a module counts is always fewer than 2³².
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a module counts with 32 bits")
}

fn function_import(import: wasmparser::Import<'_>) -> Result<Import<'_>> {
    let wasmparser::Import { module, name, ty: TypeRef::Func(ty) } = import else {
        return Err(format!("{} is imported and is no function", import.name));
    };
    Ok(Import { module, name, ty })
}

fn constant(expression: &ConstExpr) -> Result<u32> {
    match expression.get_operators_reader().read().map_err(unreadable)? {
        Operator::I32Const { value } => Ok(value.cast_unsigned()),
        _ => Err("an offset that is computed is not understood".to_owned()),
    }
}

fn all<T>(items: impl IntoIterator<Item = wasmparser::Result<T>>) -> Result<Vec<T>> {
    items.into_iter().collect::<wasmparser::Result<_>>().map_err(unreadable)
}

pub(super) fn unreadable(error: BinaryReaderError) -> String {
    format!("the module cannot be read: {error}")
}
