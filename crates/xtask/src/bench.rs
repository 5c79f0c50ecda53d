//! The project's own measurements as one JSON object: engine, page and sizes.

use std::process::Command;

use serde_json::{Value, json};

use crate::Result;
use crate::context::Context;
use crate::page;
use crate::process;

pub(crate) fn run(context: &Context) -> Result<()> {
    page::build(context)?;
    let engine = page::build_engine(context)?;
    let mut in_browser = page::node(context, "tests/page/engine.mjs");
    let svclab = ["run", "--quiet", "--release", "-p", "svclab-cli", "--bin", "svclab"];
    let mut svclab = context.cargo(&svclab);
    let result = json!({
        "engine": json_from(svclab.args(["--", "bench"]))?,
        "engine_in_browser": json_from(in_browser.arg(engine))?,
        "page": json_from(&mut page::node(context, "tests/page/bench.mjs"))?,
        "dist": page::sizes(context)?,
    });
    println!("{result:#}");
    Ok(())
}

fn json_from(command: &mut Command) -> Result<Value> {
    let text = process::output_or_say(command)?;
    serde_json::from_str(&text)
        .map_err(|error| format!("{:?} did not print JSON: {error}", command.get_program()))
}
