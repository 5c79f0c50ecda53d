//! Endpoints of one port set → its slices, with as few writes as possible
//! (`reconcileByPortMapping`).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use svclab_netfilter::order::Order;

use super::endpoint::{Group, identity, is_same};
use super::{Turn, plain_labels};
use crate::object::{Endpoint, EndpointSlice, Shared};

/// `--max-endpoints-per-slice`
const MAX_ENDPOINTS: usize = 100;

/// What becomes of the slices of one family.
#[derive(Default)]
pub(super) struct Draft<'a> {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) unchanged: Vec<&'a EndpointSlice>,
    pub(super) delete: Vec<&'a EndpointSlice>,
}

impl Turn<'_> {
    pub(super) fn pack<'a>(
        &self,
        group: Group,
        existing: Vec<&'a EndpointSlice>,
        draft: &mut Draft<'a>,
    ) {
        let (mut changed, mut unchanged, mut left) =
            self.keep(&group.endpoints, &existing, &mut draft.delete);
        changed.order_by_key(|slice| Reverse(slice.endpoints.len()));
        for slice in &mut changed {
            fill(slice, &mut left);
        }
        while !left.is_empty() {
            let fits = (left.len() < MAX_ENDPOINTS).then(|| fullest(&unchanged, left.len()));
            if let Some(at) = fits.flatten() {
                let mut slice = unchanged.remove(at).clone();
                fill(&mut slice, &mut left);
                changed.push(slice);
            } else {
                let mut slice = self.empty(group.ports.clone());
                fill(&mut slice, &mut left);
                draft.create.push(slice);
            }
        }
        draft.update.extend(changed);
        draft.unchanged.extend(unchanged);
    }

    /// Drops and updates endpoints in place. What is left belongs to no slice yet.
    fn keep<'a, 'e>(
        &self,
        wanted: &'e [Shared<Endpoint>],
        existing: &[&'a EndpointSlice],
        delete: &mut Vec<&'a EndpointSlice>,
    ) -> (Vec<EndpointSlice>, Vec<&'a EndpointSlice>, Vec<&'e Shared<Endpoint>>) {
        let mut missing: BTreeMap<_, (usize, &Shared<Endpoint>)> = BTreeMap::new();
        for (at, endpoint) in wanted.iter().enumerate() {
            missing.insert(identity(endpoint), (at, endpoint));
        }
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        for &slice in existing {
            let found = slice.endpoints.iter().map(|old| Some(missing.remove(&identity(old))?.1));
            let found: Vec<Option<&Shared<Endpoint>>> = found.collect();
            let pairs = || slice.endpoints.iter().zip(&found);
            let same = pairs()
                .all(|(old, new)| new.is_some_and(|new| new.is_copy_of(old) || is_same(new, old)));
            let labels = self.has_labels(slice);
            if same && labels {
                unchanged.push(slice);
                continue;
            }
            // Hints stay where nothing but labels changed.
            let kept = pairs().filter_map(|(old, new)| new.map(|new| if same { old } else { new }));
            let endpoints: Vec<Shared<Endpoint>> = kept.cloned().collect();
            if endpoints.is_empty() && !same {
                delete.push(slice);
                continue;
            }
            let mut slice = EndpointSlice { endpoints, ..slice.clone() };
            slice.metadata.labels = self.labels();
            changed.push(slice);
        }
        let mut left: Vec<(usize, &Shared<Endpoint>)> = missing.into_values().collect();
        left.order_by_key(|(at, _)| *at);
        (changed, unchanged, left.into_iter().map(|(_, endpoint)| endpoint).collect())
    }

    /// Whether the slice has the Service's labels; those that the controller sets are not asked.
    fn has_labels(&self, slice: &EndpointSlice) -> bool {
        plain_labels(&slice.metadata.labels).eq(plain_labels(&self.service.metadata.labels))
    }
}

fn fill(slice: &mut EndpointSlice, left: &mut Vec<&Shared<Endpoint>>) {
    let room = MAX_ENDPOINTS.saturating_sub(slice.endpoints.len()).min(left.len());
    slice.endpoints.extend(left.drain(..room).cloned());
}

/// The slice that becomes fullest by `more` endpoints without overflowing (`getSliceToFill`).
fn fullest(slices: &[&EndpointSlice], more: usize) -> Option<usize> {
    let fits = |slice: &EndpointSlice| slice.endpoints.len() + more <= MAX_ENDPOINTS;
    let candidates = slices.iter().enumerate().filter(|(_, slice)| fits(slice));
    candidates.max_by_key(|(at, it)| (it.endpoints.len(), Reverse(*at))).map(|(at, _)| at)
}
