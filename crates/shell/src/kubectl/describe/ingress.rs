//! Ingress and IngressClass.

use super::service::backend;
use super::{Page, list, or_none, text};
use crate::kubectl::columns;

pub(super) fn ingress(page: &mut Page) {
    let (name, namespace) = (page.at("/metadata/name"), page.at("/metadata/namespace"));
    page.field(0, "Name", name);
    page.labels();
    page.field(0, "Namespace", &namespace);
    let address = columns::addresses(&page.it);
    page.field(0, "Address", address);
    let class = or_none(&page.at("/spec/ingressClassName"));
    page.field(0, "Ingress Class", class);
    let default = match page.it.pointer("/spec/defaultBackend") {
        Some(it) => backend(page.kubectl, &namespace, it),
        None => "<default>".to_owned(),
    };
    page.field(0, "Default backend", &default);
    tls(page);
    page.line(0, "Rules:\n  Host\tPath\tBackends");
    page.line(1, "----\t----\t--------");
    let rules = page.items("/spec/rules");
    let mut rules = rules.iter().filter(|it| it.get("http").is_some()).peekable();
    if rules.peek().is_none() {
        page.line(1, format!("*\t*\t{default}"));
    }
    for rule in rules {
        let host = match text(rule, "/host") {
            "" => "*",
            host => host,
        };
        page.line(1, format!("{host}\t"));
        for path in list(rule, "/http/paths") {
            let backend = backend(page.kubectl, &namespace, &path["backend"]);
            page.line(2, format!("\t{} \t{backend}", text(path, "/path")));
        }
    }
    page.annotations();
    page.events();
}

fn tls(page: &mut Page) {
    let blocks = page.items("/spec/tls");
    if !blocks.is_empty() {
        page.line(0, "TLS:");
    }
    for it in &blocks {
        let hosts: Vec<&str> = list(it, "/hosts").iter().filter_map(|it| it.as_str()).collect();
        let hosts = hosts.join(",");
        page.line(
            1,
            match text(it, "/secretName") {
                "" => format!("SNI routes {hosts}"),
                secret => format!("{secret} terminates {hosts}"),
            },
        );
    }
}

pub(super) fn class(page: &mut Page) {
    let name = page.at("/metadata/name");
    page.field(0, "Name", name);
    page.labels_and_annotations();
    let controller = page.at("/spec/controller");
    page.field(0, "Controller", controller);
    if page.it.pointer("/spec/parameters").is_some() {
        page.line(0, "Parameters:");
        let group = page.at("/spec/parameters/apiGroup");
        page.field_if(1, "APIGroup", &group);
        let (kind, name) = (page.at("/spec/parameters/kind"), page.at("/spec/parameters/name"));
        page.field(1, "Kind", kind);
        page.field(1, "Name", name);
    }
    page.events();
}
