//! Which backend ingress-nginx sends a request to: Ingresses, a host and a path → a Service's port.

use std::cmp::Reverse;

use crate::object::{HttpIngressPath, Ingress, IngressBackend, IngressRule};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Route<'a> {
    /// Of the Ingress and so of the Service.
    pub namespace: &'a str,
    pub backend: &'a IngressBackend,
}

/// None: nobody has a rule for it. A host that is named beats one with a star, that beats none; the
/// longest path wins, and Exact before others; the older Ingress of two that say the same.
pub fn route<'a>(
    ingresses: impl Iterator<Item = &'a Ingress> + Clone,
    host: &str,
    path: &str,
) -> Option<Route<'a>> {
    let rules = ingresses.clone().flat_map(|it| it.spec.rules.iter().map(move |rule| (it, rule)));
    let best_host = rules.clone().filter_map(|(_, rule)| host_rank(rule, host)).max();
    let of_host =
        rules.filter(|(_, rule)| host_rank(rule, host).is_some_and(|it| Some(it) == best_host));
    let paths = of_host.flat_map(|(ingress, rule)| {
        let paths = rule.http.iter().flat_map(|it| &it.paths);
        paths.filter(|it| fits(it, path)).map(move |it| (ingress, it))
    });
    let best = paths.min_by_key(|(ingress, it)| {
        let exact = it.path_type.as_deref() == Some("Exact");
        let length = it.path.trim_end_matches('/').len();
        (Reverse((length, exact)), ingress.metadata.creation_timestamp.clone())
    });
    let found = best.map(|(ingress, it)| (ingress, &it.backend));
    let by_default = || {
        let mut all = ingresses.filter_map(|it| Some((it, it.spec.default_backend.as_ref()?)));
        // An Ingress of rules answers with its own for its hosts; one without rules, for all.
        all.find(|(it, _)| {
            let mut rules = it.spec.rules.iter();
            it.spec.rules.is_empty() || rules.any(|rule| host_rank(rule, host).is_some())
        })
    };
    let (ingress, backend) = found.or_else(by_default)?;
    Some(Route { namespace: &ingress.metadata.namespace, backend })
}

/// Whether plain HTTP for the host is sent on to HTTPS.
pub fn wants_tls<'a>(mut ingresses: impl Iterator<Item = &'a Ingress>, host: &str) -> bool {
    ingresses.any(|it| {
        it.spec.tls.iter().flat_map(|it| &it.hosts).any(|it| it.eq_ignore_ascii_case(host))
    })
}

fn host_rank(rule: &IngressRule, host: &str) -> Option<u8> {
    let wanted = rule.host.as_str();
    match wanted.strip_prefix("*.") {
        _ if wanted.is_empty() => Some(0),
        Some(rest) => {
            let parent = host.split_once('.').map(|it| it.1);
            parent.filter(|it| it.eq_ignore_ascii_case(rest)).map(|_| 1)
        }
        None => wanted.eq_ignore_ascii_case(host).then_some(2),
    }
}

fn fits(rule: &HttpIngressPath, path: &str) -> bool {
    let wanted = rule.path.as_str();
    match rule.path_type.as_deref() {
        Some("Exact") => path == wanted,
        // A plain prefix of nginx.
        Some("ImplementationSpecific") => path.starts_with(wanted),
        _ => {
            let wanted = wanted.trim_end_matches('/');
            path.strip_prefix(wanted).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{HttpIngressRuleValue, IngressServiceBackend};

    fn rule(host: &str, paths: &[(&str, &str, &str)]) -> IngressRule {
        let path = |(path, kind, name): &(&str, &str, &str)| {
            let service = IngressServiceBackend { name: (*name).to_owned(), ..Default::default() };
            HttpIngressPath {
                path: (*path).to_owned(),
                path_type: Some((*kind).to_owned()),
                backend: IngressBackend { service: Some(service), ..Default::default() },
            }
        };
        let http = HttpIngressRuleValue { paths: paths.iter().map(path).collect() };
        IngressRule { host: host.to_owned(), http: Some(http) }
    }

    #[track_caller]
    fn check(url: &str, expected: Option<&str>) {
        let mut ingress = Ingress::default();
        ingress.spec.rules = vec![
            rule(
                "shop.test",
                &[
                    ("/", "Prefix", "front"),
                    ("/api", "Prefix", "api"),
                    ("/api", "Exact", "exact"),
                    ("/img", "ImplementationSpecific", "images"),
                ],
            ),
            rule("*.shop.test", &[("/", "Prefix", "any")]),
            rule("", &[("/open", "Exact", "open")]),
        ];
        let (host, path) = url.split_at(url.find('/').expect("a path"));
        let found = route([&ingress].into_iter(), host, path);
        let name = found.and_then(|it| it.backend.service.as_ref()).map(|it| it.name.as_str());
        assert_eq!(name, expected, "{url}");
    }

    /// §6.2 and 6.3 of the facts.
    #[test]
    fn hosts_and_paths_are_matched_as_the_api_says() {
        check("shop.test/", Some("front"));
        check("SHOP.test/foo", Some("front"));
        check("shop.test/api", Some("exact"));
        check("shop.test/api/", Some("api"));
        check("shop.test/api/v1", Some("api"));
        check("shop.test/apifoo", Some("front"));
        check("shop.test/imgfoo", Some("images"));
        check("a.shop.test/x", Some("any"));
        check("a.b.shop.test/x", None);
        check("other.test/open", Some("open"));
        check("other.test/open/", None);
    }
}
