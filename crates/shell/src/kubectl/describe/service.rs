//! Service, Endpoints, EndpointSlice.

use serde_json::Value;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::object::{EndpointSlice, Object};

use super::{Page, joined_pairs, list, number, or_none, text};
use crate::kubectl::Kubectl;
use crate::kubectl::output::jsonpath::text_of;

pub(super) fn service(page: &mut Page) {
    page.name_and_namespace();
    page.labels_and_annotations();
    let selector = joined_pairs(page.it.pointer("/spec/selector"));
    page.field(0, "Selector", selector);
    field(page, "Type", "type");
    field_if(page, "IP Family Policy", "ipFamilyPolicy");
    let families = or_none(&commas(page, "ipFamilies"));
    page.field(0, "IP Families", families);
    field(page, "IP", "clusterIP");
    let addresses = or_none(&commas(page, "clusterIPs"));
    page.field(0, "IPs", addresses);
    let external = commas(page, "externalIPs");
    page.field_if(0, "External IPs", &external);
    field_if(page, "Desired LoadBalancer IP", "loadBalancerIP");
    field_if(page, "External Name", "externalName");
    let balancers: Vec<String> =
        page.items("/status/loadBalancer/ingress").iter().map(balancer).collect();
    page.field_if(0, "LoadBalancer Ingress", &balancers.join(", "));
    ports(page);
    field(page, "Session Affinity", "sessionAffinity");
    field_if(page, "External Traffic Policy", "externalTrafficPolicy");
    field_if(page, "Internal Traffic Policy", "internalTrafficPolicy");
    field_if(page, "HealthCheck NodePort", "healthCheckNodePort");
    let ranges = commas(page, "loadBalancerSourceRanges");
    page.field_if(0, "LoadBalancer Source Ranges", &ranges);
    page.events();
}

fn field(page: &mut Page, name: &str, of: &str) {
    let value = page.at(&format!("/spec/{of}"));
    page.field(0, name, value);
}

fn field_if(page: &mut Page, name: &str, of: &str) {
    let value = page.at(&format!("/spec/{of}"));
    page.field_if(0, name, &value);
}

fn commas(page: &Page, of: &str) -> String {
    let items: Vec<String> = page.items(&format!("/spec/{of}")).iter().map(text_of).collect();
    items.join(",")
}

/// `203.0.113.10 (VIP)`
fn balancer(ingress: &Value) -> String {
    match (text(ingress, "/ip"), text(ingress, "/ipMode")) {
        ("", _) => text(ingress, "/hostname").to_owned(),
        (ip, "") => ip.to_owned(),
        (ip, mode) => format!("{ip} ({mode})"),
    }
}

fn ports(page: &mut Page) {
    let slices = slices(page.kubectl, &page.object.meta().namespace, &page.object.meta().name);
    for port in page.items("/spec/ports") {
        let name = match text(&port, "/name") {
            "" => "<unset>",
            name => name,
        };
        let protocol = text(&port, "/protocol");
        page.line(0, format!("Port:\t{name}\t{}/{protocol}", number(&port, "/port")));
        page.field(0, "TargetPort", format!("{}/{protocol}", text_of(&port["targetPort"])));
        let node_port = number(&port, "/nodePort");
        if node_port != 0 {
            page.line(0, format!("NodePort:\t{name}\t{node_port}/{protocol}"));
        }
        page.field(0, "Endpoints", ready(&slices, text(&port, "/name")));
    }
}

/// The slices of a Service, by name.
pub(super) fn slices(kubectl: &Kubectl, namespace: &str, service: &str) -> Vec<EndpointSlice> {
    let lab = kubectl.process.lab();
    let all = lab.objects().in_namespace(Kind::EndpointSlice, namespace);
    let all = all.filter_map(|it| match it {
        Object::EndpointSlice(slice) => Some(slice),
        _ => None,
    });
    let of = |it: &&EndpointSlice| {
        it.metadata.labels.get("kubernetes.io/service-name").is_some_and(|it| it == service)
    };
    all.filter(of).cloned().collect()
}

/// The first three that are ready behind a port, and how many more (`formatEndpointSlices`).
///
/// It says that there are more as soon as anything follows the third, ready or not.
pub(super) fn ready(slices: &[EndpointSlice], port: &str) -> String {
    const SHOWN: usize = 3;
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let (mut shown, mut count, mut more) = (Vec::new(), 0, false);
    for slice in slices {
        let ports: Vec<Option<i32>> = match slice.ports.as_slice() {
            [] => vec![None],
            ports => ports.iter().filter(|it| it.name() == port).map(|it| it.port).collect(),
        };
        for port in ports {
            for endpoint in &slice.endpoints {
                more |= shown.len() == SHOWN;
                if endpoint.conditions.ready == Some(false) {
                    continue;
                }
                count += 1;
                if !more {
                    let address = endpoint.addresses.first().map_or("", String::as_str);
                    shown.push(port.map_or_else(|| address.to_owned(), |it| end(address, it)));
                }
            }
        }
    }
    match more {
        true => format!("{} + {} more...", shown.join(","), count - SHOWN),
        false => shown.join(","),
    }
}

fn end(address: &str, port: i32) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// `web:80 (10.244.1.2:8080)`: what an Ingress sends requests to.
pub(super) fn backend(kubectl: &Kubectl, namespace: &str, backend: &Value) -> String {
    let Some(service) = backend.get("service") else {
        let Some(resource) = backend.get("resource") else { return String::new() };
        let group = or_none(text(resource, "/apiGroup"));
        let (kind, name) = (text(resource, "/kind"), text(resource, "/name"));
        return format!("APIGroup: {group}, Kind: {kind}, Name: {name}");
    };
    let (name, wanted) = (text(service, "/name"), number(service, "/port/number"));
    let named = text(service, "/port/name");
    let port = if wanted == 0 { named.to_owned() } else { wanted.to_string() };
    let key = ObjectKey::new(Kind::Service, namespace, name);
    let found = match kubectl.client.get_key(&key) {
        Ok(found) => found.to_value(),
        Err(refusal) => return format!("{name}:{port} (<error: {}>)", refusal.message),
    };
    let is_it = |it: &&Value| match wanted {
        0 => !named.is_empty() && text(it, "/name") == named,
        wanted => number(it, "/port") == wanted,
    };
    let of_service = list(&found, "/spec/ports").iter().rfind(is_it);
    let port_name = of_service.map_or("", |it| text(it, "/name"));
    format!("{name}:{port} ({})", ready(&slices(kubectl, namespace, name), port_name))
}

pub(super) fn endpoints(page: &mut Page) {
    page.name_and_namespace();
    page.labels_and_annotations();
    page.line(0, "Subsets:");
    for subset in page.items("/subsets") {
        let addresses = |field: &str| {
            let all: Vec<&str> = list(&subset, field).iter().map(|it| text(it, "/ip")).collect();
            or_none(&all.join(","))
        };
        page.field(1, "Addresses", addresses("/addresses"));
        page.field(1, "NotReadyAddresses", addresses("/notReadyAddresses"));
        let ports = list(&subset, "/ports");
        if !ports.is_empty() {
            page.line(1, "Ports:");
            port_table(page, 2, ports);
        }
        page.line(0, "");
    }
    page.events();
}

fn port_table(page: &mut Page, level: usize, ports: &[Value]) {
    page.line(level, "Name\tPort\tProtocol");
    page.line(level, "----\t----\t--------");
    for port in ports {
        let part = |field: &str| match port.pointer(field).map(text_of).unwrap_or_default() {
            text if text.is_empty() => "<unset>".to_owned(),
            text => text,
        };
        let protocol = text(port, "/protocol");
        page.line(level, format!("{}\t{}\t{protocol}", part("/name"), part("/port")));
    }
}

pub(super) fn slice(page: &mut Page) {
    page.name_and_namespace();
    page.labels_and_annotations();
    let kind = page.at("/addressType");
    page.field(0, "AddressType", kind);
    match page.items("/ports").as_slice() {
        [] => page.line(0, "Ports: <unset>"),
        ports => {
            page.line(0, "Ports:");
            port_table(page, 1, ports);
        }
    }
    match page.items("/endpoints").as_slice() {
        [] => page.line(0, "Endpoints: <none>"),
        endpoints => {
            page.line(0, "Endpoints:");
            endpoints.iter().for_each(|it| endpoint(page, it));
        }
    }
    page.events();
}

fn endpoint(page: &mut Page, it: &Value) {
    let or_unset = |pointer: &str| it.pointer(pointer).map_or("<unset>".to_owned(), text_of);
    let addresses: Vec<String> = list(it, "/addresses").iter().map(text_of).collect();
    page.field(1, "- Addresses", or_none(&addresses.join(",")));
    page.line(2, "Conditions:");
    page.field(3, "Ready", or_unset("/conditions/ready"));
    page.field(2, "Hostname", or_unset("/hostname"));
    if let Some(target) = it.get("targetRef") {
        page.field(2, "TargetRef", format!("{}/{}", text(target, "/kind"), text(target, "/name")));
    }
    page.field(2, "NodeName", or_unset("/nodeName"));
    page.field(2, "Zone", or_unset("/zone"));
}
