//! From the image to a process that runs and is probed.

use std::rc::Rc;

use super::{ContainerRun, Context, Doing, Posting, RESYNC, Running, Trouble};
use crate::kubelet::backoff::Backoff;
use crate::kubelet::env::Link;
use crate::kubelet::image::{Images, Pull, Reference};
use crate::kubelet::life::Life;
use crate::kubelet::plan::{Hook, PostStart};
use crate::kubelet::probe::{Port, ProbeKind};
use crate::kubelet::program::Answers;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// From the image being there to the process running.
const START: Duration = Duration::from_millis(300);

impl ContainerRun {
    /// kubelet turns to it: its image first. Gives back what happened.
    pub(in crate::kubelet) fn begin(
        &mut self,
        context: &Context<'_>,
        images: &mut Images,
        rng: &mut Rng,
    ) -> Vec<Life> {
        let Context { now, plan, .. } = *context;
        let image = plan.image.clone();
        let Some(reference) = &plan.reference else {
            let message = format!("couldn't parse image name \"{image}\": {}", unreadable(&image));
            let message = format!("Failed to apply default image tag \"{image}\": {message}");
            self.give_up("InvalidImageName", message.clone(), now);
            let unusable = Life::Unusable { reason: "InspectFailed", message };
            return vec![unusable, Life::GaveUp { reason: "InvalidImageName" }];
        };
        match images.pull(reference, plan.policy, now, rng) {
            Pull::Present => {
                self.doing = Doing::Creating { until: now + START };
                vec![Life::Present { image }]
            }
            Pull::Pulls { until, refusal } => {
                self.doing = Doing::Pulling { since: now, until, refusal };
                vec![Life::Pulling { image }]
            }
            Pull::Forbidden => {
                const REASON: &str = "ErrImageNeverPull";
                let message =
                    format!("Container image \"{image}\" is not present with pull policy of Never");
                self.give_up(REASON, message.clone(), now);
                let unusable = Life::Unusable { reason: REASON, message };
                vec![unusable, Life::GaveUp { reason: REASON }]
            }
        }
    }

    /// It waits with this reason and is tried again after the back-off of pulls.
    fn give_up(&mut self, reason: &'static str, message: String, now: Instant) {
        self.pull_backoff.attempt(now, now);
        let wait = self.pull_backoff.wait(now).unwrap_or_default();
        self.trouble = Some(Trouble { reason, message });
        self.shows_end = false;
        self.doing = Doing::Idle { begin: Some(now + wait), notice: None };
    }

    /// The registry has answered.
    pub(in crate::kubelet) fn pulled(&mut self, context: &Context<'_>) -> Vec<Life> {
        let Context { now, plan, .. } = *context;
        let Doing::Pulling { since, refusal, .. } = &mut self.doing else { return Vec::new() };
        let (took, image) = (now - *since, plan.image.clone());
        let Some(message) = refusal.take() else {
            self.doing = Doing::Creating { until: now + START };
            let size = plan.reference.as_ref().map_or(0, |it| it.size());
            return vec![Life::Pulled { image, size, took }];
        };
        self.give_up("ErrImagePull", message.clone(), now);
        if let Doing::Idle { notice, .. } = &mut self.doing {
            let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {message}");
            *notice = Some((now + RESYNC, Trouble { reason: "ImagePullBackOff", message }));
        }
        vec![Life::PullFailed { image, message }, Life::GaveUp { reason: "ErrImagePull" }]
    }

    /// The process runs. `asked` is what asking a port of the pod for a path comes to.
    pub(in crate::kubelet) fn start(
        &mut self,
        context: &Context<'_>,
        links: Rc<[Link]>,
        asked: impl Fn(&Port, &str) -> Result<(), String>,
    ) -> [Life; 2] {
        let Context { now, plan, .. } = *context;
        self.count_start(now);
        let ends = plan.program.ends.map(|(after, code)| (now + after, code));
        let opens = Some(now + plan.program.opens).filter(|at| *at > now);
        self.doing = Doing::Running(Running { since: now, ends, killed: None, opens });
        self.pull_backoff = Backoff::default();
        self.answers = Answers::default();
        self.written = Rc::default();
        self.links = links;
        self.posting = plan.post_start.as_ref().map(|it| it.run(now, asked));
        if self.posting.is_none() {
            self.settled(context);
        }
        [Life::Created, Life::Started]
    }

    pub(super) fn count_start(&mut self, now: Instant) {
        if let Some(ended) = &self.ended {
            self.restarts = self.restarts.saturating_add(1);
            self.restart_backoff.attempt(ended.finished, now);
        }
    }

    /// kubelet sees it running from now on.
    fn settled(&mut self, context: &Context<'_>) {
        let Context { now, plan, accepted, .. } = *context;
        (self.shows_end, self.trouble) = (false, None);
        self.started = plan.check(ProbeKind::Startup).is_none();
        self.initialized |= self.started;
        let since = self.running().map_or(now, |it| it.since);
        for (worker, check) in self.workers.iter_mut().zip(&plan.checks) {
            worker.restart(check.kind);
            worker.tick_from(check, accepted, now.max(since + check.delay));
        }
    }

    /// Whether its `postStart` hook went well, where it is through by now.
    pub(in crate::kubelet) fn posted(&mut self, context: &Context<'_>) -> Option<bool> {
        let posting = self.posting.take_if(|it| it.until <= context.now)?;
        match posting.failure {
            None => self.settled(context),
            error => self.hook_error = error,
        }
        Some(self.hook_error.is_none())
    }

    /// Its startup probe has succeeded: the other probes begin.
    pub(in crate::kubelet) fn has_started(&mut self, context: &Context<'_>) {
        (self.started, self.initialized) = (true, true);
        let since = self.running().map_or(context.now, |it| it.since);
        for (worker, check) in self.workers.iter_mut().zip(&context.plan.checks) {
            worker.tick_from(check, context.accepted, context.now.max(since + check.delay));
        }
    }

    /// Its ports have opened by now.
    pub(in crate::kubelet) fn opened(&mut self, now: Instant) -> bool {
        let Doing::Running(running) = &mut self.doing else { return false };
        running.opens.take_if(|at| *at <= now).is_some()
    }
}

impl PostStart {
    fn run(&self, now: Instant, asked: impl Fn(&Port, &str) -> Result<(), String>) -> Posting {
        let (takes, error) = match &self.hook {
            Hook::Takes(takes, 0) => (*takes, None),
            Hook::Takes(takes, code) => {
                let error = format!("command '{}' exited with {code}: , message: \"\"", self.what);
                (*takes, Some(error))
            }
            Hook::Http(port) => (Duration::ZERO, asked(port, &self.what).err()),
        };
        let failure = error.map(|it| format!("{}{it}", self.complaint));
        Posting { until: now + takes, failure }
    }
}

/// What the reference parser says of a name that it cannot read.
fn unreadable(image: &str) -> String {
    let name = image.split(['@']).next().unwrap_or_default();
    let at = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[at..].find(':').map_or(name.len(), |it| at + it);
    let path = &name[..end];
    let lower = Some(path.to_lowercase()).filter(|it| it != path);
    match lower.filter(|it| Reference::parse(it).is_some()) {
        Some(_) => {
            let prefix = if path.contains('/') { "" } else { "library/" };
            format!("invalid reference format: repository name ({prefix}{path}) must be lowercase")
        }
        None => "invalid reference format".to_owned(),
    }
}
