//! `ip` of iproute2: addresses, links, routes, neighbours.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnet::IpNet;
use svclab_core::trace::Route;
use svclab_netfilter::Family;
use svclab_netfilter::order::Order;

use super::devices::{self, Kind, kind, link_local};
use crate::process::Process;
use crate::programs::here;
use svclab_core::net::table::Device;

/// `ip [-4|-6] [-br] OBJECT [COMMAND]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let mut brief = false;
    let mut family = None;
    let mut rest: Vec<&str> = Vec::new();
    for word in &words {
        match word.as_str() {
            "-br" | "-brief" => brief = true,
            "-4" if rest.is_empty() => family = Some(Family::V4),
            "-6" if rest.is_empty() => family = Some(Family::V6),
            "-d" | "-details" | "-o" | "-s" | "-c" | "-color" | "-c=never" | "-n"
                if rest.is_empty() => {}
            word => rest.push(word),
        }
    }
    let Some((object, rest)) = rest.split_first() else {
        process.err("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n");
        return 255;
    };
    let ip = Ip { process: &process, brief, family };
    let is = |name: &str, least: usize| object.len() >= least && name.starts_with(object);
    match () {
        () if is("address", 1) => ip.addresses(rest),
        () if is("link", 1) => ip.links(rest),
        () if is("route", 1) => ip.routes(rest),
        () if is("neighbour", 1) || is("neighbor", 1) => ip.neighbours(rest),
        () if is("rule", 2) => {
            process.out("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n");
            0
        }
        () => {
            process.err(&format!("Object \"{object}\" is unknown, try \"ip help\".\n"));
            1
        }
    }
}

struct Ip<'a> {
    process: &'a Process,
    brief: bool,
    family: Option<Family>,
}

impl Ip<'_> {
    /// The devices that are asked for; None where a name is nobody's.
    fn devices(&self, words: &[&str]) -> Result<Vec<Device>, u8> {
        let words: Vec<&str> = words
            .iter()
            .copied()
            .filter(|it| !matches!(*it, "show" | "list" | "ls" | "s" | "dev" | "lst"))
            .collect();
        if let Some(word) = words.first()
            && matches!(*word, "add" | "del" | "set" | "flush" | "replace" | "change")
        {
            let text = match here::of_pod(self.process, |_| ()).is_some() {
                true => "RTNETLINK answers: Operation not permitted\n",
                false => "(the lab's links stay as they are)\n",
            };
            self.process.err(text);
            return Err(2);
        }
        let mut all = devices::devices(self.process);
        if let Some(name) = words.first() {
            all.retain(|it| *it.name == **name);
            if all.is_empty() {
                self.process.err(&format!("Device \"{name}\" does not exist.\n"));
                return Err(1);
            }
        }
        Ok(all)
    }

    fn addresses(&self, words: &[&str]) -> u8 {
        let devices = match self.devices(words) {
            Ok(devices) => devices,
            Err(status) => return status,
        };
        for device in &devices {
            let own = self.own_addresses(device);
            if self.brief {
                let state = state(device);
                let own: Vec<String> = own.iter().map(|it| format!("{it} ")).collect();
                self.process.out(&format!(
                    "{:<16} {state:<14} {}\n",
                    full_name(device),
                    own.concat()
                ));
                continue;
            }
            let mut text = head(device, self.family.is_none());
            for net in &own {
                text.push_str(&address(device, *net));
            }
            self.process.out(&text);
        }
        0
    }

    /// With the link-local one that every device has.
    fn own_addresses(&self, device: &Device) -> Vec<IpNet> {
        let mut res = device.addresses.clone();
        if kind(device) == Kind::Ethernet {
            res.extend(IpNet::new(link_local(device), 64));
        }
        res.retain(|it| match self.family {
            Some(Family::V4) => matches!(it, IpNet::V4(_)),
            Some(Family::V6) => matches!(it, IpNet::V6(_)),
            None => true,
        });
        res
    }

    fn links(&self, words: &[&str]) -> u8 {
        let devices = match self.devices(words) {
            Ok(devices) => devices,
            Err(status) => return status,
        };
        for device in &devices {
            let text = match self.brief {
                true => {
                    let state = state(device);
                    let flags = flags(device);
                    format!("{:<16} {state:<14} {} <{flags}> \n", full_name(device), device.mac)
                }
                false => {
                    head(device, true).replace(" group default", " mode DEFAULT group default")
                }
            };
            self.process.out(&text);
        }
        0
    }

    fn routes(&self, words: &[&str]) -> u8 {
        let family = self.family.unwrap_or(Family::V4);
        let words: Vec<&str> = words.to_vec();
        match words.first().copied() {
            Some("get" | "g") => self.route_get(words.get(1).copied()),
            None | Some("show" | "list" | "ls" | "s") => {
                for line in devices::routes(self.process, family) {
                    self.process.out(&format!("{line}\n"));
                }
                0
            }
            Some("add" | "del" | "replace" | "change" | "flush") => {
                let _ = self.devices(&words);
                2
            }
            Some(word) => {
                self.process
                    .err(&format!("Command \"{word}\" is unknown, try \"ip route help\".\n"));
                255
            }
        }
    }

    fn route_get(&self, word: Option<&str>) -> u8 {
        let Some(to) = word.and_then(|it| it.parse::<IpAddr>().ok()) else {
            let word = word.unwrap_or("");
            self.process
                .err(&format!("Error: any valid prefix is expected rather than \"{word}\".\n"));
            return 1;
        };
        if devices::is_own(self.process, to) {
            self.process.out(&format!("local {to} dev lo src {to} uid 0 \n    cache <local> \n"));
            return 0;
        }
        let family = if to.is_ipv4() { Family::V4 } else { Family::V6 };
        let mut routes: Vec<Route> =
            devices::routes(self.process, family).into_iter().map(|it| it.route).collect();
        routes.order_by_key(|it| Reverse(it.destination.prefix_len()));
        let found = svclab_core::net::route_to(&routes, to).filter(|it| !it.blackhole);
        let Some((route, source)) = found.zip(devices::source_for(self.process, to)) else {
            self.process.err("RTNETLINK answers: Network is unreachable\n");
            return 2;
        };
        let via = route.via.map_or_else(String::new, |it| format!(" via {it}"));
        self.process
            .out(&format!("{to}{via} dev {} src {source} uid 0 \n    cache \n", route.device));
        0
    }

    /// `ip neigh [show [ADDRESS] [dev NAME]]`, `ip neigh get ADDRESS dev NAME`
    fn neighbours(&self, words: &[&str]) -> u8 {
        let words: Vec<&str> = match words.split_first() {
            Some((&("show" | "list" | "ls" | "s" | "get"), rest)) => rest.to_vec(),
            _ => words.to_vec(),
        };
        let (mut to, mut on) = (None, None);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word {
                "dev" => on = words.next(),
                "to" => {}
                word => match word.parse::<IpNet>().or(word.parse::<IpAddr>().map(IpNet::from)) {
                    Ok(net) => to = Some(net),
                    Err(_) => {
                        self.process.err(&format!(
                            "Error: any valid prefix is expected rather than \"{word}\".\n"
                        ));
                        return 1;
                    }
                },
            }
        }
        if on.is_some_and(|it| self.devices(&[it]).is_err()) {
            return 1;
        }
        let lab = self.process.lab();
        let Some(party) = lab.party(&here::source(self.process)) else { return 0 };
        for it in lab.network().neighbours(&party) {
            let family = if it.ip.is_ipv4() { Family::V4 } else { Family::V6 };
            let wanted = self.family.is_none_or(|wanted| wanted == family)
                && to.is_none_or(|to| to.contains(&it.ip))
                && on.is_none_or(|on| *it.device == *on);
            if wanted {
                let line = it.to_string();
                // The device goes without saying where it was named.
                let line = on.map_or(line.clone(), |on| line.replace(&format!(" dev {on}"), ""));
                self.process.out(&format!("{line}\n"));
            }
        }
        0
    }
}

/// `eth0@if5`
fn full_name(device: &Device) -> String {
    match device.peer {
        Some(peer) => format!("{}@if{peer}", device.name),
        None => device.name.to_string(),
    }
}

fn flags(device: &Device) -> &'static str {
    match kind(device) {
        Kind::Loopback => "LOOPBACK,UP,LOWER_UP",
        Kind::Dummy => "BROADCAST,NOARP",
        Kind::Tunnel if &*device.name == "tunl0" => "NOARP,UP,LOWER_UP",
        _ => "BROADCAST,MULTICAST,UP,LOWER_UP",
    }
}

fn state(device: &Device) -> &'static str {
    match kind(device) {
        Kind::Ethernet => "UP",
        Kind::Dummy => "DOWN",
        Kind::Loopback | Kind::Tunnel => "UNKNOWN",
    }
}

/// The first two lines of a device; only the first where one family alone is asked for.
fn head(device: &Device, with_link: bool) -> String {
    let Device { index, mtu, mac, .. } = device;
    let name = full_name(device);
    let state = state(device);
    let master = device.master.as_ref().map_or_else(String::new, |it| format!(" master {it}"));
    let (discipline, queue) = match kind(device) {
        Kind::Dummy => ("noop", ""),
        _ if name == "eth0" => ("fq_codel", "qlen 1000"),
        _ => ("noqueue", "qlen 1000"),
    };
    let first = format!(
        "{index}: {name}: <{}> mtu {mtu} qdisc {discipline}{master} state {state} group default {queue}\n",
        flags(device)
    );
    if !with_link {
        return first;
    }
    let link = match kind(device) {
        Kind::Loopback => "link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00".to_owned(),
        Kind::Tunnel if &*device.name == "tunl0" => "link/ipip 0.0.0.0 brd 0.0.0.0".to_owned(),
        _ => {
            let space = if device.peer.is_some() { " link-netnsid 0" } else { "" };
            format!("link/ether {} brd ff:ff:ff:ff:ff:ff{space}", mac)
        }
    };
    format!("{first}    {link}\n")
}

fn address(device: &Device, net: IpNet) -> String {
    let forever = "       valid_lft forever preferred_lft forever\n";
    let name = &device.name;
    match net {
        IpNet::V4(own) => {
            let broadcast = match own.prefix_len() {
                32 => String::new(),
                _ if kind(device) == Kind::Loopback => String::new(),
                _ => format!(" brd {}", own.broadcast()),
            };
            let scope = if kind(device) == Kind::Loopback { "host" } else { "global" };
            format!("    inet {own}{broadcast} scope {scope} {name}\n{forever}")
        }
        IpNet::V6(own) => {
            let scope = match () {
                () if kind(device) == Kind::Loopback => "host",
                () if own.addr().segments()[0] == 0xfe80 => "link",
                () => "global",
            };
            format!("    inet6 {own} scope {scope} \n{forever}")
        }
    }
}
