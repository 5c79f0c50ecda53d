//! What happens to a container, with the Kubernetes Event that kubelet writes for it.

use crate::time::Duration;

/// One thing that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    Pulling {
        image: String,
    },
    Pulled {
        image: String,
        /// In bytes.
        size: u64,
        took: Duration,
    },
    /// The node has the image already.
    Present {
        image: String,
    },
    /// The registry's refusal.
    PullFailed {
        image: String,
        message: String,
    },
    /// The image's name cannot be read, or it may not be pulled; `reason` is the Event's.
    Unusable {
        reason: &'static str,
        message: String,
    },
    /// kubelet gives up for now with this reason: `ErrImagePull`, `InvalidImageName` …
    GaveUp {
        reason: &'static str,
    },
    PullBackOff {
        image: String,
    },
    Created,
    Started,
    /// It is asked to end; `again`: and to start anew.
    Killing {
        why: Why,
        again: bool,
    },
    /// Its `postStart` hook failed; it is ended for that.
    PostStartFailed,
    /// Its `preStop` hook failed or took longer than the grace period.
    PreStopFailed,
    Exited {
        code: i32,
    },
    /// It has to wait for its next start.
    BackOff {
        wait: Duration,
        /// The pod's.
        uid: String,
    },
}

/// Why kubelet ends a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its pod is deleted or has reached its deadline.
    Stopping,
    Liveness,
    Startup,
    /// The same of an init container that keeps running.
    SidecarLiveness,
    SidecarStartup,
    /// Its `postStart` hook has failed.
    PostStart,
    /// Its image is another one now.
    Changed,
}

/// A Kubernetes Event as its writer words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub is_warning: bool,
    pub reason: &'static str,
    pub message: String,
}

impl Said {
    pub(crate) fn normal(reason: &'static str, message: impl Into<String>) -> Said {
        Said { is_warning: false, reason, message: message.into() }
    }

    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Said {
        Said { is_warning: true, reason, message: message.into() }
    }
}

impl Life {
    /// The Event for it; None where kubelet writes none. `pod` is `NAME_NAMESPACE`.
    pub fn event(&self, container: &str, pod: &str) -> Option<Said> {
        Some(match self {
            Life::Pulling { image } => {
                Said::normal("Pulling", format!("Pulling image \"{image}\""))
            }
            Life::Pulled { image, size, took } => {
                let took = go_millis(*took);
                let message = format!(
                    "Successfully pulled image \"{image}\" in {took} ({took} including waiting). \
                     Image size: {size} bytes."
                );
                Said::normal("Pulled", message)
            }
            Life::Present { image } => {
                let message = format!("Container image \"{image}\" already present on machine");
                Said::normal("Pulled", message)
            }
            Life::PullFailed { image, message } => {
                Said::warning("Failed", format!("Failed to pull image \"{image}\": {message}"))
            }
            Life::Unusable { reason, message } => Said::warning(reason, message),
            Life::GaveUp { reason } => Said::warning("Failed", format!("Error: {reason}")),
            Life::PullBackOff { image } => {
                Said::normal("BackOff", format!("Back-off pulling image \"{image}\""))
            }
            Life::Created => Said::normal("Created", format!("Created container: {container}")),
            Life::Started => Said::normal("Started", format!("Started container {container}")),
            Life::Killing { why, again } => {
                let end = if *again { ", will be restarted" } else { "" };
                Said::normal("Killing", format!("{}{end}", why.message(container)))
            }
            Life::PostStartFailed => Said::warning("FailedPostStartHook", "PostStartHook failed"),
            Life::PreStopFailed => Said::warning("FailedPreStopHook", "PreStopHook failed"),
            Life::Exited { .. } => return None,
            Life::BackOff { uid, .. } => {
                let message =
                    format!("Back-off restarting failed container {container} in pod {pod}({uid})");
                Said::warning("BackOff", message)
            }
        })
    }
}

impl Why {
    fn message(self, container: &str) -> String {
        match self {
            Why::Stopping => format!("Stopping container {container}"),
            Why::Liveness => format!("Container {container} failed liveness probe"),
            Why::Startup => format!("Container {container} failed startup probe"),
            Why::SidecarLiveness => format!("Init container {container} failed liveness probe"),
            Why::SidecarStartup => format!("Init container {container} failed startup probe"),
            Why::PostStart => "FailedPostStartHook".to_owned(),
            Why::Changed => format!("Container {container} definition changed"),
        }
    }
}

/// As Go prints a duration of whole milliseconds: `812ms`, `2.345s`, `1m0.5s`.
fn go_millis(time: Duration) -> String {
    let millis = time.as_micros() / 1000;
    if millis < 1000 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let fraction = format!("{:03}", rest % 1000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let seconds = format!("{}{point}{fraction}s", rest / 1000);
    if minutes == 0 { seconds } else { format!("{minutes}m{seconds}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_prints_them() {
        let print = |millis| go_millis(Duration::from_millis(millis));
        let all = [0, 812, 1000, 2345, 2300, 60_000, 60_500].map(print);
        assert_eq!(all, ["0s", "812ms", "1s", "2.345s", "2.3s", "1m0s", "1m0.5s"]);
    }
}
