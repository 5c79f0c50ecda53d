//! A recorded session in a lab: commands through the shell, events as its nodes' kubelets do them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use svclab_core::admit::Patch;
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::api::{Request, Subresource, Verb};
use svclab_core::lab::{Action, DeleteOptions, Lab};
use svclab_core::object::{Object, Pod};
use svclab_core::read::decode_lenient;
use svclab_core::scenario::Scenario;
use svclab_core::time::{Duration, Instant};
use svclab_shell::{Job, Place, Progress, Session, Stream};

use super::Printed;

/// Controllers have reacted within this.
const REACTION: Duration = Duration::from_secs(1);
/// A command that waits for longer does not end by itself.
const PATIENCE: Duration = Duration::from_secs(120);

const SCENARIO: &str = "name: session\ntitle: {en: '', ko: ''}\nabout: {en: '', ko: ''}\n\
    manifests: []\ncluster: {lan: 172.18.0.0/16, router: 172.18.0.1, serviceCIDR: 10.96.0.0/12, \
    clusterCIDR: 10.244.0.0/16, nodes: [], scheduler: false}\n";

pub(super) struct Player {
    lab: Option<Lab>,
    session: Session,
    /// The command that runs.
    job: Option<Job>,
    /// Recorded names of pods to ours.
    names: BTreeMap<String, String>,
    at_first: BTreeSet<ObjectKey>,
    /// What the controllers have reacted to.
    seen: u64,
}

impl Player {
    pub(super) fn new(state: &[Value], files: &BTreeMap<String, String>) -> Result<Player, String> {
        let mut objects = Vec::new();
        for value in state {
            let text = |field: &str| value[field].as_str().unwrap_or_default();
            let kind = Kind::parse(text("apiVersion"), text("kind"))
                .ok_or_else(|| format!("there is no kind {}", text("kind")))?;
            let (object, _) =
                decode_lenient(kind, value).map_err(|it| format!("{}: {}", it.path, it.problem))?;
            objects.push(object);
        }
        let at_first = objects.iter().map(Object::key).collect();
        let lab = Lab::stored(&Scenario::parse(SCENARIO)?, 1, objects, Instant::START);
        let mut session = Session::new(Place::Outside("laptop".to_owned()));
        for (name, text) in files {
            session.files.put(session.resolve(name), text.clone());
        }
        let seen = lab.resource_version();
        Ok(Player { lab: Some(lab), session, job: None, names: BTreeMap::new(), at_first, seen })
    }

    fn lab(&self) -> &Lab {
        self.lab.as_ref().expect("the lab is lent for a moment only")
    }

    fn lab_mut(&mut self) -> &mut Lab {
        self.lab.as_mut().expect("the lab is lent for a moment only")
    }

    /// Lets the controllers react to what was changed, and time pass until the recorded one.
    pub(super) fn wait_for(&mut self, at: Option<&str>) {
        let changed = self.lab().resource_version() != self.seen;
        let reacted = self.lab().now() + if changed { REACTION } else { Duration::ZERO };
        let at = at.and_then(Instant::from_rfc3339).unwrap_or(Instant::START);
        self.lab_mut().run_until(reacted.max(at));
        self.seen = self.lab().resource_version();
    }

    /// Runs a command to its end, or until it waits for what nothing brings; `meanwhile` happens
    /// once it has begun.
    pub(super) fn run(&mut self, line: &str, meanwhile: impl FnOnce(&mut Player)) -> Printed {
        let line = self.with_our_names(line);
        self.job = Some(Job::new(self.session.clone(), &line));
        self.resume();
        meanwhile(self);
        let end = self.lab().now() + PATIENCE;
        let status = self.finish(end);
        let Some(mut job) = self.job.take() else {
            return Printed { stdout: String::new(), stderr: String::new(), exit: None };
        };
        let printed = printed(&mut job, status);
        self.session = job.into_session();
        printed
    }

    /// Runs another command while one runs.
    pub(super) fn other(&mut self, line: &str) -> Option<Printed> {
        let job = self.job.take();
        let res = self.run(line, |_| {});
        self.job = job;
        Some(res)
    }

    fn resume(&mut self) -> Option<Progress> {
        let mut job = self.job.take()?;
        let (lab, progress) = job.resume(self.lab.take()?);
        (self.lab, self.job) = (Some(lab), Some(job));
        Some(progress)
    }

    fn finish(&mut self, end: Instant) -> Option<u8> {
        loop {
            match self.resume()? {
                Progress::Ended(status) => return Some(status),
                Progress::Waits(Some(at)) if at <= end => self.lab_mut().run_until(at),
                Progress::Busy if self.lab().now() < end => {
                    let later = self.lab().now() + Duration::from_millis(100);
                    self.lab_mut().run_until(later);
                }
                Progress::WantsReference => {
                    self.job.as_mut()?.refer(Some(crate::reference()));
                }
                _ => return None,
            }
        }
    }

    /// What was done has its effects, and the command that runs sees each of them.
    pub(super) fn let_it_run(&mut self) {
        let end = self.lab().now() + REACTION;
        while let Some(Progress::Waits(Some(at))) = self.resume() {
            if at > end {
                break;
            }
            self.lab_mut().run_until(at);
        }
        self.lab_mut().run_until(end);
    }

    fn with_our_names(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (recorded, ours) in &self.names {
            line = line.replace(recorded, ours);
        }
        line
    }

    /// Names of objects that were not there at first, of kinds whose names are made up.
    pub(super) fn new_names(&self) -> Vec<String> {
        let is_made_up = |it: &&ObjectKey| matches!(it.kind, Kind::Pod | Kind::EndpointSlice);
        let keys = self.lab().objects().keys().filter(|it| !self.at_first.contains(it));
        let keys = keys.filter(is_made_up);
        keys.map(|it| it.name.clone()).collect()
    }

    /// What nodes did.
    pub(super) fn event(&mut self, event: &Value) -> Result<(), String> {
        if self.job.is_none() {
            self.wait_for(None);
        }
        let text = |field: &str| event[field].as_str().unwrap_or_default();
        let namespace = text("namespace");
        match text("event") {
            "pods started by their nodes" => {
                for pod in event["pods"].as_array().into_iter().flatten() {
                    self.start(pod)?;
                }
                Ok(())
            }
            "pod status" => {
                let name = self.ours(text("name"));
                self.patch_status(&ObjectKey::new(Kind::Pod, namespace, name), &event["status"])
            }
            "terminating pods end" => {
                for name in event["names"].as_array().into_iter().flatten() {
                    self.end(namespace, name.as_str().unwrap_or_default())?;
                }
                Ok(())
            }
            other => Err(format!("there is no event {other:?}")),
        }
    }

    fn ours(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn start(&mut self, pod: &Value) -> Result<(), String> {
        let text = |field: &str| pod[field].as_str().unwrap_or_default();
        let name = self.pod(text("namespace"), text("name"), &|it| it.spec.node_name.is_empty())?;
        let key = ObjectKey::new(Kind::Pod, text("namespace"), name);
        let target = json!({"kind": "Node", "name": text("nodeName")});
        let binding = Verb::Create(json!({"target": target}));
        self.send(key.clone(), Some(Subresource::Binding), binding)?;
        self.patch_status(&key, &pod["status"])
    }

    fn end(&mut self, namespace: &str, name: &str) -> Result<(), String> {
        let name = self.pod(namespace, name, &Pod::is_terminating)?;
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        self.send(ObjectKey::new(Kind::Pod, namespace, name), None, Verb::Delete(options))
    }

    /// Our pod for the recorded one: of the same name, or another of the same set in that state.
    fn pod(
        &mut self,
        namespace: &str,
        name: &str,
        fits: &dyn Fn(&Pod) -> bool,
    ) -> Result<String, String> {
        let pods = self.lab().objects().in_namespace(Kind::Pod, namespace);
        let pods: Vec<&Pod> = pods.filter_map(Object::as_pod).filter(|it| fits(it)).collect();
        let ours = self.ours(name);
        let set = |name: &str| name.rsplit_once('-').map(|(set, _)| set.to_owned());
        let named = pods.iter().find(|it| it.metadata.name == ours);
        let alike = || pods.iter().find(|it| set(&it.metadata.name) == set(name));
        let found = named.or_else(alike).map(|it| it.metadata.name.clone());
        let found = found.ok_or_else(|| format!("no pod is in the state of {name}"))?;
        if found != name {
            self.names.insert(name.to_owned(), found.clone());
        }
        Ok(found)
    }

    fn patch_status(&mut self, key: &ObjectKey, status: &Value) -> Result<(), String> {
        let body = json!({"status": status});
        let verb = Verb::Patch { how: Patch::Strategic, body, strict: false };
        self.send(key.clone(), Some(Subresource::Status), verb)
    }

    fn send(
        &mut self,
        key: ObjectKey,
        subresource: Option<Subresource>,
        verb: Verb,
    ) -> Result<(), String> {
        let name = key.to_string();
        let reply = self.lab_mut().act(Action::Request(Request { key, subresource, verb }));
        match reply.answer {
            Some(Err(refusal)) => Err(format!("{name}: {}", refusal.message)),
            _ => Ok(()),
        }
    }
}

fn printed(job: &mut Job, exit: Option<u8>) -> Printed {
    let mut res = Printed { stdout: String::new(), stderr: String::new(), exit };
    for chunk in job.printed() {
        match chunk.stream {
            Stream::Out => res.stdout.push_str(&chunk.text),
            Stream::Err => res.stderr.push_str(&chunk.text),
        }
    }
    res
}
