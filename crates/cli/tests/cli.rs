//! The built `svclab` on files: output, status, and the one line that names a mistake's place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::{Expect, expect};

fn svclab(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
    command.args(arguments).output().expect("svclab starts")
}

fn clusters() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/kube-proxy")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A directory of its own for one test.
fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("the build's directory can be written");
    directory
}

/// `svclab rules` on a file that cannot be read as a state.
#[track_caller]
fn check_broken(name: &str, content: &[u8], expected: Expect) {
    let file = scratch(name).join("state.yaml");
    fs::write(&file, content).expect("the build's directory can be written");
    let output = svclab(&["rules", &file.display().to_string()]);
    let shown = text(&output.stderr).replace(&file.display().to_string(), "state.yaml");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{shown}");
    expected.assert_eq(&shown);
}

/// A command line that is wrong whatever the files.
#[track_caller]
fn check_usage(arguments: &[&str], expected: Expect) {
    let output = svclab(arguments);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    expected.assert_eq(&text(&output.stderr));
}

#[test]
fn rules_are_kube_proxys_byte_for_byte() {
    let mut count = 0;
    for entry in fs::read_dir(clusters().join("open")).expect("the clusters are there") {
        let directory = entry.expect("a directory entry").path();
        if !directory.is_dir() {
            continue;
        }
        let file = |name: &str| directory.join(name).display().to_string();
        let output = svclab(&["rules", "--options", &file("options.json"), &file("input.yaml")]);
        let expected = fs::read_to_string(file("expected.rules")).expect("the rules are there");
        assert_eq!(text(&output.stdout), expected, "{}", directory.display());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        count += 1;
    }
    assert_eq!(count, 51);
}

#[test]
fn jumps_follow_the_rules() {
    let directory = clusters().join("open/empty-cluster");
    let file = |name: &str| directory.join(name).display().to_string();
    let output =
        svclab(&["rules", "--jumps", "--options", &file("options.json"), &file("input.yaml")]);
    let rules = fs::read_to_string(file("expected.rules")).expect("the rules are there");
    let jumps = fs::read_to_string(clusters().join("jumps.rules")).expect("the jumps are there");
    assert_eq!(text(&output.stdout), rules + &jumps);
}

#[test]
fn several_files_are_one_state() {
    let directory = scratch("several-files");
    let input = clusters().join("open/hand-typed/input.yaml");
    let input = fs::read_to_string(input).expect("the cluster is there");
    let mut arguments = vec!["rules".to_owned(), "--options".to_owned()];
    arguments.push(clusters().join("open/hand-typed/options.json").display().to_string());
    for (index, document) in input.split("\n---\n").enumerate() {
        let file = directory.join(format!("{index}.yaml"));
        fs::write(&file, document).expect("the build's directory can be written");
        arguments.push(file.display().to_string());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let expected = clusters().join("open/hand-typed/expected.rules");
    let expected = fs::read_to_string(expected).expect("the rules are there");
    assert_eq!(text(&svclab(&arguments).stdout), expected);
}

#[test]
fn kinds_and_fields_of_other_clusters_are_passed_over() {
    let file = scratch("other-kinds").join("state.yaml");
    let state = "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a}\nspec: {x: [1]}\n---\n\
        apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {newField: 1}\n";
    fs::write(&file, state).expect("the build's directory can be written");
    let output = svclab(&["rules", &file.display().to_string()]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).starts_with("*filter\n"));
}

#[test]
fn check_counts_what_it_ran() {
    let output = svclab(&["check", &clusters().display().to_string()]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.ends_with(" passed, 0 failed\n"), "{shown}");
}

#[test]
fn check_shows_what_was_expected_and_what_came() {
    let case = scratch("check").join("nodeport");
    fs::create_dir_all(&case).expect("the build's directory can be written");
    for name in ["input.yaml", "options.json", "expected.rules"] {
        let content = fs::read_to_string(clusters().join("open/nodeport").join(name))
            .expect("the cluster is there");
        let content = content.replace("-m mark ! --mark", "-m mark --mark");
        fs::write(case.join(name), content).expect("the build's directory can be written");
    }
    let output = svclab(&["check", &case.display().to_string()]);
    let shown = text(&output.stdout).replace(&case.display().to_string(), "nodeport");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()));
    expect![[r#"
        nodeport: line 23: expected "-A KUBE-POSTROUTING -m mark --mark 0x00004000/0x00004000 -j RETURN\n", came "-A KUBE-POSTROUTING -m mark ! --mark 0x00004000/0x00004000 -j RETURN\n"
        0 passed, 1 failed
    "#]].assert_eq(&shown);
}

#[test]
fn a_mistake_is_one_line_with_its_place() {
    check_broken(
        "syntax",
        b"apiVersion: v1\nkind: [Service\n",
        expect![[r#"
        svclab: state.yaml:2:14: yaml: line 2: while parsing a flow sequence, expected ',' or ']'
    "#]],
    );
    check_broken(
        "tab",
        b"apiVersion: v1\nkind: Service\nspec:\n\tports: []\n",
        expect![[r#"
        svclab: state.yaml:4:2: yaml: line 4: tabs disallowed within this context (block indentation)
    "#]],
    );
    check_broken(
        "kind",
        b"apiVersion: v1\n---\nmetadata:\n  name: a\n",
        expect![[r#"
        svclab: state.yaml:1:1: kind not set
    "#]],
    );
    check_broken(
        "list",
        b"---\n- 1\n",
        expect![[r#"
        svclab: state.yaml:2:1: a manifest must be a map
    "#]],
    );
    check_broken(
        "type",
        b"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: eighty\n",
        expect![[r#"
            svclab: state.yaml:6:11: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32
        "#]],
    );
    check_broken(
        "utf8",
        b"apiVersion: v1\nkind: \xff\n",
        expect![[r#"
        svclab: state.yaml:2:7: the text is not UTF-8
    "#]],
    );
}

#[test]
fn an_option_that_does_not_fit_is_named_with_its_place() {
    let directory = scratch("options");
    let (state, options) = (directory.join("state.yaml"), directory.join("options.json"));
    fs::write(&state, "apiVersion: v1\nkind: Node\nmetadata: {name: a}\n").expect("writable");
    let check = |content: &str, expected: Expect| {
        fs::write(&options, content).expect("the build's directory can be written");
        let file = options.display().to_string();
        let output = svclab(&["rules", "--options", &file, &state.display().to_string()]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
        expected.assert_eq(&text(&output.stderr).replace(&file, "options.json"));
    };
    check(
        "{\n  \"family\": 5\n}",
        expect![[r#"
        svclab: options.json:3:1: family is 4 or 6, not 5
    "#]],
    );
    check(
        "{\n  \"masqueradeBit\": true}",
        expect![[r#"
        svclab: options.json:2:23: invalid type: boolean `true`, expected i64
    "#]],
    );
    check(
        "{",
        expect![[r#"
        svclab: options.json:1:1: EOF while parsing an object
    "#]],
    );
    check(
        "",
        expect![[r#"
        svclab: options.json:1:1: EOF while parsing a value
    "#]],
    );
}

#[test]
fn a_wrong_command_line_says_so() {
    check_usage(
        &[],
        expect![[r#"
        svclab: no command given; svclab help lists them
    "#]],
    );
    check_usage(
        &["rulez"],
        expect![[r#"
        svclab: there is no command "rulez"; svclab help lists them
    "#]],
    );
    check_usage(
        &["rules"],
        expect![[r#"
        svclab: rules needs at least one state file
    "#]],
    );
    check_usage(
        &["rules", "--option", "x"],
        expect![[r#"
        svclab: there is no option "--option" here
    "#]],
    );
    check_usage(
        &["rules", "--options"],
        expect![[r#"
        svclab: --options needs a value
    "#]],
    );
    check_usage(
        &["rules", "no-such-file.yaml"],
        expect![[r#"
        svclab: no-such-file.yaml: No such file or directory (os error 2)
    "#]],
    );
    check_usage(
        &["check", "no-such-directory"],
        expect![[r#"
        svclab: no-such-directory: No such file or directory (os error 2)
    "#]],
    );
    check_usage(
        &["bench", "x"],
        expect![[r#"
        svclab: bench takes no "x"
    "#]],
    );
}

#[test]
fn first_packets_go_where_the_table_says() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/packet-cases");
    let output = svclab(&["check", &cases.display().to_string()]);
    assert_eq!(text(&output.stdout), "132 passed, 0 failed\n");
}
