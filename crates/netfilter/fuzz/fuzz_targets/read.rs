//! Any text is read, prints back as what was read, and can be loaded, saved and walked.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| svclab_netfilter::text::try_all(text));
