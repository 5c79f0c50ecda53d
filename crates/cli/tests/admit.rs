//! `svclab admit` on files, and the recorded requests that `svclab check` runs through it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use expect_test::{Expect, expect};

fn svclab(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
    command.args(arguments).output().expect("svclab starts")
}

/// The answers to the requests of `text`, or the line on stderr.
#[track_caller]
fn check(name: &str, options: &[&str], text: &str, expected: Expect) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.yaml"));
    fs::write(&file, text).expect("the build's directory can be written");
    let shown = file.display().to_string();
    let output = svclab(&[&["admit"], options, &[&shown]].concat());
    let printed = match output.status.code() {
        Some(0) => output.stdout,
        _ => output.stderr,
    };
    expected.assert_eq(&String::from_utf8_lossy(&printed).replace(&shown, "requests.yaml"));
}

#[test]
fn recorded_requests_are_answered_as_the_server_answers_them() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/api");
    let output = svclab(&["check", &recorded.display().to_string()]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let count: Option<usize> = shown.split(' ').next().and_then(|it| it.parse().ok());
    assert!(count.is_some_and(|count| count > 470), "{shown}");
}

#[test]
fn requests_follow_one_another() {
    check(
        "follow",
        &[],
        "# verb: delete\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n\
         ---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}\n\
         ---\n# verb: jsonpatch\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, patch: [{op: add, path: /data/l, value: w}]}\n\
         ---\n# verb: delete\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
        expect![[r#"
            {
              "results": [
                {
                  "verb": "delete",
                  "code": 404,
                  "reason": "NotFound",
                  "message": "configmaps \"a\" not found",
                  "details": {
                    "name": "a",
                    "kind": "configmaps"
                  }
                },
                {
                  "verb": "create",
                  "code": 201,
                  "object": {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                      "name": "a",
                      "namespace": "default"
                    },
                    "data": {
                      "k": "v"
                    }
                  }
                },
                {
                  "verb": "jsonpatch",
                  "code": 200,
                  "object": {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                      "name": "a",
                      "namespace": "default"
                    },
                    "data": {
                      "k": "v",
                      "l": "w"
                    }
                  }
                },
                {
                  "verb": "delete",
                  "code": 200,
                  "details": {
                    "name": "a",
                    "kind": "configmaps"
                  }
                }
              ]
            }
        "#]],
    );
}

#[test]
fn what_names_no_resource_or_no_object_is_answered_too() {
    check(
        "nothing",
        &["--version", "1.33"],
        "{apiVersion: example.org/v1, kind: Shelf, metadata: {name: a}}\n\
         ---\n# verb: replace\n{apiVersion: v1, kind: Service}\n\
         ---\n{apiVersion: v1, kind: Endpoints}\n",
        expect![[r#"
            {
              "results": [
                {
                  "verb": "create",
                  "code": 404,
                  "reason": "NotFound",
                  "message": "the server could not find the requested resource",
                  "details": {}
                },
                {
                  "verb": "replace",
                  "code": 405,
                  "reason": "MethodNotAllowed",
                  "message": "the server does not allow this method on the requested resource",
                  "details": {}
                },
                {
                  "verb": "create",
                  "code": 422,
                  "reason": "Invalid",
                  "message": "Endpoints \"\" is invalid: metadata.name: Required value: name or generateName is required",
                  "details": {
                    "kind": "Endpoints"
                  },
                  "causes": [
                    {
                      "reason": "FieldValueRequired",
                      "field": "metadata.name",
                      "message": "Required value: name or generateName is required"
                    }
                  ],
                  "warnings": [
                    "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
                  ]
                }
              ]
            }
        "#]],
    );
}

#[test]
fn what_cannot_be_read_is_a_mistake_with_its_place() {
    check(
        "syntax",
        &[],
        "kind: Service\n---\nkind: [\n",
        expect![[r#"
        svclab: requests.yaml:3:7: yaml: line 3: while parsing a node, did not find expected node content
    "#]],
    );
    check(
        "kind",
        &[],
        "---\napiVersion: v1\nmetadata: {name: a}\n",
        expect![[r#"
        svclab: requests.yaml:2:1: kind not set
    "#]],
    );
    check(
        "verb",
        &[],
        "# verb: update\nkind: Service\napiVersion: v1\n",
        expect![[r#"
        svclab: requests.yaml:2:1: there is no verb "update"
    "#]],
    );
    check(
        "option",
        &["--version", "1.20"],
        "",
        expect![[r#"
        svclab: --version is 1.32, 1.33 or 1.34
    "#]],
    );
    check(
        "family",
        &["--cluster", "ipv6"],
        "",
        expect![[r#"
        svclab: --cluster is ipv4 or dual
    "#]],
    );
}

#[test]
fn nothing_comes_of_a_dry_run() {
    check(
        "dry",
        &[],
        "# dryRun: All\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n\
         ---\n# verb: delete\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
        expect![[r#"
            {
              "results": [
                {
                  "verb": "create",
                  "code": 201,
                  "object": {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                      "name": "a",
                      "namespace": "default"
                    }
                  }
                },
                {
                  "verb": "delete",
                  "code": 404,
                  "reason": "NotFound",
                  "message": "configmaps \"a\" not found",
                  "details": {
                    "name": "a",
                    "kind": "configmaps"
                  }
                }
              ]
            }
        "#]],
    );
}
