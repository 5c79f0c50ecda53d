use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Every diagnostic of the text, of reading and of decoding, as `bytes "text there": message`.
#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&report(text));
}

fn report(text: &str) -> String {
    let read = read(text);
    let mut lines = Vec::new();
    for diagnostic in &read.diagnostics {
        lines.push(line(text, diagnostic));
    }
    for document in &read.documents {
        let (object, diagnostics) = document.decode();
        lines.extend(object.map(|object| format!("{}\n", object.key())));
        lines.extend(diagnostics.iter().map(|diagnostic| line(text, diagnostic)));
    }
    lines.concat()
}

fn line(text: &str, diagnostic: &Diagnostic) -> String {
    let there = &text[diagnostic.span.clone()];
    let level = match diagnostic.severity {
        Severity::Error => "",
        Severity::Warning => "warning: ",
    };
    format!("{there:?}: {level}{}\n", diagnostic.problem)
}

fn service(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{{spec}}}\n")
}

#[test]
fn good_documents_are_read_beside_a_broken_one() {
    check(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\nkind: [\n---\n\
         {\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"일\"}}\n",
        expect![[r#"
            "[": yaml: line 5: while parsing a node, did not find expected node content
            Namespace shop
            Namespace 일
        "#]],
    );
}

#[test]
fn unknown_fields_are_all_named_at_their_keys() {
    check(
        &service("selectors: {a: b}, ports: [{port: 80, targetport: 1}]"),
        expect![[r#"
            "targetport": unknown field "spec.ports[0].targetport"
            "selectors": unknown field "spec.selectors"
        "#]],
    );
}

#[test]
fn the_first_wrong_type_is_named_at_its_value() {
    check(
        &service("unknown: 1, ports: [{port: \"80\"}], publishNotReadyAddresses: \"true\""),
        expect![[r#"
            "\"80\"": json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32
        "#]],
    );
}

#[test]
fn a_type_that_reads_itself_is_heard_first() {
    check(
        &service("externalIPs: 1.2.3.4, ports: [{port: 80, targetPort: true}]"),
        expect![[r#"
            "true": json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32
        "#]],
    );
}

#[test]
fn times_and_bytes_are_read_as_go_reads_them() {
    check(
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, status: {startTime: yesterday}}",
        expect![[r#"
            "yesterday": parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"
        "#]],
    );
    check(
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, status: {startTime: 5, phase: 7}}",
        expect![[r#"
            "5": json: cannot unmarshal number into Go struct field PodStatus.status.startTime of type string
        "#]],
    );
    check(
        "{apiVersion: v1, kind: Service, metadata: {name: a, creationTimestamp: 2026-01-01}}",
        expect![[r#"
            "2026-01-01": parsing time "2026-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"
        "#]],
    );
    check(
        "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {user: YWRtaW4=, password: admin}}",
        expect![[r#"
            "admin": illegal base64 data at input byte 4
        "#]],
    );
    check(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, binaryData: {icon: [1]}}",
        expect![[r#"
            "[1]": json: cannot unmarshal array into Go struct field ConfigMap.binaryData of type []uint8
        "#]],
    );
}

#[test]
fn the_last_of_equal_keys_counts() {
    check(
        "apiVersion: v1\nkind: Node\nkind: Namespace\nmetadata: {name: a}\n",
        expect![[r#"
            "kind": warning: key "kind" is here twice, the last one counts
            Namespace a
        "#]],
    );
}

#[test]
fn lists_are_taken_apart() {
    check(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: a}}\n\
         - {apiVersion: v1, kind: Nod, metadata: {name: b}}\n- {}\n",
        expect![[r#"
            Node a
            "Nod": no matches for kind "Nod" in version "v1"
            "{}": [apiVersion not set, kind not set]
        "#]],
    );
}

#[test]
fn items_of_a_typed_list_need_not_say_their_kind() {
    let read = read(
        "apiVersion: v1\nkind: ServiceList\nitems:\n- {metadata: {name: a}, spec: {clusterIP: None}}\n\
         - {apiVersion: v1, kind: Node, metadata: {name: b}}\n",
    );
    assert_eq!(read.diagnostics, []);
    let kinds: Vec<_> = read.documents.iter().map(|it| it.kind()).collect();
    assert_eq!(kinds, [Ok(Kind::Service), Ok(Kind::Node)]);
    assert!(read.documents.iter().all(|it| it.decode().0.is_some()));
}

#[test]
fn anchors_aliases_and_merges() {
    let text =
        "p: &base {a: 1, b: 2}\nq: {<<: *base, b: 3}\nr: [*base]\ns: {<<: [{c: 1}, *base]}\n";
    let value = read(text).documents[0].value();
    assert_eq!(
        value.to_string(),
        r#"{"p":{"a":1,"b":2},"q":{"a":1,"b":3},"r":[{"a":1,"b":2}],"s":{"a":1,"b":2,"c":1}}"#
    );
}

#[test]
fn limits_have_a_place() {
    check(
        "a: &a [*a]",
        expect![[r#"
            "*a": anchor value contains itself
        "#]],
    );
    let bomb: String = (1..30)
        .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")))
        .collect();
    check(
        &format!("a0: &a0 [lol]\n{bomb}"),
        expect![[r#"
            "*a4": aliases make the document larger than 3145728 bytes
        "#]],
    );
    let deep = read(&"[".repeat(10_000));
    assert_eq!(deep.diagnostics[0].problem, Problem::TooDeep { limit: MAX_DEPTH });
    assert_eq!(deep.diagnostics[0].span, 255..256);
    let large = read(&"#".repeat(MAX_TEXT + 1));
    assert_eq!(large.diagnostics[0].problem, Problem::TooLarge { limit: MAX_TEXT });
}

#[test]
fn a_path_leads_to_its_place() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: 웹\n  labels: {a.b/c: d}\n\
                spec:\n  clusterIP: 10.96.0.5\n  ports:\n  - port: 80\n  - {name: x}\n";
    let document = &read(text).documents[0];
    let place = |path| &text[document.place_of(path)];
    assert_eq!(place("metadata.name"), "웹");
    assert_eq!(place("metadata.labels[a.b/c]"), "d");
    assert_eq!(place("spec.ports[0].port"), "80");
    assert_eq!(place("spec.ports[0].nodePort"), "port: 80");
    assert_eq!(place("spec.ports[1]"), "{name: x}");
    assert_eq!(place("spec.ports[7].port"), "ports");
    assert_eq!(place("spec.clusterIPs[0]"), "10.96.0.5");
    assert_eq!(place("spec.externalName"), "spec");
    assert_eq!(place("status"), "Service");
    assert_eq!(place("[[]..]"), "Service");
}

#[test]
fn byte_order_mark_line_ends_and_tabs() {
    check(
        "\u{feff}apiVersion: v1\r\nkind: Node\r\nmetadata:\r\n  name: a\r\n",
        expect![[r#"
        Node a
    "#]],
    );
    check(
        "a:\n\tb: 1\n",
        expect![[r#"
            "b": yaml: line 2: tabs disallowed within this context (block indentation)
        "#]],
    );
    check(
        "a: \u{0}\n",
        expect![[r#"
            "\0": yaml: line 1: control characters are not allowed
        "#]],
    );
}

#[test]
fn json_is_read_too() {
    check(
        "{\n\t\"apiVersion\": \"v1\", \"kind\": \"Node\",\n\t\"metadata\": {\"name\": \"\\ud83d\\ude00\\/\"}\n}\n",
        expect![[r#"
            Node 😀/
        "#]],
    );
    check(
        "{\"apiVersion\": \"v1\", \"kind\": \"Node\", \"kind\": \"Pod\", \"spec\": {\"a\": 1.0e1}}",
        expect![[r#"
            "\"kind\"": warning: key "kind" is here twice, the last one counts
            "\"a\"": unknown field "spec.a"
        "#]],
    );
    check(
        "{\"apiVersion\": \"v1\", kind: Node} # not JSON",
        expect![[r#"
        Node 
    "#]],
    );
    report(&"{\"a\":".repeat(5000));
    report(&"{\"a\":[".repeat(90));
}

const NASTY: &[&str] = &[
    "",
    "-",
    "---",
    "--- ---",
    "...",
    "?",
    "? ?",
    ":",
    "- - -",
    "&a",
    "*a",
    "&a *a",
    "!",
    "!!",
    "!<",
    "!!str",
    "|",
    ">",
    "|9",
    "'",
    "\"",
    "\"\\",
    "\"\\u",
    "\"\\ud800\"",
    "%",
    "%YAML",
    "%TAG ! x",
    "@",
    "`",
    "{",
    "}",
    "[",
    "]",
    "{[",
    "[}",
    "{,}",
    "[,]",
    "{a",
    "{a:",
    "a: b: c",
    "a\n b\nc:",
    "\t",
    " \t-",
    "- a\n b",
    "? a\n? b",
    "<<: 1",
    "<<: [1]",
    "{<<: {a: 1}}",
    "[a]: b",
    "{}: b",
    "~: a",
    "? |\n  a\n: b",
    "a: &x\nb: *x",
    "a: !!binary x",
    "\u{85}",
    "\u{2028}: a",
    "a: |\n\n\n",
    "a: >-\n  b\n\n c",
    "#",
    "\r",
    "\r\r\n",
    "a:\r  b: 1",
    "\u{feff}\u{feff}a",
    "- &a [*a, *a]",
    "a: 'x\n---\ny'",
    "!!map [a]",
    "!!seq {a: b}",
];

#[test]
fn nasty_texts_are_read_to_their_end() {
    for text in NASTY {
        report(text);
    }
    for (part, times) in [("[", 3000), ("{a: ", 3000), ("- ", 3000), ("? ", 3000), ("a:\n", 300)] {
        report(&part.repeat(times));
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "(?s).{0,80}") {
        report(&text);
    }

    #[test]
    fn no_yaml_like_text_breaks_the_reader(
        text in r#"([-?:,\[\]{}#&*!|>'"%@` \t\n\r]|a|1|é|<<|---|kind: Service|apiVersion: v1|spec|\n  ){0,60}"#
    ) {
        report(&text);
    }

    #[test]
    fn no_json_like_text_breaks_the_reader(
        text in r#"\{([:,\[\]{}"\\ \n]|a|1|-|e|é|"a":|null|\\u|d83d){0,40}"#
    ) {
        report(&text);
    }

    #[test]
    fn no_path_breaks_place_of(path in r"[a-z.\[\]0-9]{0,20}") {
        let text = service("ports: [{port: 80}]");
        read(&text).documents[0].place_of(&path);
    }
}
