//! What happens over time to a Service: its endpoints go, programs end, links and nodes fail.

use std::net::IpAddr;

use serde_json::{Map, json};
use svclab_core::admit::Patch;
use svclab_core::lab::Action;
use svclab_core::lab::api::{Request, Verb};
use svclab_core::object::{Object, Service};
use svclab_core::time::Duration;

use super::play::play;
use super::scenario::{Expect, Expectation, Item, OneOrMany, Probe, Step};
use super::write::{CLIENT, NODE, Writer, rules, skeleton, sticky};

/// The client's port of the UDP flow that a story follows.
const FLOW_PORT: u16 = 40_053;

/// The Service loses its endpoints, a node fails, a switch is turned: the story of its first port.
///
/// # Errors
///
/// What in a probe makes no sense.
pub(super) fn tell(writer: &mut Writer, service: &Service) -> Result<(), String> {
    let Some((mut story, endpoints)) = Story::of(writer, service) else { return Ok(()) };
    if !story.reaches_all(&endpoints)? {
        return Ok(());
    }
    story.endpoints_go(&endpoints)?;
    story.a_node_fails(&endpoints)?;
    let node_port = service.spec.ports.iter().find(|it| it.port == i32::from(story.port));
    match node_port.map(|it| u16::try_from(it.node_port)) {
        Some(Ok(port)) if port > 0 => story.loopback_is_closed(port),
        _ => Ok(()),
    }
}

/// A program ends and a link is cut; the rules know nothing of it. It comes last, because packets
/// that wait for ARP turn up later.
///
/// # Errors
///
/// What in a probe makes no sense.
pub(super) fn end_programs(writer: &mut Writer, service: &Service) -> Result<(), String> {
    let Some((mut story, endpoints)) = Story::of(writer, service) else { return Ok(()) };
    match story.reaches_all(&endpoints)? {
        true => story.programs_end(&endpoints),
        false => Ok(()),
    }
}

struct Story<'a> {
    writer: &'a mut Writer,
    service: &'a Service,
    ip: IpAddr,
    port: u16,
    proto: String,
}

impl<'a> Story<'a> {
    /// Of the Service's first port, where it has an endpoint to lose.
    fn of(writer: &'a mut Writer, service: &'a Service) -> Option<(Story<'a>, Vec<String>)> {
        let endpoints = writer.endpoints(service);
        let ip = service.spec.cluster_addresses().first().copied()?;
        let mut ports = service.spec.ports.iter();
        let port = ports.find(|it| it.protocol == "TCP" || it.protocol == "UDP")?;
        let (number, proto) = (u16::try_from(port.port).ok()?, port.protocol.clone());
        let story = Story { writer, service, ip, port: number, proto };
        (!endpoints.is_empty()).then_some((story, endpoints))
    }

    /// Whether the client is answered at all; a Service with a policy may answer elsewhere only.
    fn reaches_all(&mut self, endpoints: &[String]) -> Result<bool, String> {
        let mut world = self.writer.world.clone();
        let mut probe = self.probe("try");
        probe.count = 20;
        let played = play(&mut world, &probe)?;
        let own = |it: &str| endpoints.iter().any(|name| name == it);
        Ok(played.attempts.iter().all(|it| it.backend.as_deref().is_some_and(own)))
    }

    fn probe(&self, what: &str) -> Probe {
        let name = format!("{} {what}", self.service.metadata.name);
        skeleton(&name, (CLIENT, &self.proto), self.ip, self.port)
    }

    /// An open connection and a UDP flow survive their endpoints; new ones are refused.
    fn endpoints_go(&mut self, endpoints: &[String]) -> Result<(), String> {
        let tcp = self.proto == "TCP";
        let kept = format!("{}-open", self.service.metadata.name);
        let mut before = self.probe("before its endpoints go");
        if tcp {
            before.keep = Some(kept.clone());
        } else {
            before.sport = Some(FLOW_PORT);
        }
        self.live(before.clone(), answered(endpoints))?;
        let old = rules(&self.writer.lab);
        self.without_endpoints();
        self.load(rules(&self.writer.lab))?;
        let mut after = before;
        after.id = format!("{} after its endpoints went", self.service.metadata.name);
        if tcp {
            let (id, proto) = (after.id, after.proto);
            let use_kept = Some(kept.clone());
            after = Probe { id, proto, use_kept, count: 1, ..Probe::default() };
        } else {
            after.keep_conntrack = true;
        }
        self.live(after.clone(), answered(endpoints))?;
        if !tcp {
            let args = ["-D", "-p", "udp"].map(str::to_owned).to_vec();
            self.step(Step::Conntrack { node: "*".to_owned(), args })?;
            after.id += " and its flow is forgotten";
            self.writer.push(after, None)?;
        }
        let new = self.probe("new, without endpoints");
        self.writer.push(new, None)?;
        if tcp {
            self.step(Step::Close { conn: kept })?;
        }
        self.load(old)
    }

    /// The controllers find no pod behind the Service any more; the pods stay.
    fn without_endpoints(&mut self) {
        let lab = &mut self.writer.lab;
        let selector = json!({"nobody": "has-this-label"});
        let old = self.service.spec.selector.keys().map(|it| (it.clone(), json!(null)));
        let mut all: serde_json::Map<String, serde_json::Value> = old.collect();
        all.extend(selector.as_object().cloned().unwrap_or_default());
        let body = json!({"spec": {"selector": all}});
        let key = Object::Service(self.service.clone()).key();
        let verb = Verb::Patch { how: Patch::Merge, body, strict: false };
        lab.act(Action::Request(Request { key, subresource: None, verb }));
        let at = lab.now() + Duration::from_secs(10);
        lab.run_until(at);
    }

    /// A node forwards no more.
    fn a_node_fails(&mut self, endpoints: &[String]) -> Result<(), String> {
        let Some(node) = self.node_of(endpoints).filter(|_| !self.remembers()) else {
            return Ok(());
        };
        self.forwards(&node, "0")?;
        let probe = self.probe(&format!("while {node} forwards nothing"));
        self.writer.push(probe, None)?;
        self.forwards(&node, "1")
    }

    fn programs_end(&mut self, endpoints: &[String]) -> Result<(), String> {
        if self.remembers() {
            return Ok(());
        }
        let [first, rest @ ..] = endpoints else { return Ok(()) };
        self.step(Step::StopServer { pod: first.clone() })?;
        let probe = self.probe("one program has ended");
        self.writer.push(probe, None)?;
        let Some(second) = rest.first() else { return Ok(()) };
        self.step(Step::PodDown { pod: second.clone() })?;
        let probe = self.probe("one link is cut");
        self.writer.push(probe, None)?;
        self.step(Step::PodUp { pod: second.clone() })
    }

    fn remembers(&self) -> bool {
        sticky(self.service, self.port).is_some()
    }

    /// A node with an endpoint where the client is not.
    fn node_of(&self, endpoints: &[String]) -> Option<String> {
        let net = self.writer.lab.network();
        let nodes = endpoints.iter().filter_map(|it| Some(net.pod(it)?.node.to_string()));
        nodes.into_iter().find(|it| it != "worker-1")
    }

    fn forwards(&mut self, node: &str, value: &str) -> Result<(), String> {
        let set = Map::from_iter([("net.ipv4.ip_forward".to_owned(), json!(value))]);
        self.step(Step::Sysctl { on: format!("node/{node}"), set })
    }

    fn loopback_is_closed(&mut self, node_port: u16) -> Result<(), String> {
        let name = "net.ipv4.conf.all.route_localnet".to_owned();
        let set = |value: &str| Map::from_iter([(name.clone(), json!(value))]);
        self.step(Step::Sysctl { on: NODE.to_owned(), set: set("0") })?;
        let local = IpAddr::from([127, 0, 0, 1]);
        let name = format!("{} without route_localnet", self.service.metadata.name);
        let probe = skeleton(&name, (NODE, &self.proto), local, node_port);
        self.writer.push(probe, None)?;
        self.step(Step::Sysctl { on: NODE.to_owned(), set: set("1") })
    }

    fn load(
        &mut self,
        rules: std::collections::BTreeMap<String, super::scenario::Text>,
    ) -> Result<(), String> {
        for (node, rules) in rules {
            self.step(Step::Restore { node, rules, noflush: false })?;
        }
        Ok(())
    }

    /// A probe whose result must be this; the lab's own world lives through it, and has to agree.
    fn live(&mut self, mut probe: Probe, claims: Expect) -> Result<(), String> {
        probe.expect = Some(Expectation::Claims(Box::new(claims)));
        let played = play(&mut self.writer.world, &probe)?;
        if let Some(attempt) = played.attempts.iter().find(|it| it.outcome != "ok") {
            let word = OneOrMany::One(attempt.outcome.to_owned());
            let claims = Expect { backends: Some(word), ..Expect::default() };
            probe.expect = Some(Expectation::Claims(Box::new(claims)));
        }
        self.writer.scenario.probes.push(Item::Probe(Box::new(probe)));
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        self.writer.world.step(&step)?;
        self.writer.scenario.probes.push(Item::Step(step));
        Ok(())
    }
}

fn answered(endpoints: &[String]) -> Expect {
    Expect {
        backends: Some(OneOrMany::Many(endpoints.to_vec())),
        coverage: Some("subset".to_owned()),
        ..Expect::default()
    }
}
