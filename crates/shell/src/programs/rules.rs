//! `svclab rules` on a node: what its kube-proxy writes, or would write in another mode, as the lab's command
//! line prints it for files. No real node has it: there one would have to change the mode.

use svclab_core::modes::Mode;

use super::machine;
use crate::process::Process;

const USAGE: &str = "usage: svclab rules [--mode iptables|nftables|ipvs|userspace]\n";

/// `svclab rules [--mode MODE]`
pub(super) async fn run(process: Process, words: Vec<String>) -> u8 {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mode = match words.as_slice() {
        ["rules"] => Some(None),
        ["rules", "--mode", mode] => Mode::parse(mode).map(Some),
        _ => None,
    };
    let (Some(mode), Some(node)) = (mode, machine::node(&process)) else {
        process.err(USAGE);
        return 2;
    };
    let text = {
        let lab = process.lab();
        let settings = lab.families().filter_map(|family| lab.proxy_settings(&node.name, family));
        settings
            .map(|it| mode.unwrap_or(it.mode).text(lab.objects(), &it))
            .collect::<Vec<_>>()
            .join("\n")
    };
    process.out(&text);
    0
}
