//! NetworkPolicy, in words.

use serde_json::Value;

use super::workload::selector;
use super::{Page, list, number, text};
use crate::kubectl::output::jsonpath::text_of;

pub(super) fn policy(page: &mut Page) {
    page.name_and_namespace();
    let created = page.at("/metadata/creationTimestamp").replace('T', " ");
    page.field(0, "Created on", format!("{} +0000 UTC", created.trim_end_matches('Z')));
    page.labels_and_annotations();
    page.line(0, "Spec:");
    let chosen = match selector(page.it.pointer("/spec/podSelector")).as_str() {
        "<none>" => {
            "<none> (Allowing the specific traffic to all pods in this namespace)".to_owned()
        }
        selector => selector.to_owned(),
    };
    page.line(1, format!("PodSelector:     {chosen}"));
    let types: Vec<String> = page.items("/spec/policyTypes").iter().map(text_of).collect();
    for direction in [INGRESS, EGRESS] {
        let word = direction.word;
        if types.iter().any(|it| it.to_lowercase() == word) {
            page.line(1, format!("Allowing {word} traffic:"));
            rules(page, &direction);
        } else {
            page.line(1, format!("Not affecting {word} traffic"));
        }
    }
    page.line(1, format!("Policy Types: {}", types.join(", ")));
}

struct Direction {
    word: &'static str,
    /// The field of a rule with the other ends, and its title.
    field: &'static str,
    title: &'static str,
    end: &'static str,
}

const INGRESS: Direction =
    Direction { word: "ingress", field: "/from", title: "From", end: "source" };
const EGRESS: Direction =
    Direction { word: "egress", field: "/to", title: "To", end: "destination" };

fn rules(page: &mut Page, direction: &Direction) {
    let rules = page.items(&format!("/spec/{}", direction.word));
    if rules.is_empty() {
        let word = direction.word;
        page.line(2, format!("<none> (Selected pods are isolated for {word} connectivity)"));
    }
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            page.line(2, "----------");
        }
        ports(page, rule);
        let ends = list(rule, direction.field);
        if ends.is_empty() {
            let (title, end) = (direction.title, direction.end);
            page.line(2, format!("{title}: <any> (traffic not restricted by {end})"));
        }
        for end in ends {
            page.line(2, format!("{}:", direction.title));
            peer(page, end);
        }
    }
}

fn ports(page: &mut Page, rule: &Value) {
    let ports = list(rule, "/ports");
    if ports.is_empty() {
        page.line(2, "To Port: <any> (traffic allowed to all ports)");
    }
    for port in ports {
        let number_or_name = port.get("port").map_or("<nil>".to_owned(), text_of);
        let protocol = match text(port, "/protocol") {
            "" => "TCP",
            protocol => protocol,
        };
        page.line(
            2,
            match number(port, "/endPort") {
                0 => format!("To Port: {number_or_name}/{protocol}"),
                end => format!("To Port Range: {number_or_name}-{end}/{protocol}"),
            },
        );
    }
}

fn peer(page: &mut Page, it: &Value) {
    for (field, title) in
        [("namespaceSelector", "NamespaceSelector"), ("podSelector", "PodSelector")]
    {
        if let Some(chosen) = it.get(field) {
            page.line(3, format!("{title}: {}", selector(Some(chosen))));
        }
    }
    if let Some(block) = it.get("ipBlock") {
        page.line(3, "IPBlock:");
        page.line(4, format!("CIDR: {}", text(block, "/cidr")));
        let except: Vec<String> = list(block, "/except").iter().map(text_of).collect();
        page.line(4, format!("Except: {}", except.join(", ")));
    }
}
