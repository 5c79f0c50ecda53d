//! A module's constants → those that the first part may read, and those that come with the rest.
//!
//! Constants have no names any more, so they are taken for as long as it is to the next address
//! that anything refers to: a function by a number in its code, a constant by a word in its bytes.
//! What a function of the first part refers to stays, with all that this refers to in turn. How long
//! it is nobody knows, so more is kept than is named; what is missed all the same is missed for the
//! blink of an eye, and tests see it: a start must not ask for the rest. The rest writes its own when it is
//! loaded, and until then none of its functions runs.

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

/// A number after an address may say how many things are there, if it is not larger than this.
const MOST: u32 = 1 << 10;
/// Bytes of a thing where a word says how many there are: most are texts, some are rows of pairs.
const THING: u32 = 6;
/// As many bytes as code reads at least from an address that it names.
const LEAST: u32 = 96;

impl Data {
    /// `constants` are the addresses of what nothing ever writes to.
    pub(super) fn of(module: &Module, plan: &Plan, constants: Range<u32>) -> Result<Data> {
        let memory = Memory::of(module, constants);
        let mut wanted = Vec::new();
        let mut starts = memory.referred.clone();
        for (number, function) in module.own() {
            let found = memory.addresses_in(function)?;
            starts.extend(found.iter().map(|it| it.0.start));
            if !plan.rest.contains(&number) {
                wanted.extend(found);
            }
        }
        starts.extend([memory.constants.start, memory.constants.end]);
        Ok(memory.divide(&Islands::new(starts), wanted))
    }
}

struct Memory {
    bytes: BTreeMap<u32, u8>,
    constants: Range<u32>,
    /// The addresses that words of the memory hold.
    referred: BTreeSet<u32>,
}

impl Memory {
    fn of(module: &Module, constants: Range<u32>) -> Memory {
        let bytes = module.data.iter().flat_map(|(at, bytes)| (*at..).zip(bytes.iter().copied()));
        let mut memory = Memory { bytes: bytes.collect(), constants, referred: BTreeSet::new() };
        let (first, last) = (memory.bytes.keys().next(), memory.bytes.keys().next_back());
        if let (Some(&first), Some(&last)) = (first, last) {
            memory.referred = memory.words(first..last + 1).map(|it| it.start).collect();
        }
        memory
    }

    fn word(&self, at: u32) -> u32 {
        let byte = |offset| self.bytes.get(&(at + offset)).copied().unwrap_or(0);
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    }

    /// What the words in a range refer to, by the number of things that the word after them says.
    fn words(&self, range: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let words = (range.start.next_multiple_of(4)..range.end).step_by(4);
        words.filter_map(|at| self.referred(self.word(at), count(self.word(at + 4)) * THING))
    }

    fn referred(&self, address: u32, length: u32) -> Option<Range<u32>> {
        let end = address.saturating_add(length.max(1)).min(self.constants.end);
        self.constants.contains(&address).then_some(address..end)
    }

    /// What the numbers in a function's code refer to, at least as long as the number after them
    /// says, and whether the code counts on from there.
    fn addresses_in(&self, function: &Function) -> Result<Vec<(Range<u32>, bool)>> {
        let mut numbers = Vec::new();
        for operator in function.body.get_operators_reader().map_err(unreadable)? {
            match operator.map_err(unreadable)? {
                Operator::I32Const { value } => numbers.push((value.cast_unsigned(), false)),
                Operator::I64Const { value } => {
                    let value = value.cast_unsigned();
                    numbers.extend([(value as u32, false), ((value >> 32) as u32, false)]);
                }
                operator => numbers.extend(offset_of(&operator).map(|it| (it, true))),
            }
        }
        let after = numbers.iter().skip(1).map(|it| it.0).chain([0]);
        let pairs = numbers.iter().copied().zip(after);
        let found =
            |((at, counts), length)| Some((self.referred(at, count(length).max(LEAST))?, counts));
        Ok(pairs.filter_map(found).collect())
    }

    fn divide(&self, islands: &Islands, wanted: Vec<(Range<u32>, bool)>) -> Data {
        let (Some(&start), Some(&end)) = (self.bytes.keys().next(), self.bytes.keys().next_back())
        else {
            return Data { first: Vec::new(), rest: Vec::new() };
        };
        // What can be written to stays, and may refer to anything.
        let written = [start..self.constants.start, self.constants.end..end + 1];
        let written = written.into_iter().flat_map(|it| self.words(it)).map(|it| (it, true));
        let mut kept = BTreeSet::new();
        for (range, counts) in wanted.into_iter().chain(written) {
            kept.extend(islands.within(range, usize::from(counts)));
        }
        let mut open: Vec<u32> = kept.iter().copied().collect();
        while let Some(island) = open.pop() {
            for range in self.words(islands.range(island)) {
                let new = islands.within(range, 0).into_iter().filter(|it| kept.insert(*it));
                open.extend(new);
            }
        }
        let stays = |at: u32| !self.constants.contains(&at) || kept.contains(&islands.of(at));
        let (first, rest) = self.bytes.iter().partition(|(at, _)| stays(**at));
        Data { first: pieces(first), rest: pieces(rest) }
    }
}

/// Stretches between addresses that something refers to, by where they start.
struct Islands {
    starts: BTreeSet<u32>,
}

impl Islands {
    fn new(starts: BTreeSet<u32>) -> Islands {
        Islands { starts }
    }

    fn of(&self, at: u32) -> u32 {
        self.starts.range(..=at).next_back().copied().unwrap_or(at)
    }

    fn range(&self, island: u32) -> Range<u32> {
        let next = self.starts.range(island + 1..).next().copied();
        island..next.unwrap_or(island)
    }

    /// All that a range touches, and so many `more` after it.
    fn within(&self, range: Range<u32>, more: usize) -> Vec<u32> {
        let first = self.of(range.start);
        let inside = self.starts.range(first..range.end.max(first + 1)).copied();
        inside.chain(self.starts.range(range.end.max(first + 1)..).take(more).copied()).collect()
    }
}

/// A word as a number of things; 1 where it is none.
fn count(word: u32) -> u32 {
    if word < MOST { word } else { 1 }
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
