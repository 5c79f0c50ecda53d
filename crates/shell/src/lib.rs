//! What can be typed in the lab: a line in, the tools' own text out.
//!
//! A line is read as bash reads it ([`language`]) and runs as a [`Job`]: programs ([`programs`],
//! [`kubectl`]) read the lab, act on it, wait for it, and write to the terminal or to each other.
//! What outlives a line is a [`Session`]; [`complete()`] is a pure function of the line, the lab and it.
//!
//! The lab changes by its actions alone, and time passes only where the owner of the lab lets it:
//! see [`Job::resume`].

pub mod world;
pub mod session;
pub mod pipe;
mod process;
pub mod job;
mod jobs;
pub mod language;
pub mod programs;
pub mod kubectl;
mod complete;

pub use complete::{Completion, complete};
pub use job::{Chunk, Draft, INTERRUPTED, Job, Progress};
pub use kubectl::output::diff::{Step, steps};
pub use pipe::Stream;
pub use session::{Files, Place, Session};
pub use world::World;
