//! In a real browser: `wasm-bindgen-test` in headless Chromium.
#![cfg(target_arch = "wasm32")]

use svclab_core::scenario::default_scenario;
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
