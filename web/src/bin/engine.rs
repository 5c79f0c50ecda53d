//! The engine's timings in a browser, with the compiler's settings of the page: some of what
//! `svclab bench` measures natively. `cargo xtask bench` builds it and reads `document.title`.

use gloo::utils::{document, window};
use serde_json::{Value, json};
use svclab_core::lab::{Action, Lab};
use svclab_core::proxy::{Text, Watch};

#[path = "../../../crates/cli/src/bench/clusters.rs"]
mod clusters;

use clusters::{Walker, at, cluster, manifest, roomy_scenario, settings};

const RUNS: usize = 15;
/// The browser's clock tells tenths of a millisecond: a walk takes less.
const WALKS: usize = 1000;

fn main() {
    let sizes = [(1000, 10), (10_000, 10)];
    let report = json!({
        "apply": [apply(50, 3)],
        "node": sizes.map(|(services, endpoints)| node(services, endpoints)),
    });
    document().set_title(&report.to_string());
}

fn apply(services: usize, pods: usize) -> Value {
    let text: String = (0..services).map(|index| manifest(index, pods)).collect();
    let lab = Lab::new(&roomy_scenario(), 1);
    let programmed = milliseconds(|| {
        let mut lab = lab.clone();
        lab.act(Action::Apply { text: text.clone() });
        lab.run_until(at(30));
        lab.rules("worker-1").map_or(0, |it| it.rules.len())
    });
    json!({ "services": services, "pods": services * pods, "programmedMs": programmed })
}

fn node(services: usize, endpoints: usize) -> Value {
    json!({
        "services": services,
        "endpointsPerService": endpoints,
        "textMs": text(services, endpoints),
        "walkUs": walk(services, endpoints),
    })
}

fn text(services: usize, endpoints: usize) -> Value {
    let objects = cluster(services, endpoints);
    let settings = settings("node-1");
    let watch = Watch::of(&objects, settings.clone());
    let mut kept = Text::default();
    milliseconds(|| {
        watch.write_text(&objects, &settings.node, &mut kept);
        kept.as_str().len()
    })
}

/// In microseconds, without copying the network that each packet changes.
fn walk(services: usize, endpoints: usize) -> Option<f64> {
    let walker = Walker::new(services, endpoints)?;
    let mut traces = Vec::with_capacity(WALKS);
    let mut walk_all = || {
        traces.clear();
        milliseconds_of(|| {
            traces.extend((0..WALKS).map(|_| walker.walk(&mut walker.network.clone())));
            traces.len()
        })
    };
    walk_all();
    let walks = walk_all();
    let copy = || {
        let copies = std::iter::repeat_with(|| walker.network.clone()).take(WALKS);
        copies.map(std::hint::black_box).map(|it| it.nodes.len()).sum()
    };
    Some(((walks - milliseconds_of(copy)) * 1e5 / WALKS as f64).round() / 1e2)
}

/// The first run is that of code which the browser has not optimised yet.
fn milliseconds(mut work: impl FnMut() -> usize) -> Value {
    let mut times: Vec<f64> = (0..RUNS).map(|_| milliseconds_of(&mut work)).collect();
    let first = times[0];
    times.sort_by(f64::total_cmp);
    let tenths = |it: f64| (it * 10.0).round() / 10.0;
    json!({
        "first": tenths(first),
        "median": tenths(times[RUNS / 2]),
        "least": tenths(times[0]),
    })
}

/// `work` returns something that depends on all of it.
fn milliseconds_of(work: impl FnOnce() -> usize) -> f64 {
    let start = now();
    std::hint::black_box(work());
    now() - start
}

fn now() -> f64 {
    window().performance().expect("a browser has a clock").now()
}
