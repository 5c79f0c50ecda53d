//! Lines typed in a lab.

use svclab_core::lab::Lab;
use svclab_core::time::Duration;
use svclab_shell::{INTERRUPTED, Job, Place, Progress, Session, Stream};

/// What a line printed, and its exit status.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: u8,
}

/// Types a line and lets time pass until it ends, for ten minutes of the lab at most.
pub(crate) fn run(mut lab: Lab, from: &str, line: &str) -> (Lab, Output) {
    let place = Place::parse(from).expect("a place");
    let mut job = Job::new(Session::new(place), line);
    let end = lab.now() + Duration::from_secs(600);
    let mut res = Output::default();
    loop {
        let (back, progress) = job.resume(lab);
        lab = back;
        for chunk in job.printed() {
            match chunk.stream {
                Stream::Out => res.out.push_str(&chunk.text),
                Stream::Err => res.err.push_str(&chunk.text),
            }
        }
        match progress {
            Progress::Ended(status) => {
                res.status = status;
                return (lab, res);
            }
            Progress::Waits(Some(at)) if at <= end => lab.run_until(at),
            Progress::Busy if lab.now() < end => {
                let later = lab.now() + Duration::from_millis(100);
                lab.run_until(later);
            }
            Progress::Edits(draft) => job.edited(Some(draft.text)),
            Progress::WantsReference => job.refer(None),
            Progress::Waits(_) | Progress::Busy => {
                res.status = INTERRUPTED;
                return (lab, res);
            }
        }
    }
}
