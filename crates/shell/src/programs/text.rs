//! Texts in, texts out.

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
