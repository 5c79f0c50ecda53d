//! A rollout's next step: rolling, or all at once.

use svclab_netfilter::order::Order;

use super::Turn;
use super::sets::revision;

impl Turn<'_> {
    /// `rolloutRolling`
    pub(super) fn roll(&mut self) {
        if self.new.is_none() {
            self.create_new();
        }
        if self.grow_new() || self.shrink_old() {
            return;
        }
        if self.is_complete(&self.deployment.status) {
            self.clean_up();
        }
    }

    /// `rolloutRecreate`
    pub(super) fn recreate(&mut self, pods_run: &dyn Fn(&str) -> bool) {
        let mut scaled = false;
        for at in self.old() {
            scaled |= self.rescale(at, 0);
        }
        let runs = |at: usize| {
            let set = &self.sets[at];
            set.status.replicas > 0 || pods_run(&set.metadata.uid)
        };
        if scaled || self.old().any(runs) {
            return;
        }
        match self.new {
            None => self.create_new(),
            Some(at) => {
                self.rescale(at, self.wanted());
            }
        }
        if self.is_complete(&self.deployment.status) {
            self.clean_up();
        }
    }

    /// `reconcileNewReplicaSet`
    fn grow_new(&mut self) -> bool {
        let Some(at) = self.new else { return false };
        let have = self.sets[at].replicas();
        let goal = if have > self.wanted() { self.wanted() } else { self.replicas_for_new() };
        self.rescale(at, goal)
    }

    /// As many pods as the new ReplicaSet may have beside the old ones (`NewRSNewReplicas`).
    pub(super) fn replicas_for_new(&self) -> i32 {
        let have = self.new_set().map_or(0, |set| set.replicas());
        if self.deployment.spec.strategy.r#type == "Recreate" {
            return self.wanted();
        }
        let room = self.most().saturating_sub(self.asked());
        if room <= 0 {
            return have;
        }
        have.saturating_add(room.min(self.wanted().saturating_sub(have)))
    }

    /// Takes pods from old ReplicaSets, those that are not available first, as long as enough stay
    /// available (`reconcileOldReplicaSets`).
    fn shrink_old(&mut self) -> bool {
        let Some(new) = self.new_set() else { return false };
        let unavailable = new.replicas().saturating_sub(new.status.available_replicas);
        let least = self.wanted().saturating_sub(self.max_unavailable());
        let spare = self.asked().saturating_sub(least).saturating_sub(unavailable);
        if spare <= 0 {
            return false;
        }
        let unhealthy = self.shrink(spare, |set| {
            set.replicas().saturating_sub(set.status.available_replicas).max(0)
        });
        let available: i32 = self.sets.iter().map(|it| it.status.available_replicas).sum();
        let healthy = self.shrink(available.saturating_sub(least), |set| set.replicas());
        unhealthy || healthy
    }

    /// Takes at most `spare` pods from old ReplicaSets, the oldest first, `of` each at most.
    fn shrink(&mut self, mut spare: i32, of: fn(&crate::object::ReplicaSet) -> i32) -> bool {
        let mut scaled = false;
        for at in self.old() {
            let less = of(&self.sets[at]).min(spare);
            if less > 0 {
                spare = spare.saturating_sub(less);
                let replicas = self.sets[at].replicas().saturating_sub(less);
                scaled |= self.rescale(at, replicas);
            }
        }
        scaled
    }

    /// Deletes old ReplicaSets beyond `revisionHistoryLimit`, the lowest revision first
    /// (`cleanupDeployment`).
    pub(super) fn clean_up(&mut self) {
        let limit = self.deployment.spec.revision_history_limit.unwrap_or(i32::MAX);
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut old: Vec<usize> = self.old().collect();
        old.retain(|at| self.sets[*at].metadata.deletion_timestamp.is_none());
        old.order_by_key(|at| revision(&self.sets[*at]));
        let surplus = old.len().saturating_sub(limit);
        for at in old.into_iter().take(surplus) {
            let set = &self.sets[at];
            let settled = set.metadata.generation <= set.status.observed_generation;
            if set.status.replicas == 0 && set.replicas() == 0 && settled {
                self.deleted.push(set.metadata.name.clone());
            }
        }
    }
}
