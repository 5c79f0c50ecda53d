//! What becomes of Events before they are stored: the correlator in each component's recorder.
//!
//! The same Event counts up. Ten that differ in their message alone are told as one from then on,
//! and of one object a component tells 25 in a row, then one in five minutes
//! (`client-go/tools/record/events_cache.go`).

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Repeated};
use super::log::Component;
use crate::key::ObjectKey;
use crate::time::{Duration, Instant};

/// How many messages make Events similar (`defaultAggregateMaxEvents`), and for how long.
const SIMILAR: usize = 10;
const SIMILAR_FOR: Duration = Duration::from_secs(600);
/// A source of Events about one object: its burst, and the time that gives it one more.
const BURST: u64 = 25;
const REFILL: Duration = Duration::from_secs(300);
/// How long the API server keeps an Event after its last time (`--event-ttl`).
const KEPT: Duration = Duration::from_secs(3600);

/// Whom an Event comes from and whom it is about; and which object of that name, counted.
type Source = (ObjectKey, u32, Component);
/// All but the message: whether it is a warning, and the reason.
type Kin = (Source, bool, String);
/// `fieldPath` and message; None where similar ones are told as one.
type Own = Option<(String, String)>;

#[derive(Default)]
pub(super) struct Correlator {
    stored: Vec<Repeated>,
    /// Where in `stored` an Event is, and how often it has come.
    known: BTreeMap<(Kin, Own), (usize, u32)>,
    messages: BTreeMap<Kin, (Instant, BTreeSet<String>)>,
    /// What each source has left, in the time that it took to come by it.
    left: BTreeMap<Source, (Instant, Duration)>,
    lives: BTreeMap<ObjectKey, u32>,
}

impl Correlator {
    /// From now on Events are about another object of this name.
    pub(super) fn is_new(&mut self, key: &ObjectKey) {
        *self.lives.entry(key.clone()).or_default() += 1;
    }

    pub(super) fn observe(&mut self, mut event: Event, at: Instant) {
        let life = self.lives.get(&event.regarding).copied().unwrap_or(0);
        let source = (event.regarding.clone(), life, event.component);
        let kin = (source.clone(), event.warning, event.reason.clone());
        let own = match self.is_similar(&kin, &event.message, at) {
            false => Some((event.field_path.clone(), event.message.clone())),
            true => {
                event.message = format!("(combined from similar events): {}", event.message);
                None
            }
        };
        let is_told = self.spend(source, at);
        let place = (kin, own);
        let kept =
            |it: &&(usize, u32)| self.stored.get(it.0).is_some_and(|it| at - it.last <= KEPT);
        let known = self.known.get(&place).filter(kept).copied();
        let count = known.map_or(0, |it| it.1).saturating_add(1);
        let index = known.map_or(self.stored.len(), |it| it.0);
        match (self.stored.get_mut(index), is_told) {
            (Some(stored), true) => {
                stored.event.message = event.message;
                (stored.count, stored.last) = (count, at);
            }
            (None, true) => self.stored.push(Repeated { event, count, first: at, last: at }),
            (Some(_), false) => {}
            (None, false) => return,
        }
        self.known.insert(place, (index, count));
    }

    /// Whether ten messages of this kind have come by now.
    fn is_similar(&mut self, kin: &Kin, message: &str, at: Instant) -> bool {
        let fresh = || (at, BTreeSet::new());
        let (last, messages) = self.messages.entry(kin.clone()).or_insert_with(fresh);
        if at - *last > SIMILAR_FOR {
            messages.clear();
        }
        *last = at;
        messages.insert(message.to_owned());
        let similar = messages.len() >= SIMILAR;
        if similar {
            messages.pop_first();
        }
        similar
    }

    /// Whether the source may tell one more.
    fn spend(&mut self, source: Source, at: Instant) -> bool {
        let most = Duration::from_micros(REFILL.as_micros().saturating_mul(BURST));
        let (since, left) = self.left.entry(source).or_insert((at, most));
        *left = Duration::from_micros(left.as_micros() + (at - *since).as_micros()).min(most);
        *since = at;
        let enough = *left >= REFILL;
        if enough {
            *left = Duration::from_micros(left.as_micros() - REFILL.as_micros());
        }
        enough
    }

    /// Those that are kept at `now`, in the order of their first times.
    pub(super) fn stored(mut self, now: Instant) -> Vec<Repeated> {
        self.stored.retain(|it| now - it.last <= KEPT);
        self.stored
    }
}
