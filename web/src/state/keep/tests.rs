//! Scenarios begun, sessions kept, lessons tried.

use svclab_core::scenario::{Scenario, default_scenario};

use super::super::tests::settled;
use super::super::{Memory, Msg, Notice, Outcome, State};
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
    state.update(Msg::StartOver);
    assert!(state.lab().exchanges().is_empty());
    state.update(Msg::Undo);
    assert_eq!(state.lab().exchanges().len(), 1);
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
    let (_, history, same) = super::read_session(&kept).expect("it reads what it wrote");
    assert!(same);
    assert_eq!(history.session().to_text(), state.session());
}
