//! Lines of the shell: `tests/bash/lines.txt` holds what the real bash answers to them.

#![allow(clippy::disallowed_methods)]

mod common;

use std::path::Path;

use common::{lab, run};

/// What a line prints, as the file has it.
fn printed(line: &str, lab: svclab_core::lab::Lab) -> String {
    let (_, found) = run(lab, "outside/laptop", line);
    let mut text = found.out;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("⏎\n");
    }
    text.extend(found.err.lines().map(|it| format!("! {it}\n")));
    if found.status != 0 {
        text.push_str(&format!("[{}]\n", found.status));
    }
    text
}

#[test]
fn lines_are_answered_as_bash_answers_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bash/lines.txt");
    let text = std::fs::read_to_string(file).expect("the recorded lines");
    let (lab, mut wrong, mut count) = (lab(""), String::new(), 0);
    for case in text.split("\n$ ").skip(1) {
        let (mut line, mut expected) = (String::new(), String::new());
        for (at, it) in case.lines().enumerate() {
            match it.strip_prefix("> ") {
                _ if at == 0 => line.push_str(it),
                Some(more) if expected.is_empty() => line.push_str(&format!("\n{more}")),
                _ => expected.push_str(&format!("{it}\n")),
            }
        }
        count += 1;
        let found = printed(&line, lab.clone());
        if found.trim_end() != expected.trim_end() {
            wrong.push_str(&format!("$ {line}\n--- bash\n{expected}\n--- here\n{found}\n"));
        }
    }
    assert!(count > 200, "{count} lines");
    assert!(wrong.is_empty(), "{wrong}");
}
