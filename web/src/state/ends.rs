//! Who sends, and where to.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Ask, Fetching, Goal, Resolving, Sending, Source, With};
use svclab_core::net::exchange::Message;
use svclab_core::object::Protocol;
use svclab_core::trace::Exchange;

use super::State;
use crate::view::{Port, ServiceView, View};
use crate::words::Word;

/// One line of a list to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice<T> {
    /// `shop/client`, `worker-1`, `laptop`; `shop/web:80`, `shop/web 192.168.56.31:30080`
    pub id: Rc<str>,
    pub group: Word,
    pub what: T,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    goal: Way,
    port: u16,
}

#[derive(Debug, Clone, PartialEq)]
enum Way {
    To(Goal),
    /// The client first asks name servers for the Service.
    ByName(ObjectKey),
}

/// A request that is to be sent, once or many times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asking {
    pub sending: Sending,
    /// What the client calls the receiver, if it does not know its address.
    pub name: Option<String>,
}

impl State {
    /// `shop/web`: the Service that requests go to.
    pub fn chosen_service(&self) -> Option<String> {
        self.to.as_ref().and_then(|to| to.split([':', ' ']).next()).map(str::to_owned)
    }

    /// A client and a target that exist: those chosen, or the first that will do.
    pub(super) fn choose_ends(&mut self) {
        let clients: Vec<_> = self.clients().into_iter().map(|it| it.id).collect();
        let (from, to) = &self.wanted;
        let wanted = from.as_ref().filter(|from| clients.contains(from));
        let named = || clients.iter().find(|id| id.contains("client"));
        let from = wanted.or_else(named).or(clients.first()).cloned();
        let targets: Vec<_> = self.targets().into_iter().map(|it| it.id).collect();
        let wanted = to.as_ref().filter(|to| targets.contains(to));
        let systems = ["kube-system/", "default/kubernetes:"];
        let is_own = |it: &&Rc<str>| !systems.iter().any(|name| it.starts_with(name));
        // New Services do not take the place of the one in use.
        let kept = self.to.as_ref().filter(is_own).filter(|to| targets.contains(to));
        let own = || targets.iter().find(is_own);
        let to = wanted.or(kept).or_else(own).or(targets.first()).cloned();
        (self.from, self.to) = (from, to);
        if self.node_chosen {
            return;
        }
        let client = self.view.pods.iter().find(|pod| Some(&pod.id) == self.from.as_ref());
        let of_client = client.and_then(|pod| pod.node.clone());
        self.node = of_client.or(self.view.nodes.last().map(|it| it.name.clone()));
    }

    /// Who can send: pods with an address, nodes, hosts outside.
    pub fn clients(&self) -> Vec<Choice<Source>> {
        let View { pods, nodes, hosts, .. } = &*self.view;
        let pods = pods.iter().filter(|pod| pod.ip.is_some()).map(|pod| Choice {
            id: pod.id.clone(),
            group: Word::Pods,
            what: Source::Inside(pod.key.clone()),
        });
        let nodes = nodes.iter().map(|node| Choice {
            id: node.name.clone(),
            group: Word::Nodes,
            what: Source::Inside(ObjectKey::new(Kind::Node, "", &*node.name)),
        });
        let hosts = hosts.iter().map(|host| Choice {
            id: host.name.clone(),
            group: Word::OutsideHosts,
            what: Source::Outside { outside: host.name.to_string() },
        });
        pods.chain(nodes).chain(hosts).collect()
    }

    /// What can be sent to: each TCP port of each Service, by every address that leads to it, and
    /// each pod by its own.
    pub fn targets(&self) -> Vec<Choice<Target>> {
        let View { services, nodes, .. } = &*self.view;
        let nodes: Vec<IpAddr> = nodes.iter().map(|it| it.ip).collect();
        let groups = [Word::ClusterIp, Word::ByName, Word::NodePort, Word::OuterAddress];
        let each = |group: &Word| {
            let of = |it: &ServiceView| targets_of(it, *group, &nodes);
            services.iter().flat_map(of).collect::<Vec<_>>()
        };
        let pods = self.view.pods.iter().flat_map(|pod| {
            let ports = pod.listens.iter();
            ports.filter_map(|port| Some(to_pod(&pod.id, pod.ip?, *port)))
        });
        groups.iter().flat_map(each).chain(pods).collect()
    }

    /// The request that was chosen.
    pub(super) fn asking(&self) -> Option<Asking> {
        let from = self.clients().into_iter().find(|it| Some(&it.id) == self.from.as_ref())?;
        let to = self.targets().into_iter().find(|it| Some(&it.id) == self.to.as_ref())?;
        let Target { goal, port } = to.what;
        let (name, to) = match goal {
            Way::To(goal) => (None, goal),
            Way::ByName(key) => (Some(name_for(&from.what, &key)), Goal::Service(key)),
        };
        let (path, ask, source_port) = ("/".to_owned(), Ask::Http, None);
        let sending = Sending { from: from.what, to, port, path, ask, source_port };
        Some(Asking { sending, name })
    }

    /// Sends a request; a name is looked up first, and what remains where nobody knows it is the
    /// last question.
    pub(super) fn ask(&mut self, asking: &Asking) -> Option<Rc<Exchange>> {
        let Asking { sending, name: Some(name) } = asking else {
            return self.history.act(Action::Send(asking.sending.clone())).exchange;
        };
        let (from, name) = (sending.from.clone(), name.clone());
        let (with, server) = (With::Libc, None);
        let resolving = Resolving { from: from.clone(), name: name.clone(), with, server };
        let found = self.history.act(Action::Resolve(resolving)).resolution?;
        self.history.run_until(found.ended);
        let Some(to) = found.addresses.first() else {
            return self.exchange(*found.exchanges.last()?);
        };
        let host = match sending.port {
            80 => name,
            port => format!("{name}:{port}"),
        };
        let message = Message::get(host, sending.path.clone());
        let fetching = Fetching { from, to: *to, port: sending.port, message, within: None };
        self.history.act(Action::Fetch(fetching)).exchange
    }

    pub(super) fn send(&mut self) {
        let Some(asking) = self.asking() else { return };
        let exchange = self.ask(&asking);
        self.refresh();
        if let Some(exchange) = exchange {
            self.held = false;
            self.watch_all(&[exchange.id]);
        }
    }
}

/// What a client calls a Service: the shortest name that its search list completes.
fn name_for(from: &Source, service: &ObjectKey) -> String {
    match from {
        Source::Inside(pod) if pod.namespace == service.namespace => service.name.to_string(),
        _ => format!("{}.{}", service.name, service.namespace),
    }
}

/// Past every Service.
fn to_pod(pod: &str, ip: IpAddr, port: u16) -> Choice<Target> {
    Choice {
        id: format!("{pod} {}", SocketAddr::new(ip, port)).into(),
        group: Word::Pods,
        what: Target { goal: Way::To(Goal::Address(ip)), port },
    }
}

/// The ways of one kind into a Service. Requests are HTTP, so only TCP ports count.
fn targets_of(service: &ServiceView, group: Word, nodes: &[IpAddr]) -> Vec<Choice<Target>> {
    let name = service.name();
    let by_address = |ip: IpAddr, port: u16| Choice {
        id: format!("{name} {}", SocketAddr::new(ip, port)).into(),
        group,
        what: Target { goal: Way::To(Goal::Address(ip)), port },
    };
    let by_cluster_ip = |port: u16| Choice {
        id: format!("{name}:{port}").into(),
        group,
        what: Target { goal: Way::To(Goal::Service(service.key.clone())), port },
    };
    let by_name = |port: u16| Choice {
        id: format!("{name}:{port} (DNS)").into(),
        group,
        what: Target { goal: Way::ByName(service.key.clone()), port },
    };
    let of_port = |port: &Port| -> Vec<_> {
        match (group, port.node_port) {
            (Word::ClusterIp, _) => {
                service.cluster_ip.map(|_| by_cluster_ip(port.number)).into_iter().collect()
            }
            (Word::ByName, _) => vec![by_name(port.number)],
            (Word::NodePort, Some(number)) => {
                nodes.iter().map(|ip| by_address(*ip, number)).collect()
            }
            (Word::OuterAddress, _) => {
                service.outer.iter().map(|ip| by_address(*ip, port.number)).collect()
            }
            _ => Vec::new(),
        }
    };
    let ports = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    ports.flat_map(of_port).collect()
}
