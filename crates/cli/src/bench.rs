//! `svclab bench`: timings of the engine on clusters made up in memory, as JSON.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use svclab_core::object::{
    Endpoint, EndpointSlice, IntOrString, Object, ObjectMeta, SERVICE_NAME_LABEL, Service,
    ServicePort, ServiceSpec, SlicePort,
};
use svclab_core::proxy::{self, Settings};
use svclab_netfilter::RuleSet;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::state::Objects;

const RUNS: usize = 15;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    if let Some(path) = arguments.paths(|_, _| Ok(false))?.first() {
        return Err(Failure::new(format!("bench takes no {:?}", path.display().to_string())));
    }
    let report = json!({ "rules": [rules(50, 3), rules(1000, 10)] });
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
    crate::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// One node's rules: from objects to data, to text, and into a kernel.
fn rules(services: usize, endpoints: usize) -> Value {
    let objects = cluster(services, endpoints);
    let settings = Settings {
        node: "node-1".to_owned(),
        cluster_cidr: "10.244.0.0/16".to_owned(),
        ..Settings::default()
    };
    let sync = proxy::full_sync(&objects, &settings);
    let text = sync.restore.to_string();
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
    })
}

/// The median of some runs, and the fastest one; `work` returns something that depends on all of it.
fn milliseconds(work: impl Fn() -> usize) -> Value {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    let ms = |it: Duration| (it.as_secs_f64() * 1e6).round() / 1e3;
    json!({ "median": ms(times[RUNS / 2]), "least": ms(times[0]) })
}

fn cluster(services: usize, endpoints: usize) -> Objects {
    let objects = (0..services).flat_map(|service| {
        let slice = slice(service, endpoints);
        [Object::from(self::service(service)), Object::from(slice)]
    });
    objects.map(|it| (it.key(), it)).collect()
}

fn meta(service: usize) -> ObjectMeta {
    ObjectMeta {
        name: format!("service-{service}"),
        namespace: format!("team-{}", service % 20),
        ..ObjectMeta::default()
    }
}

fn service(index: usize) -> Service {
    let port = ServicePort {
        name: "http".to_owned(),
        protocol: "TCP".to_owned(),
        port: 80,
        target_port: IntOrString::Int(8080),
        ..ServicePort::default()
    };
    let spec = ServiceSpec {
        cluster_ip: format!("10.{}.{}.{}", 96 + index / 65536, index / 256 % 256, index % 256),
        ports: vec![port],
        ..ServiceSpec::default()
    };
    Service { metadata: meta(index), spec, ..Service::default() }
}

fn slice(service: usize, endpoints: usize) -> EndpointSlice {
    let mut metadata = meta(service);
    metadata.labels.insert(SERVICE_NAME_LABEL.to_owned(), metadata.name.clone());
    let endpoint = |index: usize| Endpoint {
        addresses: vec![format!("10.244.{}.{}", service % 256, index % 256)],
        node_name: Some(format!("node-{}", index % 3)),
        ..Endpoint::default()
    };
    let port = SlicePort {
        name: Some("http".to_owned()),
        protocol: Some("TCP".to_owned()),
        port: Some(8080),
        ..SlicePort::default()
    };
    EndpointSlice {
        metadata,
        address_type: "IPv4".to_owned(),
        endpoints: (0..endpoints).map(endpoint).collect(),
        ports: vec![port],
    }
}
