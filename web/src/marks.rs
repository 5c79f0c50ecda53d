//! What the time bar paints: a branch's log → [`Marks`], the moments worth going back to.

use std::rc::Rc;

use svclab_core::history::BranchId;
use svclab_core::lab::log::{Entry, EntryId, Happening, Log};
use svclab_core::time::Instant;
use svclab_core::trace::{Answer, Exchange};

/// Each has a line of the time bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// What the user did: applied, switched.
    User,
    /// A probe that failed, a container that ended, what was refused, a request without an answer.
    Trouble,
    Endpoints,
    Rules,
    /// A request that was answered.
    Packets,
}

impl Tone {
    pub const ALL: [Tone; 5] =
        [Tone::User, Tone::Packets, Tone::Trouble, Tone::Endpoints, Tone::Rules];

    pub fn name(self) -> &'static str {
        match self {
            Tone::User => "user",
            Tone::Trouble => "bad",
            Tone::Endpoints => "slice",
            Tone::Rules => "rules",
            Tone::Packets => "packet",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub at: Instant,
    pub tone: Tone,
}

/// In the order of their moments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marks {
    pub all: Rc<Vec<Mark>>,
    /// How much of whose log they were read from.
    read: usize,
    branch: Option<BranchId>,
}

impl Marks {
    /// Takes up what the log of the branch has beyond what was read before; `exchanges` are those
    /// of the moment that is shown.
    pub fn read(&mut self, branch: BranchId, log: &Log, exchanges: &[Rc<Exchange>]) {
        if self.branch != Some(branch) {
            *self = Marks { branch: Some(branch), ..Marks::default() };
        }
        if self.read == log.len() {
            return;
        }
        let new = (self.read..log.len()).filter_map(|it| mark(log.get(EntryId(it))?, exchanges));
        Rc::make_mut(&mut self.all).extend(new);
        self.read = log.len();
    }

    pub fn before(&self, now: Instant) -> Option<Instant> {
        let count = self.all.partition_point(|it| it.at < now);
        count.checked_sub(1).map(|last| self.all[last].at)
    }

    pub fn after(&self, now: Instant) -> Option<Instant> {
        self.all.get(self.all.partition_point(|it| it.at <= now)).map(|it| it.at)
    }
}

fn mark(entry: &Entry, exchanges: &[Rc<Exchange>]) -> Option<Mark> {
    let tone = match &entry.what {
        Happening::Requested { exchange, .. } => of_request(*exchange, exchanges),
        what if what.is_by_user() => Tone::User,
        Happening::Refused { .. }
        | Happening::RestoreFailed { .. }
        | Happening::Probed { success: false, .. } => Tone::Trouble,
        Happening::Endpoints { .. } | Happening::Slice { .. } => Tone::Endpoints,
        Happening::Synced { .. } => Tone::Rules,
        _ => return None,
    };
    Some(Mark { at: entry.at, tone })
}

fn of_request(id: usize, exchanges: &[Rc<Exchange>]) -> Tone {
    let found = exchanges.iter().rev().find(|it| it.id == id);
    match found.map(|it| &it.result) {
        Some(
            Answer::Refused | Answer::Reset | Answer::Denied | Answer::TimedOut | Answer::NoRoute,
        ) => Tone::Trouble,
        _ => Tone::Packets,
    }
}

#[cfg(test)]
mod tests {
    use svclab_core::history::History;
    use svclab_core::scenario::default_scenario;

    use super::*;

    #[test]
    fn reading_a_log_piece_by_piece_gives_the_marks_of_the_whole() {
        let mut history = History::new(&default_scenario(), 1);
        let mut pieces = Marks::default();
        for second in 1..20 {
            history.run_until(Instant::from_micros(second * 1_000_000));
            pieces.read(history.current(), &history.branch().log, history.lab().exchanges());
        }
        let mut whole = Marks::default();
        whole.read(history.current(), &history.branch().log, history.lab().exchanges());
        assert_eq!(pieces, whole);
        assert!(whole.all.iter().any(|it| it.tone == Tone::Rules), "no sync is painted");
        assert!(whole.all.is_sorted_by_key(|it| it.at));
    }

    #[test]
    fn marks_lead_from_moment_to_moment_and_back() {
        let mut history = History::new(&default_scenario(), 1);
        history.run_until(Instant::from_micros(20_000_000));
        let mut marks = Marks::default();
        marks.read(history.current(), &history.branch().log, history.lab().exchanges());
        let forth: Vec<Instant> =
            std::iter::successors(marks.after(Instant::START), |it| marks.after(*it)).collect();
        let last = forth.last().copied();
        let mut back: Vec<Instant> = std::iter::successors(last, |it| marks.before(*it))
            .filter(|it| *it > Instant::START)
            .collect();
        back.reverse();
        assert_eq!(forth, back);
        assert!(forth.len() > 3, "{forth:?}");
    }
}
