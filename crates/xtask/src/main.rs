//! The project's own commands: a word on the command line → tools that are there, a page, a verdict.
//!
//! Every command first looks for the tools it needs and installs what is missing (`setup`),
//! so that a Rust toolchain with Node and npm is all a machine must bring.

mod context;
mod process;

mod setup;

mod copies;
mod http;
mod page;
mod split;
mod worker;
mod first_load;
mod serve;

mod counts;
mod kernel;
mod runners;

mod bench;

use std::process::ExitCode;

use context::Context;

/// What a command says when it cannot go on: one sentence.
type Result<T> = std::result::Result<T, String>;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup [--without-rustup]   install what is missing; --without-rustup takes Debian's compiler
  build                      make dist/, a static site, and print its sizes
  serve [--port N]           build the page and serve it on this machine
  test [NAME...]             run every test, or the named: fmt clippy docs native wasm page conformance kernel kubectl
  bench                      print timings and sizes as JSON";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("xtask: {sentence}");
            ExitCode::from(2)
        }
    }
}

/// False when the command did its work and the verdict is bad.
fn run(words: &[&str]) -> Result<bool> {
    let mut context = Context::from_environment()?;
    match words {
        ["setup"] => setup::everything(&mut context, setup::Source::Any).map(|()| true),
        ["setup", "--without-rustup"] => {
            setup::everything(&mut context, setup::Source::Debian).map(|()| true)
        }
        ["build"] => build(&mut context).map(|()| true),
        ["serve"] => serve(&mut context, None).map(|()| true),
        ["serve", "--port", port] => {
            let port = port.parse().map_err(|_| format!("{port} is not a port number"))?;
            serve(&mut context, Some(port)).map(|()| true)
        }
        ["test", names @ ..] => {
            let chosen = runners::chosen(names)?;
            setup::everything(&mut context, setup::Source::Any)?;
            Ok(runners::run(&context, &chosen))
        }
        ["bench"] => {
            setup::everything(&mut context, setup::Source::Any)?;
            bench::run(&context).map(|()| true)
        }
        _ => Err(format!("no such command\n\n{USAGE}")),
    }
}

fn build(context: &mut Context) -> Result<()> {
    setup::build_tools(context)?;
    page::build(context)?;
    page::print_sizes(&page::sizes(context)?);
    Ok(())
}

fn serve(context: &mut Context, port: Option<u16>) -> Result<()> {
    setup::build_tools(context)?;
    page::build(context)?;
    serve::run(&page::dist(context), port)
}
