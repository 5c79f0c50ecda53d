//! How many pods each ReplicaSet is asked for when the Deployment is scaled, and the limits of a
//! rolling update.

use svclab_netfilter::order::Order;

use super::Turn;
use super::sets::{DESIRED, MAX, age};
use crate::object::{IntOrString, ReplicaSet};

impl ReplicaSet {
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }
}

impl Turn<'_> {
    fn is_rolling(&self) -> bool {
        self.deployment.spec.strategy.r#type != "Recreate"
    }

    /// maxSurge, rounded up, and maxUnavailable, rounded down (`ResolveFenceposts`). One of them
    /// is not zero.
    fn limits(&self) -> (i32, i32) {
        if !self.is_rolling() {
            return (0, 0);
        }
        let update = self.deployment.spec.strategy.rolling_update.as_ref();
        let share = |limit: Option<&IntOrString>, up| match limit {
            Some(limit) => share(limit, self.wanted(), up),
            None => share(&"25%".into(), self.wanted(), up),
        };
        let surge = share(update.and_then(|it| it.max_surge.as_ref()), true);
        let unavailable = share(update.and_then(|it| it.max_unavailable.as_ref()), false);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }

    pub(super) fn max_surge(&self) -> i32 {
        self.limits().0
    }

    pub(super) fn max_unavailable(&self) -> i32 {
        if self.wanted() == 0 { 0 } else { self.limits().1.min(self.wanted()) }
    }

    pub(super) fn most(&self) -> i32 {
        self.wanted().saturating_add(self.max_surge())
    }

    /// Asks a ReplicaSet for another number of pods; whether it is another one
    /// (`scaleReplicaSetAndRecordEvent`).
    pub(super) fn rescale(&mut self, at: usize, replicas: i32) -> bool {
        let changed = self.sets[at].replicas() != replicas;
        if changed {
            self.resize(at, replicas);
        }
        changed
    }

    /// The same, with the annotations that tell a scaling from a rollout (`scaleReplicaSet`).
    pub(super) fn resize(&mut self, at: usize, replicas: i32) {
        let (desired, max) = (self.wanted().to_string(), self.most().to_string());
        let annotations = &self.sets[at].metadata.annotations;
        let same = annotations.get(DESIRED) == Some(&desired) && annotations.get(MAX) == Some(&max);
        if same && self.sets[at].replicas() == replicas {
            return;
        }
        let set = self.sets[at].to_mut();
        set.metadata.annotations.insert(DESIRED.into(), desired);
        set.metadata.annotations.insert(MAX.into(), max);
        set.spec.replicas = Some(replicas);
    }

    fn active(&self) -> Vec<usize> {
        (0..self.sets.len()).filter(|at| self.sets[*at].replicas() > 0).collect()
    }

    /// The Deployment's `replicas` changed since its ReplicaSets were last sized (`isScalingEvent`).
    pub(super) fn is_scaling(&self) -> bool {
        let wanted = self.wanted();
        self.active()
            .into_iter()
            .any(|at| number(&self.sets[at], DESIRED).is_some_and(|desired| desired != wanted))
    }

    /// Scales the one ReplicaSet that has pods, or all in proportion (`scale`).
    pub(super) fn scale(&mut self) {
        let active = self.active();
        let latest = self.new.or_else(|| self.sets.len().checked_sub(1));
        let only = match active.as_slice() {
            [] => latest,
            [one] => Some(*one),
            _ => None,
        };
        if active.len() < 2 {
            if let Some(at) = only {
                self.rescale(at, self.wanted());
            }
        } else if self.is_saturated() {
            for at in self.old() {
                self.rescale(at, 0);
            }
        } else if self.is_rolling() {
            self.scale_in_proportion(active);
        }
    }

    /// The new ReplicaSet has all pods, and they are available (`IsSaturated`).
    fn is_saturated(&self) -> bool {
        let wanted = self.wanted();
        self.new_set().is_some_and(|set| {
            set.replicas() == wanted
                && number(set, DESIRED) == Some(wanted)
                && set.status.available_replicas == wanted
        })
    }

    fn scale_in_proportion(&mut self, mut active: Vec<usize>) {
        let allowed = if self.wanted() > 0 { self.most() } else { 0 };
        let to_add = allowed.saturating_sub(self.asked());
        // The larger first; of equal ones the newer when scaling up, the older when scaling down.
        active.order_by(|a, b| {
            let (a, b) = (self.sets[*a].as_ref(), self.sets[*b].as_ref());
            let by_age = if to_add > 0 { age(b).cmp(&age(a)) } else { age(a).cmp(&age(b)) };
            b.replicas().cmp(&a.replicas()).then(by_age)
        });
        let mut added: i32 = 0;
        let mut sizes: Vec<(usize, i32)> = Vec::new();
        for at in active {
            let part = self.proportion(at, to_add, added);
            added = added.saturating_add(part);
            sizes.push((at, self.sets[at].replicas().saturating_add(part)));
        }
        if let Some(first) = sizes.first_mut() {
            first.1 = first.1.saturating_add(to_add.saturating_sub(added)).max(0);
        }
        for (at, size) in sizes {
            self.resize(at, size);
        }
    }

    /// How many of the pods to add (or, below zero, to take away) fall to this ReplicaSet
    /// (`GetReplicaSetProportion`).
    fn proportion(&self, at: usize, to_add: i32, added: i32) -> i32 {
        let set = &self.sets[at];
        if to_add == added {
            return 0;
        }
        let fraction = if self.wanted() == 0 {
            -set.replicas()
        } else {
            let before = number(set, MAX).unwrap_or(self.deployment.status.replicas).max(1);
            let size = i64::from(set.replicas()).saturating_mul(self.most().into());
            rounded(size, before.into()).saturating_sub(set.replicas())
        };
        let allowed = to_add.saturating_sub(added);
        if to_add > 0 { fraction.min(allowed) } else { fraction.max(allowed) }
    }
}

/// `a / b` to the nearest whole number, halves away from zero.
fn rounded(a: i64, b: i64) -> i32 {
    i32::try_from(a.saturating_mul(2).saturating_add(b) / b.saturating_mul(2)).unwrap_or(i32::MAX)
}

fn number(set: &ReplicaSet, annotation: &str) -> Option<i32> {
    set.metadata.annotations.get(annotation)?.parse().ok()
}

/// A number, or a percentage of `of`, never below zero.
pub(crate) fn share(amount: &IntOrString, of: i32, up: bool) -> i32 {
    let percent: i64 = match amount {
        IntOrString::Int(number) => return (*number).max(0),
        IntOrString::String(text) => text.trim_end_matches('%').parse().unwrap_or(0),
    };
    let hundredths = percent.saturating_mul(i64::from(of));
    let res = if up { hundredths.saturating_add(99) / 100 } else { hundredths / 100 };
    i32::try_from(res.max(0)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use crate::control::deployment::Turn;
    use crate::object::Deployment;
    use crate::time::Instant;

    /// Replicas, then (maxSurge, maxUnavailable) at the default of 25 % (spec §4.3).
    #[test]
    fn surge_rounds_up_and_unavailable_rounds_down() {
        let limits_of = |wanted| {
            let mut deployment = Deployment::default();
            deployment.spec.replicas = Some(wanted);
            Turn::new(&deployment, std::iter::empty(), Instant::START).limits()
        };
        assert_eq!(limits_of(3), (1, 0));
        assert_eq!(limits_of(4), (1, 1));
        assert_eq!(limits_of(10), (3, 2));
    }
}
