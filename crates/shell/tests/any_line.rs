//! Whatever is typed, no program panics, and none goes on for ever without time passing.

mod common;

use common::{lab, run};
use proptest::prelude::*;
use svclab_shell::programs::PROGRAMS;

/// Words that tools know, in any order, and any other text.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "web",
        "10.96.0.1",
        "-t",
        "nat",
        "-L",
        "-n",
        "-v",
        "-A",
        "KUBE-SERVICES",
        "-j",
        "DROP",
        "+short",
        "@10.96.0.10",
        "-x",
        "http://web:80/",
        "https://kubernetes",
        "-m",
        "1",
        "-w",
        "%{http_code",
        "%",
        "{print $1}",
        "s/a/b/",
        "s/(/",
        "-k2",
        "--",
        "-",
        "/etc/hosts",
        "-c",
        "2",
        "addr",
        "route",
        "get",
        "::1",
        "0",
        "99999999999999999999",
        "-E",
        "(((",
        "[",
        "'",
        "-p",
        "tcp",
        "--dport",
        "80",
        "-i",
        "any",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_words_end(
        program in prop::sample::select(PROGRAMS.iter().map(|it| it.name).collect::<Vec<_>>()),
        words in prop::collection::vec(word(), 0..6),
        piped in any::<bool>(),
        node in any::<bool>(),
    ) {
        let quoted = words.iter().map(|it| format!("'{}'", it.replace('\'', "'\\''")));
        let quoted = quoted.collect::<Vec<_>>().join(" ");
        let before = if piped { "printf 'a b\\n1 2\\n' | " } else { "" };
        let line = format!("{before}{program} {quoted} | head -50");
        let from = if node { "node/worker-1" } else { "outside/laptop" };
        run(lab(""), from, &line);
    }

    #[test]
    fn any_line_ends(line in "\\PC{0,60}") {
        run(lab(""), "node/worker-1", &line);
    }
}
