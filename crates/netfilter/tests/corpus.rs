//! The texts that the fuzz target found interesting, and all others of the tests, tried again.

use std::fs;
use std::path::Path;

mod try_text;

#[test]
#[expect(clippy::disallowed_methods, reason = "the texts are the test's own")]
fn every_text_is_read_printed_loaded_and_walked() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut count = 0;
    for directory in ["corpus", "dumps", "saved"] {
        for entry in fs::read_dir(tests.join(directory)).expect("the directory is there") {
            let bytes = fs::read(entry.expect("an entry").path()).expect("the file can be read");
            try_text::try_text(&String::from_utf8_lossy(&bytes));
            count += 1;
        }
    }
    assert!(count > 50, "{count} texts");
}
