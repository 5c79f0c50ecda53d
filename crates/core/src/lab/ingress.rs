//! ingress-nginx, where the cluster runs it: what it says of Ingresses and writes into them.

use super::Lab;
use super::log::{Component, EntryId};
use super::queue::Task;
use super::store::CONTROLLER;
use crate::control::ingress::{self, is_controller};
use crate::key::{Kind, ObjectKey};
use crate::object::{Ingress, LoadBalancerIngress, Object, Pod};
use crate::time::Duration;

/// `UpdateInterval`
const UPDATE_INTERVAL: Duration = Duration::from_secs(60);

impl Lab {
    /// The first controller to be ready leads: it takes all Ingresses and starts its rounds. The
    /// last one that is asked to end takes its addresses back.
    pub(super) fn tell_ingress_controllers(
        &mut self,
        old: Option<&Pod>,
        new: Option<&Pod>,
        cause: Option<EntryId>,
    ) {
        let works = |it: Option<&Pod>| it.is_some_and(|it| is_controller(it) && is_at_work(it));
        let ends = new.is_none_or(Pod::is_terminating);
        if works(new) && !self.queue.has(Task::IngressStatus) {
            for key in self.taken_ingresses() {
                self.sync_ingress(&key, cause);
            }
            self.soon(CONTROLLER, Task::IngressStatus, cause);
        } else if works(old) && ends && self.ingress_controllers().is_empty() {
            self.write_ingress_addresses(&[], cause);
        }
    }

    /// An Ingress changed.
    pub(super) fn tell_of_ingress(
        &mut self,
        key: &ObjectKey,
        new: Option<&Ingress>,
        cause: Option<EntryId>,
    ) {
        let works = || !self.ingress_controllers().is_empty();
        if new.is_some_and(|it| self.is_taken(it)) && works() {
            self.sync_ingress(key, cause);
        }
    }

    fn sync_ingress(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let event = (false, "Sync", "Scheduled for sync".to_owned());
        self.record((key, Component::IngressNginx), event, cause);
    }

    /// The leader's round; the rounds end with the last controller.
    pub(super) fn ingress_status(&mut self, cause: Option<EntryId>) {
        let controllers = self.ingress_controllers();
        if controllers.is_empty() {
            return;
        }
        let addresses = ingress::addresses(&self.objects, &controllers);
        if let Some(addresses) = addresses {
            self.write_ingress_addresses(&addresses, cause);
        }
        self.soon(UPDATE_INTERVAL, Task::IngressStatus, None);
    }

    fn write_ingress_addresses(
        &mut self,
        addresses: &[LoadBalancerIngress],
        cause: Option<EntryId>,
    ) {
        for key in self.taken_ingresses() {
            let Some(ingress) = self.objects.get(&key).and_then(Object::as_ingress) else {
                continue;
            };
            let mut ingress = ingress.clone();
            ingress.status.load_balancer.ingress = addresses.to_vec();
            self.write_status(Object::Ingress(ingress), cause);
        }
    }

    fn ingress_controllers(&self) -> Vec<&Pod> {
        self.pods().filter(|it| is_controller(it) && is_at_work(it)).collect()
    }

    fn taken_ingresses(&self) -> Vec<ObjectKey> {
        let all = self.objects.of_kind(Kind::Ingress);
        let taken = all.filter(|it| it.as_ingress().is_some_and(|it| self.is_taken(it)));
        taken.map(Object::key).collect()
    }

    fn is_taken(&self, ingress: &Ingress) -> bool {
        ingress::takes(ingress, |name| {
            self.objects.get(&ObjectKey::new(Kind::IngressClass, "", name))?.as_ingress_class()
        })
    }
}

fn is_at_work(pod: &Pod) -> bool {
    pod.is_ready() && !pod.is_terminating()
}
