//! `iptables` and `ip6tables` (1.8.9, nf_tables): a node's rules shown and changed.

pub(super) mod ipvs;
mod list;
pub(super) mod nft;
pub(super) mod save;

use svclab_core::lab::Action;
use svclab_netfilter::text::{Command, parse};
use svclab_netfilter::{ChainName, Family, RuleSet, Table, TableName, Target};

use super::machine;
use crate::process::Process;

/// What was typed, apart from the command itself.
struct Asked {
    table: TableName,
    /// The command and what follows it, `-n` and the like taken out.
    words: Vec<String>,
    numeric: bool,
    verbose: bool,
    exact: bool,
    numbers: bool,
}

pub(super) async fn ipv4(process: Process, words: Vec<String>) -> u8 {
    run(&process, Family::V4, words)
}

pub(super) async fn ipv6(process: Process, words: Vec<String>) -> u8 {
    run(&process, Family::V6, words)
}

fn tool(family: Family) -> &'static str {
    match family {
        Family::V4 => "iptables",
        Family::V6 => "ip6tables",
    }
}

/// An error's text without the tool's name, and the exit status.
type Failed = (String, u8);

fn run(process: &Process, family: Family, words: Vec<String>) -> u8 {
    let tool = tool(family);
    let Some(node) = machine::node(process) else {
        process.err(&format!(
            "{tool} v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied \
             (you must be root)\n"
        ));
        return 4;
    };
    let asked = match read(words) {
        Ok(asked) => asked,
        Err(why) => {
            process.err(&format!("{tool} v1.8.9 (nf_tables): {why}\n"));
            process.err(&format!("Try `{tool} -h' or '{tool} --help' for more information.\n"));
            return 2;
        }
    };
    if asked.words.first().is_some_and(|it| it == "-V" || it == "--version") {
        process.out(&format!("{tool} v1.8.9 (nf_tables)\n"));
        return 0;
    }
    let rules = {
        let lab = process.lab();
        lab.network().kernel(&node.name).map(|it| it.rules(family).clone()).unwrap_or_default()
    };
    let result = match asked.words.first().map(String::as_str) {
        Some("-L" | "--list") => list::list(process, (&node.name, family), &rules, &asked),
        Some("-S" | "--list-rules") => list::rules(process, family, &rules, &asked),
        Some("-Z" | "--zero") => zero(process, (&node.name, family), &rules, &asked),
        Some("-C" | "--check") => change(process, (&node.name, family), &rules, &asked),
        Some(_) => change(process, (&node.name, family), &rules, &asked),
        None => Err((
            format!(
                "{tool} v1.8.9 (nf_tables): no command specified\n\
             Try `{tool} -h' or '{tool} --help' for more information."
            ),
            2,
        )),
    };
    match result {
        Ok(()) => 0,
        Err((text, status)) => {
            process.err(&format!("{}\n", text.replace("{tool}", tool)));
            status
        }
    }
}

/// The error is what the tool says of a table or an option.
fn read(words: Vec<String>) -> Result<Asked, String> {
    let mut asked = Asked {
        table: TableName::Filter,
        words: Vec::new(),
        numeric: false,
        verbose: false,
        exact: false,
        numbers: false,
    };
    let mut rest: Vec<String> = Vec::new();
    let mut words = words.into_iter();
    let mut in_rule = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "-t" | "--table" => {
                let name = words.next().unwrap_or_default();
                asked.table = name
                    .parse()
                    .map_err(|()| format!("can't initialize iptables table `{name}': Table does not exist (do you need to insmod?)\nPerhaps iptables or your kernel needs to be upgraded."))?;
            }
            "-w" | "--wait" => {}
            "--line-numbers" | "--line-number" | "--line" => asked.numbers = true,
            "-n" | "--numeric" if !in_rule => asked.numeric = true,
            "-v" | "--verbose" if !in_rule => asked.verbose = true,
            "-x" | "--exact" if !in_rule => asked.exact = true,
            // `-nvL`, `-vnL KUBE-SERVICES`
            cluster if is_cluster(cluster) && !in_rule => {
                for letter in cluster.chars().skip(1) {
                    match letter {
                        'n' => asked.numeric = true,
                        'v' => asked.verbose = true,
                        'x' => asked.exact = true,
                        letter => rest.push(format!("-{letter}")),
                    }
                }
            }
            _ => {
                in_rule |= matches!(word.as_str(), "-A" | "-I" | "-D" | "-R" | "-C")
                    || word.starts_with("--app")
                    || word.starts_with("--ins")
                    || word.starts_with("--del");
                rest.push(word);
            }
        }
    }
    // The command may stand anywhere before its chain.
    let at = rest.iter().position(|it| it.starts_with('-')).unwrap_or(0);
    rest.rotate_left(at);
    asked.words = rest;
    Ok(asked)
}

/// Letters of several options in one word, a command among them or not.
fn is_cluster(word: &str) -> bool {
    let letters = word.strip_prefix('-').unwrap_or("");
    letters.len() > 1 && letters.chars().all(|c| "nvxLSFZX".contains(c))
}

fn no_chain() -> Failed {
    ("{tool}: No chain/target/match by that name.".to_owned(), 1)
}

/// The chain that is to be shown.
fn shown_chain(asked: &Asked, table: Option<&Table>) -> Result<Option<ChainName>, Failed> {
    let Some(name) = asked.words.get(1) else { return Ok(None) };
    let found =
        ChainName::new(name).filter(|it| table.is_some_and(|table| table.chains.get(it).is_some()));
    found.map(Some).ok_or_else(|| {
        let text = format!(
            "{{tool}} v1.8.9 (nf_tables): chain `{name}' in table `{}' is incompatible, use 'nft' tool.",
            asked.table
        );
        (text, 1)
    })
}

fn zero(
    process: &Process,
    (node, family): (&str, Family),
    rules: &RuleSet,
    asked: &Asked,
) -> Result<(), Failed> {
    let table = rules.tables.get(&asked.table);
    let chain = match asked.words.get(1) {
        None => None,
        Some(name) => {
            let known = |it: &ChainName| table.is_some_and(|table| table.chains.get(it).is_some());
            Some(ChainName::new(name).filter(known).ok_or_else(no_chain)?)
        }
    };
    process.act(Action::ZeroCounters {
        node: node.into(),
        table: asked.table.name().to_owned(),
        chain: chain.map(|it| it.to_string()),
        ipv6: family == Family::V6,
    });
    Ok(())
}

/// Everything that changes rules goes to the node as the text of an iptables-restore.
fn change(
    process: &Process,
    (node, family): (&str, Family),
    rules: &RuleSet,
    asked: &Asked,
) -> Result<(), Failed> {
    let line = line(&asked.words);
    let first = asked.words.first().map_or("", String::as_str);
    let (line, checks) = match first {
        "-C" | "--check" => (line.replacen(first, "-D", 1), true),
        "-R" | "--replace" => {
            let at = asked.words.get(2).and_then(|it| it.parse::<usize>().ok());
            let chain = asked.words.get(1).cloned().unwrap_or_default();
            let Some(at) = at else { return Err(no_chain()) };
            // The new one before the old one, which then goes.
            (
                format!("{}\n-D {chain} {}", line.replacen(first, "-I", 1), at.saturating_add(1)),
                false,
            )
        }
        _ => (line, false),
    };
    let text = format!("*{}\n{line}\nCOMMIT\n", asked.table);
    let (restore, problems) = parse(&text);
    if let Some(problem) = problems.first() {
        let said = problem.as_iptables_restore();
        let said = said.lines().next().unwrap_or_default();
        let said = said.replacen("iptables-restore", "{tool}", 1);
        let said = if said.contains("v1.8.9") {
            said
        } else {
            format!("{{tool}} v1.8.9 (nf_tables): {problem}")
        };
        return Err((
            format!("{said}\nTry `{{tool}} -h' or '{{tool}} --help' for more information."),
            2,
        ));
    }
    let commands = restore.tables.iter().flat_map(|it| &it.commands);
    let Some(command) = commands.into_iter().next() else {
        return Err(("{tool} v1.8.9 (nf_tables): no command specified".to_owned(), 2));
    };
    let empty = Table::default();
    fits(command, rules.tables.get(&asked.table).unwrap_or(&empty), asked.table)?;
    if !checks {
        process.act(Action::LoadRules {
            node: node.into(),
            text,
            noflush: true,
            ipv6: family == Family::V6,
        });
    }
    Ok(())
}

/// Words as iptables-restore reads them back.
fn line(words: &[String]) -> String {
    let word = |it: &String| match it.is_empty() || it.contains([' ', '\t', '"', '\\', '\n']) {
        true => {
            format!("\"{}\"", it.replace(['\n'], " ").replace('\\', "\\\\").replace('"', "\\\""))
        }
        false => it.clone(),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Whether the kernel takes a command.
fn fits(command: &Command, table: &Table, name: TableName) -> Result<(), Failed> {
    let chain = |it: &ChainName| table.chains.get(it).ok_or_else(no_chain);
    let failed = |text: &str| (format!("{{tool}}: {text}"), 1);
    let is_builtin = |it: &ChainName| name.builtin_chains().contains(&it.as_str());
    match command {
        Command::Append { chain: at, rule } => {
            chain(at)?;
            target(rule, table)
        }
        Command::Insert { chain: at, index, rule } => {
            if *index > chain(at)?.rules.len() {
                return Err(failed("Index of insertion too big."));
            }
            target(rule, table)
        }
        Command::Delete { chain: at, rule } => {
            let same = |it: &std::rc::Rc<svclab_netfilter::Rule>| {
                it.saved(Family::V4).reads_as(&rule.saved(Family::V4))
            };
            match chain(at)?.rules.iter().any(same) {
                true => Ok(()),
                false => Err(failed("Bad rule (does a matching rule exist in that chain?).")),
            }
        }
        Command::DeleteAt { chain: at, index } => match *index < chain(at)?.rules.len() {
            true => Ok(()),
            false => Err(failed("Index of deletion too big.")),
        },
        Command::NewChain(at) if table.chains.get(at).is_some() => {
            Err(failed("Chain already exists."))
        }
        Command::NewChain(_) | Command::Flush(None) => Ok(()),
        Command::Flush(Some(at)) => chain(at).map(|_| ()),
        Command::DeleteChain(at) => {
            let used = !chain(at)?.rules.is_empty()
                || is_builtin(at)
                || table
                    .chains
                    .values()
                    .any(|it| it.rules.iter().any(|it| it.leads_to() == Some(*at)));
            match used {
                true => Err((
                    format!(
                        "{{tool}} v1.8.9 (nf_tables):  CHAIN_DEL failed (Device or resource busy): chain {at}"
                    ),
                    4,
                )),
                false => Ok(()),
            }
        }
        Command::SetPolicy { chain: at, .. } => match is_builtin(at) {
            true => Ok(()),
            false => Err(failed("Bad built-in chain name.")),
        },
        Command::Chain(_) | Command::Remark(_) => Ok(()),
    }
}

/// The chain that a rule leads to must be there.
fn target(rule: &svclab_netfilter::Rule, table: &Table) -> Result<(), Failed> {
    let help = "Try `{tool} -h' or '{tool} --help' for more information.";
    match &rule.target {
        Some(Target::Jump(to) | Target::Goto(to)) if table.chains.get(to).is_none() => {
            Err((format!("{{tool}} v1.8.9 (nf_tables): Chain '{to}' does not exist\n{help}"), 2))
        }
        _ => Ok(()),
    }
}
