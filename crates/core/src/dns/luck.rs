//! What a reply leaves to chance.

use super::message::{Data, Record, Reply};
use crate::rng::Rng;

/// Where draws come from.
pub enum Luck<'a> {
    Drawn(&'a mut Rng),
    /// Nothing is shuffled, and lists whose order is open begin with this one.
    Fixed(usize),
}

/// The entries a Go map keeps together; iteration begins at any of them.
const BUCKET: u64 = 8;

impl Luck<'_> {
    /// Several EndpointSlices come from an index, in the order of a Go map: with two of them the
    /// API's own order seven times of eight.
    pub(super) fn open_order<T>(&mut self, items: &mut [T]) {
        let count = items.len();
        if count < 2 {
            return;
        }
        let first = match self {
            Luck::Drawn(rng) => rng.below(BUCKET.max(count as u64)) as usize,
            Luck::Fixed(first) => *first % count,
        };
        if first < count {
            items.rotate_left(first);
        }
    }

    /// The plugin `loadbalance` (`randomShuffle`): CNAMEs, the rest, addresses shuffled, then MX
    /// records shuffled, in each section for itself.
    pub(super) fn shuffle(&mut self, reply: &mut Reply) {
        for section in reply.sections_mut() {
            let (mut front, mut rest, mut addresses, mut mail) = (vec![], vec![], vec![], vec![]);
            for record in section.drain(..) {
                match record.data {
                    Data::Cname(_) => front.push(record),
                    Data::A(_) | Data::Aaaa(_) => addresses.push(record),
                    Data::Mx { .. } => mail.push(record),
                    _ => rest.push(record),
                }
            }
            self.shuffle_records(&mut addresses);
            self.shuffle_records(&mut mail);
            for mut part in [front, rest, addresses, mail] {
                section.append(&mut part);
            }
        }
    }

    /// Two are swapped with probability ½; more, as Fisher and Yates do it.
    fn shuffle_records(&mut self, records: &mut [Record]) {
        let Luck::Drawn(rng) = self else { return };
        let count = records.len();
        for at in 0..count.saturating_sub(1) {
            let other = at + rng.below((count - at) as u64) as usize;
            records.swap(at, other);
        }
    }
}
