//! `kubectl logs`: pods and containers → the lines that their programs have written.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::logs::Line;
use svclab_core::object::{ContainerStatus, Pod};
use svclab_core::time::{Duration, Instant};

use super::errors::{Done, Failed, error, refused, usage};
use super::exec::{container, find_pod, key, status_of};
use super::resources::Resource;
use super::selector::LabelSelector;
use super::{Kubectl, wait};

/// How many lines of each pod a selector shows where nobody says how many.
const TAIL_OF_SELECTED: usize = 10;
/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Whose lines are shown.
struct Source {
    pod: ObjectKey,
    container: String,
}

/// Which lines are shown, and how.
struct Choice {
    previous: bool,
    since: Instant,
    tail: Option<usize>,
    timestamps: bool,
    prefix: bool,
}

pub(super) async fn logs(kubectl: &Kubectl) -> Done {
    let choice = Choice::of(kubectl)?;
    let sources = sources(kubectl, choice.previous)?;
    let mut shown: Vec<usize> = Vec::new();
    for source in &sources {
        let lines = choice.lines(kubectl, source);
        shown.push(lines.len());
        let skipped = choice.tail.map_or(0, |it| lines.len().saturating_sub(it));
        choice.print(kubectl, source, lines.iter().skip(skipped));
    }
    if kubectl.flags.has("follow") && !choice.previous {
        follow(kubectl, &choice, &sources, shown).await;
    }
    Ok(())
}

impl Choice {
    fn of(kubectl: &Kubectl) -> Done<Choice> {
        let flags = &kubectl.flags;
        let now = kubectl.process.lab().now();
        let ago = flags
            .text("since")
            .filter(|it| *it != "0s")
            .map(|it| wait::span(it, "since"))
            .transpose();
        let ago = ago.map_err(error)?;
        let from = flags.text("since-time").and_then(Instant::from_rfc3339);
        let since =
            ago.map(|it| Instant::from_micros(now.as_micros().saturating_sub(it.as_micros())));
        let tail = match flags.number("tail") {
            Some(number) => usize::try_from(number).ok(),
            None => flags.text("selector").map(|_| TAIL_OF_SELECTED),
        };
        Ok(Choice {
            previous: flags.has("previous"),
            since: since.or(from).unwrap_or(Instant::START),
            tail,
            timestamps: flags.has("timestamps"),
            prefix: flags.has("prefix"),
        })
    }

    fn lines(&self, kubectl: &Kubectl, source: &Source) -> Vec<Line> {
        let lab = kubectl.process.lab();
        let mut lines = lab.container_log(&source.pod, &source.container, self.previous);
        lines.retain(|it| it.at >= self.since);
        lines
    }

    fn print<'a>(&self, kubectl: &Kubectl, source: &Source, lines: impl Iterator<Item = &'a Line>) {
        for line in lines {
            let prefix = match self.prefix {
                true => format!("[pod/{}/{}] ", source.pod.name, source.container),
                false => String::new(),
            };
            let text = if self.timestamps { line.stamped() } else { line.text.clone() };
            kubectl.out(&format!("{prefix}{text}\n"));
        }
    }
}

/// Until all the pods are gone.
async fn follow(kubectl: &Kubectl, choice: &Choice, sources: &[Source], mut shown: Vec<usize>) {
    loop {
        let (version, next, alive) = {
            let lab = kubectl.process.lab();
            let alive = sources.iter().any(|it| lab.objects().get(&it.pod).is_some());
            (lab.resource_version(), lab.now() + LOOK, alive)
        };
        if !alive {
            return;
        }
        kubectl.process.changed(version, Some(next)).await;
        for (source, shown) in sources.iter().zip(&mut shown) {
            let lines = choice.lines(kubectl, source);
            // A container that was restarted begins a new log.
            let seen = if lines.len() < *shown { 0 } else { *shown };
            choice.print(kubectl, source, lines.iter().skip(seen));
            *shown = lines.len();
        }
    }
}

fn sources(kubectl: &Kubectl, previous: bool) -> Done<Vec<Source>> {
    let namespace = kubectl.namespace();
    let word = kubectl.flags.arguments.first();
    let pods = match (word, kubectl.flags.text("selector")) {
        (Some(_), Some(_)) => {
            return Err(usage("logs", "only a selector (-l) or a POD name is allowed"));
        }
        (Some(word), None) => vec![named(kubectl, word, &namespace)?],
        (None, Some(selector)) => selected(kubectl, selector, &namespace)?,
        (None, None) => {
            return Err(usage(
                "logs",
                "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
            ));
        }
    };
    let mut sources = Vec::new();
    for pod in &pods {
        for container in containers(kubectl, pod)? {
            check(pod, &container, previous)?;
            sources.push(Source { pod: key(pod), container });
        }
    }
    Ok(sources)
}

fn named(kubectl: &Kubectl, word: &str, namespace: &str) -> Done<Pod> {
    find_pod(kubectl, word, true).map_err(|Failed(text)| {
        let missing = text.strip_prefix("Error from server (NotFound): ");
        match missing.filter(|_| !word.contains('/')) {
            Some(what) => {
                error(format!("error from server (NotFound): {what} in namespace \"{namespace}\""))
            }
            None => Failed(text),
        }
    })
}

fn selected(kubectl: &Kubectl, selector: &str, namespace: &str) -> Done<Vec<Pod>> {
    let selector = LabelSelector::parse(selector).map_err(error)?;
    let all = kubectl.client.list(Resource::of(Kind::Pod), Some(namespace));
    let all = all.map_err(|it| refused(&it, None))?;
    let mut pods: Vec<Pod> = all.iter().filter_map(|it| it.as_pod()).cloned().collect();
    pods.retain(|it| selector.matches(&it.metadata.labels));
    if pods.is_empty() {
        kubectl.err(&format!("No resources found in {namespace} namespace.\n"));
    }
    Ok(pods)
}

fn containers(kubectl: &Kubectl, pod: &Pod) -> Done<Vec<String>> {
    if !kubectl.flags.has("all-containers") {
        return Ok(vec![container(kubectl, pod)?]);
    }
    let all = pod.spec.init_containers.iter().chain(&pod.spec.containers);
    Ok(all.map(|it| it.name.clone()).collect())
}

/// Who has no log (`validateContainerLogStatus`).
fn check(pod: &Pod, container: &str, previous: bool) -> Done {
    let state = status_of(pod, container);
    let name = &pod.metadata.name;
    let bad = |why: String| Err(Failed(format!("Error from server (BadRequest): {why}")));
    if previous {
        return match state.is_none_or(|it| it.last_state.terminated.is_none()) {
            true => bad(format!(
                "previous terminated container \"{container}\" in pod \"{name}\" not found"
            )),
            false => Ok(()),
        };
    }
    let runs = |it: &&ContainerStatus| {
        let ended = it.state.terminated.as_ref().or(it.last_state.terminated.as_ref());
        it.state.running.is_some() || ended.is_some()
    };
    if state.filter(runs).is_some() {
        return Ok(());
    }
    let waiting = state.and_then(|it| it.state.waiting.as_ref());
    let waits = match waiting.map_or("", |it| it.reason.as_str()) {
        "" => return Ok(()),
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        reason => reason,
    };
    bad(format!("container \"{container}\" in pod \"{name}\" is waiting to start: {waits}"))
}
