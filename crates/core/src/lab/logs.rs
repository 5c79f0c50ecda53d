//! What `kubectl logs` shows: a container → the lines that its program has written.

use sha2::{Digest, Sha512};

use super::Lab;
use super::log::{Entry, Happening};
use super::name_servers::Corefile;
use crate::dns::corefile::{Block, Config};
use crate::key::ObjectKey;
use crate::kubelet;
use crate::object::{ContainerState, ContainerStatus, Object, Pod};
use crate::time::{Duration, Instant};

/// A line of a container's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: Instant,
    pub text: String,
}

impl Line {
    /// With its time before it (`--timestamps`).
    pub fn stamped(&self) -> String {
        let (second, fraction) = (self.at.rfc3339(), self.at.as_micros() % 1_000_000);
        format!("{}.{fraction:06}000Z {}", second.trim_end_matches('Z'), self.text)
    }
}

/// From when to when a container's program ran.
struct Run {
    from: Instant,
    to: Option<Instant>,
}

impl Lab {
    /// Of the container's present run, or of the one before. Nothing where there was none.
    pub fn container_log(&self, pod: &ObjectKey, container: &str, previous: bool) -> Vec<Line> {
        let Some(object) = self.objects().get(pod).and_then(Object::as_pod) else {
            return Vec::new();
        };
        let all = object.status.container_statuses.iter();
        let mut all = all.chain(&object.status.init_container_statuses);
        let Some(status) = all.find(|it| it.name == container) else { return Vec::new() };
        let Some(run) = run_of(status, previous) else { return Vec::new() };
        let mut lines = self.lines_of_start((pod, object), status, run.from);
        // A status tells whole seconds.
        let after = run.to.map(|it| it + Duration::from_secs(1));
        let within = |it: &&Entry| it.at >= run.from && after.is_none_or(|end| it.at < end);
        for entry in self.log().iter().filter(within) {
            let texts = self.lines_of(&entry.what, pod, container);
            lines.extend(texts.into_iter().map(|text| Line { at: entry.at, text }));
        }
        lines
    }

    fn lines_of_start(
        &self,
        (key, pod): (&ObjectKey, &Pod),
        status: &ContainerStatus,
        at: Instant,
    ) -> Vec<Line> {
        let config = self.name_server_config(key);
        let mut zones: Vec<String> = config.map(zones).unwrap_or_default();
        zones.extend(self.running_configuration(key));
        let ip = pod.status.pod_ip.as_str();
        let spec = pod.spec.containers.iter().chain(&pod.spec.init_containers);
        let Some(spec) = spec.into_iter().find(|it| it.name == status.name) else {
            return Vec::new();
        };
        let texts = kubelet::started(spec, ip, &zones, at);
        texts.into_iter().map(|text| Line { at, text }).collect()
    }

    fn lines_of(&self, what: &Happening, of: &ObjectKey, of_container: &str) -> Vec<String> {
        match what {
            Happening::Wrote { pod, container, line }
                if pod == of && &**container == of_container =>
            {
                vec![line.clone()]
            }
            Happening::Queried { pod, line, logged: true, .. } if pod == of => {
                vec![format!("[INFO] {line}")]
            }
            Happening::Corefile { pod, what } if pod == of => self.lines_of_reload(pod, what),
            _ => Vec::new(),
        }
    }

    fn lines_of_reload(&self, pod: &ObjectKey, what: &Corefile) -> Vec<String> {
        let begins = "[INFO] Reloading".to_owned();
        match what {
            Corefile::Reloaded => {
                let running = self.running_configuration(pod);
                let ends = "[INFO] Reloading complete".to_owned();
                [begins].into_iter().chain(running).chain([ends]).collect()
            }
            Corefile::Kept(error) => vec![
                begins,
                format!("[ERROR] Restart failed: {error}"),
                format!("[ERROR] plugin/reload: Corefile changed but reload failed: {error}"),
            ],
            Corefile::Exits(error) => vec![error.clone()],
        }
    }

    /// What the plugin `reload` says of the Corefile that is in force. The real one's sum is over
    /// a form of the file that only Caddy knows.
    fn running_configuration(&self, pod: &ObjectKey) -> Option<String> {
        let reloads = self.name_server_config(pod)?.blocks.iter().any(|it| it.reload.is_some());
        let sum = Sha512::digest(self.corefile_of(pod)?);
        let sum: String = sum.iter().map(|it| format!("{it:02x}")).collect();
        reloads.then(|| format!("[INFO] plugin/reload: Running configuration SHA512 = {sum}"))
    }
}

/// `.:53`
fn zones(config: &Config) -> Vec<String> {
    let of = |block: &Block| -> Vec<String> {
        block.zones.iter().map(|it| format!("{}:{}", it.as_str(), block.port)).collect()
    };
    config.blocks.iter().flat_map(of).collect()
}

fn run_of(status: &ContainerStatus, previous: bool) -> Option<Run> {
    let run = |state: &ContainerState| {
        let running = state.running.as_ref().map(|it| (&it.started_at, None));
        let ended = state.terminated.as_ref().map(|it| (&it.started_at, it.finished_at.as_ref()));
        let (from, to) = running.or(ended)?;
        let from = Instant::from_rfc3339(from.as_deref()?)?;
        Some(Run { from, to: to.and_then(|it| Instant::from_rfc3339(it)) })
    };
    match previous {
        true => run(&status.last_state),
        false => run(&status.state).or_else(|| run(&status.last_state)),
    }
}
