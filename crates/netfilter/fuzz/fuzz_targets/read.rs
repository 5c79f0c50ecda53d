//! Any text is read, prints back as what was read, and can be loaded, saved and walked.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/try_text/mod.rs"]
mod try_text;

fuzz_target!(|text: &str| try_text::try_text(text));
