//! The variables that kubelet gives to a container for the Services that there are (§4.9 of the
//! facts: `getServiceEnvVarMap`). A Service that comes later is not seen by a running container.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::object::Service;

/// What a container learns of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    name: Rc<str>,
    ip: Rc<str>,
    /// Name, number and protocol in lower case.
    ports: Rc<[(String, i32, String)]>,
    /// `default/kubernetes`: told to everyone.
    is_master: bool,
}

/// The Services with a cluster IP that containers of `namespace` learn of.
pub fn links<'a>(namespace: &str, services: impl Iterator<Item = &'a Service>) -> Rc<[Link]> {
    let is_master =
        |it: &Service| it.metadata.namespace == "default" && it.metadata.name == "kubernetes";
    let told = services.filter(|it| {
        let has_ip = !it.spec.cluster_ip.is_empty() && it.spec.cluster_ip != "None";
        has_ip && (it.metadata.namespace == namespace || is_master(it))
    });
    let link = |it: &Service| Link {
        name: it.metadata.name.as_str().into(),
        ip: it.spec.cluster_ip.as_str().into(),
        ports: it
            .spec
            .ports
            .iter()
            .map(|port| (port.name.clone(), port.port, port.protocol.to_lowercase()))
            .collect(),
        is_master: is_master(it),
    };
    told.map(link).collect()
}

/// The variables of `links`; without `enableServiceLinks` those of the API server alone.
pub(super) fn variables(links: &[Link], all: bool) -> BTreeMap<String, String> {
    let mut res = BTreeMap::new();
    // A Service `kubernetes` of the pod's own namespace gives way to the API server's.
    let masters = links.iter().filter(|it| it.is_master);
    for link in links.iter().filter(|it| all && !it.is_master).chain(masters) {
        let name = upper(&link.name);
        res.insert(format!("{name}_SERVICE_HOST"), link.ip.to_string());
        for (index, (port_name, number, protocol)) in link.ports.iter().enumerate() {
            let host = match link.ip.contains(':') {
                true => format!("[{}]", link.ip),
                false => link.ip.to_string(),
            };
            let url = format!("{protocol}://{host}:{number}");
            if index == 0 {
                res.insert(format!("{name}_SERVICE_PORT"), number.to_string());
                res.insert(format!("{name}_PORT"), url.clone());
            }
            if !port_name.is_empty() {
                res.insert(format!("{name}_SERVICE_PORT_{}", upper(port_name)), number.to_string());
            }
            let prefix = format!("{name}_PORT_{number}_{}", protocol.to_uppercase());
            res.insert(format!("{prefix}_PROTO"), protocol.clone());
            res.insert(format!("{prefix}_PORT"), number.to_string());
            res.insert(format!("{prefix}_ADDR"), link.ip.to_string());
            res.insert(prefix, url);
        }
    }
    res
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(all: bool, expected: &Expect) {
        let service = |namespace: &str, name: &str, ip: &str, ports| -> Service {
            let meta = json!({"namespace": namespace, "name": name});
            let value = json!({"metadata": meta, "spec": {"clusterIP": ip, "ports": ports}});
            crate::object::Json::from_json(value).expect("a Service")
        };
        let port = |name: &str, port: i32| json!({"name": name, "port": port, "protocol": "TCP"});
        let services = [
            service("default", "kubernetes", "10.96.0.1", json!([port("https", 443)])),
            service("shop", "my-db", "10.96.0.9", json!([port("", 5432), port("m-x", 9100)])),
            service("shop", "headless", "None", json!([port("", 80)])),
            service("other", "web", "10.96.0.8", json!([port("", 80)])),
        ];
        let all: Vec<String> = variables(&links("shop", services.iter()), all)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        expected.assert_eq(&all.concat());
    }

    #[test]
    fn services_of_the_namespace_and_the_api_server_are_told() {
        check(
            true,
            &expect![[r#"
                KUBERNETES_PORT=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
                KUBERNETES_PORT_443_TCP_PORT=443
                KUBERNETES_PORT_443_TCP_PROTO=tcp
                KUBERNETES_SERVICE_HOST=10.96.0.1
                KUBERNETES_SERVICE_PORT=443
                KUBERNETES_SERVICE_PORT_HTTPS=443
                MY_DB_PORT=tcp://10.96.0.9:5432
                MY_DB_PORT_5432_TCP=tcp://10.96.0.9:5432
                MY_DB_PORT_5432_TCP_ADDR=10.96.0.9
                MY_DB_PORT_5432_TCP_PORT=5432
                MY_DB_PORT_5432_TCP_PROTO=tcp
                MY_DB_PORT_9100_TCP=tcp://10.96.0.9:9100
                MY_DB_PORT_9100_TCP_ADDR=10.96.0.9
                MY_DB_PORT_9100_TCP_PORT=9100
                MY_DB_PORT_9100_TCP_PROTO=tcp
                MY_DB_SERVICE_HOST=10.96.0.9
                MY_DB_SERVICE_PORT=5432
                MY_DB_SERVICE_PORT_M_X=9100
            "#]],
        );
    }

    #[test]
    fn without_service_links_only_the_api_server_is_told() {
        check(
            false,
            &expect![[r#"
                KUBERNETES_PORT=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
                KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
                KUBERNETES_PORT_443_TCP_PORT=443
                KUBERNETES_PORT_443_TCP_PROTO=tcp
                KUBERNETES_SERVICE_HOST=10.96.0.1
                KUBERNETES_SERVICE_PORT=443
                KUBERNETES_SERVICE_PORT_HTTPS=443
            "#]],
        );
    }
}
