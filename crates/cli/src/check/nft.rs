//! kube-proxy's rules in nftables mode: `nft/NAME.nft` beside the clusters `open/NAME`.

use std::path::Path;

use svclab_core::proxy;

use super::{Report, first_difference};
use crate::failure::Failure;
use crate::state;

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
