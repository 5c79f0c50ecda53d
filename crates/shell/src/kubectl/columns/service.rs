//! Service, Endpoints, EndpointSlice.

use svclab_core::object::{EndpointSlice, Endpoints, Service, ServicePort, ServiceType, SlicePort};

use super::{Column, balancers, first_three, joined, labels, narrow, or, wide};

pub(super) const SERVICE: &[Column] = &[
    narrow("NAME"),
    narrow("TYPE"),
    narrow("CLUSTER-IP"),
    narrow("EXTERNAL-IP"),
    narrow("PORT(S)"),
    narrow("AGE"),
    wide("SELECTOR"),
];

pub(super) const ENDPOINTS: &[Column] = &[narrow("NAME"), narrow("ENDPOINTS"), narrow("AGE")];

pub(super) const ENDPOINT_SLICE: &[Column] =
    &[narrow("NAME"), narrow("ADDRESSTYPE"), narrow("PORTS"), narrow("ENDPOINTS"), narrow("AGE")];

pub(super) fn service(it: &Service, name: String, age: String, wide: bool) -> Vec<String> {
    let spec = &it.spec;
    vec![
        name,
        spec.r#type.clone(),
        spec.cluster_ips.first().map_or("<none>", String::as_str).to_owned(),
        external_ip(it, wide),
        or(&joined(spec.ports.iter().map(port)), "<none>"),
        age,
        labels(&spec.selector),
    ]
}

/// `80:30221/TCP`
fn port(port: &ServicePort) -> String {
    match port.node_port {
        0 => format!("{}/{}", port.port, port.protocol),
        node_port => format!("{}:{node_port}/{}", port.port, port.protocol),
    }
}

fn external_ip(it: &Service, wide: bool) -> String {
    let external = it.spec.external_ips.join(",");
    match it.spec.service_type() {
        ServiceType::ExternalName => it.spec.external_name.clone(),
        ServiceType::ClusterIp | ServiceType::NodePort => or(&external, "<none>"),
        ServiceType::LoadBalancer => {
            let ingress = it.status.load_balancer.ingress.iter();
            let address = ingress.map(|it| or(&it.ip, &it.hostname));
            let given = balancers(address, wide);
            let all = joined([given, external].into_iter().filter(|it| !it.is_empty()));
            or(&all, "<pending>")
        }
    }
}

pub(super) fn endpoints(it: &Endpoints) -> String {
    if it.subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut ends = Vec::new();
    for subset in &it.subsets {
        let ips = || subset.addresses.iter().map(|address| address.ip.as_str());
        if subset.ports.is_empty() {
            ends.extend(ips().map(str::to_owned));
        }
        for port in &subset.ports {
            ends.extend(ips().map(|ip| end(ip, port.port)));
        }
    }
    first_three(&ends)
}

/// As Go's `net.JoinHostPort`.
fn end(ip: &str, port: i32) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

pub(super) fn endpoint_slice(it: &EndpointSlice, name: String, age: String) -> Vec<String> {
    let ports: Vec<String> = it.ports.iter().map(slice_port).collect();
    let ends: Vec<String> =
        it.endpoints.iter().flat_map(|endpoint| endpoint.addresses.iter().cloned()).collect();
    let unset = |items: &[String]| or(&first_three(items), "<unset>");
    vec![name, it.address_type.clone(), unset(&ports), unset(&ends), age]
}

fn slice_port(port: &SlicePort) -> String {
    port.port.map_or_else(|| or(port.name(), "*"), |number| number.to_string())
}
