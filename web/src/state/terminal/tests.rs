use super::*;
use crate::state::tests::settled;
use crate::state::{Msg, State};

fn enter(state: &mut State, line: &str) {
    state.update(Msg::Terminal(Typing::Enter(line.to_owned())));
}

/// What stands on the chosen screen, a line each.
fn text(state: &State) -> Vec<String> {
    let shown = |line: &Line| match line {
        Line::Typed { prompt, text } => format!("{prompt} {text}"),
        Line::Printed { pieces, .. } => pieces.iter().map(|it| it.text.as_str()).collect(),
        Line::Sent(ids) => format!("{} sent", ids.len()),
    };
    state.terminal.screen().unwrap().lines.iter().map(|it| shown(it)).collect()
}

fn frames(state: &mut State, count: usize) {
    for _ in 0..count {
        state.update(Msg::Frame(16.0));
    }
}

#[test]
fn shells_are_open_on_the_laptop_in_the_client_and_on_nodes() {
    let state = settled();
    let names = state.terminal.screens.iter().map(Screen::prompt);
    let names: Vec<_> = names.collect();
    assert_eq!(names, ["laptop $", "client #", "worker-1 #", "worker-2 #"]);
}

#[test]
fn a_line_prints_below_itself_and_names_lead_to_objects() {
    let mut state = settled();
    enter(&mut state, "kubectl get pod client -n shop -o name; echo client");
    assert_eq!(
        text(&state),
        ["laptop $ kubectl get pod client -n shop -o name; echo client", "pod/client", "client"]
    );
    let line = state.terminal.screen().unwrap().lines[1].clone();
    let Line::Printed { pieces, .. } = &*line else { panic!("a printed line") };
    let client = pieces.last().unwrap();
    assert_eq!(client.object.as_ref().unwrap().to_string(), "Pod shop/client");
}

#[test]
fn a_command_lets_time_pass_as_the_page_does() {
    let mut state = settled();
    let before = state.history.now();
    enter(&mut state, "sleep 1; echo slept");
    assert_eq!(text(&state).len(), 1);
    frames(&mut state, 60);
    assert_eq!(text(&state).len(), 1, "not yet");
    frames(&mut state, 10);
    assert_eq!(text(&state)[1], "slept");
    assert!(state.history.now() >= before + Duration::from_secs(1));
}

#[test]
fn while_time_is_stopped_a_command_takes_what_it_needs() {
    let mut state = settled();
    state.update(Msg::PlayPause);
    let before = state.history.now();
    enter(&mut state, "sleep 2; echo slept");
    assert_eq!(text(&state)[1], "slept");
    assert_eq!(state.history.now(), before + Duration::from_secs(2));
}

#[test]
fn a_command_is_interrupted() {
    let mut state = settled();
    enter(&mut state, "while true; do sleep 1; done");
    frames(&mut state, 100);
    assert!(state.terminal.screen().unwrap().runs());
    state.update(Msg::Terminal(Typing::Interrupt));
    assert!(!state.terminal.screen().unwrap().runs());
    enter(&mut state, "echo $?");
    assert_eq!(text(&state).last().unwrap(), "130");
}

#[test]
fn a_loop_without_end_leaves_the_page_its_frames() {
    let mut state = settled();
    enter(&mut state, "while true; do echo again; done");
    frames(&mut state, 3);
    assert!(text(&state).len() <= 2_000);
    state.update(Msg::Terminal(Typing::Interrupt));
    assert_eq!(text(&state).last().unwrap().trim(), "^C");
}

#[test]
fn an_unfinished_line_asks_for_its_rest() {
    let mut state = settled();
    enter(&mut state, "for i in 1 2; do");
    assert_eq!(state.terminal.screen().unwrap().prompt(), ">");
    enter(&mut state, "echo $i");
    enter(&mut state, "done");
    assert_eq!(text(&state)[3..], ["1", "2"]);
}

#[test]
fn what_a_command_changes_is_seen_at_once_and_can_be_looked_back_from() {
    let mut state = settled();
    enter(&mut state, "kubectl delete service web -n shop");
    let has_web = |state: &State| state.view.services.iter().any(|it| it.key.name == "web");
    assert!(!has_web(&state));
    state.update(Msg::Look(Instant::START + Duration::from_secs(4)));
    assert!(has_web(&state));
}

#[test]
fn another_moment_ends_what_runs() {
    let mut state = settled();
    enter(&mut state, "sleep 60");
    state.update(Msg::Look(Instant::START + Duration::from_secs(2)));
    assert!(!state.terminal.screen().unwrap().runs());
}

#[test]
fn one_shell_for_a_place() {
    let mut state = settled();
    let open = state.terminal.screens.len();
    state.update(Msg::Terminal(Typing::Attach("node/worker-1".to_owned())));
    assert_eq!((state.terminal.screens.len(), state.terminal.chosen), (open, 2));
    state.update(Msg::Terminal(Typing::Attach("node/control-plane".to_owned())));
    assert_eq!((state.terminal.screens.len(), state.terminal.chosen), (open + 1, open));
    state.update(Msg::Terminal(Typing::Close(open)));
    assert_eq!((state.terminal.screens.len(), state.terminal.chosen), (open, open - 1));
    state.update(Msg::Terminal(Typing::Close(99)));
}

const REFERENCE: &str = "@\tv1\tService\tapi.Service\n\
    =\tapi.Service\tobject\tA service.\n\
    kind\tstring\t\t\tIts kind.\n";

#[test]
fn what_the_api_says_of_its_kinds_is_fetched_when_somebody_asks() {
    let mut state = settled();
    assert!(!state.takes_reference());
    enter(&mut state, "kubectl explain svc.kind");
    assert!(state.takes_reference());
    assert!(!state.takes_reference(), "once is enough");
    frames(&mut state, 2);
    assert!(state.terminal.screen().unwrap().runs());
    state.update(Msg::Reference(Some(REFERENCE.to_owned())));
    assert!(text(&state).contains(&"FIELD: kind <string>".to_owned()));
    enter(&mut state, "kubectl explain svc");
    assert!(text(&state).contains(&"    A service.".to_owned()));
    assert!(!state.takes_reference(), "it is there");
}

#[test]
fn where_it_cannot_be_fetched_the_command_ends_and_the_next_one_asks_again() {
    let mut state = settled();
    enter(&mut state, "kubectl explain svc");
    assert!(state.takes_reference());
    state.update(Msg::Reference(None));
    assert!(text(&state).last().unwrap().starts_with("error: failed to fetch"));
    enter(&mut state, "kubectl explain svc");
    assert!(state.takes_reference());
}

fn tab(state: &mut State, line: &str) -> Completed {
    state.update(Msg::Terminal(Typing::Complete(line.to_owned(), line.len())));
    state.terminal.screen().unwrap().completed.clone().unwrap()
}

#[test]
fn tab_writes_what_is_common_and_a_second_one_lists() {
    let mut state = settled();
    let found = tab(&mut state, "kubectl get pod client -n sho");
    assert_eq!((found.line.as_str(), found.cursor), ("kubectl get pod client -n shop ", 31));
    assert_eq!(tab(&mut state, "kubectl get no").line, "kubectl get nodes ");
    assert_eq!(tab(&mut state, "kubectl get role").line, "kubectl get role");
    let lines = text(&state).len();
    let first = tab(&mut state, "kubectl get ser");
    assert_eq!(first.line, "kubectl get service");
    assert_eq!(tab(&mut state, &first.line).line, first.line);
    assert_eq!(text(&state).len(), lines, "one Tab lists nothing");
    tab(&mut state, &first.line);
    let listed = text(&state);
    assert_eq!(listed[lines..], ["laptop $ kubectl get service", "serviceaccounts  services"]);
    assert_eq!(state.said, "serviceaccounts  services");
}
