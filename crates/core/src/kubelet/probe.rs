//! Probes: a probe of a manifest → when it runs and what each result changes.
//!
//! The mechanics are those of kubelet's `prober` package: one worker for each probe, ticking each
//! `periodSeconds` from the moment the pod is accepted; results count only in a row.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;

use crate::object::{Container, IntOrString, Probe};
use crate::time::{Duration, Instant};

/// How many results a probe keeps for the page.
const KEPT_RESULTS: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

/// Capitalised as the messages of `Unhealthy` Events begin.
impl fmt::Display for ProbeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProbeKind::Startup => "Startup",
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeResult {
    pub at: Instant,
    pub success: bool,
}

/// A probe made ready to run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub kind: ProbeKind,
    pub(super) how: How,
    pub(super) delay: Duration,
    pub(super) timeout: Duration,
    pub(super) period: Duration,
    pub(super) successes: u32,
    pub(super) failures: u32,
    /// The probe's own `terminationGracePeriodSeconds`.
    pub(super) grace: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum How {
    Http { tls: bool, host: String, port: Port, path: String },
    Tcp { host: String, port: Port },
    Exec(Vec<String>),
    Grpc { port: Port },
}

/// A port, or why it is none: `strconv.Atoi: parsing "http": invalid syntax`.
pub(super) type Port = Result<u16, String>;

/// What one run of a probe finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    /// With what follows `Liveness probe failed: `.
    Failure(String),
    /// The same, known only when `timeoutSeconds` have passed.
    Late(String),
    /// The prober itself went wrong; the result does not count.
    Errored(String),
}

impl Check {
    pub(super) fn of(kind: ProbeKind, probe: &Probe, container: &Container) -> Check {
        let seconds = |it: i32| Duration::from_secs(u64::try_from(it).unwrap_or(0));
        let at_least_one = |it: i32| u32::try_from(it).unwrap_or(0).max(1);
        Check {
            kind,
            how: How::of(probe, container),
            delay: seconds(probe.initial_delay_seconds),
            timeout: seconds(probe.timeout_seconds.max(1)),
            period: seconds(probe.period_seconds.max(1)),
            successes: at_least_one(probe.success_threshold),
            failures: at_least_one(probe.failure_threshold),
            grace: probe
                .termination_grace_period_seconds
                .and_then(|it| u64::try_from(it).ok())
                .map(Duration::from_secs),
        }
    }

    /// The path that it asks for.
    pub(super) fn path(&self) -> Option<&str> {
        match &self.how {
            How::Http { path, .. } => Some(without_query(path)),
            _ => None,
        }
    }
}

impl How {
    fn of(probe: &Probe, container: &Container) -> How {
        if let Some(get) = &probe.http_get {
            let slash = if get.path.starts_with('/') { "" } else { "/" };
            return How::Http {
                tls: get.scheme == "HTTPS",
                host: get.host.clone(),
                port: resolve(&get.port, container),
                path: format!("{slash}{}", get.path),
            };
        }
        if let Some(socket) = &probe.tcp_socket {
            let port = resolve(&socket.port, container);
            return How::Tcp { host: socket.host.clone(), port };
        }
        if let Some(grpc) = &probe.grpc {
            return How::Grpc { port: number(grpc.port) };
        }
        How::Exec(probe.exec.as_ref().map(|it| it.command.clone()).unwrap_or_default())
    }
}

/// `probe.ResolveContainerPort`
pub(super) fn resolve(port: &IntOrString, container: &Container) -> Port {
    let name = match port {
        IntOrString::Int(it) => return number(*it),
        IntOrString::String(name) => name,
    };
    let named = container.ports.iter().find(|it| it.name == *name);
    let digits = || name.parse::<i32>().ok();
    match named.map(|it| it.container_port).or_else(digits) {
        Some(it) => number(it),
        None => Err(format!("strconv.Atoi: parsing \"{name}\": invalid syntax")),
    }
}

fn number(port: i32) -> Port {
    let valid = u16::try_from(port).ok().filter(|it| *it > 0);
    valid.ok_or_else(|| format!("invalid port number: {port}"))
}

pub(super) fn without_query(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or(path)
}

/// `10.244.1.2:8080`, `[fd00::1]:8080`.
pub(super) fn host_port(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(_)) => format!("[{host}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// One probe of one container, with what it remembers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worker {
    /// The next tick, or when an answer that is late is given up.
    pub(super) next: Instant,
    /// A run that waits for its time-out: its message, and the tick that follows it.
    late: Option<(String, Instant)>,
    /// What the probe says: passing or not; a startup probe that has not decided is not.
    pub(super) passing: bool,
    last: Option<bool>,
    in_row: u32,
    /// After a failed liveness or startup probe: nothing to probe until the container is new.
    on_hold: bool,
    pub(super) results: VecDeque<ProbeResult>,
}

/// A result that came to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) success: bool,
    pub(super) in_row: u32,
    pub(super) threshold: u32,
    pub(super) message: String,
    /// The threshold is crossed: what the probe says is another now.
    pub(super) changed: bool,
}

impl Worker {
    pub(super) fn new(kind: ProbeKind, accepted: Instant) -> Worker {
        Worker {
            next: accepted,
            late: None,
            passing: kind == ProbeKind::Liveness,
            last: None,
            in_row: 0,
            on_hold: false,
            results: VecDeque::new(),
        }
    }

    /// The container is a new one: the probe says what it says before its first result.
    pub(super) fn restart(&mut self, kind: ProbeKind) {
        self.passing = kind == ProbeKind::Liveness;
        (self.last, self.in_row, self.on_hold, self.late) = (None, 0, false, None);
    }

    /// The container stopped: readiness fails at once.
    pub(super) fn stop(&mut self) {
        self.passing = false;
        (self.last, self.in_row, self.late) = (None, 0, None);
    }

    /// Failures in a row, if the last result was one.
    pub(super) fn failing(&self) -> u32 {
        if self.last == Some(false) { self.in_row } else { 0 }
    }

    pub(super) fn is_held(&self) -> bool {
        self.on_hold
    }

    /// Puts the next tick at or after `at`; ticks are counted from `accepted`.
    pub(super) fn tick_from(&mut self, check: &Check, accepted: Instant, at: Instant) {
        let period = check.period.as_micros().max(1);
        let past = (at - accepted).as_micros().div_ceil(period);
        self.next = accepted + Duration::from_micros(period.saturating_mul(past));
    }

    /// Whether a run's time-out has come, with its message.
    pub(super) fn timed_out(&mut self, now: Instant) -> Option<String> {
        let due = self.late.is_some() && self.next <= now;
        let (message, tick) = self.late.take_if(|_| due)?;
        self.next = tick.max(now);
        Some(message)
    }

    /// Whether a run waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.late.is_some()
    }

    /// The answer will not come before the time-out.
    pub(super) fn wait(&mut self, check: &Check, message: String, now: Instant) {
        self.late = Some((message, self.next));
        self.next = now + check.timeout;
    }

    /// Counts a result (`worker.doProbe`).
    pub(super) fn count(&mut self, check: &Check, failure: Option<String>, now: Instant) -> Report {
        let success = failure.is_none();
        self.in_row = if self.last == Some(success) { self.in_row.saturating_add(1) } else { 1 };
        self.last = Some(success);
        if self.results.len() == KEPT_RESULTS {
            self.results.pop_front();
        }
        self.results.push_back(ProbeResult { at: now, success });
        let threshold = if success { check.successes } else { check.failures };
        let in_row = self.in_row;
        let changed = self.passing != success && in_row >= threshold;
        if changed {
            self.passing = success;
            self.on_hold = !success && check.kind != ProbeKind::Readiness;
        }
        let undecided = check.kind == ProbeKind::Startup && !success && in_row >= threshold;
        self.on_hold |= undecided;
        let message = failure.map(|it| format!("{} probe failed: {it}", check.kind));
        let message = message.unwrap_or_default();
        Report { success, in_row, threshold, message, changed: changed || undecided }
    }
}
