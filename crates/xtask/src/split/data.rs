//! A module's constants → those that the first part may read, and those that come with the rest.
//!
//! What a function of the first part refers to by a number in its code stays, with all that this
//! refers to in turn by a word in its bytes. The rest writes its own when it is loaded, and until
//! then none of its functions runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmparser::{MemArg, Operator};

use crate::Result;
use crate::split::module::{Function, Module, unreadable};
use crate::split::plan::Plan;

/// Bytes with their address.
pub(super) type Piece = (u32, Vec<u8>);

/// What stands in the memory at the start.
pub(super) struct Data {
    pub(super) first: Vec<Piece>,
    pub(super) rest: Vec<Piece>,
}

/// What nothing ever writes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Constants {
    /// Where each thing lies: its first address, and the one behind it.
    things: BTreeMap<u32, u32>,
    /// Texts that the linker has put together; each ends with a zero.
    texts: Option<Range<u32>>,
}

/// A row whose first things are never asked for may be named by an address this far before it.
const BEFORE: u32 = 64;

impl Constants {
    /// What the linker wrote down. Its lines hold an address, an offset and a size, all in
    /// hexadecimal, and what lies there: `10000e 3265 f page.o:(.rodata..Lanon.1)`.
    pub(crate) fn of_map(text: &str) -> Result<Constants> {
        let thing = |line: &str| {
            let mut words = line.split_whitespace();
            let mut number = || u32::from_str_radix(words.next()?, 16).ok();
            let (start, _, size) = (number()?, number()?, number()?);
            (line.contains(":(.rodata") && size > 0).then_some(start..start + size)
        };
        let things = text.lines().filter_map(thing);
        let things: BTreeMap<u32, u32> = things.map(|it| (it.start, it.end)).collect();
        if things.is_empty() {
            return Err("the linker names no constants".to_owned());
        }
        let texts = text.lines().filter(|it| it.contains("<internal>:(.rodata")).find_map(thing);
        Ok(Constants { things, texts })
    }

    /// With each of the texts as a thing of its own.
    fn apart(&self, byte: impl Fn(u32) -> u8) -> Constants {
        let mut res = self.clone();
        let Some(texts) = self.texts.clone() else { return res };
        let mut start = texts.start;
        for at in texts.clone().filter(|at| byte(*at) == 0 || at + 1 == texts.end) {
            res.things.insert(start, at + 1);
            start = at + 1;
        }
        res
    }

    fn range(&self, start: u32) -> Range<u32> {
        start..self.things.get(&start).copied().unwrap_or(start)
    }

    /// The thing that holds an address.
    fn at(&self, address: u32) -> Option<u32> {
        let (start, end) = self.things.range(..=address).next_back()?;
        (address < *end).then_some(*start)
    }

    /// What code may mean that names an address: the thing that begins there, the row that ends
    /// there, the text that ends as it does from there on, or else the things around.
    fn around(&self, address: u32) -> Vec<u32> {
        let in_text = self.texts.as_ref().is_some_and(|it| it.contains(&address));
        let exact = in_text || self.things.contains_key(&address);
        let reach = if exact { 0 } else { BEFORE };
        let after = self.things.range(address..address.saturating_add(reach)).map(|it| *it.0);
        self.at(address).into_iter().chain(self.row_until(address)).chain(after).collect()
    }

    /// A row that is gone through from its end: of words, as all rows are.
    fn row_until(&self, address: u32) -> Option<u32> {
        let (start, end) = self.things.range(..address).next_back()?;
        let of_words = start.is_multiple_of(4) && end.is_multiple_of(4);
        (*end == address && of_words).then_some(*start)
    }
}

impl Data {
    pub(super) fn of(module: &Module, plan: &Plan, constants: &Constants) -> Result<Data> {
        let memory = Memory::of(module, constants);
        let constants = &memory.constants;
        let mut kept = memory.named_by_what_is_written();
        for (number, function) in module.own() {
            if !plan.rest.contains(&number) {
                let named = addresses_in(function)?;
                kept.extend(named.into_iter().flat_map(|it| constants.around(it)));
            }
        }
        Ok(memory.divide(kept))
    }
}

struct Memory {
    bytes: BTreeMap<u32, u8>,
    constants: Constants,
}

impl Memory {
    fn of(module: &Module, constants: &Constants) -> Memory {
        let bytes = module.data.iter().flat_map(|(at, bytes)| (*at..).zip(bytes.iter().copied()));
        let bytes: BTreeMap<u32, u8> = bytes.collect();
        let constants = constants.apart(|at| bytes.get(&at).copied().unwrap_or(0));
        Memory { bytes, constants }
    }

    fn word(&self, at: u32) -> u32 {
        let byte = |offset| self.bytes.get(&(at + offset)).copied().unwrap_or(0);
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    }

    /// The constants that words in a range lead to.
    fn named(&self, range: Range<u32>) -> impl Iterator<Item = u32> {
        let words = (range.start.next_multiple_of(4)..range.end).step_by(4);
        words.filter_map(|at| self.constants.at(self.word(at)))
    }

    /// What can be written to stays, and may refer to anything.
    fn named_by_what_is_written(&self) -> BTreeSet<u32> {
        let words = self.bytes.keys().filter(|it| it.is_multiple_of(4));
        let written = words.filter(|it| self.constants.at(**it).is_none());
        written.filter_map(|at| self.constants.at(self.word(*at))).collect()
    }

    fn divide(&self, mut kept: BTreeSet<u32>) -> Data {
        let mut open: Vec<u32> = kept.iter().copied().collect();
        while let Some(thing) = open.pop() {
            open.extend(self.named(self.constants.range(thing)).filter(|it| kept.insert(*it)));
        }
        let stays = |at: u32| self.constants.at(at).is_none_or(|it| kept.contains(&it));
        let (first, rest) = self.bytes.iter().partition(|(at, _)| stays(**at));
        Data { first: pieces(first), rest: pieces(rest) }
    }
}

/// The numbers in a function's code, each of which may be an address.
fn addresses_in(function: &Function) -> Result<Vec<u32>> {
    let mut res = Vec::new();
    for operator in function.body.get_operators_reader().map_err(unreadable)? {
        match operator.map_err(unreadable)? {
            Operator::I32Const { value } => res.push(value.cast_unsigned()),
            Operator::I64Const { value } => {
                let value = value.cast_unsigned();
                res.extend([value as u32, (value >> 32) as u32]);
            }
            operator => res.extend(offset_of(&operator)),
        }
    }
    Ok(res)
}

/// Bytes that follow each other are one piece.
fn pieces(bytes: BTreeMap<&u32, &u8>) -> Vec<Piece> {
    let mut res: Vec<Piece> = Vec::new();
    for (&at, &byte) in bytes {
        match res.last_mut() {
            Some((start, piece)) if *start + piece.len() as u32 == at => piece.push(byte),
            _ => res.push((at, vec![byte])),
        }
    }
    res
}

/// The fixed part of the address that an operator reads or writes at.
fn offset_of(operator: &Operator) -> Option<u32> {
    macro_rules! offset {
        ($($name:ident)*) => {
            match operator { $(Operator::$name { memarg } => Some(offset(memarg)),)* _ => None }
        };
    }
    offset!(I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U I64Load8S
        I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U I32Store I64Store F32Store F64Store
        I32Store8 I32Store16 I64Store8 I64Store16 I64Store32 V128Load V128Store)
}

fn offset(memarg: &MemArg) -> u32 {
    u32::try_from(memarg.offset).unwrap_or(u32::MAX)
}
