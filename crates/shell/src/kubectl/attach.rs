//! `kubectl attach` and `kubectl run -i`: somebody at the terminal of a container's first process.
//!
//! The lab's containers run no such process: kubelet keeps the container up for it
//! (`kubelet::program`), the command runs in the terminal's own shell, and the container ends as
//! the command did.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Action;
use svclab_core::object::{Container, Object, Pod};
use svclab_core::time::Duration;

use super::errors::{Done, Failed, error};
use super::{Kubectl, exec, exit};
use crate::process::Process;
use crate::programs;
use crate::session::Place;

const HINT: &str = "If you don't see a command prompt, try pressing enter.\n";
/// `--pod-running-timeout` where nothing else was asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell that was opened as the first process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    pod: ObjectKey,
    container: String,
    /// `--rm`
    removes: bool,
    /// Whether `kubectl run` ends with the status of the container.
    waits: bool,
    quiet: bool,
}

/// Goes on where `kubectl run -i` has made its pod.
pub(super) async fn run(kubectl: &Kubectl, name: &str) -> Done {
    let flags = &kubectl.flags;
    let attached = Attached {
        pod: ObjectKey::new(Kind::Pod, kubectl.namespace(), name),
        container: name.to_owned(),
        removes: flags.has("rm"),
        waits: flags.text_or("restart", "Always") != "Always" && !flags.has("leave-stdin-open"),
        quiet: flags.has("quiet"),
    };
    let running =
        until(&kubectl.process, &attached.pod, PATIENCE, |pod| pod.is_ready() || pod.is_finished());
    if running.await.is_none() {
        attached.remove(&kubectl.process);
        return Err(error("timed out waiting for the condition"));
    }
    opened(kubectl, attached).await
}

/// `kubectl attach (POD | TYPE/NAME) [-c CONTAINER] [-i] [-t]`
pub(super) async fn attach(kubectl: &Kubectl) -> Done {
    let word = match kubectl.flags.arguments.as_slice() {
        [] => return Err(error("at least 1 argument is required for attach")),
        [word] => word,
        all => {
            let found = all.len();
            return Err(error(format!(
                "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {found}: [{}]",
                all.join(" ")
            )));
        }
    };
    let pod = exec::find_pod(kubectl, word, false)?;
    if pod.is_finished() {
        let phase = &pod.status.phase;
        return Err(error(format!(
            "cannot attach a container in a completed pod; current phase is {phase}"
        )));
    }
    let container = exec::container(kubectl, &pod)?;
    let meta = &pod.metadata;
    let given = pod.spec.containers.iter().find(|it| it.name == container);
    if kubectl.flags.has("tty") && given.is_some_and(|it| !it.tty) && !kubectl.flags.has("quiet") {
        kubectl.err(&format!(
            "error: Unable to use a TTY - container {container} did not allocate one\n"
        ));
    }
    let key = ObjectKey::new(Kind::Pod, &meta.namespace, &meta.name);
    let quiet = kubectl.flags.has("quiet");
    opened(kubectl, Attached { pod: key, container, removes: false, waits: false, quiet }).await
}

/// Runs what the container was started for, and ends as it does.
async fn opened(kubectl: &Kubectl, attached: Attached) -> Done {
    if !attached.quiet {
        kubectl.err(HINT);
    }
    let pod = attached.pod(&kubectl.process);
    let container = pod.iter().flat_map(|it| &it.spec.containers);
    let container = container.into_iter().find(|it| it.name == attached.container).cloned();
    let is_running = pod.as_ref().is_some_and(|it| exec::is_running(it, &attached.container));
    let Some(container) = container.filter(|_| is_running) else {
        let (name, namespace) = (&attached.pod.name, &attached.pod.namespace);
        let what = &attached.container;
        if !attached.waits {
            return Err(error(format!(
                "unable to upgrade connection: container {what} not found in pod {name}_{namespace}"
            )));
        }
        return finished(ended(&kubectl.process, attached, 0).await);
    };
    let words = words(&container);
    let place = Place::Pod {
        namespace: attached.pod.namespace.clone(),
        name: attached.pod.name.clone(),
        container: Some(attached.container.clone()),
    };
    let reads = kubectl.flags.has("stdin");
    let is_shell = matches!(words.as_slice(), [word] if programs::is_shell(word));
    if is_shell && reads && container.tty && kubectl.process.is_at_terminal() {
        let mut session = kubectl.process.session_mut();
        session.enter(place);
        session.attached = Some(attached);
        return Ok(());
    }
    if words.is_empty() || !(container.stdin_once || is_shell && container.stdin) {
        // A server writes nothing to its terminal.
        exec::follow(kubectl, &attached.pod).await;
        return Ok(());
    }
    let inside = kubectl.process.at(place, reads);
    programs::disk::refresh(&inside);
    let status = match words.first().filter(|it| !programs::exists(&inside, it)) {
        Some(_) => programs::NOT_FOUND,
        None => programs::status(&inside, words.clone()).await,
    };
    programs::disk::save(&inside);
    finished(ended(&kubectl.process, attached, status).await)
}

fn finished(status: u8) -> Done {
    if status == 0 { Ok(()) } else { Err(exit(status)) }
}

/// What the container's first process is: its command, or what its image starts.
fn words(container: &Container) -> Vec<String> {
    let given = || container.command.iter().chain(&container.args).cloned();
    let last = container.image.rsplit('/').next().unwrap_or_default();
    let image = last.split([':', '@']).next().unwrap_or_default();
    let is_option = container.args.first().is_some_and(|it| it.starts_with('-'));
    match image {
        _ if !container.command.is_empty() => given().collect(),
        "curl" if is_option => std::iter::once("curl".to_owned()).chain(given()).collect(),
        _ if !container.args.is_empty() => given().collect(),
        "netshoot" | "debian" | "ubuntu" | "centos" | "fedora" => vec!["bash".to_owned()],
        "busybox" | "alpine" => vec!["sh".to_owned()],
        _ => Vec::new(),
    }
}

/// The shell of a container's first process was left: the container ends, and what `kubectl run`
/// promised is done. Gives the status of `kubectl`.
pub(crate) async fn ended(process: &Process, attached: Attached, status: u8) -> u8 {
    let (pod, container) = (attached.pod.clone(), attached.container.clone());
    let before = attached.pod(process);
    process.act(Action::Crash { pod, container, code: status });
    if !attached.waits {
        let given = before.iter().flat_map(|it| &it.spec.containers);
        let given = given.into_iter().find(|it| it.name == attached.container);
        if !attached.quiet && given.is_some_and(|it| it.stdin && it.tty) {
            let (pod, container) = (&attached.pod.name, &attached.container);
            process.out(&format!(
                "Session ended, resume using 'kubectl attach {pod} -c {container} -i -t' command when the pod is running\n"
            ));
        }
        attached.remove(process);
        return 0;
    }
    let done = until(process, &attached.pod, Duration::from_secs(60), Pod::is_finished).await;
    attached.remove(process);
    match done.as_ref().map(outcome) {
        Some(Ok(())) => 0,
        Some(Err((Failed(text), status))) => {
            process.err(&format!("{text}\n"));
            status
        }
        None => {
            process.err("error: timed out waiting for the condition\n");
            1
        }
    }
}

/// What `kubectl run` says of the pod's end.
fn outcome(pod: &Pod) -> Result<(), (Failed, u8)> {
    let name = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
    if pod.status.phase == "Succeeded" {
        return Ok(());
    }
    let end = pod.status.container_statuses.first().and_then(|it| it.state.terminated.as_ref());
    let code = end.and_then(|it| u8::try_from(it.exit_code).ok()).filter(|it| *it != 0);
    let (Some(end), Some(code)) = (end, code) else {
        return Err((error(format!("pod {name} failed with unknown exit code")), 1));
    };
    let text = format!("pod {name} terminated ({})\n{}", end.reason, end.message);
    Err((Failed(text.trim_end().to_owned()), code))
}

impl Attached {
    fn pod(&self, process: &Process) -> Option<Pod> {
        process.lab().objects().get(&self.pod).and_then(Object::as_pod).cloned()
    }

    fn remove(&self, process: &Process) {
        if self.removes && self.pod(process).is_some() {
            process.act(Action::Delete { key: self.pod.clone() });
            if !self.quiet {
                process.out(&format!("pod \"{}\" deleted\n", self.pod.name));
            }
        }
    }
}

/// The pod once `is_it`; `None` where that does not happen in time.
async fn until(
    process: &Process,
    key: &ObjectKey,
    patience: Duration,
    is_it: impl Fn(&Pod) -> bool,
) -> Option<Pod> {
    let end = process.now() + patience;
    loop {
        let (version, pod) = {
            let lab = process.lab();
            let pod = lab.objects().get(key).and_then(Object::as_pod).cloned();
            (lab.resource_version(), pod)
        };
        let pod = pod?;
        if is_it(&pod) {
            return Some(pod);
        }
        if process.now() >= end {
            return None;
        }
        process.changed(version, Some(end)).await;
    }
}
