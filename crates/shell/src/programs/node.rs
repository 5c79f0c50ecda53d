//! What a node's kernel holds: rules and connections.

use svclab_netfilter::{Family, RuleSet, TableName};

use crate::process::Process;
use crate::session::Place;

fn node(process: &Process) -> String {
    match &process.session().place {
        Place::Node(name) => name.clone(),
        _ => String::new(),
    }
}

/// `iptables-save [-t TABLE]`
pub(super) async fn iptables_save(process: Process, arguments: Vec<String>) -> u8 {
    let Some(rules) = process.lab().rules(&node(&process)).map(|it| it.rules) else { return 1 };
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let table = match words.as_slice() {
        [] => {
            process.out(&rules.save(Family::V4));
            return 0;
        }
        ["-t" | "--table", table] => *table,
        [word, ..] => {
            process.err(&format!("iptables-save: unknown argument {word:?}\n"));
            return 2;
        }
    };
    let Ok(name) = table.parse::<TableName>() else {
        process.err(&format!("iptables-save: table {table:?} does not exist\n"));
        return 1;
    };
    let only = rules.tables.get(&name).cloned();
    let only = RuleSet { tables: only.into_iter().map(|it| (name, it)).collect() };
    process.out(&only.save(Family::V4));
    0
}

/// `conntrack -L`: the list on stdout, the count on stderr, as the tool does.
pub(super) async fn conntrack(process: Process, arguments: Vec<String>) -> u8 {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !matches!(words.as_slice(), ["-L"] | ["--dump"]) {
        process.err("conntrack: the lab knows -L\n");
        return 2;
    }
    let now = process.now().as_millis();
    let entries = process.lab().conntrack(&node(&process));
    for entry in &entries {
        process.out(&format!("{}\n", entry.listing(now)));
    }
    let count = entries.len();
    process.err(&format!(
        "conntrack v1.4.7 (conntrack-tools): {count} flow entries have been shown.\n"
    ));
    0
}
