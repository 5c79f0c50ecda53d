//! kube-proxy's rules: directories with `input.yaml`, `options.json` and `expected.rules`, and the
//! top-level jumps in `jumps.rules`.

use std::path::Path;

use svclab_core::proxy;

use super::{Report, first_difference};
use crate::failure::Failure;
use crate::state;

pub(super) fn rules(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let expected = directory.join("expected.rules");
    if !expected.is_file() {
        return Ok(());
    }
    let expected = state::text(&expected)?;
    let outcome = written(directory).and_then(|it| first_difference(&expected, &it));
    report.case(&directory.display().to_string(), outcome);
    Ok(())
}

/// Input that cannot be read is a case that fails.
fn written(directory: &Path) -> Result<String, String> {
    let read = || {
        let objects = state::objects(&[directory.join("input.yaml")])?;
        let settings = state::settings(&directory.join("options.json"))?;
        Ok(proxy::full_text(&objects, &settings))
    };
    read().map_err(|failure: Failure| failure.to_string())
}

pub(super) fn jumps(directory: &Path, report: &mut Report) -> Result<(), Failure> {
    let file = directory.join("jumps.rules");
    if !file.is_file() {
        return Ok(());
    }
    let outcome = first_difference(&state::text(&file)?, &proxy::jumps().to_string());
    report.case(&file.display().to_string(), outcome);
    Ok(())
}
