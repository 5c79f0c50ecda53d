//! What stands on the picture beside pods and nodes, and what their switches are called.

use std::net::IpAddr;

use svclab_core::kubelet::ProbeKind;

use super::Lang;
use crate::view::PodState;

pub fn pod_state(lang: Lang, state: PodState) -> &'static str {
    match state {
        PodState::Pending => lang.pick("Pending", "대기 중"),
        PodState::Ready | PodState::Failing => lang.pick("Ready", "준비됨"),
        PodState::NotReady => lang.pick("Not ready", "준비 안 됨"),
        PodState::Terminating => lang.pick("Terminating", "종료 중"),
    }
}

/// Ready still, with failures counted towards the threshold.
pub fn failing(lang: Lang, failing: u32, threshold: u32) -> String {
    lang.pick(format!("{failing}/{threshold} failed"), format!("{failing}/{threshold} 실패"))
}

/// As the field begins: `readiness`.
pub fn probe_kind(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Startup => "startup",
        ProbeKind::Liveness => "liveness",
        ProbeKind::Readiness => "readiness",
    }
}

/// The strip of a probe in words.
pub fn probes(lang: Lang, strip: &crate::view::Strip) -> String {
    let good = strip.results.iter().filter(|success| **success).count();
    let (all, period, threshold) = (strip.results.len(), strip.period, strip.threshold);
    let kind = probe_kind(strip.kind);
    let of = strip.container.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    let then = match strip.kind {
        ProbeKind::Readiness => lang.pick("not ready", "준비 안 됨"),
        _ => lang.pick("started again", "다시 시작"),
    };
    lang.pick(
        format!("{kind} probe{of}: {good} of the last {all} succeeded; every {period} s, {then} after {threshold} failures"),
        format!("{kind} 프로브{of}: 최근 {all}번 중 {good}번 성공. {period}초마다 확인하고 {threshold}번 실패하면 {then}"),
    )
}

pub fn restarts(lang: Lang, count: i32) -> String {
    match count {
        1 => lang.pick("1 restart".to_owned(), "재시작 1번".to_owned()),
        _ => lang.pick(format!("{count} restarts"), format!("재시작 {count}번")),
    }
}

/// What a switch or a button of the picture is called; each has in it what is seen.
pub fn answers_of(lang: Lang, kind: ProbeKind, pod: &str) -> String {
    lang.pick(format!("{} of {pod}", kind), format!("{pod} 파드의 {}", probe_kind(kind)))
}

pub fn crash_of(lang: Lang, pod: &str) -> String {
    lang.pick(format!("Crash {pod}"), format!("{pod} 강제 종료"))
}

pub fn power_of(lang: Lang, node: &str) -> String {
    lang.pick(format!("Power of {node}"), format!("{node} 전원"))
}

pub fn proxy_of(lang: Lang, node: &str) -> String {
    lang.pick(format!("kube-proxy of {node}"), format!("{node}의 kube-proxy"))
}

pub fn unscheduled(lang: Lang, count: usize) -> String {
    match count {
        1 => lang
            .pick("1 pod has no node yet".to_owned(), "노드가 정해지지 않은 파드 1개".to_owned()),
        _ => lang.pick(
            format!("{count} pods have no node yet"),
            format!("노드가 정해지지 않은 파드 {count}개"),
        ),
    }
}

/// What a host outside becomes when it is pressed; its name stands before.
pub fn as_client(lang: Lang) -> &'static str {
    lang.pick("as client", "클라이언트로 쓰기")
}

/// The load balancer's switch.
pub fn balancer(lang: Lang) -> String {
    lang.pick(
        "load balancer: gives Services of type LoadBalancer their addresses",
        "로드 밸런서: LoadBalancer 유형의 서비스에 주소를 줍니다",
    )
    .to_owned()
}

/// The addresses of load balancers that a node answers for.
pub fn announces(lang: Lang, node: &str, addresses: &[IpAddr]) -> String {
    let list: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let list = list.join(", ");
    lang.pick(
        format!("{node} answers ARP for {list}"),
        format!("{node} 노드가 {list} 의 ARP에 응답합니다"),
    )
}
