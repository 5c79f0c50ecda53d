//! A pod's spec made ready to run: what stays the same while the pod lives.

use std::net::IpAddr;

use serde_json::Value;

use super::container::{ContainerRun, Written};
use super::image::{PullPolicy, Reference};
use super::probe::{Check, How, Outcome, Port, ProbeKind, host_port, without_query};
use super::program::{Answers, Listener, Program, Speaks};
use super::script;
use crate::object::{Container, Pod, Protocol};
use crate::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Init containers first, in the order in which they run.
    pub containers: Vec<ContainerPlan>,
    pub inits: usize,
    pub restart: RestartPolicy,
    pub grace: Duration,
    pub deadline: Option<Duration>,
    pub host_network: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ContainerPlan {
    pub name: String,
    /// As the manifest names it.
    pub image: String,
    /// None where the name cannot be read.
    pub reference: Option<Reference>,
    pub image_name: String,
    pub image_id: String,
    pub policy: PullPolicy,
    pub program: Program,
    pub checks: Vec<Check>,
    pub pre_stop: Option<Hook>,
    pub post_start: Option<PostStart>,
    /// An init container that keeps running: what follows waits until it has started.
    pub is_sidecar: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

/// A `postStart` hook, and what kubelet says before the error where it fails.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PostStart {
    pub hook: Hook,
    pub complaint: String,
    /// The command or path it runs.
    pub what: String,
}

/// What a hook does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hook {
    /// Takes so long and ends with this code.
    Takes(Duration, i32),
    /// Asks a port of the pod.
    Http(Port),
}

impl Plan {
    pub(super) fn of(pod: &Pod) -> Plan {
        let spec = &pod.spec;
        let plan = |is_init| move |it: &Container| ContainerPlan::of(it, pod, is_init);
        let inits = spec.init_containers.iter().map(plan(true));
        let seconds = |it: i64| u64::try_from(it).ok().map(Duration::from_secs);
        Plan {
            containers: inits.chain(spec.containers.iter().map(plan(false))).collect(),
            inits: spec.init_containers.len(),
            restart: match spec.restart_policy.as_str() {
                "Never" => RestartPolicy::Never,
                "OnFailure" => RestartPolicy::OnFailure,
                _ => RestartPolicy::Always,
            },
            grace: spec
                .termination_grace_period_seconds
                .and_then(seconds)
                .unwrap_or(Duration::from_secs(30)),
            deadline: spec.active_deadline_seconds.and_then(seconds),
            host_network: spec.host_network,
        }
    }

    /// Whether a container that ended with `code` starts again.
    pub(super) fn restarts(&self, index: usize, code: i32) -> bool {
        if self.containers.get(index).is_some_and(|it| it.is_sidecar) {
            return true;
        }
        match self.restart {
            RestartPolicy::Never => false,
            RestartPolicy::OnFailure => code != 0,
            RestartPolicy::Always => index >= self.inits || code != 0,
        }
    }
}

impl ContainerPlan {
    pub(super) fn of(container: &Container, pod: &Pod, is_init: bool) -> ContainerPlan {
        let reference = Reference::parse(&container.image);
        let probes = [
            (ProbeKind::Startup, &container.startup_probe),
            (ProbeKind::Liveness, &container.liveness_probe),
            (ProbeKind::Readiness, &container.readiness_probe),
        ];
        let is_sidecar = is_init && container.restart_policy.as_deref() == Some("Always");
        let is_init = is_init && !is_sidecar;
        let checks = probes.into_iter().filter(|_| !is_init);
        ContainerPlan {
            name: container.name.clone(),
            image: container.image.clone(),
            image_name: reference.as_ref().map(Reference::full).unwrap_or_default(),
            image_id: reference.as_ref().map(Reference::id).unwrap_or_default(),
            reference,
            policy: PullPolicy::parse(&container.image_pull_policy),
            program: Program::of(container, &pod.spec, is_init),
            checks: checks
                .filter_map(|(kind, probe)| Some(Check::of(kind, probe.as_ref()?, container)))
                .collect(),
            pre_stop: hook(container, "preStop"),
            post_start: post_start(container, pod),
            is_sidecar,
        }
    }

    pub(super) fn check(&self, kind: ProbeKind) -> Option<&Check> {
        self.checks.iter().find(|it| it.kind == kind)
    }

    /// The ports that are open `since` its start; a port whose own probe is switched off is shut.
    pub(super) fn open(
        &self,
        answers: Answers,
        since: Duration,
    ) -> impl Iterator<Item = &Listener> {
        let shut = move |it: &&Listener| {
            self.checks.iter().any(|check| {
                let own =
                    matches!(&check.how, How::Tcp { port: Ok(port), .. } if *port == it.number);
                own && !answers.to(check.kind)
            })
        };
        let is_up = since >= self.program.opens;
        self.program.listeners.iter().filter(move |it| is_up && !shut(it))
    }

    /// The status code that its server answers `path` with.
    pub(super) fn status(&self, path: &str, answers: Answers) -> u16 {
        let path = without_query(path);
        let asks = |kind| self.check(kind).and_then(Check::path) == Some(path);
        let asks_ready = path == "/ready" || asks(ProbeKind::Readiness);
        let asks_alive = asks(ProbeKind::Liveness) || asks(ProbeKind::Startup);
        let fails =
            asks_ready && !answers.ready || (asks_alive || path == "/health") && !answers.alive;
        let known = Program::has_page(path) || self.program.any_path && (asks_ready || asks_alive);
        match (fails, known) {
            (true, true) => 503,
            (false, true) => 200,
            (_, false) => 404,
        }
    }

    /// What a command that runs in the container finds, `since` its start.
    pub(super) fn exec(
        &self,
        command: &[String],
        check: &Check,
        (answers, written): (Answers, &Written),
        since: Duration,
    ) -> Outcome {
        let words: Vec<&str> = command.iter().flat_map(|it| it.split_whitespace()).collect();
        let tool = words.iter().find(|it| ["cat", "ls", "stat", "test", "["].contains(it));
        let file = words.iter().rev().find(|it| it.starts_with('/') && !it.starts_with("/bin/"));
        if let Some((tool, file)) = tool.zip(file) {
            // An application that the lab does not know makes its files as its switch says.
            let is_app = self.program.any_path && !self.program.listeners.is_empty();
            let own = || self.program.has_file(file, since);
            let known = written.get(*file).map(Option::is_some).or_else(own);
            match known.unwrap_or(!file.starts_with("/tmp/") || is_app && answers.to(check.kind)) {
                true if known.is_some() => return Outcome::Success,
                true => {}
                false => {
                    return Outcome::Failure(complaint(tool, file, self.program.busybox));
                }
            }
        }
        let course = script::course(command);
        match course.ends.filter(|_| !course.unknown) {
            Some((takes, _)) if takes >= check.timeout => {
                Outcome::Late(format!("command {:?} timed out", command.join(" ")))
            }
            Some((_, code)) if code != 0 && tool.is_none() => Outcome::Failure(String::new()),
            _ if answers.to(check.kind) => Outcome::Success,
            _ => Outcome::Failure(String::new()),
        }
    }
}

impl Answers {
    /// What the switches say of a probe: readiness has its own, the others share one.
    pub(super) fn to(self, kind: ProbeKind) -> bool {
        match kind {
            ProbeKind::Readiness => self.ready,
            ProbeKind::Startup | ProbeKind::Liveness => self.alive,
        }
    }
}

fn complaint(tool: &str, file: &str, busybox: bool) -> String {
    let what = match (tool, busybox) {
        ("cat", true) => format!("can't open '{file}'"),
        ("cat", false) | ("ls", true) => file.to_owned(),
        ("ls", false) => format!("cannot access '{file}'"),
        ("stat", true) => format!("can't stat '{file}'"),
        ("stat", false) => format!("cannot statx '{file}'"),
        _ => return String::new(),
    };
    format!("{tool}: {what}: No such file or directory\n")
}

fn post_start(container: &Container, pod: &Pod) -> Option<PostStart> {
    let hook = hook(container, "postStart")?;
    let written = &container.lifecycle["postStart"];
    let words = || written["exec"]["command"].as_array().into_iter().flatten();
    let words: Vec<&str> = words().filter_map(Value::as_str).collect();
    let (kind, shown, what) = match hook {
        Hook::Http(_) => {
            let path = written["httpGet"]["path"].as_str().unwrap_or_default();
            let slash = if path.starts_with('/') { "" } else { "/" };
            ("HTTP", path.to_owned(), format!("{slash}{path}"))
        }
        Hook::Takes(..) => ("Exec", format!("[{}]", words.join(" ")), words.join(" ")),
    };
    let meta = &pod.metadata;
    let of = format!("{}_{}({})", meta.name, meta.namespace, meta.uid);
    let complaint = format!(
        "{kind} lifecycle hook ({shown}) for Container \"{}\" in Pod \"{of}\" failed - error: ",
        container.name
    );
    Some(PostStart { hook, complaint, what })
}

fn hook(container: &Container, name: &str) -> Option<Hook> {
    let hook = container.lifecycle.get(name)?;
    if let Some(seconds) = hook["sleep"]["seconds"].as_u64() {
        return Some(Hook::Takes(Duration::from_secs(seconds), 0));
    }
    if let Some(command) = hook["exec"]["command"].as_array() {
        let words: Vec<String> =
            command.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let course = script::course(&words);
        let (takes, code) = match course.ends {
            Some(ends) => ends,
            // A command that the lab does not know is a quick one (`nginx -s quit`).
            None if course.unknown => (course.serves_after, 0),
            None => (Duration::from_secs(u64::from(u32::MAX)), 0),
        };
        return Some(Hook::Takes(takes, code));
    }
    let port = match &hook.get("httpGet")?["port"] {
        Value::String(name) => super::probe::resolve(&name.as_str().into(), container),
        number => {
            let number = number.as_i64().and_then(|it| i32::try_from(it).ok()).unwrap_or(0);
            super::probe::resolve(&number.into(), container)
        }
    };
    Some(Hook::Http(port))
}

/// What a probe can reach: the pod's address and what listens there.
pub(super) struct Reach<'a> {
    pub ip: Option<IpAddr>,
    pub host_network: bool,
    /// Of each running container: its plan, its state, how long it runs.
    pub running: Vec<(&'a ContainerPlan, &'a ContainerRun, Duration)>,
}

impl<'a> Reach<'a> {
    /// Runs `check` of the container at `own` in [`Reach::running`].
    pub(super) fn run(&self, check: &Check, own: usize) -> Outcome {
        let port = match &check.how {
            How::Exec(command) => {
                let Some((plan, run, since)) = self.running.get(own) else {
                    return Outcome::Failure(String::new());
                };
                return plan.exec(command, check, (run.answers, &run.written), *since);
            }
            How::Http { port, .. } | How::Tcp { port, .. } | How::Grpc { port } => port,
        };
        let port = match port {
            Ok(port) => *port,
            Err(why) => return Outcome::Errored(why.clone()),
        };
        match &check.how {
            How::Http { tls, host, path, .. } => self.http(check, (*tls, host, path), port),
            How::Tcp { host, .. } => match self.dial(host, port) {
                Ok(_) => Outcome::Success,
                Err(why) => Outcome::Failure(why),
            },
            _ => self.grpc(check, port),
        }
    }

    fn own_address(&self) -> String {
        self.ip.map(|it| it.to_string()).unwrap_or_default()
    }

    /// Connects; the error is Go's.
    fn dial(&self, host: &str, port: u16) -> Result<(&'a ContainerPlan, Answers, Speaks), String> {
        let own = self.own_address();
        let host = if host.is_empty() { own.as_str() } else { host };
        let loops = matches!(host, "localhost") || host.starts_with("127.") || host == "::1";
        if !loops && host.parse::<IpAddr>().is_err() {
            return Err(format!("dial tcp: lookup {host}: no such host"));
        }
        let reaches = |local_only: bool| match loops {
            true => self.host_network,
            false => host == own && !local_only,
        };
        let mut found = self.running.iter().filter_map(|(plan, run, since)| {
            let mut open = plan.open(run.answers, *since);
            let port = open.find(|it| it.number == port && it.protocol == Protocol::Tcp)?;
            reaches(plan.program.local_only).then_some((*plan, run.answers, port.speaks))
        });
        let refused = || format!("dial tcp {}: connect: connection refused", host_port(host, port));
        found.next().ok_or_else(refused)
    }

    fn http(&self, check: &Check, (tls, host, path): (bool, &str, &str), port: u16) -> Outcome {
        let scheme = if tls { "https" } else { "http" };
        let own = self.own_address();
        let at = host_port(if host.is_empty() { &own } else { host }, port);
        let get = |why: &str| Outcome::Failure(format!("Get \"{scheme}://{at}{path}\": {why}"));
        let status = |code: u16| format!("HTTP probe failed with statuscode: {code}");
        let (plan, answers, speaks) = match self.dial(host, port) {
            Ok(found) => found,
            Err(why) => return get(&why),
        };
        match (speaks, tls) {
            (Speaks::Other, _) => return get("EOF"),
            (Speaks::Http, true) => {
                return get("http: server gave HTTP response to HTTPS client");
            }
            (Speaks::Tls, false) => return Outcome::Failure(status(400)),
            _ => {}
        }
        if plan.program.answers >= check.timeout {
            let why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
            return Outcome::Late(format!("Get \"{scheme}://{at}{path}\": {why}"));
        }
        match plan.status(path, answers) {
            200 => Outcome::Success,
            code => Outcome::Failure(status(code)),
        }
    }

    fn grpc(&self, check: &Check, port: u16) -> Outcome {
        let at = host_port(&self.own_address(), port);
        let timeout = check.timeout.as_secs();
        match self.dial("", port) {
            Err(_) => Outcome::Late(format!(
                "timeout: failed to connect service \"{at}\" within {timeout}s: \
                 context deadline exceeded"
            )),
            Ok((plan, ..)) if plan.program.answers >= check.timeout => {
                Outcome::Late(format!("timeout: health rpc did not complete within {timeout}s"))
            }
            Ok((_, answers, _)) if !answers.to(check.kind) => {
                Outcome::Failure("service unhealthy (responded with \"NOT_SERVING\")".to_owned())
            }
            Ok(_) => Outcome::Success,
        }
    }
}
