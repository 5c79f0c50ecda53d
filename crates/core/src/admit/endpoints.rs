//! Endpoints and EndpointSlice: defaults and validation.

use std::net::IpAddr;

use super::errors::Errors;
use super::{Version, meta, rules, service};
use crate::key::Kind;
use crate::object::{
    Endpoint, EndpointAddress, EndpointPort, EndpointSlice, EndpointSubset, Endpoints, ForName,
    SlicePort,
};

const ADDRESS_TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];
const MOST_ENDPOINTS: usize = 1000;
const MOST_ADDRESSES: usize = 100;
const MOST_TOPOLOGY_LABELS: usize = 16;
const MOST_HINTS: usize = 8;
/// What the server checks; the API's documentation speaks of a hundred.
const MOST_PORTS: usize = 20_000;

pub(super) fn default(endpoints: &mut Endpoints) {
    for port in endpoints.subsets.iter_mut().flat_map(|subset| &mut subset.ports) {
        if port.protocol.is_empty() {
            "TCP".clone_into(&mut port.protocol);
        }
    }
}

pub(super) fn default_slice(slice: &mut EndpointSlice) {
    for port in &mut slice.ports {
        port.name.get_or_insert_default();
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
    }
}

/// `ValidateEndpoints`.
pub(super) fn validate(endpoints: &Endpoints, errors: &mut Errors) {
    meta::validate(Kind::Endpoints, &endpoints.metadata, errors);
    for (index, subset) in endpoints.subsets.iter().enumerate() {
        validate_subset(subset, &format!("subsets[{index}]"), errors);
    }
}

fn validate_subset(subset: &EndpointSubset, field: &str, errors: &mut Errors) {
    if subset.addresses.is_empty() && subset.not_ready_addresses.is_empty() {
        errors.required(field, "must specify `addresses` or `notReadyAddresses`");
    }
    for (name, addresses) in
        [("addresses", &subset.addresses), ("notReadyAddresses", &subset.not_ready_addresses)]
    {
        for (index, address) in addresses.iter().enumerate() {
            validate_address(address, &format!("{field}.{name}[{index}]"), errors);
        }
    }
    let needs_name = subset.ports.len() > 1;
    for (index, port) in subset.ports.iter().enumerate() {
        validate_port(port, needs_name, &format!("{field}.ports[{index}]"), errors);
    }
}

fn validate_address(address: &EndpointAddress, field: &str, errors: &mut Errors) {
    let ip = format!("{field}.ip");
    rules::ip(&address.ip, &ip, errors);
    if !address.hostname.is_empty() {
        let complaints = rules::dns_1123_label(&address.hostname);
        errors.invalid_each(format!("{field}.hostname"), &address.hostname, complaints);
    }
    if let Some(node) = &address.node_name {
        let complaints = rules::dns_1123_subdomain(node);
        errors.invalid_each(format!("{field}.nodeName"), node, complaints);
    }
    rules::non_special_ip(&address.ip, &ip, errors);
}

fn validate_port(port: &EndpointPort, needs_name: bool, field: &str, errors: &mut Errors) {
    let name = format!("{field}.name");
    if !port.name.is_empty() {
        errors.invalid_each(name, &port.name, rules::dns_1123_label(&port.name));
    } else if needs_name {
        errors.required(name, "");
    }
    for complaint in rules::port_number(port.port) {
        errors.invalid(format!("{field}.port"), port.port, &complaint);
    }
    service::protocol(&port.protocol, &format!("{field}.protocol"), errors);
    if let Some(protocol) = &port.app_protocol {
        let complaints = rules::qualified_name(protocol);
        errors.invalid_each(format!("{field}.appProtocol"), protocol, complaints);
    }
}

/// `ValidateEndpointsUpdate`.
pub(super) fn validate_update(new: &Endpoints, old: &Endpoints, errors: &mut Errors) {
    meta::validate_update(&new.metadata, &old.metadata, errors);
    validate(new, errors);
}

/// `ValidateEndpointSlice`.
pub(super) fn validate_slice(slice: &EndpointSlice, errors: &mut Errors) {
    meta::validate(Kind::EndpointSlice, &slice.metadata, errors);
    if slice.address_type.is_empty() {
        errors.required("addressType", "");
    } else if !ADDRESS_TYPES.contains(&slice.address_type.as_str()) {
        errors.not_supported("addressType", &slice.address_type, ADDRESS_TYPES);
    }
    if errors.version >= Version::V1_33 {
        validate_slice_ports(&slice.ports, errors);
    }
    validate_endpoints(slice, errors);
    if errors.version < Version::V1_33 {
        validate_slice_ports(&slice.ports, errors);
    }
}

fn validate_endpoints(slice: &EndpointSlice, errors: &mut Errors) {
    let (count, address_type) = (slice.endpoints.len(), slice.address_type.as_str());
    if count > MOST_ENDPOINTS {
        return errors.too_many("endpoints", count, MOST_ENDPOINTS);
    }
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        validate_endpoint(endpoint, address_type, &format!("endpoints[{index}]"), errors);
    }
}

fn validate_endpoint(endpoint: &Endpoint, address_type: &str, field: &str, errors: &mut Errors) {
    let addresses = format!("{field}.addresses");
    if endpoint.addresses.is_empty() {
        errors.required(&addresses, "must contain at least 1 address");
    } else if endpoint.addresses.len() > MOST_ADDRESSES {
        let count = endpoint.addresses.len();
        errors.too_many(&addresses, count, MOST_ADDRESSES);
    }
    for (index, address) in endpoint.addresses.iter().enumerate() {
        validate_slice_address(address, address_type, (&addresses, index), errors);
    }
    if let Some(node) = &endpoint.node_name {
        let complaints = rules::dns_1123_subdomain(node);
        errors.invalid_each(format!("{field}.nodeName"), node, complaints);
    }
    let topology = format!("{field}.deprecatedTopology");
    if endpoint.deprecated_topology.len() > MOST_TOPOLOGY_LABELS {
        let count = endpoint.deprecated_topology.len();
        errors.too_many(&topology, count, MOST_TOPOLOGY_LABELS);
    }
    meta::labels(&endpoint.deprecated_topology, &topology, errors);
    if let Some(hostname) = &endpoint.hostname {
        let complaints = rules::dns_1123_label(hostname);
        errors.invalid_each(format!("{field}.hostname"), hostname, complaints);
    }
    if let Some(hints) = &endpoint.hints {
        let field = format!("{field}.hints");
        validate_hints(&hints.for_zones, rules::label_value, &format!("{field}.forZones"), errors);
        let names = rules::dns_1123_subdomain;
        validate_hints(&hints.for_nodes, names, &format!("{field}.forNodes"), errors);
    }
}

/// For whom an endpoint is meant: each zone or node once.
fn validate_hints(
    names: &[ForName],
    rule: fn(&str) -> Vec<String>,
    field: &str,
    errors: &mut Errors,
) {
    if names.len() > MOST_HINTS {
        return errors.too_many(field, names.len(), MOST_HINTS);
    }
    for (index, it) in names.iter().enumerate() {
        let field = format!("{field}[{index}].name");
        if names[..index].contains(it) {
            errors.duplicate(&field, &it.name);
        }
        errors.invalid_each(field, &it.name, rule(&it.name));
    }
}

fn validate_slice_address(
    address: &str,
    address_type: &str,
    (list, index): (&str, usize),
    errors: &mut Errors,
) {
    let field = format!("{list}[{index}]");
    let is_family = |ip: IpAddr| match address_type {
        "IPv4" => ip.is_ipv4(),
        _ => ip.is_ipv6(),
    };
    match (address_type, rules::parse_ip(address)) {
        ("FQDN", _) => rules::full_domain_name(address, &field, errors),
        ("IPv4" | "IPv6", ip) if errors.version < Version::V1_33 => {
            if !ip.is_some_and(is_family) {
                errors.invalid(&field, address, &format!("must be a valid {address_type} address"));
            }
            rules::non_special_ip(address, &field, errors);
        }
        ("IPv4" | "IPv6", None) => errors.invalid(field, address, rules::NOT_AN_IP),
        ("IPv4" | "IPv6", Some(ip)) => {
            if !is_family(ip) {
                errors.invalid(list, address, &format!("must be an {address_type} address"));
            }
            rules::non_special_ip(address, &field, errors);
        }
        _ => {}
    }
}

fn validate_slice_ports(ports: &[SlicePort], errors: &mut Errors) {
    if ports.len() > MOST_PORTS {
        return errors.too_many("ports", ports.len(), MOST_PORTS);
    }
    for (index, port) in ports.iter().enumerate() {
        let field = format!("ports[{index}]");
        let name = port.name();
        if !name.is_empty() {
            errors.invalid_each(format!("{field}.name"), name, rules::dns_1123_label(name));
        }
        if ports[..index].iter().any(|earlier| earlier.name() == name) {
            errors.duplicate(format!("{field}.name"), name);
        }
        let protocol = port.protocol.as_deref().unwrap_or_default();
        service::protocol(protocol, &format!("{field}.protocol"), errors);
        if let Some(protocol) = &port.app_protocol {
            let complaints = rules::qualified_name(protocol);
            errors.invalid_each(format!("{field}.appProtocol"), protocol, complaints);
        }
    }
}
