//! A lab with a few Services, and lines typed in it.

mod run;

use svclab_core::lab::{Action, Lab};
use svclab_core::read::Severity;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

pub(crate) use run::run;

/// A lab that has come to rest, with the manifests in its cluster.
pub(crate) fn lab(manifests: &str) -> Lab {
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    let reply = lab.act(Action::Apply { text: manifests.to_owned() });
    let wrong: Vec<_> =
        reply.diagnostics.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    lab.run_until(Instant::START + Duration::from_secs(60));
    lab
}
