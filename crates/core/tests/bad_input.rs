//! Whatever is applied, the lab answers with mistakes at their places and goes on with what it had.

use svclab_core::lab::{Action, Lab, Reply};
use svclab_core::read::Severity;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn lab() -> Lab {
    let mut lab = Lab::new(&default_scenario(), 1);
    lab.run_until(Instant::START + Duration::from_secs(10));
    lab
}

/// Applies `text`: there is an error inside the text and nothing changed.
#[track_caller]
fn check_refused(text: &str) -> Reply {
    let mut lab = lab();
    let before = lab.objects().clone();
    let reply = lab.act(Action::Apply { text: text.to_owned() });
    assert_eq!(reply.applied, []);
    let error = reply.diagnostics.iter().find(|it| it.severity == Severity::Error);
    let error = error.expect("an error");
    assert!(error.span.end <= text.len(), "{error:?}");
    assert!(text.is_char_boundary(error.span.start) && text.is_char_boundary(error.span.end));
    assert_eq!(*lab.objects(), before);
    lab.run_until(Instant::START + Duration::from_secs(20));
    reply
}

#[test]
fn broken_yaml() {
    check_refused("apiVersion: v1\nkind: Service\nmetadata: {name: web\n");
    check_refused("a: b: c\n");
    check_refused("\tkey: value\n");
}

#[test]
fn unknown_kind() {
    let reply = check_refused("apiVersion: v1\nkind: Servcie\nmetadata:\n  name: web\n");
    let text = reply.diagnostics[0].problem.to_string();
    assert!(text.contains("no matches for kind \"Servcie\" in version \"v1\""), "{text}");
}

#[test]
fn wrong_types() {
    check_refused(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  ports:\n  - port: eighty\n",
    );
    check_refused("apiVersion: v1\nkind: Pod\nmetadata: [a]\nspec: 1\n");
    check_refused("- a\n- b\n");
    check_refused("just text\n");
}

#[test]
fn empty_text_changes_nothing() {
    for text in ["", "\n\n", "---\n---\n", "# a comment\n", "\u{feff}"] {
        let mut lab = lab();
        let before = lab.objects().clone();
        let reply = lab.act(Action::Apply { text: text.to_owned() });
        assert_eq!((reply.applied, reply.diagnostics), (vec![], vec![]), "{text:?}");
        assert_eq!(*lab.objects(), before);
    }
}

#[test]
fn very_much_text() {
    check_refused(&"x".repeat(5 << 20));
    check_refused(&"key: [a, b]\n".repeat((5 << 20) / 12));
    check_refused(&format!("a: \"{}\"\n", "가".repeat(5 << 18)));
}

#[test]
fn very_deep_text() {
    check_refused(&"[".repeat(10_000));
    check_refused(&"{a: ".repeat(10_000));
    check_refused(&"- ".repeat(10_000));
    check_refused(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
}

#[test]
fn alias_bombs() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let all = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{all}]\n");
    }
    check_refused(&bomb);
    check_refused("a: &a [*a]\n");
}

#[test]
fn one_broken_document_does_not_stop_the_others() {
    let mut lab = lab();
    let namespace =
        |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    let text = format!("{}---\n{{ broken\n---\n{}", namespace("one"), namespace("two"));
    let reply = lab.act(Action::Apply { text: text.clone() });
    let applied: Vec<String> = reply.applied.iter().map(|it| it.key.name.clone()).collect();
    assert_eq!(applied, ["one", "two"]);
    let start = reply.diagnostics[0].span.start;
    let broken = text.find("{ broken").expect("it is there");
    let second = text.rfind("---").expect("it is there");
    assert!((broken..=second).contains(&start), "{:?}", reply.diagnostics);
}

#[test]
fn a_refused_value_is_marked_at_its_place() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec:\n  \
                type: NodePort\n  ports:\n  - port: 80\n    nodePort: 20080\n";
    let reply = check_refused(text);
    let error = &reply.diagnostics[0];
    assert_eq!(&text[error.span.clone()], "20080");
    assert!(
        error.problem.to_string().contains(
            "provided port is not in the valid range. The range of valid ports is 30000-32767"
        ),
        "{}",
        error.problem
    );
}
