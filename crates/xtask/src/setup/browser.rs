//! A browser that tests can drive, fonts for its screenshots, and the kernel's own tools.

use std::env;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::context::Context;
use crate::process;
use crate::setup::{debian, step};

const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
const NOTO_CJK: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";

/// `$CHROMIUM`, or the first that PATH has.
pub(crate) fn chromium(context: &Context) -> Option<PathBuf> {
    from_variable("CHROMIUM").or_else(|| CHROMIUM.iter().find_map(|name| context.find(name)))
}

/// `$CHROMEDRIVER`, or what PATH has.
pub(crate) fn chromedriver(context: &Context) -> Option<PathBuf> {
    from_variable("CHROMEDRIVER").or_else(|| context.find("chromedriver"))
}

pub(crate) fn browser(context: &mut Context) -> Result<()> {
    step(
        context,
        "Chromium",
        |context| shown(chromium(context)),
        |context| debian::install(context, &["chromium", "chromium-driver", "fonts-noto-cjk"]),
    )?;
    step(
        context,
        "its driver",
        |context| shown(chromedriver(context)),
        |context| debian::install(context, &["chromium-driver"]),
    )
}

/// What some tests look better with, or need: without it they are skipped or say so.
pub(crate) fn optional(context: &mut Context) {
    let fonts = step(context, "Korean fonts", korean_font, |context| {
        debian::install(context, &["fonts-noto-cjk"])
    });
    let kernel = step(context, "kernel tools", kernel_tools, |context| {
        debian::install(context, &["iptables", "iproute2", "conntrack"])
    });
    for problem in [fonts, kernel].into_iter().filter_map(Result::err) {
        eprintln!("setup: going on without: {problem}");
    }
}

fn korean_font(context: &Context) -> Option<String> {
    if Path::new(NOTO_CJK).is_file() {
        return Some(NOTO_CJK.to_owned());
    }
    let list = process::output(context.command("fc-list").arg(":lang=ko"))?;
    list.lines().next().map(str::to_owned)
}

fn kernel_tools(context: &Context) -> Option<String> {
    let tools = ["iptables-restore", "ip", "conntrack"];
    tools.iter().all(|tool| context.find(tool).is_some()).then(|| tools.join(", "))
}

fn from_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_file())
}

fn shown(path: Option<PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}
