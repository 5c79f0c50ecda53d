//! A scenario and everything that was done in it ⇄ text.
//!
//! The text is all that a link needs: whoever reads it gets the same lab, because nothing in the
//! lab depends on anything else. The fingerprint says whether that is so.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{History, Step};
use crate::lab::Lab;
use crate::rng::Rng;
use crate::scenario::Scenario;
use crate::time::Instant;

/// Rises when older texts mean something else than they did.
pub(super) const VERSION: u32 = Rng::VERSION;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Session {
    pub version: u32,
    pub scenario: Scenario,
    pub seed: u64,
    pub steps: Vec<Step>,
    /// Until when time had passed.
    pub until: Instant,
    /// Of the lab at that moment, see [`fingerprint`]; empty where none was taken.
    pub fingerprint: String,
}

impl Session {
    /// As one line of JSON.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a session has text keys only")
    }

    /// # Errors
    ///
    /// What is wrong with the text, in one line with its line and column.
    pub fn parse(text: &str) -> Result<Session, String> {
        let session: Session = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if session.version > VERSION {
            return Err(format!(
                "the session was written by a newer lab: version {}, this one reads {VERSION}",
                session.version
            ));
        }
        let in_order = session.steps.is_sorted_by_key(|step| step.at);
        match in_order && session.steps.last().is_none_or(|step| step.at <= session.until) {
            true => Ok(session),
            false => Err("the session's steps are not in the order of their times".to_owned()),
        }
    }

    /// Everything done again. False: the lab did not come out as it was, so another release
    /// simulates something differently; without a fingerprint nobody can tell.
    pub fn replay(&self) -> (History, bool) {
        let mut history = History::new(&self.scenario, self.seed);
        for step in &self.steps {
            history.run_until(step.at);
            history.act(step.action.clone());
        }
        history.run_until(self.until);
        let same = self.fingerprint.is_empty() || fingerprint(history.lab()) == self.fingerprint;
        (history, same)
    }
}

/// SHA-256 in hexadecimal over everything a lab shows: objects, each node's rules and
/// connections, what happened and why, every packet's way.
pub fn fingerprint(lab: &Lab) -> String {
    let mut hash = Sha256::new();
    for object in lab.objects().values() {
        hash.update(object.to_value().to_string());
    }
    for node in lab.nodes() {
        let Some(kernel) = lab.network().kernel(&node.name) else { continue };
        for family in [svclab_netfilter::Family::V4, svclab_netfilter::Family::V6] {
            hash.update(kernel.rules(family).save(family));
            if let Some(balancer) = kernel.balancer(family) {
                hash.update(balancer.to_string());
            }
        }
        for connection in lab.conntrack(&node.name) {
            hash.update(format!("{connection:?}"));
        }
    }
    for entry in lab.log().iter() {
        hash.update(format!("{entry:?}"));
    }
    for exchange in lab.exchanges() {
        hash.update(exchange.to_string());
    }
    HEXLOWER.encode(&hash.finalize())
}
