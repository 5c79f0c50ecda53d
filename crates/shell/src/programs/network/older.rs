//! Tools from before `ip` and beside it: `arp`, `ifconfig`, `bridge`, `brctl`.

use std::net::IpAddr;

use svclab_core::net::table::{Device, Neighbour};
use svclab_netfilter::order::Order;

use super::devices::{self, Kind, kind, link_local};
use crate::process::Process;
use crate::programs::here;

fn neighbours(process: &Process) -> Vec<Neighbour> {
    let lab = process.lab();
    let party = lab.party(&here::source(process));
    party.map(|it| lab.network().neighbours(&it)).unwrap_or_default()
}

/// `arp [-n] [-a] [ADDRESS]`
pub(in crate::programs) async fn arp(process: Process, words: Vec<String>) -> u8 {
    let wanted = words.iter().find_map(|it| it.parse::<IpAddr>().ok());
    let mut all = neighbours(&process);
    all.retain(|it| it.ip.is_ipv4() && wanted.is_none_or(|wanted| it.ip == wanted));
    if words.iter().any(|it| it.starts_with('-') && it.contains('a')) {
        for it in &all {
            let mac = match it.mac {
                Some(mac) => format!("{mac} [ether]"),
                None => "<incomplete>".to_owned(),
            };
            process.out(&format!("? ({}) at {mac} on {}\n", it.ip, it.device));
        }
        return 0;
    }
    if let (true, Some(ip)) = (all.is_empty(), wanted) {
        process.out(&format!("{ip} ({ip}) -- no entry\n"));
        return 1;
    }
    if !all.is_empty() {
        process.out(
            "Address                  HWtype  HWaddress           Flags Mask            Iface\n",
        );
    }
    for it in &all {
        let (ip, device) = (it.ip.to_string(), &it.device);
        process.out(&match it.mac {
            Some(mac) => {
                let flags = if it.state.is_none() { "CM" } else { "C" };
                let mac = mac.to_string();
                format!("{ip:<24} ether   {mac:<19} {flags:<5} {:<15} {device}\n", "")
            }
            None => {
                format!("{ip:<24} {:<7} {:<19} {:<5} {:<15} {device}\n", "", "(incomplete)", "", "")
            }
        });
    }
    0
}

/// `ifconfig [-a] [DEVICE]`
pub(in crate::programs) async fn ifconfig(process: Process, words: Vec<String>) -> u8 {
    let mut all = devices::devices(&process);
    // It sorts as the kernel lists names: lo comes last.
    all.order_by_key(|it| (kind(it) == Kind::Loopback, it.name.clone()));
    let named = words.iter().find(|it| !it.starts_with('-'));
    if named.is_none() && !words.iter().any(|it| it == "-a") {
        all.retain(|it| kind(it) != Kind::Dummy);
    }
    if let Some(name) = named {
        all.retain(|it| *it.name == **name);
        if all.is_empty() {
            process
                .err(&format!("{name}: error fetching interface information: Device not found\n"));
            return 1;
        }
    }
    for device in &all {
        process.out(&ifconfig_block(device));
    }
    0
}

fn ifconfig_block(device: &Device) -> String {
    let (flags, link) = match kind(device) {
        Kind::Loopback => {
            ("73<UP,LOOPBACK,RUNNING>", "loop  txqueuelen 1000  (Local Loopback)".to_owned())
        }
        Kind::Dummy => {
            ("130<BROADCAST,NOARP>", format!("ether {}  txqueuelen 1000  (Ethernet)", device.mac))
        }
        _ => (
            "4163<UP,BROADCAST,RUNNING,MULTICAST>",
            format!("ether {}  txqueuelen 1000  (Ethernet)", device.mac),
        ),
    };
    let mut res = format!("{}: flags={flags}  mtu {}\n", device.name, device.mtu);
    for net in &device.addresses {
        res.push_str(&match net {
            ipnet::IpNet::V4(it) => {
                let broadcast = match kind(device) {
                    Kind::Loopback => String::new(),
                    _ => format!("  broadcast {}", it.broadcast()),
                };
                format!("        inet {}  netmask {}{broadcast}\n", it.addr(), it.netmask())
            }
            ipnet::IpNet::V6(it) => {
                let scope = if kind(device) == Kind::Loopback { "10<host>" } else { "0<global>" };
                let prefix = it.prefix_len();
                format!("        inet6 {}  prefixlen {prefix}  scopeid 0x{scope}\n", it.addr())
            }
        });
    }
    if kind(device) == Kind::Ethernet {
        let own = link_local(device);
        res.push_str(&format!("        inet6 {own}  prefixlen 64  scopeid 0x20<link>\n"));
    }
    res.push_str(&format!("        {link}\n"));
    for way in ["RX", "TX"] {
        let errors = if way == "RX" { "frame 0" } else { "carrier 0  collisions 0" };
        res.push_str(&format!(
            "        {way} packets 0  bytes 0 (0.0 B)\n        {way} errors 0  dropped 0 {} 0  {errors}\n",
            if way == "RX" { " overruns" } else { "overruns" }.trim()
        ));
    }
    res.push('\n');
    res
}

/// The ports of the node's bridge.
fn ports(process: &Process) -> Vec<Device> {
    let mut all = devices::devices(process);
    all.retain(|it| it.master.is_some());
    all
}

/// `bridge link`, `bridge fdb show [br BRIDGE | dev DEVICE]`
pub(in crate::programs) async fn bridge(process: Process, words: Vec<String>) -> u8 {
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|it| !it.starts_with('-')).collect();
    match words.as_slice() {
        ["link" | "l", ..] => {
            for port in ports(&process) {
                let (index, name, mtu) = (port.index, &port.name, port.mtu);
                let master = port.master.as_deref().unwrap_or_default();
                process.out(&format!(
                    "{index}: {name}@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {mtu} master {master} state forwarding priority 32 cost 2 \n"
                ));
            }
            0
        }
        ["fdb" | "f", rest @ ..] => forwarding(&process, rest),
        [] => {
            process.err("Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\n");
            255
        }
        [object, ..] => {
            process.err(&format!("Object \"{object}\" is unknown, try \"bridge help\".\n"));
            255
        }
    }
}

/// Who stands behind each port, and the ports' own addresses; the ends of tunnels.
fn forwarding(process: &Process, words: &[&str]) -> u8 {
    let value = |key: &str| {
        let at = words.iter().position(|it| *it == key)?;
        words.get(at + 1).copied()
    };
    let (bridge, device) = (value("br"), value("dev"));
    let known = neighbours(process);
    for port in ports(process) {
        let master = port.master.as_deref().unwrap_or_default();
        if bridge.is_some_and(|it| it != master) || device.is_some_and(|it| it != &*port.name) {
            continue;
        }
        let name = &port.name;
        if let Some(mac) = behind(process, &port) {
            process.out(&format!("{mac} dev {name} master {master} \n"));
        }
        process.out(&format!("{} dev {name} master {master} permanent\n", port.mac));
    }
    for it in known.iter().filter(|it| it.state.is_none() && bridge.is_none()) {
        let (Some(mac), Some(to)) = (it.mac, outer(process, it.ip)) else { continue };
        if device.is_none_or(|name| name == &*it.device) {
            let dev = if device.is_some() { String::new() } else { format!(" dev {}", it.device) };
            process.out(&format!("{mac}{dev} dst {to} self permanent\n"));
        }
    }
    0
}

/// The MAC address of the pod at the other end of a port.
fn behind(process: &Process, port: &Device) -> Option<String> {
    let lab = process.lab();
    let net = lab.network();
    let end = net.pods.values().find(|it| it.device == port.name)?;
    let party = svclab_core::net::Party::Pod(end.ip);
    let eth0 = net.devices(&party).into_iter().find(|it| &*it.name == "eth0")?;
    Some(eth0.mac.to_string())
}

/// The node that has this end of a tunnel.
fn outer(process: &Process, ip: IpAddr) -> Option<IpAddr> {
    let lab = process.lab();
    let mut nodes = lab.network().nodes.iter();
    let family =
        if ip.is_ipv4() { svclab_netfilter::Family::V4 } else { svclab_netfilter::Family::V6 };
    nodes.find(|it| it.tunnel_address(family) == Some(ip)).map(|it| it.addresses.primary)
}

/// `brctl show`
pub(in crate::programs) async fn brctl(process: Process, words: Vec<String>) -> u8 {
    if !matches!(words.first().map(String::as_str), Some("show")) {
        process.err("Usage: brctl [commands]\n");
        return 1;
    }
    process.out("bridge name\tbridge id\t\tSTP enabled\tinterfaces\n");
    let all = devices::devices(&process);
    let Some(bridge) = all.iter().find(|it| &*it.name == "cni0") else { return 0 };
    let id = bridge.mac.to_string().replace(':', "");
    let mut names = ports(&process).into_iter().map(|it| it.name);
    let first = names.next().map(|it| it.to_string()).unwrap_or_default();
    process.out(&format!("cni0\t\t8000.{id}\tno\t\t{first}\n"));
    for name in names {
        process.out(&format!("\t\t\t\t\t\t\t{name}\n"));
    }
    0
}
