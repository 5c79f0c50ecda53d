//! Where a node's kube-proxy sends the packets of each Service, as its rules say now, in whatever
//! mode it works: [`NodeRules`] and what it put into the kernel → [`Lead`]s by Service.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use svclab_core::lab::NodeRules;
use svclab_core::net::balancer::{Balancer, NftTable, VirtualServers};
use svclab_core::proxy::{Origin, Origins, Purpose};
use svclab_netfilter::order::Order;
use svclab_netfilter::{OriginId, TableName, Target};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// `10.244.1.3:8080`, in their order; not empty.
    To(Vec<String>),
    /// The sender is told that nobody is there.
    Reject,
    Drop,
}

/// By Service (`shop/web`); one that is not here has no rules.
pub type Leads = BTreeMap<String, Lead>;

/// `own`: what a kube-proxy of another mode than iptables has in the kernel.
pub fn leads(rules: &NodeRules, own: Option<&Balancer>) -> Leads {
    let mut res = Leads::new();
    match own {
        None => of_iptables(rules, &mut res),
        Some(Balancer::Nftables(own)) => of_nftables(own, &mut res),
        Some(Balancer::Ipvs(own)) => of_ipvs(own, &mut res),
    }
    for lead in res.values_mut() {
        if let Lead::To(ends) = lead {
            ends.order_by_key(|it| it.parse::<SocketAddr>().ok());
        }
    }
    res
}

fn of_iptables(rules: &NodeRules, res: &mut Leads) {
    let tables = [TableName::Filter, TableName::Nat].map(|it| rules.rules.tables.get(&it));
    for chain in tables.into_iter().flatten().flat_map(|it| it.chains.values()) {
        for rule in &chain.rules {
            if matches!(rule.target, Some(Target::Jump(_)) | None) {
                continue;
            }
            if let Some(origin) = rule.origin.and_then(|id| rules.origins.get(id)) {
                note(origin, res);
            }
        }
    }
}

/// The table is made anew by each sync, so all its origins are in force.
fn of_nftables(own: &NftTable, res: &mut Leads) {
    let origins: &Origins = &own.rules.origins;
    let ids = (0..origins.len()).filter_map(|it| u32::try_from(it).ok());
    ids.filter_map(|it| origins.get(OriginId(it))).for_each(|it| note(it, res));
}

/// A virtual server without a real one refuses.
fn of_ipvs(own: &VirtualServers, res: &mut Leads) {
    for server in own.state.servers.values() {
        let Some(service) = own.state.origin(server.origin).and_then(service) else { continue };
        let lead = res.entry(service).or_insert(Lead::Reject);
        let real = server.real.iter().filter(|it| it.1.weight > 0);
        real.for_each(|(at, _)| add(lead, &at.to_string()));
    }
}

fn note(origin: &Origin, res: &mut Leads) {
    let Some(name) = service(origin) else { return };
    match (&origin.endpoint, origin.purpose) {
        (Some(endpoint), Purpose::Dnat { .. }) => {
            add(res.entry(name).or_insert(Lead::Reject), endpoint);
        }
        (_, Purpose::RejectNoEndpoints(_)) => {
            res.entry(name).or_insert(Lead::Reject);
        }
        (_, Purpose::DropNoLocalEndpoints(_)) => {
            res.entry(name).or_insert(Lead::Drop);
        }
        _ => {}
    }
}

fn add(lead: &mut Lead, endpoint: &str) {
    match lead {
        Lead::To(ends) if ends.iter().any(|it| it == endpoint) => {}
        Lead::To(ends) => ends.push(endpoint.to_owned()),
        Lead::Reject | Lead::Drop => *lead = Lead::To(vec![endpoint.to_owned()]),
    }
}

fn service(origin: &Origin) -> Option<String> {
    origin.service.as_ref().map(|it| format!("{}/{}", it.namespace, it.name))
}

#[cfg(test)]
mod tests {
    use svclab_core::lab::{Action, Lab};
    use svclab_core::proxy::Mode;
    use svclab_core::scenario::default_scenario;
    use svclab_core::time::{Duration, Instant};
    use svclab_netfilter::Family;

    use super::*;

    /// Beside the default cluster's own `shop/web`: one without pods, one whose policy keeps
    /// packets on nodes without pods of it, and a headless one.
    const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: shop}
spec: {ports: [{port: 80}], selector: {app: nobody}}
---
apiVersion: v1
kind: Service
metadata: {name: local, namespace: shop}
spec: {ports: [{port: 80, targetPort: 8080}], selector: {app: web}, internalTrafficPolicy: Local}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: shop}
spec: {ports: [{port: 80}], selector: {app: web}, clusterIP: None}
";

    #[track_caller]
    fn check(mode: Mode, none_local: Option<Lead>) {
        let mut scenario = default_scenario();
        scenario.cluster.kube_proxy.mode = mode;
        let mut lab = Lab::new(&scenario, 1);
        lab.act(Action::Apply { text: format!("{}\n---{SERVICES}", scenario.text()) });
        lab.run_until(Instant::START + Duration::from_secs(30));
        let of = |node: &str| {
            let own = lab.network().kernel(node).and_then(|it| it.balancer(Family::V4));
            leads(&lab.rules(node).expect("a kube-proxy"), own)
        };
        let (here, there) = (of("worker-1"), of("control-plane"));
        let Some(Lead::To(ends)) = here.get("shop/web") else { panic!("{here:?}") };
        assert_eq!(ends.len(), 3, "{ends:?}");
        assert!(ends.iter().all(|it| it.ends_with(":8080")), "{ends:?}");
        assert_eq!(here.get("shop/empty"), Some(&Lead::Reject));
        assert_eq!(here.get("shop/headless"), None);
        assert_eq!(there.get("shop/local"), none_local.as_ref());
    }

    #[test]
    fn iptables_mode() {
        check(Mode::Iptables, Some(Lead::Drop));
    }

    #[test]
    fn nftables_mode() {
        check(Mode::Nftables, Some(Lead::Drop));
    }

    #[test]
    fn ipvs_mode() {
        check(Mode::Ipvs, Some(Lead::Reject));
    }
}
