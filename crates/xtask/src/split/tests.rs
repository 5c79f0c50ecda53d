//! Small modules that are counted or cut, and run in Node.

use std::collections::BTreeSet;
use std::process::Command;

use super::{Constants, Parts, counting, cut};

/// `go` reaches every other function in some way: `$near` stays, the others are called by number
/// (`$sum`, `$twice`), through the table (`$later`, `$here`), by each other (`$odd`, `$even`), with
/// what the script brings (`$told`), and with the memory and the global that all of them share.
const MODULE: &str = r#"
(module
  (import "js" "add" (func $add (param i32 i32) (result i32)))
  (type $one (func (param i32) (result i32)))
  (table $table 4 4 funcref)
  (table (export "others") 2 externref)
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (global (export "fixed") i32 (i32.const 7))
  (elem (i32.const 1) $later $here $later)
  (data (i32.const 8) "\05")
  (func $near (param i32) (result i32) LONG (i32.add (local.get 0) (i32.load8_u (i32.const 8))))
  (func $sum (param i32 i64 f64) (result i32) LONG
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (call $near (i32.add (local.get 0)
      (i32.add (i32.wrap_i64 (local.get 1)) (i32.trunc_f64_s (local.get 2))))))
  (func $twice (param i32) (result i32 i32) LONG
    (i32.store8 (i32.const 8) (i32.const 6)) (local.get 0) (local.get 0))
  (func $later (type $one) LONG (call $add (local.get 0) (call $near (i32.const 100))))
  (func $here (type $one) LONG (i32.add (local.get 0) (i32.const 1000)))
  (func $odd (param i32) (result i32) LONG
    (if (result i32) (local.get 0)
      (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
  (func $even (param i32) (result i32) LONG
    (if (result i32) (local.get 0)
      (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
  (func $told (param i32) (result i32) LONG (call $add (local.get 0) (global.get $calls)))
  (func (export "go") (param $n i32) (result i32)
    (call $sum (local.get $n) (i64.const 20) (f64.const 300))
    (i32.add (call_indirect (type $one) (local.get $n) (i32.const 1)))
    (i32.add (call_indirect (type $one) (local.get $n) (i32.const 2)))
    (i32.add (call_indirect (type $one) (local.get $n) (i32.const 3)))
    (i32.add (call $odd (local.get $n)))
    (i32.add (call $told (local.get $n)))
    (i32.add (i32.mul (call $twice (local.get $n))))))
"#;
const NEAR: u32 = 1;
const HERE: u32 = 5;
const GO: u32 = 9;

/// With functions that are too long to stay with whoever calls them.
fn long(text: &str) -> String {
    text.replace("LONG", &"(drop (i32.const 0))".repeat(20))
}

/// Runs `go` for some numbers, with the rest loaded `before` or when it is missed.
const RUN: &str = r#"
const [, first, rest, before] = process.argv;
const module = (hex) => new WebAssembly.Module(Buffer.from(hex, "hex"));
const js = { add: (a, b) => a + b };
const imports = { js, rest: { load } };
let loads = 0;
const { exports } = new WebAssembly.Instance(module(first), imports);
function load() {
  loads += 1;
  const slot = new Proxy({}, { get: (_, slot) => exports.t0.get(Number(slot)) });
  new WebAssembly.Instance(module(rest), { ...imports, first: exports, slot });
}
if (before === "before") load();
const results = [0, 1, 2, 9].map((n) => exports.go(n));
console.log(JSON.stringify({ results, fixed: exports.fixed.value, loads }));
"#;

fn node(script: &str, arguments: &[&str]) -> String {
    let output = Command::new("node").args(["-e", script]).args(arguments).output();
    let output = output.expect("Node is there, as for the page");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the parts say that are made when these functions were entered.
#[track_caller]
fn check(entered: &[u32], before: &str, loads: u32) {
    let whole = wat::parse_str(long(MODULE)).expect("the module is right");
    let parts = cut(&whole, &entered.iter().copied().collect(), &Constants::default())
        .expect("it can be cut");
    let found = node(RUN, &[&hex(&parts.first), &hex(&parts.rest), before]);
    let expected =
        node(RUN, &[&hex(&whole), "", ""]).replace("\"loads\":0", &format!("\"loads\":{loads}"));
    assert_eq!(found, expected);
}

#[test]
fn what_is_missed_is_loaded_once() {
    check(&[GO], "", 1);
    check(&[GO, NEAR, HERE], "", 1);
    check(&[GO, 2, 4, 6], "", 1);
    check(&[], "", 1);
}

#[test]
fn what_was_loaded_before_is_used() {
    check(&[GO, NEAR, HERE], "before", 1);
}

#[test]
fn nothing_is_loaded_when_all_was_entered() {
    let all: Vec<u32> = (1..10).collect();
    check(&all, "", 0);
}

#[test]
fn the_same_module_gives_the_same_parts() {
    let whole = wat::parse_str(long(MODULE)).expect("the module is right");
    let cut = || cut(&whole, &BTreeSet::from([GO]), &Constants::default()).expect("it can be cut");
    assert_eq!(cut().first, cut().first);
    assert_eq!(cut().rest, cut().rest);
}

#[test]
fn functions_that_were_entered_are_counted() {
    let whole = wat::parse_str(long(MODULE)).expect("the module is right");
    let counted = counting(&whole).expect("it can be counted");
    let script = r#"
      const module = new WebAssembly.Module(Buffer.from(process.argv[1], "hex"));
      const { exports } = new WebAssembly.Instance(module, { js: { add: (a, b) => a + b } });
      const marks = Object.entries(exports).filter(([name]) => name.startsWith("entered "));
      const entered = () => marks.filter(([, mark]) => mark.value === 1).map(([name]) => name.slice(8));
      const before = entered().join() || "none";
      console.log(`before: ${before}; ${exports.go(0)}; after: ${entered()}`);
    "#;
    assert_eq!(node(script, &[&hex(&counted)]), "before: none; 1536; after: 1,2,3,4,5,6,8,9");
}

#[test]
fn a_module_that_is_not_understood_is_said_so() {
    let problem = |text: &str| {
        let bytes = wat::parse_str(text).expect("the module is right");
        cut(&bytes, &BTreeSet::new(), &Constants::default()).err().expect("it cannot be cut")
    };
    assert_eq!(problem("(module)"), "the module has no function table");
    let problem = problem(r#"(module (import "js" "memory" (memory 1)))"#);
    assert_eq!(problem, "memory is imported and is no function");
}

/// `go` reads a text by its place and length, and what that leads to; `$later` reads another.
const CONSTANTS: &str = r#"
(module
  (import "js" "add" (func $add (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table 1 1 funcref)
  (elem (i32.const 0) $later)
  (global (export "fixed") i32 (i32.const 7))
  (data (i32.const 16) "first  text \28\00\00\00")
  (data (i32.const 40) "led to")
  (data (i32.const 2048) "later text\00soon a text\00")
  (data (i32.const 4096) "\01\02\03\04")
  (func $sum (param i32 i32) (result i32) (local i32)
    (loop $next
      (local.set 2 (i32.add (local.get 2) (i32.load8_u (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 2))
  (func $later (result i32) LONG (call $sum (i32.const 2048) (i32.const 10)))
  (func (export "go") (param i32) (result i32)
    (call $sum (i32.const 16) (i32.const 12))
    (i32.add (call $sum (i32.const 2064) (i32.const 6)))
    (i32.add (call $sum (i32.load (i32.const 28)) (i32.const 6)))
    (i32.add (if (result i32) (local.get 0) (then (call $later)) (else (i32.const 0))))))
"#;
const SUM: u32 = 1;
const GO_ALONE: u32 = 3;

#[test]
fn constants_that_only_the_rest_reads_come_with_it() {
    let whole = wat::parse_str(long(CONSTANTS)).expect("the module is well written");
    let entered = BTreeSet::from([SUM, GO_ALONE]);
    let map = "10 0 10 a.o:(.rodata.1)\n28 0 6 a.o:(.rodata.2)\n800 0 18 <internal>:(.rodata)";
    let constants = Constants::of_map(map).expect("it names constants");
    let Parts { first, rest } = cut(&whole, &entered, &constants).expect("it can be cut");
    let has = |part: &[u8], text: &[u8]| part.windows(text.len()).any(|it| it == text);
    for text in [&b"first  text"[..], b"led to", b"soon a text", b"\x01\x02\x03\x04"] {
        assert!(has(&first, text) && !has(&rest, text), "{text:?}");
    }
    assert!(has(&rest, b"later text") && !has(&first, b"later text"));
    let uncut =
        cut(&whole, &BTreeSet::from([1, 2, 3]), &Constants::default()).expect("it can be cut");
    let run = |parts: &Parts, before| node(RUN, &[&hex(&parts.first), &hex(&parts.rest), before]);
    let results = |text: &str| text.split("\"fixed\"").next().unwrap_or_default().to_owned();
    let parts = Parts { first, rest };
    assert_eq!(results(&run(&parts, "")), results(&run(&uncut, "before")));
}

#[test]
fn a_map_without_constants_is_said_so() {
    assert_eq!(Constants::of_map("").unwrap_err(), "the linker names no constants");
    let map = "    Addr Off Size Out In Symbol\n  200000  4265  4  page.o:(.data.counter)\n";
    assert!(Constants::of_map(map).is_err());
}
