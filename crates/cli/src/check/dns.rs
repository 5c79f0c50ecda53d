//! CoreDNS's replies: a directory with `cases.json` and the clusters it names in `clusters`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use svclab_core::dns::corefile;

use super::Report;
use crate::dns::{self, Earlier, Line, ReplyLine, Setup, Told};
use crate::failure::Failure;
use crate::state;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: String,
    cluster: String,
    ask: dns::Ask,
    #[serde(default)]
    earlier: Option<Earlier>,
    reply: ReplyLine,
    #[serde(default)]
    asks_upstream: Vec<String>,
    #[serde(default)]
    seconds: u64,
}

pub(super) fn replies(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let (file, clusters) = (directory.join("cases.json"), directory.join("clusters"));
    if !file.is_file() || !clusters.is_dir() {
        return Ok(());
    }
    let cases: Vec<Case> = serde_json::from_str(&state::text(&file)?)
        .map_err(|it| Failure::at(&file, (it.line().max(1), it.column().max(1)), &it))?;
    let mut setups = BTreeMap::new();
    for case in cases {
        let place = clusters.join(&case.cluster);
        let setup = setups.entry(case.cluster.clone()).or_insert_with(|| setup(&place));
        let outcome = match setup {
            Ok(setup) => check(setup, &case),
            Err(what) => Err(what.clone()),
        };
        report.case(&format!("{}: {}", file.display(), case.id), outcome);
    }
    Ok(())
}

/// The Corefile and the settings have to say the same.
fn setup(directory: &Path) -> Result<Setup, String> {
    let read = || {
        let objects = state::objects(&[directory.join("cluster.yaml")])?;
        let settings = dns::settings(&directory.join("settings.json"))?;
        let text = state::text(&directory.join("Corefile"))?;
        let world = Some(dns::world(&directory.join("upstream.yaml"))?);
        let config = corefile::parse(&text).map_err(Failure::new)?;
        if corefile::parse(&settings.corefile()).as_ref() != Ok(&config) {
            return Err(Failure::new("the Corefile and settings.json differ"));
        }
        Ok(Setup { objects, config, own: settings.dns_pod_ips, world })
    };
    read().map_err(|failure: Failure| failure.to_string())
}

fn check(setup: &Setup, case: &Case) -> Result<(), String> {
    let line = Line { ask: case.ask.clone(), earlier: case.earlier.clone() };
    let Told { reply, asked_upstream, seconds } = setup.tell(&line)?;
    let expected = sorted(&case.reply);
    if reply != expected {
        return Err(format!("expected {}, came {}", json(&expected), json(&reply)));
    }
    if asked_upstream != case.asks_upstream {
        let expected = &case.asks_upstream;
        return Err(format!("expected questions upstream {expected:?}, came {asked_upstream:?}"));
    }
    if seconds != case.seconds {
        return Err(format!("expected {} seconds, came {seconds}", case.seconds));
    }
    Ok(())
}

/// With the records of each group in one order.
fn sorted(reply: &ReplyLine) -> ReplyLine {
    let mut res = reply.clone();
    for section in [&mut res.answer, &mut res.authority, &mut res.additional] {
        section.iter_mut().for_each(|it| it.sort());
    }
    res
}

fn json(reply: &ReplyLine) -> String {
    serde_json::to_string(reply).unwrap_or_default()
}
