//! `svclab kernel`: manifests → a scenario that a real Linux kernel can replay, with the lab's own
//! predictions; and the lab's answer to such a scenario.

mod judge;
mod play;
mod scenario;
mod world;

pub(crate) use judge::{Groups, judge};
pub(crate) use play::play;
pub(crate) use scenario::{Item, Scenario};
pub(crate) use world::World;
