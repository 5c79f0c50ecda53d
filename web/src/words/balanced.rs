//! What kube-proxy's other modes make of a packet, in sentences.

use svclab_core::net::balancer::Found;
use svclab_core::trace::Balanced;
use svclab_netfilter::Packet;

use super::Lang;
use super::packet::{met, outcome};

/// The chains of a table of nftables, or IPVS: what was met, and what came of it.
pub(super) fn balanced(lang: Lang, it: &Balanced, after: &Packet) -> String {
    let skipped = it.steps.iter().filter(|it| matches!(it.found, Found::Skipped(_))).count();
    let looked_at = it.steps.len();
    let chosen = it.steps.iter().find_map(|it| match &it.found {
        Found::Scheduled { of, .. } => Some(*of),
        Found::Nobody => Some(0),
        _ => None,
    });
    let met = match chosen {
        Some(0) => lang
            .pick(
                "IPVS has a virtual server here, and nobody behind it",
                "IPVS의 가상 서버이지만 뒤에 실제 서버가 없습니다",
            )
            .to_owned(),
        Some(of) => lang.pick(
            format!("IPVS has a virtual server here, and chooses one of {of} real servers"),
            format!("IPVS의 가상 서버입니다. 실제 서버 {of}개 중 하나를 고릅니다"),
        ),
        None => met(lang, (looked_at - skipped, looked_at)),
    };
    let outcome = outcome(lang, (it.verdict, it.nat), (&it.before, after));
    lang.pick(format!("{met}: {outcome}."), format!("{met}. {outcome}."))
}

/// What a rule found, where its text does not say so.
pub fn found(lang: Lang, it: &Found) -> Option<String> {
    Some(match it {
        Found::Skipped(_) | Found::Matched => return None,
        Found::Element(element) => {
            lang.pick(format!("found: {element}"), format!("찾은 원소: {element}"))
        }
        Found::Drawn { number, of } => {
            lang.pick(format!("drew {number} of {of}"), format!("{of}개 중 {number}번이 나옴"))
        }
        Found::Scheduled { by, server, of } => {
            let by = by.name();
            lang.pick(
                format!("{by} chose {server}, one of {of}"),
                format!("{by} 방식으로 {of}개 중 {server} 선택"),
            )
        }
        Found::Proxied { endpoint, of } => lang.pick(
            format!("kube-proxy dials {endpoint}, one of {of}"),
            format!("kube-proxy가 {of}개 중 {endpoint}에 연결"),
        ),
        Found::Nobody => lang.pick("nobody is there", "받을 곳이 없음").to_owned(),
    })
}
