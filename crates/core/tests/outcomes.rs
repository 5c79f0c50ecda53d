//! Random clusters: all ways of a packet sum to 1, every walk ends in a verdict, and what dice draw
//! agrees with what is reckoned.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use svclab_core::key::Kind;
use svclab_core::lab::{Action, Lab};
use svclab_core::net::Party;
use svclab_core::net::probe::{Fate, Probe, outcomes};
use svclab_core::net::travel::send;
use svclab_core::object::{Object, Service};
use svclab_core::rng::Rng;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Event, Loss, Place, Trace, Verdict};
use svclab_netfilter::{Packet, Protocol, TableName, TcpFlags};

const CLIENT: &str = "
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: a, image: nginx}]}
";

/// A Deployment and a Service with features drawn at random.
fn service(rng: &mut Rng, index: u64) -> String {
    let name = format!("app-{index}");
    let mut pick = |from: &[&str]| from[rng.below(from.len() as u64) as usize].to_owned();
    let kind = pick(&["ClusterIP", "NodePort", "LoadBalancer"]);
    let outside = kind != "ClusterIP";
    let lines = [
        format!("type: {kind}"),
        pick(&["", "sessionAffinity: ClientIP"]),
        pick(&["", "", "internalTrafficPolicy: Local"]),
        if outside { pick(&["", "externalTrafficPolicy: Local"]) } else { String::new() },
        pick(&["", &format!("externalIPs: [192.168.56.{}]", 230 + index)]),
        match kind == "LoadBalancer" {
            true => pick(&["", "loadBalancerSourceRanges: [192.168.56.0/24]"]),
            false => String::new(),
        },
    ];
    let lines: Vec<String> = lines.into_iter().filter(|it| !it.is_empty()).collect();
    let spec = lines.join("\n  ");
    let replicas = rng.below(6);
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  \
         replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
         metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: a, image: nginx, \
         ports: [{{containerPort: 80}}]}}]}}\n---\napiVersion: v1\nkind: Service\n\
         metadata: {{name: {name}}}\nspec:\n  {spec}\n  selector: {{app: {name}}}\n  \
         ports: [{{port: 80}}]\n"
    )
}

fn cluster(seed: u64) -> Lab {
    let mut rng = Rng::new(seed);
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let services: String = (0..4).map(|index| service(&mut rng, index)).collect();
    let mut lab = Lab::new(&scenario, seed);
    lab.act(Action::SwitchLoadBalancer { on: true });
    let reply = lab.act(Action::Apply { text: format!("{CLIENT}{services}") });
    assert_eq!(reply.diagnostics, [], "{services}");
    lab.run_until(Instant::START + Duration::from_secs(60));
    lab
}

/// Every address and port that a Service answers on, from one node's view.
fn fronts(service: &Service, node: IpAddr) -> Vec<SocketAddr> {
    let external = service.spec.external_ips.iter().filter_map(|it| it.parse().ok());
    let balancer = service.status.load_balancer.ingress.iter();
    let ips = service.spec.cluster_addresses().into_iter().chain(external);
    let ips: Vec<IpAddr> = ips.chain(balancer.filter_map(|it| it.ip.parse().ok())).collect();
    let port = |it: i32| u16::try_from(it).unwrap_or_default();
    let mut res = Vec::new();
    for it in &service.spec.ports {
        res.extend(ips.iter().map(|ip| SocketAddr::new(*ip, port(it.port))));
        if it.node_port > 0 {
            res.push(SocketAddr::new(node, port(it.node_port)));
        }
    }
    res
}

/// What became of the packet on the first node that it met.
fn fate(trace: &Trace) -> Fate {
    let node = trace.steps.iter().find_map(|it| match &it.place {
        Place::Hook { node, .. } => Some(node.clone()),
        _ => None,
    });
    let here = trace.steps.iter().filter(|it| it.place.node() == node.as_ref());
    let ended = trace.steps.last().and_then(|it| it.place.node()) == node.as_ref();
    let dnat = here.clone().find_map(|it| match (&it.place, &it.event) {
        (Place::Hook { table: TableName::Nat, .. }, Event::Walked(passage)) => {
            passage.nat.filter(|nat| nat.destination(&trace.sent).is_some())?;
            Some(it.packet.destination())
        }
        _ => None,
    });
    match trace.verdict {
        Verdict::Rejected if ended => Fate::Reject,
        Verdict::Lost(Loss::Dropped) if ended => Fate::Drop,
        _ => dnat.map_or(Fate::Pass, Fate::Dnat),
    }
}

const DRAWS: u32 = 240;

/// Who sends, from which address, and by which device the packet comes to worker-1.
type Sender = (Party, IpAddr, Option<&'static str>);

fn check(lab: &Lab, (party, src, device): &Sender, to: SocketAddr) {
    let node = lab.network().node("worker-1").expect("the node is there");
    let kernel = lab.network().kernel("worker-1").expect("it has a kernel");
    let probe = Probe {
        src: *src,
        dst: to.ip(),
        protocol: Protocol::Tcp,
        dport: to.port(),
        input: device.map(str::to_owned),
    };
    let mut exact: BTreeMap<String, f64> = BTreeMap::new();
    for it in outcomes(kernel, &|ip| node.is_local(ip), &probe) {
        *exact.entry(format!("{:?}", it.fate)).or_default() += it.probability;
    }
    let total: f64 = exact.values().sum();
    assert!((total - 1.0).abs() < 1e-9, "{to}: {exact:?}");

    let mut drawn: BTreeMap<String, u32> = BTreeMap::new();
    let mut rng = Rng::new(u64::from(to.port()));
    for index in 0..DRAWS {
        let mut net = lab.network().clone();
        let port = 40_000 + u16::try_from(index).expect("few draws");
        let packet = Packet::tcp(SocketAddr::new(*src, port), to, TcpFlags::SYN);
        let trip = send(&mut net, &mut rng, lab.now(), party, packet);
        let arrived = trip.trace.verdict == Verdict::Delivered;
        assert_eq!(arrived, trip.arrived.is_some(), "{}", trip.trace);
        *drawn.entry(format!("{:?}", fate(&trip.trace))).or_default() += 1;
    }
    for (way, count) in &drawn {
        assert!(exact.contains_key(way), "{to} from {src}: {way} is none of {exact:?}");
        let (share, draws) = (exact[way], f64::from(DRAWS));
        // One false alarm in a million.
        let most = 5.0 * (draws * share * (1.0 - share)).sqrt();
        let off = (f64::from(*count) - draws * share).abs();
        assert!(off <= most.max(1e-6), "{to} from {src}: {way} {count} of {draws}, {exact:?}");
    }
}

#[test]
fn what_is_drawn_agrees_with_what_is_reckoned() {
    for seed in 1..=5 {
        let lab = cluster(seed);
        let net = lab.network();
        let node = net.node("worker-1").expect("the node is there").addresses.primary;
        let client = net.pod("default/client").expect("the client runs").ip;
        let laptop = net.host("laptop").expect("the laptop is there").address;
        let pod: Sender = (Party::Pod(client), client, Some("cni0"));
        let own: Sender = (Party::Node("worker-1".into()), node, None);
        let outside: Sender = (Party::Host("laptop".into()), laptop, Some("eth0"));
        let services = lab.objects().of_kind(Kind::Service).filter_map(Object::as_service);
        let mut tried = 0;
        for service in services.filter(|it| it.metadata.name.starts_with("app-")) {
            for to in fronts(service, node) {
                check(&lab, &pod, to);
                check(&lab, &own, to);
                // Other addresses than the node's own go elsewhere from there.
                if to.ip() == node {
                    check(&lab, &outside, to);
                }
                tried += 1;
            }
        }
        assert!(tried >= 4, "{tried}");
    }
}
