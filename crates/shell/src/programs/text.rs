//! Texts in, texts out.

use svclab_core::time::Duration;

use crate::process::Process;

/// The files, or what is read where there are none.
pub(super) async fn cat(process: Process, arguments: Vec<String>) -> u8 {
    let mut status = 0;
    let names = if arguments.is_empty() { vec!["-".to_owned()] } else { arguments };
    for name in names {
        if name == "-" {
            while let Some(line) = process.read_line().await {
                process.out(&format!("{line}\n"));
            }
        } else if let Some(text) = super::file(&process, &name) {
            process.out(&text);
        } else {
            process.err(&format!("cat: {name}: No such file or directory\n"));
            status = 1;
        }
    }
    status
}

/// `-n`: without a line end.
pub(super) async fn echo(process: Process, arguments: Vec<String>) -> u8 {
    let (words, end) = match arguments.split_first() {
        Some((first, rest)) if first == "-n" => (rest, ""),
        _ => (arguments.as_slice(), "\n"),
    };
    process.out(&format!("{}{end}", words.join(" ")));
    0
}

/// Seconds, or minutes and hours with `m` and `h`.
pub(super) async fn sleep(process: Process, arguments: Vec<String>) -> u8 {
    let mut span: f64 = 0.0;
    for word in &arguments {
        let (number, unit) = match word.strip_suffix(['s', 'm', 'h']) {
            Some(number) => (number, &word[number.len()..]),
            None => (word.as_str(), "s"),
        };
        let Ok(number) = number.parse::<f64>() else {
            process.err(&format!("sleep: invalid time interval \u{2018}{word}\u{2019}\n"));
            return 1;
        };
        span += number
            * if unit == "m" {
                60.0
            } else if unit == "h" {
                3600.0
            } else {
                1.0
            };
    }
    if arguments.is_empty() {
        process.err("sleep: missing operand\n");
        return 1;
    }
    process.sleep(Duration::from_micros((span.max(0.0) * 1e6) as u64)).await;
    0
}
