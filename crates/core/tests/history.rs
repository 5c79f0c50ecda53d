//! Going back: any earlier moment is the one that was, and acting there begins a branch.

use proptest::prelude::*;
use svclab_core::history::{BranchId, History, Session, fingerprint};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Lab, Sending};
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

fn millis(n: u64) -> Instant {
    Instant::START + Duration::from_millis(n)
}

fn history() -> History {
    History::new(&default_scenario(), 3)
}

fn scale(replicas: usize) -> Action {
    let text = default_scenario().text();
    Action::Apply { text: text.replace("replicas: 3", &format!("replicas: {replicas}")) }
}

fn send() -> Action {
    let key = |kind, name| ObjectKey::new(kind, "shop", name);
    let (from, service) = (key(Kind::Pod, "client"), key(Kind::Service, "web"));
    Action::Send(Sending::http(from, service, 80, "/"))
}

fn switch(lab: &Lab, ready: bool) -> Action {
    let pod = lab.pod_views().into_iter().find(|it| it.has_probe && it.key.namespace == "shop");
    let pod = pod.map_or(ObjectKey::new(Kind::Pod, "shop", "none"), |it| it.key);
    Action::SwitchReadiness { pod, ready }
}

/// The lab that a fresh run of `steps` comes to by `at`.
fn fresh(steps: &[(Instant, Action)], at: Instant) -> Lab {
    let mut lab = Lab::new(&default_scenario(), 3);
    for (when, action) in steps.iter().filter(|it| it.0 <= at) {
        lab.run_until(*when);
        lab.act(action.clone());
    }
    lab.run_until(at);
    lab
}

#[test]
fn looking_back_shows_the_moment_as_it_was() {
    let mut history = history();
    history.run_until(millis(20_000));
    let before = history.lab().clone();
    history.act(scale(5));
    history.run_until(millis(60_000));
    let after = history.lab().clone();
    history.look(millis(19_999));
    assert!(history.is_past());
    history.look(millis(60_000));
    assert_eq!(*history.lab(), after);
    history.look(millis(20_000));
    assert_ne!(*history.lab(), before, "the moment holds what was done in it");
    assert!(!history.lab().log().is_empty() && history.branches().count() == 1);
}

#[test]
fn acting_in_the_past_begins_a_branch_and_the_other_stays() {
    let mut history = history();
    history.run_until(millis(20_000));
    history.act(scale(5));
    history.run_until(millis(40_000));
    let five = history.lab().clone();
    history.look(millis(15_000));
    history.act(scale(1));
    history.run_until(millis(60_000));
    assert_eq!(history.current(), BranchId(1));
    let fork = history.branch().parent.expect("it left the first branch");
    assert_eq!((fork.branch, fork.at), (BranchId(0), millis(15_000)));
    assert_eq!(*history.lab(), fresh(&[(millis(15_000), scale(1))], millis(60_000)));
    history.look(millis(10_000));
    assert_eq!(*history.lab(), fresh(&[], millis(10_000)));
    history.switch(BranchId(0));
    assert_eq!(*history.lab(), five);
    assert_eq!(history.branches().map(|(_, it)| it.steps.len()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn the_past_plays_again_as_it_went() {
    let mut history = history();
    history.run_until(millis(12_000));
    history.act(send());
    history.run_until(millis(13_000));
    history.look(millis(11_000));
    assert_eq!(history.lab().exchanges().len(), 0);
    assert!(history.next_event().is_some_and(|at| at <= millis(12_000)));
    history.run_until(millis(13_000));
    assert_eq!(history.lab().exchanges().len(), 1);
    assert!(!history.is_past());
    history.act(send());
    assert_eq!(history.branches().count(), 1);
}

#[test]
fn a_session_is_read_back_with_an_equal_result() {
    let mut history = history();
    history.run_until(millis(12_345));
    history.act(scale(4));
    history.act(send());
    history.run_until(millis(50_000));
    let action = switch(history.lab(), false);
    history.act(action);
    history.run_until(millis(90_000));
    let text = history.session().to_text();
    let session = Session::parse(&text).expect("our own text");
    assert_eq!(session, history.session());
    let (again, same) = session.replay();
    assert!(same);
    assert_eq!(*again.lab(), *history.lab());
    assert_eq!(fingerprint(again.lab()), session.fingerprint);
    let other = Session { seed: session.seed + 1, ..session };
    assert!(!other.replay().1, "another seed gives another lab");
}

#[test]
fn a_broken_session_says_where() {
    let text = history().session().to_text();
    let wrong = text.replace("\"seed\":3", "\"seed\":true");
    let error = Session::parse(&wrong).expect_err("a seed is a number");
    assert!(error.contains("line 1 column"), "{error}");
    let newer = text.replace("{\"version\":1", "{\"version\":2");
    assert!(Session::parse(&newer).expect_err("it is newer").contains("newer lab"));
}

#[derive(Debug, Clone)]
enum Move {
    Wait(u64),
    Scale(usize),
    Send,
    Switch(bool),
    Look(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (1..20_000_u64).prop_map(Move::Wait),
        1 => (0..6_usize).prop_map(Move::Scale),
        1 => Just(Move::Send),
        1 => any::<bool>().prop_map(Move::Switch),
        2 => (0..120_000_u64).prop_map(Move::Look),
    ];
    prop::collection::vec(one, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever was looked at and done in between: the branch's steps alone give its moments.
    #[test]
    fn history_at_a_moment_equals_a_fresh_run_to_it(moves in moves(), look in 0..150_000_u64) {
        let mut history = history();
        for it in moves {
            match it {
                Move::Wait(ms) => history.run_until(history.now() + Duration::from_millis(ms)),
                Move::Scale(replicas) => { history.act(scale(replicas)); }
                Move::Send => { history.act(send()); }
                Move::Switch(ready) => {
                    let action = switch(history.lab(), ready);
                    history.act(action);
                }
                Move::Look(at) => history.look(millis(at)),
            }
        }
        history.look(millis(look));
        let steps: Vec<(Instant, Action)> =
            history.branch().steps.iter().map(|it| (it.at, it.action.clone())).collect();
        prop_assert_eq!(history.lab(), &fresh(&steps, history.now()));
    }
}
