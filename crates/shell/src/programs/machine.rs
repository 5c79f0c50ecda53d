//! What a machine says of itself: its name, clock, processes, variables and files.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Source;
use svclab_core::object::KERNEL;

use super::here::{self, Calendar, short};
use super::options::Options;
use crate::process::Process;
use crate::session::Place;

/// `hostname [-i|-I]`
pub(super) async fn hostname(process: Process, words: Vec<String>) -> u8 {
    match words.first().map(String::as_str) {
        Some("-i") => process.out(&format!("{}\n", own_addresses(&process).join(" "))),
        Some("-I") => process.out(&format!("{} \n", own_addresses(&process).join(" "))),
        Some("-s" | "--short") | None => process.out(&format!("{}\n", name(&process))),
        Some("-f" | "--fqdn") => process.out(&format!("{}\n", full_name(&process))),
        Some(_) => {
            process.err("hostname: you must be root to change the host name\n");
            return 1;
        }
    }
    0
}

pub(super) fn name(process: &Process) -> String {
    let of_pod = here::of_pod(process, svclab_core::kubelet::hostname);
    of_pod.unwrap_or_else(|| process.session().place.host_name().to_owned())
}

/// As `/etc/hosts` knows it: the first name of the line that has the machine's.
fn full_name(process: &Process) -> String {
    let name = name(process);
    let hosts = process.lab().etc_hosts(&here::source(process));
    let mut lines = hosts.lines().map(|it| it.split_whitespace().skip(1));
    let own = lines.find(|it| it.clone().any(|it| it == name));
    own.and_then(|mut it| it.next()).map_or(name.clone(), str::to_owned)
}

fn own_addresses(process: &Process) -> Vec<String> {
    use svclab_netfilter::Family;
    let lab = process.lab();
    let Some(party) = lab.party(&here::source(process)) else { return Vec::new() };
    let families = [Family::V4, Family::V6].into_iter();
    let own = families.filter_map(|it| lab.network().interface(&party, it));
    own.map(|it| it.addr().to_string()).collect()
}

/// `whoami`
pub(super) async fn whoami(process: Process, _: Vec<String>) -> u8 {
    let user = process.session().place.user();
    process.out(&format!("{user}\n"));
    0
}

/// `id`
pub(super) async fn id(process: Process, _: Vec<String>) -> u8 {
    let user = process.session().place.user();
    let number = if user == "root" { 0 } else { 1000 };
    process.out(&format!("uid={number}({user}) gid={number}({user}) groups={number}({user})\n"));
    0
}

/// `uname [-a]`
pub(super) async fn uname(process: Process, words: Vec<String>) -> u8 {
    let letters: String = words.iter().map(|it| it.trim_start_matches('-')).collect();
    let name = name(&process);
    let all = letters.contains('a');
    let parts = [
        ('s', "Linux"),
        ('n', name.as_str()),
        ('r', KERNEL),
        ('v', "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)"),
        ('m', "x86_64"),
        ('o', "GNU/Linux"),
    ];
    let asked = parts.iter().filter(|(letter, _)| {
        all || letters.contains(*letter) || letters.is_empty() && *letter == 's'
    });
    let words: Vec<&str> = asked.map(|it| it.1).collect();
    process.out(&format!("{}\n", words.join(" ")));
    0
}

/// `date [+FORMAT]`
pub(super) async fn date(process: Process, words: Vec<String>) -> u8 {
    let now = process.now();
    let at = Calendar::of(now);
    let spec = Options {
        letters: "uRI:d:",
        names: &[("utc", 'u'), ("rfc-3339", 'I'), ("iso-8601", 'I')],
        valued: "",
    };
    let line = spec.read(&words).unwrap_or_default();
    let Some(format) = line.operands.first().and_then(|it| it.strip_prefix('+')) else {
        process.out(&format!("{}\n", at.line()));
        return 0;
    };
    let mut res = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            res.push(c);
            continue;
        }
        let micros = now.as_micros() % 1_000_000;
        // The lab begins at 2026-01-01.
        let unix = 1_767_225_600 + now.as_micros() / 1_000_000;
        res.push_str(&match chars.next() {
            Some('Y') => at.year.to_string(),
            Some('m') => format!("{:02}", at.month),
            Some('d') => format!("{:02}", at.day),
            Some('H') => format!("{:02}", at.hour),
            Some('M') => format!("{:02}", at.minute),
            Some('S') => format!("{:02}", at.second),
            Some('T') => at.clock(),
            Some('F') => format!("{}-{:02}-{:02}", at.year, at.month, at.day),
            Some('s') => unix.to_string(),
            Some('N') => format!("{micros:06}000"),
            Some('3') if chars.next() == Some('N') => format!("{:03}", micros / 1000),
            Some('a') => short(at.weekday()).to_owned(),
            Some('A') => at.weekday().to_owned(),
            Some('b') => short(at.month()).to_owned(),
            Some('B') => at.month().to_owned(),
            Some('Z') => "UTC".to_owned(),
            Some('z') => "+0000".to_owned(),
            Some('%') => "%".to_owned(),
            Some(other) => format!("%{other}"),
            None => "%".to_owned(),
        });
    }
    process.out(&format!("{res}\n"));
    0
}

/// The variables of the container, and what the shell has exported.
pub(crate) fn variables(process: &Process) -> Vec<(String, String)> {
    let mut res = of_container(process);
    for (name, value) in &process.session().variables {
        match res.iter_mut().find(|it| it.0 == *name) {
            Some(known) => known.1.clone_from(value),
            None => res.push((name.clone(), value.clone())),
        }
    }
    res
}

/// What kubelet gave to the container's first process.
pub(super) fn of_container(process: &Process) -> Vec<(String, String)> {
    let (Source::Inside(key), Place::Pod { container, .. }) =
        (here::source(process), process.session().place.clone())
    else {
        return Vec::new();
    };
    let first = || here::of_pod(process, |pod| Some(pod.spec.containers.first()?.name.clone()));
    let container = container.or_else(|| first().flatten()).unwrap_or_default();
    process.lab().environment(&key, &container).unwrap_or_default()
}

/// `env`, `printenv [NAME]`
pub(super) async fn env(process: Process, words: Vec<String>) -> u8 {
    let all = variables(&process);
    let Some(name) = words.first() else {
        process
            .out(&all.iter().map(|(name, value)| format!("{name}={value}\n")).collect::<String>());
        return 0;
    };
    match all.iter().find(|it| it.0 == *name) {
        Some((_, value)) => {
            process.out(&format!("{value}\n"));
            0
        }
        None => 1,
    }
}

/// `ps [aux]`
pub(super) async fn ps(process: Process, words: Vec<String>) -> u8 {
    let long = words.iter().any(|it| it.contains('u') || it.contains('f'));
    let commands = commands(&process);
    let head = match long {
        true => "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n",
        false => "    PID TTY          TIME CMD\n",
    };
    let user = process.session().place.user();
    let mut text = head.to_owned();
    for (pid, command) in commands {
        let first = command.split_whitespace().next().unwrap_or("");
        let name = first.rsplit('/').next().unwrap_or(first);
        text.push_str(&match long {
            true => format!(
                "{user:<8} {pid:>7}  0.0  0.1  10000  4000 ?        Ss   00:00   0:00 {command}\n"
            ),
            false => format!("{pid:>7} ?        00:00:00 {name}\n"),
        });
    }
    process.out(&text);
    0
}

/// What runs there, by the number of its process.
pub(super) fn commands(process: &Process) -> Vec<(u32, String)> {
    let of_pod = here::of_pod(process, |pod| {
        let shares = pod.spec.share_process_namespace == Some(true);
        let mut all: Vec<(u32, String)> = Vec::new();
        if shares {
            all.push((1, "/pause".to_owned()));
        }
        for container in &pod.spec.containers {
            let words: Vec<&str> =
                container.command.iter().chain(&container.args).map(String::as_str).collect();
            let image = container.image.rsplit('/').next().unwrap_or("");
            let name = image.split([':', '@']).next().unwrap_or("");
            let command = if words.is_empty() { name.to_owned() } else { words.join(" ") };
            all.push((if all.is_empty() { 1 } else { 7 + all.len() as u32 }, command));
            if !shares {
                break;
            }
        }
        all
    });
    let mut res = of_pod.unwrap_or_else(|| match &process.session().place {
        Place::Node(_) => vec![
            (1, "/sbin/init".to_owned()),
            (612, "/usr/sbin/sshd -D".to_owned()),
            (701, "/usr/bin/containerd".to_owned()),
            (745, "/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml".to_owned()),
            (1203, "/usr/local/bin/kube-proxy --config=/var/lib/kube-proxy/config.conf".to_owned()),
            (1288, "/opt/bin/flanneld --ip-masq --kube-subnet-mgr".to_owned()),
        ],
        _ => vec![(1, "/sbin/init".to_owned())],
    });
    res.push((4001, "bash".to_owned()));
    res
}

/// The key of the node, where this is one.
pub(super) fn node(process: &Process) -> Option<ObjectKey> {
    match here::source(process) {
        Source::Inside(key) if key.kind == Kind::Node => Some(key),
        _ => None,
    }
}

/// `ls [-la] [PATH…]`
pub(super) async fn ls(process: Process, words: Vec<String>) -> u8 {
    let spec = Options { letters: "la1hRtrSdF", names: &[("all", 'a')], valued: "" };
    let line = match spec.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(&wrong.gnu("ls"));
            return 2;
        }
    };
    let here = vec![".".to_owned()];
    let paths = if line.operands.is_empty() { &here } else { &line.operands };
    let mut status = 0;
    for path in paths {
        let full = process.resolve(path);
        let names = if super::file(&process, path).is_some() {
            vec![path.clone()]
        } else {
            super::files::below(&process, &full)
        };
        if names.is_empty() && !process.files().is_directory(&full) {
            process.err(&format!("ls: cannot access '{path}': No such file or directory\n"));
            status = 2;
            continue;
        }
        let long = line.has('l');
        let user = process.session().place.user();
        for name in names.iter().filter(|it| line.has('a') || !it.starts_with('.')) {
            let is_directory = name.ends_with('/');
            let shown = name.trim_end_matches('/');
            let size =
                super::file(&process, &format!("{full}/{shown}")).map_or(4096, |it| it.len());
            let rights = if is_directory { "drwxr-xr-x" } else { "-rw-r--r--" };
            process.out(&match long {
                true => format!("{rights} 1 {user} {user} {size:>6} Jan  1 00:00 {shown}\n"),
                false => format!("{shown}\n"),
            });
        }
    }
    status
}
