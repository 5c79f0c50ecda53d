//! The machines behind Node objects: their power switch, and what the kubelet of each says of it.

use std::collections::BTreeMap;
use std::iter::once;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use svclab_netfilter::order::Gather;

use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use super::{Lab, network};
use crate::admit::Version;
use crate::control::node_lifecycle::GRACE;
use crate::key::{Kind, ObjectKey};
use crate::object::quantity::thousandths;
use crate::object::{
    DaemonEndpoint, KERNEL, Labels, Node, NodeAddress, NodeCondition, NodeStatus, NodeSystemInfo,
    Object, Taint,
};
use crate::scenario::NodeSpec;
use crate::time::Duration;
use crate::trace::NodeName;

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
const KUBELET_PORT: i32 = 10250;

/// A machine of four CPUs and eight gibibytes, as kubelet reports it.
const CAPACITY: [(&str, &str); 6] = [
    ("cpu", "4"),
    ("ephemeral-storage", "61202244Ki"),
    ("hugepages-1Gi", "0"),
    ("hugepages-2Mi", "0"),
    ("memory", "8138036Ki"),
    ("pods", "110"),
];

/// How long a machine takes from its switch to a running kubelet (the lab's choice).
const BOOT: Duration = Duration::from_secs(5);

/// One machine of the cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machine {
    spec: NodeSpec,
    /// Its kubelet's.
    release: &'static str,
    power: Power,
    /// How often it was switched on.
    boots: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Off,
    Booting,
    Up,
}

pub(super) fn all(nodes: &[NodeSpec], version: Version) -> BTreeMap<NodeName, Machine> {
    let release = version.release();
    let machine = |it: &NodeSpec| Machine { spec: it.clone(), release, power: Power::Up, boots: 1 };
    nodes.iter().map(|it| (it.name.as_str().into(), machine(it))).gather()
}

impl Lab {
    /// Whether the node's machine is on, with kubelet and kube-proxy at work. Nodes that were made
    /// by request have no machine.
    pub(super) fn machine_runs(&self, node: &str) -> bool {
        self.machines.get(node).is_some_and(|it| it.power == Power::Up)
    }

    /// Pulls the plug of a node's machine, or switches it on.
    pub(super) fn switch_machine(&mut self, name: &str, up: bool) {
        let Some((name, machine)) = self.machines.get_key_value(name) else { return };
        let (name, was) = (name.clone(), machine.power);
        if up == (was != Power::Off) {
            return;
        }
        self.set_power(&name, if up { Power::Booting } else { Power::Off });
        let cause = Some(self.note(None, Happening::SwitchedMachine { node: name.clone(), up }));
        if up {
            self.soon(BOOT, Task::Boot(name), cause);
        } else if was == Power::Up {
            // Its lease ran until now: real kubelets renew it every ten seconds.
            self.expect_of(&name, GRACE, cause);
            self.speaker_switched(false, cause);
        }
    }

    fn set_power(&mut self, name: &str, power: Power) {
        if let Some(machine) = self.machines.get_mut(name) {
            machine.power = power;
        }
        self.net.switch(name, power == Power::Up);
    }

    /// The machine has started: a fresh kernel, then kubelet with its pods, then kube-proxy.
    pub(super) fn boot(&mut self, name: &NodeName, cause: Option<EntryId>) {
        let Some(machine) = self.machines.get_mut(name) else { return };
        if machine.power != Power::Booting {
            return;
        }
        machine.boots = machine.boots.saturating_add(1);
        let boot_id = machine.boot_id();
        self.set_power(name, Power::Up);
        self.heard.remove(name);
        if let Some(node) = self.net.node(name) {
            let mut kernel = network::started(node, self.cluster_cidrs);
            if let Some(old) = self.net.kernels.get(name) {
                // Settings are in `/etc/sysctl.d`.
                kernel.conntrack.settings = old.conntrack.settings.clone();
            }
            self.net.kernels.insert(name.clone(), kernel);
        }
        self.net.keep_in_touch(self.now);
        let key = ObjectKey::new(Kind::Node, "", &**name);
        if self.objects.contains_key(&key) {
            let message = format!("Node {name} has been rebooted, boot id: {boot_id}");
            let event = (true, "Rebooted", message);
            let cause = Some(self.record((&key, Component::Kubelet), event, cause));
            self.post_status(name, cause);
        } else {
            self.register(name, cause);
        }
        self.reboot_pods(name, cause);
        self.speaker_switched(true, cause);
        self.restart_proxy(name, cause);
    }

    /// The machine's kubelet makes its Node object.
    pub(super) fn register(&mut self, name: &str, cause: Option<EntryId>) {
        let Some(machine) = self.machines.get(name) else { return };
        let node = machine.node(&self.now.rfc3339());
        self.write(Object::Node(node), cause);
    }

    /// kubelet writes how its node is.
    pub(super) fn post_status(&mut self, name: &str, cause: Option<EntryId>) {
        let key = ObjectKey::new(Kind::Node, "", name);
        let Some(machine) = self.machines.get(name) else { return };
        let Some(node) = self.objects.get(&key).and_then(Object::as_node) else { return };
        let mut node = node.clone();
        let was_ready = node.is_ready();
        node.status = machine.status(&node.status, &self.now.rfc3339()).into();
        let cause = if was_ready { cause } else { self.kubelet_says(name, "NodeReady", cause) };
        self.write(Object::Node(node), cause);
    }

    /// An Event of the node's kubelet about its node, if it runs.
    pub(super) fn kubelet_says(
        &mut self,
        node: &str,
        what: &'static str,
        cause: Option<EntryId>,
    ) -> Option<EntryId> {
        if !self.machine_runs(node) {
            return cause;
        }
        let message = format!("Node {node} status is now: {what}");
        let key = ObjectKey::new(Kind::Node, "", node);
        Some(self.record((&key, Component::Kubelet), (false, what, message), cause))
    }
}

impl Machine {
    /// The Node that kubelet registers, with kubeadm's marks on it.
    fn node(&self, now: &str) -> Node {
        let spec = &self.spec;
        let mut res = Node::default();
        res.metadata.name.clone_from(&spec.name);
        let labels: Labels = self.labels().map(|(key, it)| (key.into(), it.into())).gather();
        res.metadata.labels = labels.into();
        let annotations = [
            ("kubeadm.alpha.kubernetes.io/cri-socket", "unix:///run/containerd/containerd.sock"),
            ("node.alpha.kubernetes.io/ttl", "0"),
            ("volumes.kubernetes.io/controller-managed-attach-detach", "true"),
        ];
        let annotations: Labels =
            annotations.into_iter().map(|(key, it)| (key.into(), it.into())).gather();
        res.metadata.annotations = annotations.into();
        if spec.control_plane {
            let (key, effect) = (CONTROL_PLANE.into(), "NoSchedule".into());
            res.spec.taints = vec![Taint { key, effect, ..Taint::default() }];
        }
        res.spec.pod_cidr = spec.pod_cidr.primary.to_string();
        res.spec.pod_cidrs = spec.pod_cidr.iter().map(|it| it.to_string()).collect();
        res.status = self.status(&NodeStatus::default(), now).into();
        res
    }

    fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let always = [
            ("beta.kubernetes.io/arch", "amd64"),
            ("beta.kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("kubernetes.io/hostname", self.spec.name.as_str()),
            ("kubernetes.io/os", "linux"),
        ];
        let role = self.spec.control_plane.then_some([(CONTROL_PLANE, ""), (EXCLUDED, "")]);
        let zone = self.spec.zone.as_ref().map(|it| ("topology.kubernetes.io/zone", it.as_str()));
        always.into_iter().chain(role.into_iter().flatten()).chain(zone)
    }

    /// What a healthy kubelet reports; `old` says since when each condition holds.
    fn status(&self, old: &NodeStatus, now: &str) -> NodeStatus {
        let mut capacity: BTreeMap<String, String> =
            CAPACITY.into_iter().map(|(name, amount)| (name.into(), amount.into())).gather();
        capacity.extend(self.spec.capacity.clone());
        let address = |kind: &str, address: String| NodeAddress { r#type: kind.into(), address };
        let internal = self.spec.address.iter().map(|it| address("InternalIP", it.to_string()));
        NodeStatus {
            allocatable: allocatable(&capacity),
            capacity,
            conditions: healthy(old, now),
            addresses: internal.chain(once(address("Hostname", self.spec.name.clone()))).collect(),
            daemon_endpoints: crate::object::NodeDaemonEndpoints {
                kubelet_endpoint: DaemonEndpoint { port: KUBELET_PORT },
            },
            node_info: self.info(),
            ..old.clone()
        }
    }

    fn info(&self) -> NodeSystemInfo {
        NodeSystemInfo {
            machine_id: self.id("machine").replace('-', ""),
            system_uuid: self.id("system"),
            boot_id: self.boot_id(),
            kernel_version: KERNEL.into(),
            os_image: "Debian GNU/Linux 12 (bookworm)".into(),
            container_runtime_version: "containerd://1.7.27".into(),
            kubelet_version: format!("v{}", self.release),
            kube_proxy_version: format!("v{}", self.release),
            operating_system: "linux".into(),
            architecture: "amd64".into(),
        }
    }

    /// Another one after each boot.
    fn boot_id(&self) -> String {
        self.id(&format!("boot {}", self.boots))
    }

    /// An identifier that stays with the machine, in the form of a UUID.
    fn id(&self, what: &str) -> String {
        let digest = Sha256::digest(format!("{what} of {}", self.spec.name));
        let hex = HEXLOWER.encode(&digest);
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

/// The capacity without what kubelet's hard eviction thresholds keep back: 100 MiB of memory, a
/// tenth of the disk.
fn allocatable(capacity: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut res = capacity.clone();
    let bytes = |name: &str| capacity.get(name).and_then(|it| thousandths(it)).map(|it| it / 1000);
    if let Some(memory) = bytes("memory") {
        let left = (memory - 100 * 1024 * 1024).max(0) / 1024;
        res.insert("memory".into(), format!("{left}Ki"));
    }
    if let Some(disk) = bytes("ephemeral-storage") {
        res.insert("ephemeral-storage".into(), (disk - disk / 10).to_string());
    }
    res
}

fn healthy(old: &NodeStatus, now: &str) -> Vec<NodeCondition> {
    let pressures = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ];
    let absent = pressures.into_iter().map(|(name, why, text)| (name, "False", why, text));
    let ready = ("Ready", "True", "KubeletReady", "kubelet is posting ready status");
    let condition = |(name, status, reason, message): (&str, &str, &str, &str)| {
        let same = |it: &&NodeCondition| it.r#type == name && it.status == status;
        let since = old.conditions.iter().find(same);
        let since = since.and_then(|it| it.last_transition_time.clone());
        NodeCondition {
            r#type: name.into(),
            status: status.into(),
            last_heartbeat_time: Some(now.into()),
            last_transition_time: since.or_else(|| Some(now.into())),
            reason: reason.into(),
            message: message.into(),
        }
    };
    absent.chain(once(ready)).map(condition).collect()
}
