//! Scenarios begun, sessions kept, lessons tried.

use serde_json::Value;
use svclab_core::history::BranchId;
use svclab_core::lab::Action;
use svclab_core::scenario::{Scenario, default_scenario};
use svclab_core::time::Instant;

use super::super::tests::settled;
use super::super::{Memory, Msg, Notice, Outcome, State, Typing};
use super::LONGEST;
use crate::words::Lang;

fn visited() -> Memory {
    Memory { visited: true, ..Memory::default() }
}

fn scenario(text: &str) -> Box<Scenario> {
    Box::new(Scenario::parse(text).expect("a scenario"))
}

const OTHER: &str = r#"
name: other
title: { en: Other, ko: 다른 것 }
about: { en: Nothing much., ko: 별것 없음. }
settle: 20
opens: { pane: rules }
manifests:
  - name: a.yaml
    text: |
      apiVersion: v1
      kind: Service
      metadata: { name: lone, namespace: default }
      spec:
        selector: { app: lone }
        ports: [{ port: 80 }]
tries:
  - title: { en: Look, ko: 보기 }
    do: [{ run: { in: outside/laptop, line: kubectl get svc lone -o name } }]
    prints: [service/lone]
    then: { en: There it is., ko: 있습니다. }
  - title: { en: Rename, ko: 이름 바꾸기 }
    do:
      - edit: { replace: "name: lone", with: "name: alone" }
      - run: { in: outside/laptop, line: kubectl get svc -o name }
    prints: [service/alone, service/lone]
    then: { en: Both are there., ko: 둘 다 있습니다. }
  - title: { en: Look for what is not there, ko: 없는 것 찾기 }
    do: [{ run: { in: outside/laptop, line: kubectl get svc nobody } }]
    prints: [ClusterIP]
    then: { en: Never., ko: 안 됨. }
"#;

fn try_out(state: &mut State, which: usize) -> Outcome {
    state.update(Msg::Try(which));
    for _ in 0..200 {
        if state.lesson.outcomes[which] != Outcome::Runs {
            break;
        }
        state.update(Msg::Frame(50.0));
    }
    state.lesson.outcomes[which]
}

#[test]
fn what_is_tried_is_typed_edited_and_judged() {
    let mut state = State::new(*scenario(OTHER), visited(), Lang::En);
    assert_eq!(try_out(&mut state, 0), Outcome::Met);
    assert_eq!(try_out(&mut state, 1), Outcome::Met);
    assert!(state.files.text().contains("name: alone"));
    assert_eq!(try_out(&mut state, 2), Outcome::Missed);
    assert_eq!(state.lesson.met(), [0, 1]);
}

#[test]
fn a_link_to_a_scenario_is_told_only_where_it_takes_something_away() {
    let mut state = settled();
    state.update(Msg::Linked(scenario(OTHER)));
    assert_eq!((&*state.scenario.name, state.notice.clone()), ("other", None));
    let mut state = settled();
    state.update(Msg::Edited("# mine\n".to_owned()));
    state.update(Msg::Linked(scenario(OTHER)));
    assert_eq!(state.notice, Some(Notice::Opened));
}

#[test]
fn a_scenario_takes_the_place_of_another_until_that_is_undone() {
    let mut state = settled();
    state.update(Msg::Edited("# mine\n".to_owned()));
    let before = state.history.now();
    state.update(Msg::Begin(scenario(OTHER)));
    assert_eq!((&*state.scenario.name, state.notice.clone()), ("other", Some(Notice::Opened)));
    assert!(state.view.services.iter().any(|it| it.key.name == "lone"));
    assert_eq!(state.pane(), super::super::Pane::Rules);
    state.update(Msg::Undo);
    assert_eq!((&*state.scenario.name, &*state.files.text()), ("first-packet", "# mine\n"));
    assert_eq!(state.history.now(), before);
    assert_eq!(state.notice, None);
}

#[test]
fn starting_over_can_be_undone() {
    let mut state = settled();
    state.update(Msg::Send);
    type_line(&mut state, "echo here");
    let before = all_of(&state);
    state.update(Msg::StartOver);
    assert!(state.lab().exchanges().is_empty() && !state.terminal.is_used());
    state.update(Msg::Undo);
    assert_eq!((state.lab().exchanges().len(), all_of(&state)), (1, before));
}

#[test]
fn the_next_visit_finds_everything_as_it_was_left() {
    let mut state = State::new(*scenario(OTHER), visited(), Lang::Ko);
    try_out(&mut state, 0);
    try_out(&mut state, 1);
    state.update(Msg::Edited("# half a thought".to_owned()));
    let again = State::new(default_scenario(), state.memory(), Lang::En);
    assert_eq!(&*again.scenario.name, "other");
    assert_eq!(again.files.all(), state.files.all());
    assert_eq!((again.history.now(), again.lang), (state.history.now(), Lang::Ko));
    assert_eq!(again.lesson.met(), [0, 1]);
    assert_eq!(again.session(), state.session());
}

#[test]
fn a_session_is_opened_from_its_text_and_what_is_none_is_told() {
    let mut other = State::new(*scenario(OTHER), visited(), Lang::En);
    try_out(&mut other, 1);
    let mut state = settled();
    state.update(Msg::Restore(other.kept()));
    assert_eq!(state.notice, Some(Notice::Opened));
    assert_eq!(state.files.to_json(), other.files.to_json());
    assert_eq!(&*state.scenario.name, "other");
    state.update(Msg::Restore("{\"a\":".to_owned()));
    assert!(matches!(&state.notice, Some(Notice::Unreadable(why)) if why.contains("line 1")));
    assert_eq!(&*state.scenario.name, "other", "what is there stays");
}

#[test]
fn a_first_visitor_sees_a_packet_leave_unless_he_does_something_first() {
    let frames = |state: &mut State| {
        for _ in 0..200 {
            state.update(Msg::Frame(16.0));
        }
    };
    let mut idle = State::new(default_scenario(), Memory::default(), Lang::En);
    frames(&mut idle);
    assert_eq!(idle.lab().exchanges().len(), 1);
    let mut busy = State::new(default_scenario(), Memory::default(), Lang::En);
    busy.update(Msg::NextTheme);
    frames(&mut busy);
    assert!(busy.lab().exchanges().is_empty());
}

#[test]
fn what_is_kept_again_and_again_takes_no_fingerprint() {
    let mut state = settled();
    state.update(Msg::Send);
    let kept = state.memory().session.unwrap_or_default();
    assert!(kept.contains(r#""fingerprint":"""#), "{kept}");
    let (_, history, same) =
        super::read_session(&kept, &Value::Null).expect("it reads what it wrote");
    assert!(same);
    assert_eq!(history.session().to_text(), state.session());
}

/// What the terminals' screens and their places say, and every branch with its steps.
fn all_of(state: &State) -> (Vec<String>, Vec<String>) {
    let screens = state.terminal.screens.iter();
    let screens = screens.map(|it| format!("{} {:?} {:?}", it.label(), it.typed, it.lines));
    let branches = state.history.branches();
    let branches = branches.map(|(_, it)| format!("{:?} {:?} {:?}", it.parent, it.head, it.steps));
    (screens.collect(), branches.collect())
}

fn type_line(state: &mut State, line: &str) {
    state.update(Msg::Terminal(Typing::Enter(line.to_owned())));
    for _ in 0..20 {
        state.update(Msg::Frame(50.0));
    }
}

fn switch(on: bool, node: &str) -> Msg {
    Msg::Act(Action::SwitchProxy { node: node.into(), running: on })
}

/// A third branch left the second, the second the first; the second is shown, and both others were
/// gone on with.
fn branched() -> State {
    let mut state = State::new(*scenario(OTHER), visited(), Lang::En);
    let start = state.history.now();
    type_line(&mut state, "kubectl get svc lone; nonsense");
    state.update(switch(false, "worker-1"));
    type_line(&mut state, "sleep 5");
    state.update(Msg::Look(start));
    state.update(switch(false, "worker-2"));
    type_line(&mut state, "curl -s 10.96.0.1 -m 1");
    let fork = state.history.now();
    state.update(switch(true, "worker-2"));
    type_line(&mut state, "kubectl label svc lone a=b");
    state.update(Msg::Look(fork));
    state.update(switch(false, "control-plane"));
    type_line(&mut state, "sleep 1");
    state.update(Msg::Branch(BranchId(0)));
    state.update(switch(true, "worker-1"));
    state.update(Msg::Branch(BranchId(1)));
    state
}

#[test]
fn the_next_visit_finds_every_branch_and_what_the_terminals_printed() {
    let state = branched();
    assert_eq!(state.history.branches().count(), 3);
    let mut again = State::new(default_scenario(), state.memory(), Lang::En);
    assert_eq!(all_of(&again), all_of(&state));
    assert_eq!(again.history.current(), BranchId(1));
    assert_eq!(again.session(), state.session());
    let (mut state, printed) = (state, again.terminal.screens[0].lines.len());
    assert!(printed > 5, "{printed} lines");
    for branch in [2, 0] {
        for it in [&mut state, &mut again] {
            it.update(Msg::Branch(BranchId(branch)));
        }
        assert_eq!(again.session(), state.session(), "branch {branch}");
    }
}

#[test]
fn a_file_holds_every_branch_and_a_link_the_one_that_is_shown() {
    let state = branched();
    let mut other = settled();
    other.update(Msg::Restore(state.kept()));
    assert_eq!((other.notice.clone(), all_of(&other)), (Some(Notice::Opened), all_of(&state)));
    let mut other = settled();
    other.update(Msg::Restore(state.linked()));
    assert_eq!(other.history.branches().count(), 1);
    assert_eq!(other.session(), state.session());
}

#[test]
fn what_an_earlier_release_kept_is_read() {
    let state = branched();
    let memory = Memory { rest: None, ..state.memory() };
    let again = State::new(default_scenario(), memory, Lang::En);
    assert_eq!((again.session(), again.notice.clone()), (state.session(), None));
}

#[test]
fn branches_that_make_no_sense_leave_the_session() {
    let state = branched();
    let kept = state.rest().expect("branches");
    let worse = [
        ("\"parent\":0", "\"parent\":7"),
        ("\"current\":1", "\"current\":9"),
        ("\"current\":1", "\"current\":0"),
        ("\"same\":", "\"same\":9"),
        ("\"until\":", "\"until\":99999999"),
        ("\"until\":", "\"until\":-"),
    ];
    for (from, to) in worse {
        let rest = kept.replacen(from, to, 1);
        assert_ne!(rest, kept);
        let again =
            State::new(default_scenario(), Memory { rest: Some(rest), ..state.memory() }, Lang::En);
        assert_eq!(again.session(), state.session(), "{from} as {to}");
    }
}

#[test]
fn a_screen_keeps_its_latest_lines() {
    let mut state = settled();
    type_line(&mut state, "seq 900");
    let again = State::new(default_scenario(), state.memory(), Lang::En);
    let text = |state: &State| format!("{:?}", state.terminal.screens[0].lines.last());
    assert_eq!(again.terminal.screens[0].lines.len(), 500);
    assert_eq!(text(&again), text(&state));
}

#[test]
fn what_a_stopped_lab_leaves_is_opened_again() {
    let mut state = State::new(*scenario(OTHER), visited(), Lang::En);
    try_out(&mut state, 1);
    let left = state.memory().session.unwrap_or_default();
    let mut other = settled();
    other.update(Msg::Restore(left));
    assert_eq!((other.notice.clone(), other.session()), (Some(Notice::Opened), state.session()));
}

#[test]
fn hours_in_which_nobody_did_anything_are_let_go() {
    let mut state = settled();
    state.update(Msg::Send);
    let done = state.history.branch().steps.clone();
    let mut session = state.history.draft();
    session.until = Instant::START + LONGEST + LONGEST;
    let memory = Memory { session: Some(session.to_text()), ..visited() };
    let again = State::new(default_scenario(), memory.clone(), Lang::En);
    assert_eq!((&again.history.branch().steps, again.notice.clone()), (&done, None));
    session.steps[0].at = session.until;
    let memory = Memory { session: Some(session.to_text()), ..memory };
    let again = State::new(default_scenario(), memory, Lang::En);
    assert!(matches!(again.notice, Some(Notice::Lost(_))), "{:?}", again.notice);
}

#[test]
fn that_something_is_not_kept_is_said_once() {
    let mut state = settled();
    state.update(Msg::Kept(false));
    assert_eq!((state.notice.clone(), state.unkept), (Some(Notice::NotKept), true));
    state.update(Msg::Kept(true));
    assert_eq!((state.notice.clone(), state.unkept), (None, false));
}
