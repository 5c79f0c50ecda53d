use super::report::Faults;
use super::*;
use crate::view::ServiceView;
use crate::words::Word;
use svclab_core::kubelet::ProbeKind;

#[test]
fn a_fault_has_its_line_and_its_place_in_utf_16() {
    let text = "a: 1\n# 파드 𝄞\nb: x\n";
    let start = text.find("b:").unwrap();
    let mut faults = Faults::new(text);
    let first = faults.at(start..start + 1);
    assert_eq!((first.line, first.column), (3, 1));
    let units = text[..start].encode_utf16().count() as u32;
    assert_eq!(first.selection, units..units + 1);
    let earlier = faults.at(3..4);
    assert_eq!((earlier.line, earlier.column), (1, 4));
}

#[test]
fn a_fault_outside_the_text_points_at_its_end() {
    let fault = Faults::new("파드").at(100..200);
    assert_eq!((fault.line, fault.column, fault.selection), (1, 3, 2..2));
}

#[test]
fn widths_have_their_shapes() {
    assert_eq!(Shape::of_width(390.0), Shape::One);
    assert_eq!(Shape::of_width(1024.0), Shape::Two);
    assert_eq!(Shape::of_width(1440.0), Shape::Three);
}

/// The lab of the first visit, some seconds old: three pods are ready.
pub(crate) fn settled() -> State {
    let scenario = svclab_core::scenario::default_scenario();
    let mut state = State::new(scenario, Memory { visited: true, ..Memory::default() }, Lang::En);
    for _ in 0..300 {
        state.update(Msg::Frame(16.0));
    }
    state
}

fn web(state: &State) -> ServiceView {
    let found = state.view.services.iter().find(|it| it.key.name == "web");
    found.expect("the first scenario has a Service web").clone()
}

#[test]
fn a_visit_begins_with_a_client_and_a_service_to_ask() {
    let state = settled();
    assert_eq!(state.from.as_deref(), Some("shop/client"));
    assert_eq!(state.to.as_deref(), Some("shop/web:80"));
    assert_eq!((web(&state).ready(), web(&state).endpoints.len()), (3, 3));
}

#[test]
fn the_labs_time_waits_while_a_packet_travels() {
    let mut state = settled();
    state.update(Msg::Send);
    let sent = state.history.now();
    state.update(Msg::Frame(90.0));
    assert_eq!(state.history.now(), sent);
    state.update(Msg::Leave);
    state.update(Msg::Frame(90.0));
    assert!(state.history.now() > sent);
}

#[test]
fn steps_lead_through_all_packets_and_back() {
    let mut state = settled();
    state.update(Msg::Send);
    let total: usize = {
        let exchange = &state.playback.as_ref().expect("a request is watched").exchange;
        exchange.packets.iter().map(|trace| trace.steps.len()).sum()
    };
    state.update(Msg::PickStep(0));
    let place = |state: &State| state.playback.as_ref().map(|it| (it.packet, it.moment().step));
    let mut seen = std::collections::BTreeSet::from([place(&state)]);
    for _ in 1..total {
        state.update(Msg::StepBy(1));
        seen.insert(place(&state));
    }
    assert_eq!(seen.len(), total);
    for _ in 1..total {
        state.update(Msg::StepBy(-1));
    }
    assert_eq!(place(&state), Some((0, 0)));
}

#[test]
fn a_selected_step_stops_the_time_until_something_is_done() {
    let mut state = settled();
    state.update(Msg::Send);
    state.update(Msg::PickStep(3));
    assert!(!state.playing);
    let pod = state
        .view
        .pods
        .iter()
        .find(|pod| pod.strips.iter().any(|it| it.kind == ProbeKind::Readiness))
        .map(|pod| pod.key.clone());
    state.update(Msg::Act(Action::SwitchReadiness {
        pod: pod.expect("web has a probe"),
        ready: false,
    }));
    assert!(state.playing);
}

#[test]
fn the_pause_button_holds_against_everything() {
    let mut state = settled();
    state.update(Msg::PlayPause);
    let now = state.history.now();
    state.update(Msg::Apply);
    state.update(Msg::Frame(90.0));
    assert_eq!((state.playing, state.history.now()), (false, now));
}

#[test]
fn new_services_do_not_take_the_place_of_the_one_in_use() {
    let mut state = settled();
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n\
                spec:\n  ports: [{port: 80}]\n";
    state.update(Msg::Edited(text.to_owned()));
    state.update(Msg::Apply);
    assert_eq!(state.report.faults, []);
    assert_eq!(state.to.as_deref(), Some("shop/web:80"));
}

#[test]
fn the_laptop_asks_a_node_port_and_an_address_of_the_load_balancer() {
    let mut state = settled();
    let text = state.files.chosen().text.replace(
        "selector:\n    app: web\n  ports:",
        "type: LoadBalancer\n  selector:\n    app: web\n  ports:",
    );
    assert_ne!(text, *state.files.chosen().text, "the Service's type is set");
    state.update(Msg::Edited(text));
    state.update(Msg::Apply);
    state.update(Msg::Act(Action::SwitchLoadBalancer { on: true }));
    for _ in 0..300 {
        state.update(Msg::Frame(16.0));
    }
    state.update(Msg::From("laptop".to_owned()));
    for group in [Word::NodePort, Word::OuterAddress] {
        let found = state.targets().into_iter().find(|it| it.group == group);
        let target = found.unwrap_or_else(|| panic!("no {group:?}")).id;
        state.update(Msg::To(target.to_string()));
        assert_eq!(state.chosen_service().as_deref(), Some("shop/web"));
        state.update(Msg::Send);
        let playback = state.playback.as_ref().expect("a request is watched");
        let line = crate::words::answer(Lang::En, &playback.exchange.result);
        assert!(line.starts_with("200"), "{target}: {line}");
    }
    assert!(state.view.nodes.iter().any(|it| !it.announces.is_empty()));
}

#[test]
fn the_open_gate_shows_the_dice() {
    let mut state = settled();
    state.update(Msg::Send);
    let playback = state.playback.as_ref().expect("a request is watched");
    let trace = playback.trace();
    let open = trace.steps.iter().filter_map(|step| crate::gate::opening(trace, step));
    let dnat = open.into_iter().find(|it| !it.choices.is_empty()).expect("a DNAT was drawn");
    assert_eq!(dnat.choices.len(), 3);
    assert_eq!(dnat.chains[1], "KUBE-SERVICES");
    let taken: Vec<_> =
        dnat.choices.iter().filter(|it| it.fate == crate::gate::Fate::Taken).collect();
    let arrived = trace.steps.last().map(|step| step.packet.destination().to_string());
    assert_eq!(taken.len(), 1);
    assert_eq!(Some(&taken[0].address), arrived.as_ref());
}

#[test]
fn looking_back_at_a_request_shows_its_packet_where_it_was() {
    let mut state = settled();
    state.update(Msg::Send);
    let exchange = state.playback.as_ref().expect("a request is watched").exchange.clone();
    state.update(Msg::Leave);
    for _ in 0..100 {
        state.update(Msg::Frame(16.0));
    }
    state.update(Msg::Look(exchange.at));
    let playback = state.playback.as_ref().expect("it is watched again");
    assert!(playback.live && playback.exchange.id == exchange.id);
    let trace = exchange.packets.last().expect("the connection was closed");
    let step = trace.steps.len() / 2;
    state.update(Msg::Look(trace.steps[step].at));
    let playback = state.playback.as_ref().expect("it is watched still");
    assert_eq!(playback.packet, exchange.packets.len() - 1);
    assert_eq!(state.time(), trace.steps[step].at);
    state.update(Msg::Now);
    assert!(state.playback.as_ref().is_none_or(|it| !it.live));
}

#[test]
fn several_files_are_applied_as_one_and_their_faults_are_told_by_file() {
    let mut state = settled();
    let first = state.files.chosen().id;
    state.update(Msg::File(Filing::Add));
    let second = state.files.chosen().id;
    state.update(Msg::Edited("# 파드\nkind: Nonsense\n".to_owned()));
    state.update(Msg::Apply);
    let [fault] = &state.report.faults[..] else { panic!("{:?}", state.report) };
    assert_eq!((fault.file, fault.place.line), (second, 2));
    state.update(Msg::File(Filing::Choose(first)));
    state.update(Msg::Edited("a: [\n".to_owned()));
    state.update(Msg::Apply);
    assert_eq!(state.report.faults[0].file, first);
    assert_eq!(state.report.applied, []);
}

#[test]
fn a_name_is_asked_for_before_the_request_and_all_of_it_is_one_way() {
    let mut state = settled();
    state.update(Msg::To("shop/web:80 (DNS)".to_owned()));
    state.update(Msg::Send);
    let playback = state.playback.as_ref().expect("the first question is watched");
    let asked: Vec<_> = playback.way.iter().map(|it| it.request.to_string()).collect();
    assert_eq!(
        asked,
        [
            "dig @10.96.0.10 web.shop.svc.cluster.local. A",
            "dig @10.96.0.10 web.shop.svc.cluster.local. AAAA",
            "GET http://web/",
        ]
    );
    assert_eq!((playback.exchange.id, playback.packet), (playback.way[0].id, 0));
    let packets: usize = playback.way.iter().map(|it| it.packets.len()).sum();
    let last = playback.way[2].id;
    for _ in 1..packets {
        state.update(Msg::LastStep);
        state.update(Msg::StepBy(1));
    }
    let playback = state.playback.as_ref().expect("the last packet is watched");
    assert_eq!(
        (playback.exchange.id, playback.packet + 1),
        (last, playback.exchange.packets.len())
    );
    state.update(Msg::PickPacket(0));
    state.update(Msg::StepBy(-1));
    let playback = state.playback.as_ref().expect("the packet before is watched");
    assert_eq!((playback.exchange.id, playback.packet), (playback.way[1].id, 1));
}

#[test]
fn tcpdump_shows_the_packet_before_and_after_dnat() {
    let mut state = settled();
    state.update(Msg::Send);
    assert!(state.sniffed().is_empty(), "nobody looks at it");
    state.update(Msg::Sniff(true));
    let lines = state.sniffed();
    let syn = |tap: &str| {
        let line = lines.iter().find(|it| *it.tap == *tap).expect("the packet passes there");
        (line.line.clone(), line.place)
    };
    let cluster_ip = web(&state).cluster_ip.expect("web has a cluster IP").to_string();
    assert!(syn("shop/client eth0").0.contains(&format!("> {cluster_ip}.80: Flags [S]")));
    let (line, place) = syn("worker-1 cni0");
    assert!(line.contains("10.244.1.3.") && line.contains(".8080: Flags [S]"), "{line}");
    state.update(Msg::PickPlace(place.0, place.1, place.2));
    assert_eq!(state.playback.as_ref().map(|it| it.moment().step), Some(place.2));
}

#[test]
fn rules_that_a_packet_met_say_where_they_come_from() {
    let mut state = settled();
    state.update(Msg::Send);
    let origins = state.origins().expect("the cluster has rules");
    let trace = state.playback.as_ref().expect("a request is watched").trace();
    let passages = trace.steps.iter().filter_map(|it| match &it.event {
        svclab_core::trace::Event::Walked(passage) => Some((it.place.node()?, passage)),
        _ => None,
    });
    let services = passages.flat_map(|(node, passage)| {
        let rules = &trace.rules[node];
        let matched = passage.visits.iter().filter_map(|it| rules.rule(it.rule)?.origin);
        matched.filter_map(|it| origins.get(it)?.service.as_deref().cloned()).collect::<Vec<_>>()
    });
    assert!(services.into_iter().any(|it| it == web(&state).key));
}

#[test]
fn another_branchs_request_of_the_same_number_is_not_on_the_way() {
    let mut state = settled();
    for _ in 0..2 {
        state.update(Msg::Send);
        state.update(Msg::Leave);
        for _ in 0..100 {
            state.update(Msg::Frame(16.0));
        }
    }
    state.update(Msg::Watch([1, 2].into()));
    let before = state.playback.as_ref().expect("it is watched").way.clone();
    assert_eq!(before.len(), 2);
    state.update(Msg::Look(before[0].ended));
    state.history.act(state.asking().map(|it| Action::Send(it.sending)).expect("a client can ask"));
    state.update(Msg::PickExchange(2));
    let playback = state.playback.as_ref().expect("the other request is watched");
    assert_ne!(playback.exchange.at, before[1].at);
    assert_eq!(playback.way.len(), 1);
}

#[test]
fn a_window_that_becomes_narrow_folds_the_lesson_which_would_cover_the_stage() {
    let mut state = settled();
    for (width, shown) in [(1440.0, true), (1024.0, false), (390.0, false), (1300.0, true)] {
        state.update(Msg::Window(width));
        assert_eq!(state.lesson.shown, shown, "{width}");
    }
    state.update(Msg::Window(900.0));
    state.update(Msg::Lesson(true));
    state.update(Msg::Window(600.0));
    assert!(state.lesson.shown, "somebody has opened it");
}
