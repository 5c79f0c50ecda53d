//! `svclab bench`: timings of the engine on clusters made up in memory, as JSON.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::history::History;
use svclab_core::key::Kind;
use svclab_core::lab::api::{Request, Subresource, Verb};
use svclab_core::lab::log::Happening;
use svclab_core::lab::{Action, Lab};
use svclab_core::object::Object;
use svclab_core::proxy;
use svclab_core::scenario::default_scenario;
use svclab_core::time;
use svclab_core::trace::{Event, Trace};
use svclab_netfilter::{ChainName, RuleSet, TableName};

use crate::arguments::Arguments;
use crate::failure::Failure;

mod clusters;
mod curl;
mod following;
mod node;

use clusters::{Walker, at, cluster, manifest, roomy_scenario, settings};
use following::FollowingNode;

/// What takes long runs so often, what is quick for a second, and [`MOST_RUNS`] times at most.
const RUNS: usize = 5;
const MOST_RUNS: usize = 101;
/// Walks take microseconds: more of them tell more.
const WALKS: usize = 101;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    if let Some(path) = arguments.paths(|_, _| Ok(false))?.first() {
        return Err(Failure::new(format!("bench takes no {:?}", path.display().to_string())));
    }
    let report = json!({
        "rules": [rules(50, 3), rules(1000, 10)],
        "node": [node::node(1000, 10), node::node(10_000, 10)],
        "edit": edit(),
        "apply": [apply(50, 3), apply(1000, 10)],
        "walk": [walk(1000, 10), walk(10_000, 10)],
        "history": history(10_000),
        "curl": curl::curl(10_000),
    });
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
    crate::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// One node's rules: from objects to data, to text, and into a kernel.
fn rules(services: usize, endpoints: usize) -> Value {
    let objects = cluster(services, endpoints);
    let settings = settings("node-1");
    let sync = proxy::full_sync(&objects, &settings);
    let text = sync.restore.to_string();
    let mut node = FollowingNode::new(&objects, &settings);
    json!({
        "services": services,
        "endpointsPerService": endpoints,
        "rules": sync.origins.len() - 1,
        "bytes": text.len(),
        "syncMs": milliseconds(|| proxy::full_sync(&objects, &settings).origins.len()),
        "printMs": milliseconds(|| sync.restore.to_string().len()),
        "loadMs": milliseconds(|| {
            let mut kernel = RuleSet::builtin();
            kernel.restore(&sync.restore, true);
            kernel.len()
        }),
        "firstSyncMs": milliseconds(|| FollowingNode::new(&objects, &settings).kernel.len()),
        "oneEndpointMs": milliseconds(|| node.flip_one()),
        "changeSharedRulesMs": milliseconds(|| {
            let mut kernel = (*node.kernel).clone();
            let nat = kernel.tables.entry(TableName::Nat).or_default();
            let some: Vec<ChainName> = nat.chains.keys().step_by(997).copied().collect();
            some.iter().for_each(|it| nat.chain_mut(*it).rules.clear());
            some.len()
        }),
    })
}

/// A manifest edit of the default cluster: what `act` takes, and all that follows from it until
/// every node has its new rules.
fn edit() -> Value {
    let scenario = default_scenario();
    let mut lab = Lab::new(&scenario, 1);
    lab.run_until(at(20));
    let text = scenario.text().replace("replicas: 3", "replicas: 4");
    json!({
        "actMs": milliseconds(|| {
            let mut lab = lab.clone();
            lab.act(Action::Apply { text: text.clone() }).applied.len()
        }),
        "followedMs": milliseconds(|| {
            let mut lab = lab.clone();
            lab.act(Action::Apply { text: text.clone() });
            lab.run_until(at(25));
            lab.log().len()
        }),
        "cloneMs": milliseconds(|| lab.clone().log().len()),
    })
}

/// A session of so many events in the default cluster, with pods that come, go and fail: what it
/// takes to show moments spread over all of it, each coming from the end.
fn history(events: usize) -> Value {
    let mut history = History::new(&default_scenario(), 1);
    let text = default_scenario().text();
    let mut second = 0;
    while history.lab().log().len() < events {
        second += 7;
        history.run_until(at(second));
        let replicas = 1 + second % 6;
        let text = text.replace("replicas: 3", &format!("replicas: {replicas}"));
        history.act(Action::Apply { text });
    }
    let end = history.now();
    let looks = 40;
    let mut times: Vec<Duration> = (0..looks)
        .map(|index| {
            history.look(end);
            let start = Instant::now();
            history.look(time::Instant::from_micros(end.as_micros() / looks * index));
            start.elapsed()
        })
        .collect();
    times.sort();
    let ms = |it: Duration| (it.as_secs_f64() * 1e6).round() / 1e3;
    json!({
        "events": history.branch().log.len(),
        "virtualSeconds": second,
        "lookMs": { "median": ms(times[times.len() / 2]), "most": ms(times[times.len() - 1]) },
    })
}

/// Services with pods of their own, applied as one text and programmed on three nodes; then one
/// of the pods turns unready, by its status, and every node has heard of it.
fn apply(services: usize, pods: usize) -> Value {
    let text: String = (0..services).map(|index| manifest(index, pods)).collect();
    let lab = Lab::new(&roomy_scenario(), 1);
    let programmed = || {
        let mut lab = lab.clone();
        lab.act(Action::Apply { text: text.clone() });
        lab.run_until(at(30));
        lab
    };
    let ready = programmed();
    json!({
        "services": services,
        "pods": services * pods,
        "actMs": milliseconds(|| {
            lab.clone().act(Action::Apply { text: text.clone() }).applied.len()
        }),
        "programmedMs": milliseconds(programmed),
        "rules": ready.rules("worker-1").map_or(0, |it| it.rules.len()),
        "flipMs": flip(&ready),
    })
}

fn flip(lab: &Lab) -> Value {
    let of_ours = |it: &&Object| it.meta().name.starts_with("app-");
    let Some(pod) = lab.objects().of_kind(Kind::Pod).find(of_ours) else { return Value::Null };
    let body = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    let verb = Verb::Patch { how: Patch::Strategic, body, strict: false };
    let request = Request { key: pod.key(), subresource: Some(Subresource::Status), verb };
    let before = lab.log().len();
    median(|| {
        let mut lab = lab.clone();
        let start = Instant::now();
        lab.act(Action::Request(request.clone()));
        lab.run_until(lab.now() + time::Duration::from_millis(1500));
        let took = start.elapsed();
        let later = lab.log().iter().skip(before);
        let synced = later.filter(|it| matches!(it.what, Happening::Synced { .. })).count();
        assert_eq!(synced, lab.nodes().len(), "every node hears of it once");
        took
    })
}

/// The first packet of a connection to the last of many Services, over the default cluster.
fn walk(services: usize, endpoints: usize) -> Value {
    let Some(walker) = Walker::new(services, endpoints) else { return Value::Null };
    let run = || {
        let mut network = walker.network.clone();
        let start = Instant::now();
        let trace = walker.walk(&mut network);
        (start.elapsed(), trace)
    };
    // The first walk after a change of rules sorts the long chains.
    let (first, trace) = run();
    let mut times: Vec<Duration> = (0..WALKS).map(|_| run().0).collect();
    times.sort();
    let us = |it: Duration| (it.as_secs_f64() * 1e8).round() / 1e2;
    json!({
        "services": services,
        "endpointsPerService": endpoints,
        "steps": trace.steps.len(),
        "rulesEvaluated": rules_evaluated(&trace),
        "firstUs": us(first),
        "us": { "median": us(times[WALKS / 2]), "least": us(times[0]) },
    })
}

/// How many rules the kernel would have evaluated, one by one.
fn rules_evaluated(trace: &Trace) -> usize {
    let passages = trace.steps.iter().filter_map(|step| match &step.event {
        Event::Walked(passage) => Some(passage.evaluated()),
        _ => None,
    });
    passages.sum()
}

/// How long `work` takes; it returns something that depends on all of it, whose end does not count.
fn milliseconds<T>(mut work: impl FnMut() -> T) -> Value {
    median(|| {
        let start = Instant::now();
        let res = std::hint::black_box(work());
        let took = start.elapsed();
        drop(res);
        took
    })
}

/// The median of some runs after one that fills the caches, and the fastest one.
fn median(mut run: impl FnMut() -> Duration) -> Value {
    run();
    let (mut times, mut spent) = (Vec::new(), Duration::ZERO);
    while times.len() < RUNS || (times.len() < MOST_RUNS && spent < Duration::from_secs(1)) {
        let took = run();
        times.push(took);
        spent += took;
    }
    times.sort();
    let ms = |it: Duration| (it.as_secs_f64() * 1e6).round() / 1e3;
    json!({ "median": ms(times[times.len() / 2]), "least": ms(times[0]), "runs": times.len() })
}
