//! The engine's timings in a browser, with the compiler's settings of the page: some of what
//! `svclab bench` measures natively. `cargo xtask bench` builds it and reads `document.title`.

use gloo::utils::{document, window};
use serde_json::{Value, json};
use svclab_core::lab::{Action, Lab};
use svclab_core::proxy::{Text, Watch};
// For its allocator.
use svclab_web as _;

#[path = "../../../crates/cli/src/bench/clusters.rs"]
mod clusters;
#[path = "../../../crates/cli/src/bench/following.rs"]
mod following;

use clusters::{Walker, at, cluster, manifest, roomy_scenario, settings};
use following::FollowingNode;

const RUNS: usize = 15;
/// The browser's clock tells no less than 5 µs, and that takes time too: so many walks are timed as
/// one, and so often.
const WALKS: usize = 100;
const ROUNDS: usize = 101;
const FLIPS: usize = 20;

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
        "oneEndpointUs": one_endpoint(services, endpoints),
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

/// In microseconds; so often that the browser has optimised the code.
fn one_endpoint(services: usize, endpoints: usize) -> Value {
    let mut node = FollowingNode::new(&cluster(services, endpoints), &settings("node-1"));
    let mut flips = || (0..FLIPS).map(|_| node.flip_one()).sum();
    let rounds = (0..ROUNDS).map(|_| milliseconds_of(&mut flips) * 1e3 / FLIPS as f64);
    spread(rounds.collect())
}

/// In microseconds. Each packet gets a copy of the network, made before, as it changes it.
fn walk(services: usize, endpoints: usize) -> Option<Value> {
    let walker = Walker::new(services, endpoints)?;
    let rounds = (0..ROUNDS).map(|_| {
        let mut networks = vec![walker.network.clone(); WALKS];
        let mut traces = Vec::with_capacity(WALKS);
        let walks = || {
            traces.extend(networks.iter_mut().map(|it| walker.walk(it)));
            traces.len()
        };
        milliseconds_of(walks) * 1e3 / WALKS as f64
    });
    Some(spread(rounds.collect()))
}

/// The first run is that of code which the browser has not optimised yet.
fn milliseconds(mut work: impl FnMut() -> usize) -> Value {
    spread((0..RUNS).map(|_| milliseconds_of(&mut work)).collect())
}

fn spread(mut times: Vec<f64>) -> Value {
    let first = times[0];
    times.sort_by(f64::total_cmp);
    let tenths = |it: f64| (it * 10.0).round() / 10.0;
    json!({
        "first": tenths(first),
        "median": tenths(times[times.len() / 2]),
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
