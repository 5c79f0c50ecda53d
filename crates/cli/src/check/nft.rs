//! kube-proxy's rules in nftables mode: `nft/NAME.nft` beside the clusters `open/NAME`.

use std::path::Path;

use svclab_core::modes;
use svclab_core::net::probe::{Fate, Probe};
use svclab_core::proxy::{self, Nftables};
use svclab_netfilter::nft::Key;

use super::packets::{self, Case};
use super::{Report, first_difference};
use crate::failure::Failure;
use crate::state;
use crate::trace::{OutcomeLine, Tracer};

/// Looks for clusters below a directory that stands beside one with `nft` files.
pub(super) fn tables(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let Some(name) = directory.file_name() else { return Ok(()) };
    let beside = directory.parent().and_then(Path::parent).map(|it| it.join("nft"));
    let Some(beside) = beside else { return Ok(()) };
    let expected = beside.join(name).with_extension("nft");
    if !expected.is_file() || !directory.join("input.yaml").is_file() {
        return Ok(());
    }
    let expected_text = state::text(&expected)?;
    let outcome = written(directory).and_then(|it| first_difference(&expected_text, &it));
    report.case(&expected.display().to_string(), outcome);
    Ok(())
}

/// Input that cannot be read is a case that fails.
fn written(directory: &Path) -> Result<String, String> {
    let read = || {
        let objects = state::objects(&[directory.join("input.yaml")])?;
        let settings = state::settings(&directory.join("options.json"))?;
        Ok(proxy::nftables(&objects, &settings).table.to_string())
    };
    read().map_err(|failure: Failure| failure.to_string())
}

/// The recorded packets in nftables mode: as in iptables mode, but for what is known to differ.
pub(super) fn packets(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    if !directory.join("../nft").is_dir() {
        return Ok(());
    }
    for case in packets::read(directory)? {
        let name = format!("nftables: {}: {}", case.cluster, case.about);
        report.case(&name, check(directory, &case));
    }
    Ok(())
}

fn check(directory: &Path, case: &Case) -> Result<(), String> {
    let cluster = directory.join("..").join(&case.cluster);
    let read = || {
        let objects = state::objects(&[cluster.join("input.yaml")])?;
        Ok((objects, state::settings(&cluster.join("options.json"))?))
    };
    let (objects, settings) = read().map_err(|failure: Failure| failure.to_string())?;
    let rules = proxy::nftables(&objects, &settings);
    let probe = case.packet.probe()?;
    let tracer = Tracer::new(&objects, &settings);
    let found = modes::nftables(&rules, &|ip| tracer.is_local(ip), &probe);

    let mut found: Vec<Ending> =
        found.iter().map(|it| (end(&it.fate), it.masquerade, it.probability)).collect();
    let mut expected = expected(case, &probe, &rules);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let same = |(a, b): (&Ending, &Ending)| (&a.0, a.1) == (&b.0, b.1) && (a.2 - b.2).abs() <= 2e-6;
    if found.len() == expected.len() && found.iter().zip(&expected).all(same) {
        return Ok(());
    }
    Err(format!("expected {expected:?}, came {found:?}"))
}

/// Where a packet ends, whether masqueraded, and with which probability.
type Ending = (String, bool, f64);

fn end(fate: &Fate) -> String {
    match fate {
        Fate::Dnat(to) => to.to_string(),
        Fate::Pass => "PASS".to_owned(),
        Fate::Reject => "REJECT".to_owned(),
        Fate::Drop => "DROP".to_owned(),
    }
}

/// What still goes to a ClusterIP is rejected, and NodePorts are not served on loopback.
fn expected(case: &Case, probe: &Probe, rules: &Nftables) -> Vec<Ending> {
    if probe.dst.is_loopback() {
        return vec![("PASS".to_owned(), false, 1.0)];
    }
    let cluster_ips = rules.table.sets.get("cluster-ips").map(|it| &it.elements);
    let is_cluster_ip = cluster_ips.is_some_and(|it| it.get(&Key::Address(probe.dst)).is_some());
    let ending = |it: &OutcomeLine| {
        let verdict = match (&it.dest, &it.verdict[..]) {
            (Some(to), _) => to.clone(),
            (None, "PASS") if is_cluster_ip => "REJECT".to_owned(),
            (None, verdict) => verdict.to_owned(),
        };
        (verdict, it.masquerade, it.probability)
    };
    case.expected.outcomes.iter().map(ending).collect()
}
