//! What can be typed in the lab: a line in, the tool's own text out.
//!
//! Now: the tools of a node that read what kube-proxy and the kernel hold, and the tables of
//! `kubectl get`.

pub mod kubectl;

use svclab_core::lab::Lab;
use svclab_netfilter::{Family, RuleSet, TableName};

/// Where a line is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A node, as root.
    Node(String),
}

/// What a command prints, and its exit status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub status: u8,
}

impl Output {
    fn failed(status: u8, message: impl Into<String>) -> Output {
        Output { stderr: message.into(), status, ..Output::default() }
    }
}

/// Runs one line. Unknown commands answer as bash does.
pub fn run(lab: &Lab, place: &Place, line: &str) -> Output {
    let Place::Node(node) = place;
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [] => Output::default(),
        ["iptables-save", rest @ ..] => iptables_save(lab, node, Family::V4, rest),
        ["ip6tables-save", rest @ ..] => iptables_save(lab, node, Family::V6, rest),
        ["conntrack", rest @ ..] => conntrack(lab, node, rest),
        [other, ..] => Output::failed(127, format!("bash: {other}: command not found\n")),
    }
}

fn iptables_save(lab: &Lab, node: &str, family: Family, words: &[&str]) -> Output {
    let Some(rules) = lab.network().kernel(node).map(|it| it.rules(family)) else {
        return Output::failed(1, format!("no node {node}\n"));
    };
    let tool = match family {
        Family::V4 => "iptables-save",
        Family::V6 => "ip6tables-save",
    };
    let table = match words {
        [] => return Output { stdout: rules.save(family), ..Output::default() },
        ["-t", table] | ["--table", table] => *table,
        [word, ..] => {
            return Output::failed(2, format!("{tool}: unknown argument {word:?}\n"));
        }
    };
    let Ok(name) = table.parse::<TableName>() else {
        return Output::failed(1, format!("{tool}: table {table:?} does not exist\n"));
    };
    let only = rules.tables.get(&name).cloned();
    let only = RuleSet { tables: only.into_iter().map(|it| (name, it)).collect() };
    Output { stdout: only.save(family), ..Output::default() }
}

/// `conntrack -L`: the list on stdout, the count on stderr, as the tool does.
fn conntrack(lab: &Lab, node: &str, words: &[&str]) -> Output {
    if !matches!(words, ["-L"] | ["--dump"]) {
        return Output::failed(2, "conntrack: the lab knows -L\n");
    }
    let now = lab.now().as_millis();
    let entries = lab.conntrack(node);
    let lines = entries.iter().map(|it| format!("{}\n", it.listing(now)));
    let stdout = lines.collect();
    let count = entries.len();
    let stderr =
        format!("conntrack v1.4.7 (conntrack-tools): {count} flow entries have been shown.\n");
    Output { stdout, stderr, status: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use svclab_core::scenario::default_scenario;
    use svclab_core::time::{Duration, Instant};

    #[track_caller]
    fn at_worker(line: &str) -> Output {
        let mut lab = Lab::new(&default_scenario(), 1);
        lab.run_until(Instant::START + Duration::from_secs(10));
        run(&lab, &Place::Node("worker-1".into()), line)
    }

    #[test]
    fn iptables_save_shows_one_table_or_all() {
        let all = at_worker("iptables-save").stdout;
        assert!(all.contains("*filter\n") && all.contains("*nat\n"));
        let nat = at_worker("iptables-save -t nat").stdout;
        assert!(!nat.contains("*filter\n") && nat.contains("-A PREROUTING "), "{nat}");
    }

    #[test]
    fn what_does_not_exist_says_so_as_bash_does() {
        let output = at_worker("foo --bar");
        assert_eq!(
            (output.stderr.as_str(), output.status),
            ("bash: foo: command not found\n", 127)
        );
    }

    #[test]
    fn conntrack_counts_on_stderr() {
        let output = at_worker("conntrack -L");
        assert_eq!(output.stdout, "");
        let said = "conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.\n";
        assert_eq!(output.stderr, said);
    }
}
