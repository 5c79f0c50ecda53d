//! Where first packets go: `rows.txt` beside the clusters and settings that its rows name. The
//! head of that file says what a row holds.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use svclab_core::net::probe::{Fate, Outcome, Probe};

use super::Report;
use crate::failure::Failure;
use crate::state;
use crate::trace::Tracer;

pub(super) fn cases(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let file = directory.join("rows.txt");
    if !file.is_file() {
        return Ok(());
    }
    let text = state::text(&file)?;
    for (line, number) in text.lines().zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let row = Row::read(line).ok_or_else(|| {
            Failure::at(&file, (number, 1), "a row has nine columns with `|` between them")
        })?;
        let name = format!("{}: {} {}", file.display(), row.id, row.case);
        report.case(&name, row.check(directory));
    }
    Ok(())
}

struct Row<'a> {
    id: &'a str,
    case: &'a str,
    cluster: &'a str,
    settings: &'a str,
    local: &'a str,
    source: &'a str,
    destination: &'a str,
    outcome: &'a str,
    masqueraded: &'a str,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Row<'a>> {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [id, case, cluster, settings, local, source, destination, outcome, masqueraded] =
            columns[..]
        else {
            return None;
        };
        Some(Row { id, case, cluster, settings, local, source, destination, outcome, masqueraded })
    }

    fn check(&self, directory: &Path) -> Result<(), String> {
        let tracer = self.tracer(directory).map_err(|failure| failure.to_string())?;
        let probe = self.probe(&tracer).ok_or("the packet cannot be read")?;
        let ways = tracer.ways(&probe);
        self.check_outcome(&ways)?;
        self.check_masquerade(&ways, probe.src)
    }

    fn tracer(&self, directory: &Path) -> Result<Tracer, Failure> {
        let (settings, nodes) = self.settings.split_once(' ').unwrap_or((self.settings, "nodes"));
        let cluster = directory.join("clusters").join(format!("{}.yaml", self.cluster));
        let files = [directory.join(format!("{nodes}.yaml")), cluster];
        let settings = directory.join("options").join(format!("{settings}.json"));
        let local: Vec<IpAddr> = self.local.split(' ').filter_map(|it| it.parse().ok()).collect();
        let objects = state::objects(&files)?;
        Ok(Tracer::new(&objects, &state::settings(&settings)?).with_addresses(&local))
    }

    /// A local source sends from the node itself; pods send over the bridge, the others from outside.
    fn probe(&self, tracer: &Tracer) -> Option<Probe> {
        let (destination, protocol) = self.destination.split_once('/')?;
        let destination: SocketAddr = destination.parse().ok()?;
        let src: IpAddr = self.source.parse().ok()?;
        let device = if self.source.starts_with("10.244.") { "cni0" } else { "eth0" };
        Some(Probe {
            src,
            dst: destination.ip(),
            protocol: protocol.parse().ok()?,
            dport: destination.port(),
            input: (!tracer.is_local(src)).then(|| device.to_owned()),
        })
    }

    fn check_outcome(&self, ways: &[Outcome]) -> Result<(), String> {
        let mut found: BTreeMap<String, f64> = BTreeMap::new();
        for way in ways {
            *found.entry(name(way)).or_default() += way.probability;
        }
        let expected: Vec<&str> = self.outcome.split(", ").collect();
        let share = 1.0 / expected.len() as f64;
        let equal = |it: &&str| found.get(*it).is_some_and(|at| (at - share).abs() < 2e-6);
        if expected.len() == found.len() && expected.iter().all(equal) {
            return Ok(());
        }
        Err(format!("expected {}, came {found:?}", self.outcome))
    }

    fn check_masquerade(&self, ways: &[Outcome], source: IpAddr) -> Result<(), String> {
        let expected = |way: &Outcome| match (self.masqueraded, way.fate) {
            ("yes", _) => Some(true),
            ("no", _) => Some(false),
            ("mixed", Fate::Dnat(to)) => Some(to.ip() == source),
            _ => None,
        };
        let wrong = ways.iter().find(|it| expected(it).is_some_and(|want| want != it.masquerade));
        let Some(way) = wrong else { return Ok(()) };
        let came = if way.masquerade { "masqueraded" } else { "not masqueraded" };
        Err(format!("expected masquerade {}, came {}: {came}", self.masqueraded, name(way)))
    }
}

/// A way as the table words it.
fn name(way: &Outcome) -> String {
    match way.fate {
        Fate::Dnat(to) => to.to_string(),
        Fate::Drop => "DROP".to_owned(),
        Fate::Reject => "REJECT".to_owned(),
        Fate::Pass if way.accepted => "ACCEPT".to_owned(),
        Fate::Pass => "-".to_owned(),
    }
}
