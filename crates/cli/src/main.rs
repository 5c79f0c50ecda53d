//! `svclab`: the lab's engine on files.
//!
//! `rules` writes one node's kube-proxy rules; `trace` tells every way a packet may go;
//! `admit` gives the API server's answers to a file of requests; `dns` gives CoreDNS's replies to questions; `kernel` writes what a real kernel can replay; `sh` prints what a
//! command prints in the lab's terminal; `apiserver` answers the real kubectl; `check` runs the cases of the conformance data;
//! `bench` measures. A mistake in the input is one line on stderr, with its place, and status 2.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use svclab_core::reference::Reference;

mod admit;
mod apiserver;
mod arguments;
mod bench;
mod check;
mod dns;
mod failure;
mod kernel;
mod rules;
mod sh;
mod state;
mod trace;

use arguments::Arguments;
use failure::Failure;
use mimalloc::MiMalloc;

/// A quarter of a large cluster's time goes into finding memory and giving it back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str = "\
usage: svclab rules [--options OPTIONS.json] [--mode iptables|nft|ipvs] [--jumps] STATE...
       svclab trace [--options OPTIONS.json] --packets FILE|- STATE...
       svclab admit [--cluster ipv4|dual] [--version 1.32|1.33|1.34] FILE
       svclab dns [--settings SETTINGS.json] [--upstream UPSTREAM.yaml] --queries FILE|- STATE...
       svclab kernel [--seed N] MANIFEST...
       svclab sh [--at SECONDS] [--seed N] [--from WHERE] [--mode MODE] MANIFEST... -- COMMAND
       svclab apiserver [--listen ADDRESS:PORT] [--at SECONDS] [--stopped] MANIFEST...
       svclab check DIR...
       svclab bench
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("svclab: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let mut arguments = Arguments::new(arguments);
    let command = arguments.next().unwrap_or_default();
    match command.to_str() {
        Some("rules") => rules::run(arguments),
        Some("trace") => trace::run(arguments),
        Some("admit") => admit::run(arguments),
        Some("dns") => dns::run(arguments),
        Some("kernel") => kernel::run(arguments),
        Some("sh") => sh::run(arguments),
        Some("apiserver") => apiserver::run(arguments),
        Some("check") => check::run(arguments),
        Some("bench") => bench::run(arguments),
        Some("help" | "-h" | "--help") => print(USAGE).map(|()| ExitCode::SUCCESS),
        Some("") => Err(Failure::new("no command given; svclab help lists them")),
        _ => Err(Failure::new(format!(
            "there is no command {:?}; svclab help lists them",
            command.to_string_lossy()
        ))),
    }
}

/// What the API says of its kinds.
fn reference() -> Rc<Reference> {
    Rc::new(Reference::read(svclab_reference::TEXT.to_owned()))
}

/// Prints `text`; a reader that has gone away is no mistake.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}
