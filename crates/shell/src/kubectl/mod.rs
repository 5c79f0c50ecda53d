//! kubectl: a command line → requests to the API server → what is printed.
//!
//! Each command is a module with an `async fn run(&Kubectl) -> Done` and a row in
//! [`commands::COMMANDS`] that holds its flags; [`flags`] reads the line, [`targets`] finds the
//! objects that arguments name, [`manifests`] reads files, [`client`] asks the server, [`output`]
//! prints.

mod absent;
mod age;
mod apply;
pub(crate) mod attach;
mod change;
mod client;
mod columns;
mod command;
mod commands;
mod copy;
mod create;
mod data;
mod delete;
mod describe;
mod edit;
mod errors;
mod events;
mod exec;
mod explain;
mod expose;
mod flags;
mod generate;
mod get;
mod label;
mod logs;
mod manifests;
mod node;
pub(crate) mod output;
mod patch;
mod rbac;
mod reference;
mod resources;
mod rollout;
mod selector;
pub mod served;
mod set;
mod targets;
mod version;
mod wait;
pub(crate) mod words;
mod watch;
mod yaml_error;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;
use svclab_core::admit;
use svclab_core::object::Object;

use crate::process::Process;
use client::{Client, DryRun};
use command::Command;
use errors::{Done, Failed, error};
use flags::Flags;

pub use age::{age, seconds_of};
pub use columns::{Column, cells, columns};
pub use output::table::{Table, table};

/// How a body changes an object, and the body.
type Patch = (admit::Patch, Value);

/// One call of kubectl.
pub(crate) struct Kubectl {
    pub(crate) process: Process,
    pub(crate) command: &'static Command,
    pub(crate) flags: Flags,
    pub(crate) client: Client,
    /// What `-f -` reads.
    pub(crate) stdin: String,
    warned: RefCell<BTreeSet<String>>,
}

/// The program.
pub(crate) async fn run(process: Process, words: Vec<String>) -> u8 {
    let outcome = match command::find(&words) {
        Ok((command, rest)) => call(&process, command, rest).await,
        Err(failed) => Err(failed),
    };
    match outcome {
        Ok(status) => status,
        Err(Failed(message)) => {
            if !message.is_empty() {
                process.err(&format!("{message}\n"));
            }
            1
        }
    }
}

async fn call(process: &Process, command: &'static Command, words: Vec<String>) -> Done<u8> {
    let wrong = |why| error(format!("{why}\nSee 'kubectl {} --help' for usage.", command.name));
    let flags = Flags::parse(command.flags, &words).map_err(wrong)?;
    if flags.has("help") {
        process.out(&command::help(command));
        return Ok(0);
    }
    for required in command.required.split_whitespace() {
        if flags.text(required).is_none() {
            return Err(error(format!("required flag(s) \"{required}\" not set")));
        }
    }
    let dry_run = match flags.text("dry-run") {
        None | Some("none" | "false") => DryRun::No,
        Some("client") => DryRun::Client,
        Some("server") => DryRun::Server,
        Some("unchanged" | "true") => {
            process.err("W: --dry-run is deprecated and can be replaced with --dry-run=client.\n");
            DryRun::Client
        }
        Some(other) => {
            return Err(error(format!(
                "Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\"."
            )));
        }
    };
    let user = flags.text("as").map(str::to_owned);
    let user = user.filter(|it| it != "kubernetes-admin" && it != "system:admin");
    let client = Client { process: process.clone(), user, dry_run };
    let reads = ["filename", "patch-file"].iter().any(|it| flags.text(it) == Some("-"));
    let stdin = if reads { process.read_all().await } else { String::new() };
    let warned = RefCell::default();
    let kubectl = Kubectl { process: process.clone(), command, flags, client, stdin, warned };
    (command.run)(&kubectl).await.map(|()| 0).or_else(|failed| match failed {
        Failed(message) => match message.strip_prefix(EXIT) {
            Some(status) => Ok(status.parse().unwrap_or(1)),
            None => Err(Failed(message)),
        },
    })
}

/// Before the status of a command that ends without a message.
const EXIT: &str = "\u{0}exit ";

/// Ends with a status and no message.
fn exit(status: u8) -> Failed {
    Failed(format!("{EXIT}{status}"))
}

impl Kubectl {
    /// The object as it is shown.
    pub(crate) fn shown(&self, object: &Object) -> Value {
        output::shown(object, self.client.version())
    }

    /// The namespace of the command.
    pub(crate) fn namespace(&self) -> String {
        if let Some(named) = self.flags.text("namespace").filter(|it| !it.is_empty()) {
            return named.to_owned();
        }
        let session = self.process.session();
        if session.namespace.is_empty() { "default".to_owned() } else { session.namespace.clone() }
    }

    /// The namespace to look in; none: in all of them.
    pub(crate) fn scope(&self) -> Option<String> {
        (!self.flags.has("all-namespaces")).then(|| self.namespace())
    }

    /// The arguments before `--`, and those behind it.
    pub(crate) fn arguments(&self) -> (&[String], &[String]) {
        let all = &self.flags.arguments;
        all.split_at(self.flags.before_dash.unwrap_or(all.len()).min(all.len()))
    }

    pub(crate) fn out(&self, text: &str) {
        self.process.out(text);
    }

    pub(crate) fn err(&self, text: &str) {
        self.process.err(text);
    }

    /// `Warning: …`, each once.
    pub(crate) fn warn(&self, text: &str) {
        if self.warned.borrow_mut().insert(text.to_owned()) {
            self.err(&format!("Warning: {text}\n"));
        }
    }

    pub(crate) fn warn_all(&self, texts: &[String]) {
        texts.iter().for_each(|it| self.warn(it));
    }

    /// Behind the line that says what was done.
    pub(crate) fn dry_run_mark(&self) -> &'static str {
        match self.client.dry_run {
            DryRun::No => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        }
    }
}

/// Several complaints as one.
fn all_failed(failures: Vec<Failed>) -> Done {
    if failures.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = failures.into_iter().map(|it| it.0).collect();
    Err(Failed(texts.join("\n")))
}
