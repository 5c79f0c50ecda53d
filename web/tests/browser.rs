//! In a real browser: `wasm-bindgen-test` in headless Chromium.
#![cfg(target_arch = "wasm32")]

use svclab_core::lab::{Action, Lab};
use svclab_core::scenario::default_scenario;
use svclab_core::time::Instant;
use svclab_web::state::{Memory, Msg, State};
use svclab_web::words::Lang;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[path = "../../tests/golden/story.rs"]
mod story;

#[wasm_bindgen_test]
fn the_story_gives_the_golden_text() {
    let golden = include_str!("../../tests/golden/first-packet.txt");
    let told = story::first_packet();
    let differing = golden.lines().zip(told.lines()).find(|(golden, told)| golden != told);
    assert_eq!(differing, None);
    assert_eq!(golden.len(), told.len());
}

#[wasm_bindgen_test]
fn frames_carry_a_packet_to_its_end() {
    let mut state = State::new(default_scenario(), Memory::default(), Lang::En);
    for _ in 0..200 {
        state.update(Msg::Frame(16.0));
    }
    state.update(Msg::Send);
    let mut frames = 0;
    while state.playback.as_ref().is_some_and(|it| it.live) {
        state.update(Msg::Frame(50.0));
        frames += 1;
        assert!(frames < 5_000, "the exchange does not end");
    }
    assert!(frames > 100, "a request that is over before one can look");
}

#[wasm_bindgen_test]
fn fifty_services_are_programmed_on_every_node() {
    let mut lab = Lab::new(&default_scenario(), 1);
    let manifest = |index: usize| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{index}}}\nspec:\n  \
             replicas: 3\n  selector: {{matchLabels: {{app: app-{index}}}}}\n  template:\n    \
             metadata: {{labels: {{app: app-{index}}}}}\n    spec:\n      containers:\n      \
             - {{name: app, image: kubetm/app:1.0, ports: [{{containerPort: 8080}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: app-{index}}}\nspec:\n  \
             selector: {{app: app-{index}}}\n  ports: [{{port: 80, targetPort: 8080}}]\n"
        )
    };
    let text: String = (0..50).map(manifest).collect();
    lab.act(Action::Apply { text });
    lab.run_until(Instant::from_micros(30_000_000));
    for node in lab.nodes() {
        let rules = lab.rules(&node.name).expect("it has a kube-proxy").rules;
        assert!(rules.len() > 50 * 3 * 2, "{}: {} rules", node.name, rules.len());
    }
}
