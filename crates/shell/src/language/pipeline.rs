//! Commands side by side, what one prints read by the next.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use crate::pipe::{Input, Output, Pipe};
use crate::process::Process;

/// The processes of a pipeline, each a shell of its own.
pub(super) fn connect(process: &Process, count: usize) -> Vec<Process> {
    let mut input = process.stdin.clone();
    let mut res = Vec::new();
    for index in 0..count {
        let mut inner = process.subshell();
        inner.stdin = std::mem::take(&mut input);
        if index + 1 < count {
            let pipe = Rc::new(Pipe::default());
            inner.stdout = Output::Pipe(pipe.clone());
            input = Input::Pipe(pipe);
        }
        res.push(inner);
    }
    res
}

/// The status of a command whose reader has gone: 128 + SIGPIPE.
const BROKEN_PIPE: u8 = 141;

type Stage<'a> = Option<Pin<Box<dyn Future<Output = u8> + 'a>>>;

/// Runs all of them; their statuses. One that writes where nobody reads any more ends.
pub(super) async fn join<'a>(
    processes: &[Process],
    stages: Vec<Pin<Box<dyn Future<Output = u8> + 'a>>>,
) -> Vec<u8> {
    let mut stages: Vec<Stage<'a>> = stages.into_iter().map(Some).collect();
    let mut status = vec![0; processes.len()];
    poll_fn(|context| {
        let Some(activity) = processes.first().map(|it| it.stage.clone()) else {
            return Poll::Ready(());
        };
        loop {
            let before = activity.activity.get();
            let last = processes.len() - 1;
            for (index, (stage, process)) in stages.iter_mut().zip(processes).enumerate() {
                let Some(task) = stage else { continue };
                let ended = match task.as_mut().poll(context) {
                    Poll::Ready(found) => Some(found),
                    Poll::Pending if writes_in_vain(process) => Some(BROKEN_PIPE),
                    Poll::Pending => None,
                };
                if let Some(found) = ended {
                    if let Some(status) = status.get_mut(index) {
                        *status = found;
                    }
                    *stage = None;
                    end(process, index > 0, index < last);
                }
            }
            if stages.iter().all(Option::is_none) {
                return Poll::Ready(());
            }
            if activity.activity.get() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    status
}

fn writes_in_vain(process: &Process) -> bool {
    matches!(&process.stdout, Output::Pipe(pipe) if pipe.refused.get())
}

/// Its reader sees the end, its writer that nobody reads. What the first reads and the last writes
/// may be pipes of a pipeline around this one, which go on.
fn end(process: &Process, reads: bool, writes: bool) {
    if let Output::Pipe(pipe) = &process.stdout
        && writes
    {
        pipe.ended.set(true);
    }
    if let Input::Pipe(pipe) = &process.stdin
        && reads
    {
        pipe.broken.set(true);
    }
    process.stage.touch();
}
