//! `conntrack` (1.4.7) on a node.

use std::collections::BTreeMap;

use svclab_core::lab::Action;
use svclab_core::time::Duration;
use svclab_netfilter::conntrack::{Filter, Settings};
use svclab_netfilter::{Entry, TcpState, Tuple};

use crate::process::Process;
use crate::programs::machine;

/// How often `-E` looks.
const LOOK: Duration = Duration::from_millis(10);

/// `conntrack -L|-D|-E|-C|-S [FILTER…]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let Some(node) = machine::node(&process).map(|it| it.name) else {
        process.err(
            "conntrack v1.4.7 (conntrack-tools): Operation failed: sorry, you must be root or get \
             CAP_NET_ADMIN capability to do this\n",
        );
        return 1;
    };
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = words.iter().position(|it| {
        matches!(
            *it,
            "-L" | "--dump"
                | "-D"
                | "--delete"
                | "-E"
                | "--event"
                | "-C"
                | "--count"
                | "-S"
                | "--stats"
                | "-F"
                | "--flush"
        )
    });
    let Some(command) = command.map(|at| words.remove(at)) else {
        process.err("conntrack v1.4.7 (conntrack-tools): No command specified\n");
        process.err("Try `conntrack -h' or 'conntrack --help' for more information.\n");
        return 2;
    };
    let mut extended = false;
    while let Some(at) = words.iter().position(|it| matches!(*it, "-o" | "--output")) {
        extended |= words.get(at + 1).is_some_and(|it| it.contains("extended"));
        words.drain(at..(at + 2).min(words.len()));
    }
    if words.first().is_some_and(|it| *it == "conntrack") {
        words.remove(0);
    }
    let filter = match Filter::parse(&words) {
        Ok(filter) => filter,
        Err(why) => {
            process.err(&format!("conntrack v1.4.7 (conntrack-tools): {why}\n"));
            process.err("Try `conntrack -h' or 'conntrack --help' for more information.\n");
            return 2;
        }
    };
    let table = Table { process: &process, node, filter, extended };
    match command {
        "-L" | "--dump" => table.list(),
        "-D" | "--delete" => table.delete(words),
        "-F" | "--flush" => {
            table.act(Vec::new());
            process.err(
                "conntrack v1.4.7 (conntrack-tools): connection tracking table has been emptied.\n",
            );
            0
        }
        "-C" | "--count" => {
            process.out(&format!("{}\n", table.entries().len()));
            0
        }
        "-S" | "--stats" => {
            for cpu in 0..4 {
                process.out(&format!(
                    "cpu={cpu}   \tfound=0 invalid=0 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 \
                     search_restart=0 clash_resolve=0 chaintoolong=0 \n"
                ));
            }
            0
        }
        _ => table.events().await,
    }
}

struct Table<'a> {
    process: &'a Process,
    node: String,
    filter: Filter,
    extended: bool,
}

impl Table<'_> {
    fn entries(&self) -> Vec<Entry> {
        let all = self.process.lab().conntrack(&self.node);
        all.into_iter().filter(|it| self.filter.finds(it)).collect()
    }

    fn line(&self, entry: &Entry) -> String {
        let now = self.process.now().as_millis();
        if self.extended { entry.listing_extended(now) } else { entry.listing(now) }
    }

    fn list(&self) -> u8 {
        let entries = self.entries();
        for entry in &entries {
            self.process.out(&format!("{}\n", self.line(entry)));
        }
        self.summary(entries.len(), "shown");
        0
    }

    fn summary(&self, count: usize, what: &str) {
        self.process.err(&format!(
            "conntrack v1.4.7 (conntrack-tools): {count} flow entries have been {what}.\n"
        ));
    }

    fn act(&self, filter: Vec<String>) {
        self.process.act(Action::ForgetConnections { node: self.node.as_str().into(), filter });
    }

    fn delete(&self, words: Vec<&str>) -> u8 {
        let entries = self.entries();
        let lines: String = entries.iter().map(|it| self.line(it) + "\n").collect();
        self.act(words.into_iter().map(str::to_owned).collect());
        self.process.out(&lines);
        self.summary(entries.len(), "deleted");
        u8::from(entries.is_empty())
    }

    /// What changes from now on, until it is interrupted.
    async fn events(&self) -> u8 {
        let keyed = |all: Vec<Entry>| -> BTreeMap<Tuple, Entry> {
            all.into_iter().map(|it| (it.original, it)).collect()
        };
        let mut before = keyed(self.entries());
        loop {
            self.process.sleep(LOOK).await;
            let now = keyed(self.entries());
            for (tuple, entry) in &now {
                match before.get(tuple) {
                    None => self.begun(entry),
                    Some(old) if old.tcp != entry.tcp || old.replied != entry.replied => {
                        self.passed(old.tcp, entry);
                    }
                    Some(_) => {}
                }
            }
            for (_, entry) in before.iter().filter(|it| !now.contains_key(it.0)) {
                self.process.out(&format!("[DESTROY] {entry}\n"));
            }
            before = now;
        }
    }

    /// A connection that is new, and how far it has come meanwhile.
    fn begun(&self, entry: &Entry) {
        let tcp = entry.tcp.map(|_| TcpState::SynSent);
        let first = Entry { tcp, replied: false, assured: false, ..entry.clone() };
        self.event("    [NEW]", &first);
        if entry.replied {
            self.passed(tcp, entry);
        }
    }

    /// Every state from the last one that was told; a connection passes several between two looks.
    fn passed(&self, from: Option<TcpState>, entry: &Entry) {
        const ORDER: [TcpState; 5] = [
            TcpState::SynSent,
            TcpState::SynRecv,
            TcpState::Established,
            TcpState::FinWait,
            TcpState::LastAck,
        ];
        let place = |it: Option<TcpState>| ORDER.iter().position(|state| Some(*state) == it);
        let end = match entry.tcp {
            Some(TcpState::TimeWait) => Some(ORDER.len()),
            tcp => place(tcp),
        };
        let between = place(from).zip(end).and_then(|(from, end)| ORDER.get(from + 1..end));
        for state in between.unwrap_or_default() {
            let assured = *state >= TcpState::Established;
            let then = Entry { tcp: Some(*state), replied: true, assured, ..entry.clone() };
            self.event(" [UPDATE]", &then);
        }
        self.event(" [UPDATE]", entry);
    }

    /// The time that is left is the state's own: the event tells of its beginning.
    fn event(&self, kind: &str, entry: &Entry) {
        let now = self.process.now().as_millis();
        let span = match entry.tcp {
            Some(state) => u64::from(Settings::default().tcp(state)) * 1000,
            None => entry.expires.saturating_sub(now).div_ceil(1000) * 1000,
        };
        let line = Entry { expires: now + span, ..entry.clone() }.listing(now);
        let line = line.split(" mark=").next().unwrap_or(&line);
        self.process.out(&format!("{kind} {line}\n"));
    }
}
