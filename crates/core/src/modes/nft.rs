//! A first packet through the table of nftables mode.

use std::net::IpAddr;
use std::rc::Rc;

use super::{Way, every_way};
use crate::net::Kernel;
use crate::net::balancer::Balancer;
use crate::net::probe::{Probe, way};
use crate::proxy::Nftables;

/// All ways with exact probabilities; those that end alike count as one, with the steps of the
/// first.
pub fn nftables(rules: &Nftables, is_local: &dyn Fn(IpAddr) -> bool, probe: &Probe) -> Vec<Way> {
    let mut kernel = Kernel::default();
    let balancer = Balancer::nftables(Rc::new(rules.clone()));
    *kernel.balancer_mut(rules.table.family) = Some(Box::new(balancer));
    every_way(|dice| way(&kernel, is_local, probe, dice))
}
