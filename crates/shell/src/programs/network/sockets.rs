//! `ss` and `netstat`: who listens.

use std::net::IpAddr;

use svclab_core::lab::KUBE_PROXY;
use svclab_core::net::Party;
use svclab_netfilter::Protocol;

use crate::process::Process;
use crate::programs::options::{Line, Options};
use crate::programs::{here, machine};

struct Socket {
    protocol: Protocol,
    /// None: every address.
    ip: Option<IpAddr>,
    port: u16,
    program: String,
    pid: u32,
}

/// What nodes run besides pods (§8 of the facts on tools).
const DAEMONS: [(bool, u16, &str, u32); 4] = [
    (false, 22, "sshd", 612),
    (false, 10250, "kubelet", 745),
    (true, 10248, "kubelet", 745),
    (true, 39_211, "containerd", 701),
];

fn sockets(process: &Process) -> Vec<Socket> {
    let own = machine::commands(process);
    let first = own.first().cloned().unwrap_or((1, "-".to_owned()));
    let program = |command: &str| {
        let word = command.split_whitespace().next().unwrap_or("-");
        word.rsplit('/').next().unwrap_or(word).to_owned()
    };
    let lab = process.lab();
    let net = lab.network();
    let local = Some(IpAddr::from([127, 0, 0, 1]));
    let mut res = Vec::new();
    let Some(party) = lab.party(&here::source(process)) else { return res };
    let mut add = |ports: &svclab_core::net::Ports, program: &str, pid: u32| {
        let all =
            ports.iter().map(|it| (it, None)).chain(ports.on_loopback().map(|it| (it, local)));
        for ((protocol, port), ip) in all {
            res.push(Socket { protocol, ip, port, program: program.to_owned(), pid });
        }
    };
    match &party {
        Party::Pod(ip) => {
            if let Some(end) = net.pods.get(ip) {
                add(&end.listens, &program(&first.1), first.0);
            }
        }
        Party::Host(name) => {
            if let Some(host) = net.host(name) {
                add(&host.listens, "-", 1);
            }
        }
        Party::Node(name) => {
            for guest in net.guests.iter().filter(|it| it.node == *name) {
                let name = guest.name.rsplit('/').next().unwrap_or(&guest.name);
                add(&guest.listens, name, if name == KUBE_PROXY { 1203 } else { 1400 });
            }
            for (is_local, port, program, pid) in DAEMONS {
                let ip = local.filter(|_| is_local);
                res.push(Socket {
                    protocol: Protocol::Tcp,
                    ip,
                    port,
                    program: program.to_owned(),
                    pid,
                });
            }
        }
    }
    res.sort_by_key(|it| (it.protocol != Protocol::Tcp, it.port, it.ip.is_none()));
    res
}

const LETTERS: Options = Options {
    letters: "tulnpaeomisrx460HN",
    names: &[
        ("tcp", 't'),
        ("udp", 'u'),
        ("listening", 'l'),
        ("listen", 'l'),
        ("numeric", 'n'),
        ("processes", 'p'),
        ("programs", 'p'),
        ("all", 'a'),
        ("route", 'r'),
        ("summary", 's'),
    ],
    valued: "",
};

/// Those that the options ask for.
fn asked(process: &Process, line: &Line) -> Vec<Socket> {
    let both = !line.has('t') && !line.has('u');
    let listening = line.has('l') || line.has('a');
    let mut res = sockets(process);
    res.retain(|it| {
        listening
            && match it.protocol {
                Protocol::Tcp => both || line.has('t'),
                _ => both || line.has('u'),
            }
    });
    res
}

/// `ss [-tulnp]`
pub(in crate::programs) async fn ss(process: Process, words: Vec<String>) -> u8 {
    let line = match LETTERS.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(wrong.gnu("ss").lines().next().unwrap_or_default());
            process.err("\n");
            return 255;
        }
    };
    let port =
        line.operands.iter().filter_map(|it| it.rsplit(':').next()?.parse::<u16>().ok()).next();
    let mut all = asked(&process, &line);
    all.retain(|it| port.is_none_or(|port| port == it.port));
    let with_kind = line.has('t') == line.has('u');
    let ip = |it: &Socket| it.ip.map_or("0.0.0.0".to_owned(), |it| it.to_string());
    let program = |it: &Socket| match line.has('p') {
        true => format!(" users:((\"{}\",pid={},fd=3))", it.program, it.pid),
        false => String::new(),
    };
    let widest = |least: usize, of: &dyn Fn(&Socket) -> usize| {
        all.iter().map(of).chain([least]).max().unwrap_or(least)
    };
    let local = widest("Local Address".len(), &|it| ip(it).len());
    let ports = widest("Port".len(), &|it| it.port.to_string().len());
    let programs = widest("Process".len(), &|it| program(it).len());
    let kind = |name: &str| if with_kind { format!("{name:<5} ") } else { String::new() };
    process.out(&format!(
        "{}State  Recv-Q Send-Q {:>local$}:{:<ports$} Peer Address:Port{:<programs$}\n",
        kind("Netid"),
        "Local Address",
        "Port",
        "Process"
    ));
    for it in &all {
        let is_tcp = it.protocol == Protocol::Tcp;
        let state = if is_tcp { "LISTEN" } else { "UNCONN" };
        let backlog = match (is_tcp, it.program.as_str()) {
            (false, _) => 0,
            (true, "nginx") => 511,
            (true, _) => 4096,
        };
        let (kind, program) = (kind(it.protocol.name()), program(it));
        process.out(&format!(
            "{kind}{state} {:<6} {backlog:<6} {:>local$}:{:<ports$} {:>12}:{:<4}{program:<programs$}\n",
            0,
            ip(it),
            it.port,
            "0.0.0.0",
            "*"
        ));
    }
    0
}

/// `netstat [-tulnp] [-r]`
pub(in crate::programs) async fn netstat(process: Process, words: Vec<String>) -> u8 {
    let line = match LETTERS.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(wrong.gnu("netstat").lines().next().unwrap_or_default());
            process.err("\n");
            return 1;
        }
    };
    if line.has('r') {
        return routes(&process, "MSS Window  irtt", "    0 0          0");
    }
    let which = match () {
        () if line.has('a') => "servers and established",
        () if line.has('l') => "only servers",
        () => "w/o servers",
    };
    let program = if line.has('p') { " PID/Program name    " } else { "" };
    process.out(&format!("Active Internet connections ({which})\n"));
    process.out(&format!(
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State      {program}\n"
    ));
    for it in asked(&process, &line) {
        let ip = it.ip.map_or("0.0.0.0".to_owned(), |it| it.to_string());
        let state = if it.protocol == Protocol::Tcp { "LISTEN" } else { "" };
        let local = format!("{ip}:{}", it.port);
        let program = match line.has('p') {
            true => format!(" {:<20}", format!("{}/{}", it.pid, it.program)),
            false => String::new(),
        };
        let protocol = it.protocol.name();
        process.out(&format!(
            "{protocol:<4}  {:>6} {:>6} {local:<23} {:<23} {state:<11}{program}\n",
            0, 0, "0.0.0.0:*"
        ));
    }
    0
}

/// `route [-n]`
pub(in crate::programs) async fn route(process: Process, words: Vec<String>) -> u8 {
    if words.iter().any(|it| !it.starts_with('-')) {
        process.err("SIOCADDRT: Operation not permitted\n");
        return 7;
    }
    routes(&process, "Metric Ref    Use", "0      0        0")
}

/// `netstat -r`, `route`, which differ in what stands before the device.
fn routes(process: &Process, title: &str, numbers: &str) -> u8 {
    use svclab_netfilter::Family;
    let width = if title.starts_with("Metric") { 5 } else { 7 };
    process.out("Kernel IP routing table\n");
    process.out(&format!(
        "Destination     Gateway         Genmask         {:<width$} {title} Iface\n",
        "Flags"
    ));
    let routes = super::devices::routes(process, Family::V4);
    for route in routes.iter().map(|it| &it.route).filter(|it| !it.blackhole) {
        let (to, mask) =
            (route.destination.network().to_string(), route.destination.netmask().to_string());
        let gateway = route.via.map_or("0.0.0.0".to_owned(), |it| it.to_string());
        let mut flags = String::from(if route.via.is_some() { "UG" } else { "U" });
        if route.destination.prefix_len() == 32 {
            flags.push('H');
        }
        let device = &route.device;
        process.out(&format!("{to:<15} {gateway:<15} {mask:<15} {flags:<5} {numbers} {device}\n"));
    }
    0
}
