//! Whatever is typed, no program panics, and none goes on for ever without time passing.

mod common;

use common::{lab, run};
use proptest::prelude::*;
use svclab_shell::programs::PROGRAMS;

const WEB: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: kubetm/app, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

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

/// What kubectl can be told, with the words that its commands know.
fn kubectl() -> impl Strategy<Value = String> {
    let command = prop::sample::select(vec![
        "annotate",
        "attach",
        "autoscale",
        "completion",
        "cp",
        "create",
        "create clusterrole",
        "create cronjob",
        "create quota",
        "create role",
        "create rolebinding",
        "create secret generic",
        "create secret tls",
        "create secret docker-registry",
        "debug",
        "delete",
        "describe",
        "events",
        "exec",
        "expose",
        "get",
        "label",
        "logs",
        "patch",
        "port-forward",
        "proxy",
        "rollout status",
        "run",
        "scale",
        "set selector",
        "wait",
    ]);
    let known = prop::sample::select(vec![
        "pod",
        "svc",
        "web",
        "pod/web",
        "svc/web",
        "deploy/nope",
        "node/worker-1",
        "-it",
        "-i",
        "--rm",
        "--image=busybox",
        "--image=",
        "--restart=Never",
        "--",
        "sh",
        "date",
        "-c",
        "-n",
        "--for",
        "--from-literal=a=b",
        "--from-literal",
        "--hard=a=1,b",
        "--verb=get",
        "--resource=pods/log,apps",
        "--max=3",
        "--schedule=*",
        "-p",
        "{spec",
        "{\"spec\":{}}",
        "é",
        "a:/b",
        "/etc/hosts",
        "web:/tmp/x",
        "web:",
        "--dry-run=client",
        "-o",
        "yaml",
        "json",
        "jsonpath={..}",
        "--types=Normal",
        "--port=80",
        "-w",
        "--all",
        "=",
        "a=b",
        "a-",
    ]);
    let words = prop::collection::vec(
        prop_oneof![5 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}"],
        0..6,
    );
    (command, words).prop_map(|(command, words)| {
        let quoted = words.iter().map(|it| format!("'{}'", it.replace('\'', "'\\''")));
        format!("kubectl {command} {}", quoted.collect::<Vec<_>>().join(" "))
    })
}

/// Something like a filter of jq.
fn filter() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        ".",
        "..",
        ".a",
        ".[]",
        "[0]",
        "[1:]",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "|",
        ",",
        ":",
        "?",
        "//",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        "and",
        "or",
        "not",
        "if",
        "then",
        "else",
        "end",
        "as",
        "$x",
        "\"a\"",
        "\"\\(",
        "1",
        "-1",
        "1e9",
        "1e999",
        "null",
        "length",
        "keys",
        "map(",
        "select(",
        "add",
        "sort",
        "recurse",
        "recurse(.)",
        "range(",
        "range(1e9)",
        "limit(2;",
        "split(\"\")",
        "test(\"(\")",
        "sub(\"\";\"x\")",
        "gsub(\"\";\"x\")",
        "@csv",
        "@base64d",
        "@uri",
        "tojson",
        "fromjson",
        "paths",
        "del(",
        "to_entries",
        "from_entries",
        "group_by(",
        "[.,.]",
        " ",
        "é",
        "#",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|it| it.concat())
}

/// Something like a script.
fn script() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "echo a",
        "sleep 1",
        "sleep 100",
        "&",
        "&&",
        "||",
        "|",
        ";",
        "\n",
        "wait",
        "wait $!",
        "jobs",
        "kill %1",
        "kill $!",
        "fg",
        "(",
        ")",
        "{ ",
        "; }",
        "$(",
        "if",
        "then",
        "fi",
        "while true; do",
        "done",
        "for i in 1 2; do",
        "timeout 1",
        "timeout 0",
        "f() {",
        "f",
        "read a",
        "cat",
        "<<E\n",
        "E\n",
        "> /tmp/a",
        "< /tmp/a",
        "rm /tmp/a",
        "touch /tmp/a",
        "mkdir -p /a/b",
        "cp /etc/hosts /a/b",
        "mv /a/b/hosts /a",
        "cd /a",
        "sh -c",
        "'",
        "\"",
        "exit",
        "true",
        "false",
        " ",
        "!",
        "xargs -n1",
        "yes",
    ]);
    prop::collection::vec(piece, 0..10).prop_map(|it| it.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn kubectl_ends_whatever_it_is_told(line in kubectl(), then in kubectl()) {
        run(lab(WEB), "outside/laptop", &format!("{line}; {then} | head -n 20"));
    }

    #[test]
    fn any_filter_of_jq_ends(filter in filter(), text in "[\\[\\]{}:,\"a1 ]{0,20}") {
        let quoted = |it: &str| it.replace('\'', "'\\''");
        let (filter, text) = (quoted(&filter), quoted(&text));
        let value = "{\"a\":[1,\"b\",{\"c\":null}],\"d\":\"x y\"}";
        run(lab(""), "outside/laptop", &format!("echo '{value}' | jq '{filter}'; echo '{text}' | jq -r '{filter}'"));
    }

    #[test]
    fn any_script_ends(script in script(), in_pod in any::<bool>()) {
        let from = if in_pod { "pod/default/web" } else { "outside/laptop" };
        run(lab(WEB), from, &script);
    }

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
