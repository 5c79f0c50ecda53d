//! Lines of the shell: what bash prints for them, and that none of them can stop the lab.

use proptest::collection::vec;
use proptest::prelude::*;
use svclab_core::lab::Lab;
use svclab_core::scenario::default_scenario;
use svclab_core::time::Duration;
use svclab_shell::{Job, Place, Progress, Session, Stream};

fn laptop() -> Session {
    Session::new(Place::Outside("laptop".to_owned()))
}

fn lab() -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    Lab::new(&scenario, 1)
}

/// What a line printed, both texts as they came, and how it ended; `None` where it wants to go on
/// after so many turns.
fn run(lab: Lab, session: Session, line: &str, turns: usize) -> (String, Option<u8>, Session) {
    let (mut lab, mut job, mut text) = (lab, Job::new(session, line), String::new());
    for _ in 0..turns {
        let (back, progress) = job.resume(lab);
        lab = back;
        for chunk in job.printed() {
            text.push_str(if chunk.stream == Stream::Err { "! " } else { "" });
            text.push_str(&chunk.text);
        }
        match progress {
            Progress::Ended(status) => return (text, Some(status), job.into_session()),
            Progress::Waits(Some(at)) => lab.run_until(at),
            Progress::Busy => {
                let later = lab.now() + Duration::from_millis(100);
                lab.run_until(later);
            }
            Progress::Waits(None) | Progress::Edits(_) | Progress::WantsReference => break,
        }
    }
    (text, None, job.into_session())
}

/// The expected texts are bash's own.
#[track_caller]
fn check(line: &str, expected: &str) {
    let (found, status, _) = run(lab(), laptop(), line, 1000);
    assert_eq!(found, expected, "{line}");
    assert!(status.is_some(), "{line}");
}

#[test]
fn words_are_split_and_quoted() {
    check("echo a   b", "a b\n");
    check("echo 'a   b' \"c  d\" e\\ f", "a   b c  d e f\n");
    check("a='x  y'; echo $a \"$a\"", "x y x  y\n");
    check("echo -n a; echo b", "ab\n");
    check("echo \"$((1+2*3)) ${HOME}\" '$HOME'", "7 /home/user $HOME\n");
    check("echo a#b # c", "a#b\n");
    check("echo \"a'b\" 'c\"d'", "a'b c\"d\n");
}

#[test]
fn braces_make_several_words() {
    check("echo {1..5} {a,b}c x{1..3..2}y", "1 2 3 4 5 ac bc x1y x3y\n");
    check("echo {08..11} {5..1}", "08 09 10 11 5 4 3 2 1\n");
    check("echo {a} {} '{1..3}' a{b", "{a} {} {1..3} a{b\n");
    check("for i in {1..3}; do echo -n \"$i \"; done", "1 2 3 ");
}

#[test]
fn variables_change_on_their_way() {
    check("a=web-1; echo ${a%-*} ${a#*-} ${#a} ${a/1/2}", "web 1 5 web-2\n");
    check("echo ${b:-x} ${b:=y} $b ${b:+z}", "x y y z\n");
    check("a=1; (a=2; echo $a); echo $a", "2\n1\n");
    check("a=1; { a=2; }; echo $a", "2\n");
    check("i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", "0\n1\n2\n");
}

#[test]
fn commands_follow_each_other() {
    check("true && echo a || echo b", "a\n");
    check("false && echo a || echo b", "b\n");
    check("false; echo $?; true; echo $?", "1\n0\n");
    check("! false && echo yes", "yes\n");
    check("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n");
    check("for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; echo $i; done", "1\n3\n");
    check("for i in 1 2 3; do echo $i; break; done", "1\n");
    check("f() { echo \"$1-$2\"; return 3; }; f a b; echo $?", "a-b\n3\n");
    check("until true; do echo a; done; echo b", "b\n");
}

#[test]
fn texts_go_where_they_are_sent() {
    check("echo a | cat", "a\n");
    check("echo a > f; echo b >> f; cat f", "a\nb\n");
    check("cat <<E\na $((1+1))\nE", "a 2\n");
    check("cat <<'E'\na $x\nE", "a $x\n");
    check("cat <<-E\n\ta\n\tE", "a\n");
    check("cat <<< 'a b'", "a b\n");
    check("echo $(echo a; echo b)", "a b\n");
    check("echo \"$(echo a; echo b)\"", "a\nb\n");
    check("echo `echo a`", "a\n");
    check("nosuch 2>/dev/null; echo $?", "127\n");
    check("echo a >&2 2>/dev/null", "! a\n");
    check("{ echo a; echo b >&2; } 2>&1 | cat", "a\nb\n");
    check("echo a > /dev/null", "");
    check("while read x y; do echo \"$y $x\"; done <<E\n1 2 3\n4 5\nE", "2 3 1\n5 4\n");
    // A pipeline in a stage of another one ends without it, though time passes in between.
    check("for i in 1 2 3; do { sleep 1; seq 5; } | head -1; done | sort", "1\n1\n1\n");
    check("seq 3 | while read x; do sleep 1; echo $x | cat; done", "1\n2\n3\n");
}

#[test]
fn scripts_are_shells_of_their_own() {
    check("sh -c 'echo $1 $2' name a b", "a b\n");
    check("sh -c 'exit 3'; echo $?", "3\n");
    check("a=1; sh -c 'a=2'; echo $a", "1\n");
    check("echo 'echo x' | sh", "x\n");
    check("echo 'echo $1' > s; bash s y", "y\n");
    check("echo 'sh s' > s; sh s 2>&1 | cat", "bash: maximum nesting level exceeded\n");
}

#[test]
fn what_is_not_there_says_so() {
    check("foo", "! bash: foo: command not found\n");
    check("cat nosuch", "! cat: nosuch: No such file or directory\n");
    check("echo a > /nosuch/b", "! bash: /nosuch/b: No such file or directory\n");
    check("cd /nosuch", "! bash: cd: /nosuch: No such file or directory\n");
    let pod = Place::parse("pod/default/web").expect("a place");
    let (text, ..) = run(lab(), Session::new(pod), "kubectl get svc", 1);
    let hint = "(the lab has kubectl on nodes and outside the cluster)";
    assert_eq!(text, format!("! bash: kubectl: command not found\n{hint}\n"));
}

#[test]
fn a_loop_without_end_lets_go_and_can_be_interrupted() {
    for line in [
        "while true; do :; done",
        "while true; do echo a; done | cat >/dev/null",
        "f() { f; }; while true; do f 2>/dev/null; done",
    ] {
        let (_, status, session) = run(lab(), laptop(), line, 3);
        assert_eq!((status, session.status), (None, svclab_shell::INTERRUPTED), "{line}");
    }
}

#[test]
fn variables_files_and_directory_last_from_line_to_line() {
    let (_, _, session) = run(lab(), laptop(), "a=1; echo x > f; cd /tmp", 5);
    let (text, ..) = run(lab(), session, "echo $a; pwd; cat ~/f", 5);
    assert_eq!(text, "1\n/tmp\nx\n");
}

const PIECES: [&str; 64] = [
    "echo",
    "a",
    " ",
    " ",
    " ",
    "$a",
    "${a",
    "}",
    "{1..9}",
    "$(",
    ")",
    "`",
    "'",
    "\"",
    "|",
    "||",
    "&&",
    ";",
    "\n",
    "&",
    "(",
    "((",
    "))",
    "$((",
    "case a in",
    "a)",
    ";;",
    "esac",
    "[[",
    "]]",
    "=~",
    "a=(",
    "${a[@]",
    "${a[1]:",
    "for ((",
    "<(",
    "set -eu;",
    "local b=a",
    "a[b]=",
    "let b=a**",
    "1+",
    "/0",
    "<",
    "<<E",
    "E",
    ">f",
    "2>&1",
    "if",
    "then",
    "fi",
    "for i in",
    "do",
    "done",
    "while true",
    "break",
    "f()",
    "{",
    "f",
    "!",
    "#",
    "\\",
    "*",
    "kubectl get po",
    "sh -c",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_line_stops_the_lab(pieces in vec(prop::sample::select(PIECES.to_vec()), 0..25)) {
        let _ = run(lab(), laptop(), &pieces.concat(), 4);
    }

    #[test]
    fn no_text_stops_the_lab(line in any::<String>()) {
        let _ = run(lab(), laptop(), &line, 4);
    }

    #[test]
    fn no_call_of_kubectl_stops_the_lab(words in vec(prop::sample::select(WORDS.to_vec()), 0..9)) {
        let _ = run(lab(), laptop(), &format!("kubectl {}", words.join(" ")), 4);
    }
}

const WORDS: [&str; 44] = [
    "get",
    "describe",
    "apply",
    "create",
    "delete",
    "scale",
    "set",
    "image",
    "rollout",
    "status",
    "undo",
    "label",
    "patch",
    "explain",
    "expose",
    "run",
    "wait",
    "exec",
    "logs",
    "svc",
    "po",
    "deploy",
    "all",
    "kubernetes",
    "svc/kubernetes",
    "-A",
    "-o",
    "yaml",
    "wide",
    "jsonpath='{.a[?(@.b==1)]}'",
    "-o=custom-columns=A:.b",
    "go-template='{{range .items}}{{.x}}{{end}}'",
    "-l",
    "a=b,c!=d",
    "--field-selector=a=b",
    "-f",
    "-",
    "--",
    "-w",
    "--for=condition=x",
    "--timeout=1s",
    "a=b",
    "a-",
    "--dry-run=server",
];
