//! What kubelet does with a pod of its node: start it, probe it, restart it, end it, say how it is.
//!
//! [`PodRun`] is one pod's life as a state machine; [`status()`] is what is written of it.
//! Its parts: [`image`] (names and pulls), [`program`], [`entry`] and [`script`] (what the
//! containers' programs do), [`plan`] (a spec made ready to run), [`container`], [`probe`], [`backoff`], [`mod@env`]
//! [`life`] (what happens, with its Events), [`answer()`] and [`samples`] (what servers say), [`logs`] (what they write of it).

mod answer;
mod backoff;
mod container;
mod entry;
mod env;
mod image;
mod life;
mod logs;
mod look;
mod plan;
mod probe;
mod program;
mod run;
mod samples;
mod script;
mod status;
#[cfg(test)]
mod tests;

pub use answer::{answer, speaks_tls};
pub use env::{Link, links};
pub use image::Images;
pub use life::{Life, Said, Why};
pub use logs::{started, written};
pub use look::{Strip, environment, hostname};
pub use probe::{ProbeKind, ProbeResult};
pub use program::Answers;
pub use run::{Advance, Host, Occurrence, PodRun, Probed};
pub use status::status;
