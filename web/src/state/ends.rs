//! Who sends, and where to.

use std::rc::Rc;

use svclab_core::key::ObjectKey;
use svclab_core::lab::{Action, Sending};
use svclab_core::object::Protocol;

use super::{Pane, Shape, State};

impl State {
    /// `shop/web`: the Service that requests go to.
    pub fn chosen_service(&self) -> Option<String> {
        self.to.as_ref().and_then(|to| to.rsplit_once(':')).map(|it| it.0.to_owned())
    }

    /// A client and a target that exist: those chosen, or the first that will do.
    pub(super) fn choose_ends(&mut self) {
        let clients: Vec<_> = self.clients().collect();
        let (from, to) = &self.wanted;
        let wanted = from.as_ref().filter(|from| clients.contains(from));
        let named = || clients.iter().find(|id| id.contains("client"));
        let from = wanted.or_else(named).or(clients.first()).cloned();
        let targets: Vec<_> = self.targets().map(|it| it.0).collect();
        let wanted = to.as_ref().filter(|to| targets.contains(to));
        let systems = ["kube-system/", "default/kubernetes:"];
        let is_own = |it: &&String| !systems.iter().any(|name| it.starts_with(name));
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

    /// Pods that can send.
    pub fn clients(&self) -> impl Iterator<Item = Rc<str>> {
        self.view.pods.iter().filter(|pod| pod.ip.is_some()).map(|pod| pod.id.clone())
    }

    /// Service ports that can be sent to: `namespace/name:port`, the Service, the port.
    pub fn targets(&self) -> impl Iterator<Item = (String, &ObjectKey, u16)> {
        let with_address = self.view.services.iter().filter(|it| it.cluster_ip.is_some());
        with_address.flat_map(|service| {
            // Requests are HTTP.
            let ports = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
            ports.map(|port| {
                (format!("{}:{}", service.name(), port.number), &service.key, port.number)
            })
        })
    }

    pub(super) fn send(&mut self) {
        let Some(from) = &self.from else { return };
        let Some(pod) = self.view.pods.iter().find(|pod| pod.id == *from) else { return };
        let Some((_, service, port)) = self.targets().find(|it| Some(&it.0) == self.to.as_ref())
        else {
            return;
        };
        let (from, service) = (pod.key.clone(), service.clone());
        let reply = self.history.act(Action::Send(Sending::http(from, service, port, "/")));
        self.refresh();
        if let Some(exchange) = reply.exchange {
            self.playing = true;
            self.held = false;
            self.watch(exchange, 0);
            if self.shape != Shape::One {
                self.pane = Pane::Walk;
            } else {
                self.pane = Pane::Stage;
            }
        }
    }
}
