//! `awk`, the part of it that fits in a line: patterns, fields, variables, arrays, print, printf.

mod parse;
mod run;
mod tree;

use crate::process::Process;

/// `awk [-F SEPARATOR] [-v NAME=VALUE] PROGRAM [FILE…]`
pub(in crate::programs) async fn awk(process: Process, words: Vec<String>) -> u8 {
    let spec = crate::programs::options::Options { letters: "F:v:f:", names: &[], valued: "" };
    let Some(mut line) = super::lines::options(&process, "awk", &spec, &words) else { return 2 };
    if line.operands.is_empty() {
        process.err("usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]\n");
        return 2;
    }
    let text = line.operands.remove(0);
    let program = match parse::program(&text) {
        Ok(program) => program,
        Err(near) => {
            process.err(&format!(
                "awk: cmd. line:1: {text}\nawk: cmd. line:1: syntax error near {near}\n"
            ));
            return 2;
        }
    };
    let mut awk = run::Awk::new(line.value('F').unwrap_or(" "));
    for value in line.values('v') {
        if let Some((name, value)) = value.split_once('=') {
            awk.set(name, super::unescaped(value));
        }
    }
    awk.begin(&program);
    process.out(&awk.take());
    let mut status = 0;
    if program.reads() && awk.exit.is_none() {
        let inputs = match line.operands.is_empty() {
            true => vec![process.clone()],
            false => {
                let files = line.operands.iter().filter_map(|name| {
                    let text = crate::programs::file(&process, name);
                    if text.is_none() {
                        process.err(&format!(
                            "awk: warning: command line argument `{name}' : No such file or directory\n"
                        ));
                        status = 2;
                    }
                    Some(process.reading(text?))
                });
                files.collect()
            }
        };
        'inputs: for input in inputs {
            while let Some(text) = input.read_line().await {
                awk.record(&program, &text);
                process.out(&awk.take());
                if awk.exit.is_some() {
                    break 'inputs;
                }
            }
        }
    }
    awk.end(&program);
    process.out(&awk.take());
    awk.exit.unwrap_or(status)
}
