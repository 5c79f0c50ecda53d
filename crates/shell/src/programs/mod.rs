//! All that can be run: the one list of programs, and how a command finds its program.
//!
//! To add a tool: a module beside this one with an `async fn run(Process, Vec<String>) -> u8`, and
//! a line in [`PROGRAMS`].

mod again;
mod builtin;
pub(crate) mod disk;
mod dns;
mod files;
mod here;
mod http;
pub(crate) mod machine;
mod iptables;
mod network;
mod options;
mod reach;
mod rules;
mod shell;
pub(crate) mod test;
mod text;

pub(crate) use text::base64;

use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::Object;

use crate::job::Task;
use crate::kubectl;
use crate::language::List;
use crate::language::run::Flow;
use crate::process::Process;
use crate::session::Place;
use text::regex::{Regex, Syntax};

/// Something that can be run by its name.
pub struct Program {
    pub name: &'static str,
    /// One line for `help` and the completion.
    pub summary: &'static str,
    pub places: Places,
    run: fn(Process, Vec<String>) -> Task,
}

/// Where a program is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    Everywhere,
    Nodes,
    /// Where there is a kubeconfig: nodes and machines outside.
    Kubeconfig,
}

impl Places {
    pub fn include(self, place: &Place) -> bool {
        match self {
            Places::Everywhere => true,
            Places::Nodes => matches!(place, Place::Node(_)),
            Places::Kubeconfig => !matches!(place, Place::Pod { .. }),
        }
    }
}

/// One line of the list.
macro_rules! program {
    ($name:literal, $places:ident, $summary:literal, $run:path) => {
        Program {
            name: $name,
            summary: $summary,
            places: Places::$places,
            run: |process, arguments| Box::pin($run(process, arguments)),
        }
    };
}

/// In the order of their names.
pub const PROGRAMS: &[Program] = &[
    program!("[", Everywhere, "tests a condition", test::bracket),
    program!("arp", Everywhere, "lists neighbours", network::older::arp),
    program!("awk", Everywhere, "prints fields of lines", text::awk::awk),
    program!("base64", Everywhere, "encodes and decodes texts", text::base64::run),
    program!("bash", Everywhere, "runs a script", shell::run),
    program!("brctl", Nodes, "lists bridges", network::older::brctl),
    program!("bridge", Nodes, "lists a bridge's ports", network::older::bridge),
    program!("cat", Everywhere, "prints files", text::cat),
    program!("column", Everywhere, "sets fields under each other", text::lines::column),
    program!(
        "conntrack",
        Everywhere,
        "lists the connections that the kernel tracks",
        network::conntrack::run
    ),
    program!("cp", Everywhere, "copies files", disk::cp),
    program!("curl", Everywhere, "asks a web server", http::curl::run),
    program!("cut", Everywhere, "prints parts of lines", text::lines::cut),
    program!("date", Everywhere, "prints the lab's clock", machine::date),
    program!("dig", Everywhere, "asks a name server one question", dns::dig::run),
    program!("echo", Everywhere, "prints its words", text::echo),
    program!("egrep", Everywhere, "finds lines", text::grep::egrep),
    program!("env", Everywhere, "prints variables", machine::env),
    program!("getent", Everywhere, "looks names up as programs do", dns::getent::run),
    program!("grep", Everywhere, "finds lines", text::grep::grep),
    program!("head", Everywhere, "prints the first lines", text::lines::head),
    program!("host", Everywhere, "looks names up", dns::host::run),
    program!("hostname", Everywhere, "prints the machine's name", machine::hostname),
    program!("id", Everywhere, "says who you are", machine::id),
    program!("ifconfig", Everywhere, "shows devices", network::older::ifconfig),
    program!("ip", Everywhere, "shows addresses, links and routes", network::ip::run),
    program!(
        "ip6tables",
        Everywhere,
        "shows and changes the kernel's rules for IPv6",
        iptables::ipv6
    ),
    program!(
        "ip6tables-restore",
        Everywhere,
        "loads rules for IPv6 into the kernel",
        iptables::save::restore6
    ),
    program!(
        "ip6tables-save",
        Everywhere,
        "prints the kernel's rules for IPv6",
        iptables::save::save6
    ),
    program!("iptables", Everywhere, "shows and changes the kernel's rules", iptables::ipv4),
    program!(
        "iptables-restore",
        Everywhere,
        "loads rules into the kernel",
        iptables::save::restore4
    ),
    program!("iptables-save", Everywhere, "prints the kernel's rules", iptables::save::save4),
    program!("ipset", Nodes, "lists sets of addresses", iptables::ipvs::ipset),
    program!("ipvsadm", Everywhere, "lists virtual servers", iptables::ipvs::ipvsadm),
    program!("jq", Everywhere, "filters JSON", text::jq::run),
    program!("kubectl", Kubeconfig, "controls the cluster", kubectl::run),
    program!("ls", Everywhere, "lists files", machine::ls),
    program!("mkdir", Everywhere, "makes directories", disk::mkdir),
    program!("mv", Everywhere, "moves files", disk::mv),
    program!("nc", Everywhere, "tries whether a port answers", reach::nc::run),
    program!("netstat", Everywhere, "shows who listens", network::sockets::netstat),
    program!("nft", Everywhere, "lists the kernel's rules", iptables::nft::nft),
    program!("nslookup", Everywhere, "asks name servers for a name", dns::nslookup::run),
    program!("ping", Everywhere, "tries whether a machine answers", reach::ping::run),
    program!("printenv", Everywhere, "prints variables", machine::env),
    program!("printf", Everywhere, "fills values into a text", text::printf::printf),
    program!("ps", Everywhere, "lists processes", machine::ps),
    program!("rm", Everywhere, "removes files", disk::rm),
    program!("route", Everywhere, "shows routes", network::sockets::route),
    program!("sed", Everywhere, "edits lines", text::sed::sed),
    program!("seq", Everywhere, "counts", text::seq),
    program!("basename", Everywhere, "shows the last part of a path", text::basename),
    program!("dirname", Everywhere, "shows a path without its last part", text::dirname),
    program!("sh", Everywhere, "runs a script", shell::run),
    program!("sleep", Everywhere, "lets virtual time pass", text::sleep),
    program!("sort", Everywhere, "sorts lines", text::lines::sort),
    program!("ss", Everywhere, "shows who listens", network::sockets::ss),
    program!("svclab", Nodes, "prints kube-proxy's rules of any mode", rules::run),
    program!("sysctl", Everywhere, "prints the kernel's settings", files::run_sysctl),
    program!("tail", Everywhere, "prints the last lines", text::lines::tail),
    program!("tcpdump", Everywhere, "shows packets that pass", network::tcpdump::run),
    program!("tee", Everywhere, "writes what passes into files", text::lines::tee),
    program!("test", Everywhere, "tests a condition", test::run),
    program!("time", Everywhere, "says how long a command takes", again::time),
    program!("timeout", Everywhere, "runs a command for so long", again::timeout),
    program!("touch", Everywhere, "makes empty files", disk::touch),
    program!("tr", Everywhere, "replaces characters", text::lines::tr),
    program!("traceroute", Everywhere, "shows the machines on the way", reach::traceroute::run),
    program!("uname", Everywhere, "prints the system's name", machine::uname),
    program!("uniq", Everywhere, "joins equal lines", text::lines::uniq),
    program!("watch", Everywhere, "runs a command again and again", again::watch),
    program!("wc", Everywhere, "counts lines and words", text::lines::wc),
    program!("wget", Everywhere, "fetches a page", http::wget::run),
    program!("whoami", Everywhere, "says who you are", machine::whoami),
    program!("xargs", Everywhere, "runs a command with what it reads", again::xargs),
];

/// What stands for another name (`alias`).
const ALIASES: [(&str, &str); 2] = [("k", "kubectl"), ("iptables-nft", "iptables")];

/// The status of a command that is not there.
pub(crate) const NOT_FOUND: u8 = 127;

/// Carries out a command: what the shell itself knows, then programs.
pub(crate) async fn call(process: &Process, words: Vec<String>) -> Flow {
    if let Some(flow) = builtin::call(process, &words).await {
        return flow;
    }
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let base = name.strip_prefix("/bin/").or_else(|| name.strip_prefix("/usr/bin/"));
    let known =
        find(base.unwrap_or(&name)).filter(|it| it.places.include(&process.session().place));
    match known {
        Some(program) => Flow::Next((program.run)(process.clone(), words.collect()).await),
        None => {
            match here::is_busybox(process) {
                true => process.err(&format!("sh: {name}: not found\n")),
                false if name.contains('/') => {
                    process.err(&format!("bash: {name}: No such file or directory\n"));
                }
                false => process.err(&format!("bash: {name}: command not found\n")),
            }
            if let Some(hint) = hint(&name, &process.session().place) {
                process.err(&format!("{hint}\n"));
            }
            Flow::Next(NOT_FOUND)
        }
    }
}

/// A command's status.
pub(crate) async fn status(process: &Process, words: Vec<String>) -> u8 {
    match call(process, words).await {
        Flow::Next(status) | Flow::Return(status) | Flow::Exit(status) => status,
        Flow::Break(_) | Flow::Continue(_) => 0,
    }
}

/// A variable that a shell in a container has from its start.
pub(crate) fn of_container(process: &Process, name: &str) -> Option<String> {
    let mut all = machine::of_container(process).into_iter();
    all.find(|it| it.0 == name).map(|it| it.1)
}

/// Whether there is a file of that name to run: what the shell does itself is none.
pub(crate) fn exists(process: &Process, name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    find(name).is_some_and(|it| it.places.include(&process.session().place))
}

/// Whether the program reads commands.
pub(crate) fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "/bin/sh" | "/bin/bash")
}

/// Whether the container that a shell was opened in still runs.
pub(crate) fn is_here(process: &Process) -> bool {
    let session = process.session();
    let Place::Pod { namespace, name, container } = &session.place else { return true };
    if session.depth() == 0 {
        return true;
    }
    let lab = process.lab();
    let pod = lab.objects().get(&ObjectKey::new(Kind::Pod, namespace, name));
    let statuses = pod.and_then(Object::as_pod).map(|it| &it.status.container_statuses);
    let mut running = statuses.into_iter().flatten().filter(|it| it.state.running.is_some());
    running.any(|it| container.as_ref().is_none_or(|wanted| it.name == *wanted))
}

fn find(name: &str) -> Option<&'static Program> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, it)| it);
    PROGRAMS.iter().find(|it| it.name == name)
}

/// What else the lab has.
fn hint(name: &str, place: &Place) -> Option<String> {
    let elsewhere = find(name).filter(|it| !it.places.include(place));
    elsewhere.map(|it| {
        let places = match it.places {
            Places::Nodes => "on nodes",
            Places::Everywhere | Places::Kubeconfig => "on nodes and outside the cluster",
        };
        format!("(the lab has {} {places})", it.name)
    })
}

pub(crate) fn define(process: &Process, name: &str, body: Rc<List>) {
    process.session_mut().functions.insert(name.to_owned(), body);
}

pub(crate) fn function(process: &Process, name: &str) -> Option<Rc<List>> {
    process.session().functions.get(name).cloned()
}

/// Counts a function's call; false where there are too many inside each other.
pub(crate) fn enter(process: &Process, most: usize) -> bool {
    let mut session = process.session_mut();
    session.calls += 1;
    let fits = session.calls <= most;
    if !fits {
        session.calls -= 1;
    }
    fits
}

pub(crate) fn leave(process: &Process) {
    let mut session = process.session_mut();
    session.calls = session.calls.saturating_sub(1);
}

/// Words that the shell carries out itself.
const OWN: [&str; 27] = [
    "alias", "bg", "break", "cd", "command", "continue", "declare", "eval", "exit", "export",
    "false", "fg", "jobs", "kill", "let", "local", "pwd", "read", "readonly", "return", "set",
    "shift", "source", "trap", "true", "type", "unset",
];

/// `type NAME…`, and `command -v NAME…`, which says it in `short`.
fn kinds(process: &Process, names: &[String], short: bool) -> u8 {
    let mut status = 0;
    for name in names {
        let is_own = OWN.contains(&name.as_str())
            || matches!(name.as_str(), "echo" | "printf" | "test" | "[");
        let text = match () {
            () if function(process, name).is_some() => format!("{name} is a function"),
            () if is_own => format!("{name} is a shell builtin"),
            () if exists(process, name) => format!("{name} is /usr/bin/{name}"),
            () => {
                if !short {
                    process.err(&format!("bash: type: {name}: not found\n"));
                }
                status = 1;
                continue;
            }
        };
        let path = text.rsplit(' ').next().filter(|it| it.starts_with('/')).unwrap_or(name);
        process.out(&format!("{}\n", if short { path } else { &text }));
    }
    status
}

/// What an extended regular expression and its groups fit in a text; an absent group is empty.
///
/// # Errors
///
/// The expression cannot be read.
pub(crate) fn found(pattern: &str, text: &str) -> Result<Option<Vec<String>>, String> {
    let regex = Regex::new(pattern, Syntax::Extended, false).map_err(str::to_owned)?;
    let letters: Vec<char> = text.chars().collect();
    let Some(groups) = regex.find(&letters, 0) else { return Ok(None) };
    let end = groups.iter().rposition(Option::is_some).map_or(0, |at| at + 1);
    let of = |it: &Option<(usize, usize)>| {
        let range = it.and_then(|(from, to)| letters.get(from..to));
        range.map(|it| it.iter().collect()).unwrap_or_default()
    };
    Ok(Some(groups.iter().take(end).map(of).collect()))
}

/// A file's text.
pub(crate) fn file(process: &Process, path: &str) -> Option<String> {
    let full = process.resolve(path);
    if full == "/dev/null" {
        return Some(String::new());
    }
    let own = process.files().get(&full).map(str::to_owned);
    own.or_else(|| files::system(process, &full))
}
