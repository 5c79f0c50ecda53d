//! What Tab offers, at the end of a line and inside of one.

mod common;

use proptest::prelude::*;
use svclab_shell::{Completion, Place, Session, complete};

const MANIFESTS: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n---\n\
    apiVersion: v1\nkind: Service\nmetadata: {name: web-np}\nspec: {ports: [{port: 80}]}\n---\n\
    apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n\
    apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {ports: [{port: 1}]}\n---\n\
    apiVersion: v1\nkind: Pod\nmetadata: {name: box}\n\
    spec: {containers: [{name: main, image: busybox}, {name: side, image: busybox}]}\n";

fn session(place: &str) -> Session {
    let mut session = Session::new(Place::parse(place).expect("a place"));
    session.files.put(session.resolve("svc.yaml"), "");
    session.files.put(session.resolve("dir/one"), "");
    session
}

/// `^` in the line is the cursor.
#[track_caller]
fn check(place: &str, line: &str, start: usize, candidates: &[&str]) {
    let (before, after) = line.split_once('^').unwrap_or((line, ""));
    let lab = common::lab(MANIFESTS);
    let found = complete(&format!("{before}{after}"), before.len(), &lab, &session(place));
    assert_eq!((found.start, found.candidates), (start, words(candidates)), "{line}");
}

fn words(of: &[&str]) -> Vec<String> {
    of.iter().map(|it| (*it).to_owned()).collect()
}

const LAPTOP: &str = "outside/laptop";

#[test]
fn commands_come_first_and_behind_operators() {
    check(LAPTOP, "kubec", 0, &["kubectl"]);
    check(LAPTOP, "echo a | kubec", 9, &["kubectl"]);
    check(LAPTOP, "echo $(kubec", 7, &["kubectl"]);
    check(LAPTOP, "for i in 1 2; do kubec", 17, &["kubectl"]);
    check(LAPTOP, "A=b nsl", 4, &["nslookup"]);
    check("pod/default/box", "kubec", 0, &[]);
    check("node/worker-1", "iptables-s", 0, &["iptables-save"]);
}

#[test]
fn kubectl_commands_have_their_inner_ones() {
    check(LAPTOP, "kubectl roll", 8, &["rollout"]);
    check(LAPTOP, "k rollout u", 10, &["undo"]);
    check(LAPTOP, "kubectl -n shop create servi", 23, &["service", "serviceaccount"]);
    check(LAPTOP, "kubectl set ima^", 12, &["image"]);
}

#[test]
fn what_is_offered_can_be_run() {
    let mut lab = common::lab("");
    let offered = complete("kubectl rollout ", 16, &lab, &session(LAPTOP)).candidates;
    assert!(offered.len() > 4, "{offered:?}");
    for name in offered {
        let (back, printed) = common::run(lab, LAPTOP, &format!("kubectl rollout {name} --help"));
        lab = back;
        assert_eq!((printed.status, printed.err.as_str()), (0, ""), "{name}");
        assert!(printed.out.contains("Usage:"), "{name}");
    }
}

#[test]
fn types_and_names_follow() {
    check(LAPTOP, "kubectl get serv", 12, &["serviceaccounts", "services"]);
    check(LAPTOP, "kubectl get deploy", 12, &["deployments.apps"]);
    check(LAPTOP, "kubectl get pods,serv", 17, &["serviceaccounts", "services"]);
    check(LAPTOP, "kubectl get svc w", 16, &["web", "web-np"]);
    check(LAPTOP, "kubectl get svc web ", 20, &["kubernetes", "web-np"]);
    check(LAPTOP, "kubectl get svc/w", 12, &["svc/web", "svc/web-np"]);
    check(LAPTOP, "kubectl -n shop get svc ", 24, &["db"]);
    check(LAPTOP, "kubectl get svc --namespace=shop ", 33, &["db"]);
    check(LAPTOP, "kubectl describe no", 17, &["nodes"]);
    check(LAPTOP, "kubectl cordon w", 15, &["worker-1", "worker-2"]);
    check(LAPTOP, "kubectl get svc we^ -o wide", 16, &["web", "web-np"]);
}

#[test]
fn pods_have_containers() {
    check(LAPTOP, "kubectl logs b", 13, &["box"]);
    check(LAPTOP, "kubectl logs box ", 17, &["main", "side"]);
    check(LAPTOP, "kubectl exec -it box -c s", 24, &["side"]);
    check(LAPTOP, "kubectl exec pod/b", 13, &["pod/box"]);
}

#[test]
fn flags_and_their_values() {
    check(LAPTOP, "kubectl get --show-l", 12, &["--show-labels"]);
    check(LAPTOP, "kubectl get --all-n", 12, &["--all-namespaces"]);
    check(LAPTOP, "kubectl get pods -n s", 20, &["shop"]);
    check(LAPTOP, "kubectl get pods -o ya", 20, &["yaml"]);
    check(LAPTOP, "kubectl get pods --output=ya", 26, &["yaml"]);
    check(LAPTOP, "kubectl apply -f sv", 17, &["svc.yaml"]);
    check(LAPTOP, "kubectl patch svc web --type=m", 29, &["merge"]);
    check(LAPTOP, "kubectl expose pod box --type=N", 30, &["NodePort"]);
}

#[test]
fn files_variables_and_names_of_services() {
    check(LAPTOP, "cat s", 4, &["svc.yaml"]);
    check(LAPTOP, "cat dir/", 4, &["dir/one"]);
    check(LAPTOP, "cat d", 4, &["dir/"]);
    check(LAPTOP, "kubectl get pods > sv", 19, &["svc.yaml"]);
    check(LAPTOP, "echo $HOM", 6, &["HOME"]);
    check("pod/default/box", "curl we", 5, &["web", "web-np"]);
    check("pod/default/box", "curl http://db", 12, &["db.shop"]);
    check(LAPTOP, "curl we", 5, &[]);
}

#[test]
fn the_common_part_is_what_one_tab_writes() {
    let common = |all: &[&str]| Completion { start: 0, candidates: words(all) }.common();
    assert_eq!(common(&["web", "web-np"]), "web");
    assert_eq!(common(&["web"]), "web ");
    assert_eq!(common(&["dir/"]), "dir/");
    assert_eq!(common(&["--output="]), "--output=");
    assert_eq!(common(&[]), "");
    assert_eq!(common(&["é", "è"]), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any line, with the cursor anywhere: what is offered begins with what stands there.
    #[test]
    fn any_line_has_some_answer(
        line in "(kubectl |k |get |svc |-n |--|-o|svc/|\\$|'|\"|\\\\|<|>|;|\\||\\(|é|a|,|=| ){0,12}",
        cursor in 0_usize..40,
    ) {
        let lab = common::lab("");
        let found = complete(&line, cursor, &lab, &session(LAPTOP));
        let end = if line.is_char_boundary(cursor.min(line.len())) { cursor.min(line.len()) } else { line.len() };
        prop_assert!(found.start <= end);
        let common = found.common();
        prop_assert!(found.candidates.iter().all(|it| it.starts_with(common.trim_end())));
    }
}
