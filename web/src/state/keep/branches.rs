//! All branches of a history ⇄ text.
//!
//! The session is the branch that is shown, and whoever reads nothing else has that one whole. The
//! others are written as what they do not share: each its own steps since it left another, less
//! those that the session has too.

use serde_json::{Value, json};
use svclab_core::history::{Branch, BranchId, History, Session, Step, fingerprint};
use svclab_core::time::{Duration, Instant};

/// `{"current": 1, "branches": [{"until", "same", "steps"}, {"parent", "at", "until", …}]}`: times
/// in microseconds; `same`: how many steps, from the branch's first on, are the session's.
pub(super) fn to_value(history: &History) -> Value {
    let branches: Vec<&Branch> = history.branches().map(|it| it.1).collect();
    let session = &history.branch().steps;
    let written = |branch: &&Branch| {
        let alike = |it: &(&Step, &Step)| it.0 == it.1;
        let same = branch.steps.iter().zip(session).take_while(alike).count();
        let parents = branch.parent.and_then(|it| Some((branches.get(it.branch.0)?, it.at)));
        let shared = parents.map_or(0, |(parent, at)| steps_until(parent, at));
        let own = branch.steps.get(same.max(shared)..).unwrap_or_default();
        let (until, same) = (branch.head.as_micros(), same as u64);
        let mut res = json!({"until": until, "same": same, "steps": own});
        if let Some(fork) = branch.parent {
            res["parent"] = (fork.branch.0 as u64).into();
            res["at"] = fork.at.as_micros().into();
        }
        res
    };
    let list: Vec<Value> = branches.iter().map(written).collect();
    json!({"current": history.current().0 as u64, "branches": list})
}

fn steps_until(branch: &Branch, at: Instant) -> usize {
    branch.steps.iter().filter(|step| step.at <= at).count()
}

/// All branches done again, and whether the session came out as it was. None where `kept` says
/// nothing of branches or does not fit the session, or where they last longer than `longest`
/// together.
pub(super) fn replay(
    session: &Session,
    kept: &Value,
    longest: Duration,
) -> Option<(History, bool)> {
    let mut history = History::new(&session.scenario, session.seed);
    let mut left = longest.as_micros();
    for (index, branch) in kept.get("branches")?.as_array()?.iter().enumerate() {
        let from = leave_parent(&mut history, branch, index)?;
        let until = instant(branch.get("until")?)?;
        left = left.checked_sub(until.as_micros().checked_sub(history.now().as_micros())?)?;
        for step in own_steps(session, branch, from)? {
            if step.at > until {
                return None;
            }
            history.run_until(step.at);
            history.act(step.action);
        }
        history.run_until(until);
        if history.branches().count() != index + 1 {
            return None;
        }
    }
    history.switch(branch_id(kept.get("current")?)?);
    if history.branch().steps != session.steps {
        return None;
    }
    let same = session.fingerprint.is_empty() || fingerprint(history.lab()) == session.fingerprint;
    Some((history, same))
}

/// Goes to where the branch begins; how many of its steps are its parent's.
fn leave_parent(history: &mut History, branch: &Value, index: usize) -> Option<usize> {
    if index == 0 {
        return Some(0);
    }
    let at = instant(branch.get("at")?)?;
    let parent = branch_id(branch.get("parent")?).filter(|it| it.0 < index)?;
    history.switch(parent);
    if at > history.branch().head {
        return None;
    }
    history.look(at);
    Some(steps_until(history.branch(), at))
}

fn own_steps(session: &Session, branch: &Value, from: usize) -> Option<Vec<Step>> {
    let same = usize::try_from(branch.get("same")?.as_u64()?).ok()?;
    let steps: Vec<Step> = serde_json::from_value(branch.get("steps")?.clone()).ok()?;
    let shared = session.steps.get(from.min(same)..same)?;
    let res = [shared, &steps].concat();
    res.is_sorted_by_key(|step| step.at).then_some(res)
}

fn instant(value: &Value) -> Option<Instant> {
    value.as_u64().map(Instant::from_micros)
}

fn branch_id(value: &Value) -> Option<BranchId> {
    value.as_u64().and_then(|it| usize::try_from(it).ok()).map(BranchId)
}
