//! The log in sentences.

use svclab_core::key::ObjectKey;
use svclab_core::kubelet::Life;
use svclab_core::lab::Corefile;
use svclab_core::lab::log::{Change, Entry, Happening};
use svclab_netfilter::Family;

use super::{Lang, pod_name};

/// One entry of the log as a sentence.
pub fn happening(lang: Lang, entry: &Entry) -> String {
    match &entry.what {
        Happening::Applied { key, change: it } => {
            format!("{} {}", named(key), change(lang, *it))
        }
        Happening::Refused { name, message } => {
            lang.pick(format!("{name} refused: {message}"), format!("{name} 거부됨: {message}"))
        }
        Happening::Deleted { key } => {
            lang.pick(format!("You delete {key}"), format!("{key} 삭제 요청"))
        }
        Happening::Made { key, by, .. } => {
            lang.pick(format!("{} writes {key}", by.name()), format!("{}: {key} 작성", by.name()))
        }
        Happening::Scaled { key, from, to, .. } => lang.pick(
            format!("{key} scaled from {from} to {to}"),
            format!("{key} 규모 조정: {from} → {to}"),
        ),
        Happening::Removed { key, by, .. } => {
            lang.pick(format!("{} removes {key}", by.name()), format!("{}: {key} 제거", by.name()))
        }
        Happening::Recorded { key, reason, message, .. } => format!("{key}: {reason}: {message}"),
        Happening::SwitchedMachine { node, up: false } => {
            lang.pick(format!("You switch {node} off"), format!("{node} 노드의 전원을 끔"))
        }
        Happening::SwitchedMachine { node, up: true } => {
            lang.pick(format!("You switch {node} on"), format!("{node} 노드의 전원을 켬"))
        }
        Happening::SwitchedLoadBalancer { on: true } => {
            lang.pick("You switch the load balancer on".into(), "로드 밸런서를 켬".into())
        }
        Happening::SwitchedLoadBalancer { on: false } => lang.pick(
            "You switch the load balancer off: nobody answers for its addresses".into(),
            "로드 밸런서를 끔: 그 주소에 응답하는 노드가 없음".into(),
        ),
        Happening::Drained { node } => {
            lang.pick(format!("You drain {node}"), format!("{node} 노드를 비움"))
        }
        Happening::Scheduled { pod, node } => lang.pick(
            format!("The scheduler puts {} on {node}", pod.name),
            format!("스케줄러가 파드 {}의 노드를 정함: {node}", pod.name),
        ),
        Happening::Unschedulable { pod, message } => lang.pick(
            format!("No node takes {}: {message}", pod.name),
            format!("파드 {}를 받을 노드가 없음: {message}", pod.name),
        ),
        Happening::GotAddress { pod, ip } => lang.pick(
            format!("{} gets the address {ip}", pod.name),
            format!("파드 {}의 주소: {ip}", pod.name),
        ),
        Happening::Container { pod, container, what } => life(lang, pod, container, what),
        Happening::Said { pod, said } => format!("{}: {}", pod.name, said.message),
        Happening::Terminating { pod } => lang
            .pick(format!("{} is asked to end", pod.name), format!("파드 {} 종료 시작", pod.name)),
        Happening::Stopped { pod } => {
            lang.pick(format!("{} has ended", pod.name), format!("파드 {} 종료됨", pod.name))
        }
        Happening::Switched { pod, kind, passes } => {
            let code = if *passes { 200 } else { 503 };
            let kind = kind.to_string().to_lowercase();
            lang.pick(
                format!("You switch {}: its {kind} endpoint now answers {code}", pod.name),
                format!("파드 {}의 {kind} 응답을 {code} 로 바꿈", pod.name),
            )
        }
        Happening::Crashed { pod, container, code } => lang.pick(
            format!("You let container {container} of {} end with code {code}", pod.name),
            format!("파드 {}의 컨테이너 {container} 를 종료 코드 {code} 로 끝냄", pod.name),
        ),
        Happening::Probed { pod, kind, success, in_row, threshold, .. } => match success {
            true => lang.pick(
                format!("{kind} probe of {} succeeds ({in_row}/{threshold})", pod.name),
                format!(
                    "파드 {}의 {} 프로브 성공 ({in_row}/{threshold})",
                    pod.name,
                    kind.to_string().to_lowercase()
                ),
            ),
            false => lang.pick(
                format!("{kind} probe of {} fails ({in_row}/{threshold})", pod.name),
                format!(
                    "파드 {}의 {} 프로브 실패 ({in_row}/{threshold})",
                    pod.name,
                    kind.to_string().to_lowercase()
                ),
            ),
        },
        Happening::Ready { pod, ready: true } => lang.pick(
            format!("{} becomes Ready", pod.name),
            format!("파드 {} 준비됨 (Ready)", pod.name),
        ),
        Happening::Ready { pod, ready: false } => lang.pick(
            format!("{} is no longer Ready", pod.name),
            format!("파드 {} 준비 안 됨 (Ready 아님)", pod.name),
        ),
        Happening::Endpoints { key, ready, not_ready } => lang.pick(
            format!("Endpoints {}: {} ready, {} not ready", key.name, ready.len(), not_ready.len()),
            format!(
                "Endpoints {}: 준비됨 {}개, 준비 안 됨 {}개",
                key.name,
                ready.len(),
                not_ready.len()
            ),
        ),
        Happening::Slice { key, ready, total } => lang.pick(
            format!("EndpointSlice {}: {ready} of {total} ready", key.name),
            format!("EndpointSlice {}: {total}개 중 {ready}개 준비됨", key.name),
        ),
        Happening::Synced { node, family: Family::V4, added, removed } => lang.pick(
            format!("kube-proxy on {node} writes its rules: +{added} −{removed}"),
            format!("{node} 노드의 kube-proxy가 규칙을 씀: +{added} −{removed}"),
        ),
        Happening::Synced { node, family: Family::V6, added, removed } => lang.pick(
            format!("kube-proxy on {node} writes its IPv6 rules: +{added} −{removed}"),
            format!("{node} 노드의 kube-proxy가 IPv6 규칙을 씀: +{added} −{removed}"),
        ),
        Happening::ConnectionsDeleted { node, count } => lang.pick(
            format!("kube-proxy on {node} has {count} UDP connections forgotten"),
            format!("{node} 노드의 kube-proxy가 UDP 연결 {count}개를 지움"),
        ),
        Happening::ProxySwitched { node, running: true } => lang.pick(
            format!("You start kube-proxy on {node}"),
            format!("{node} 노드의 kube-proxy를 시작함"),
        ),
        Happening::ProxySwitched { node, running: false } => lang.pick(
            format!("You stop kube-proxy on {node}: its rules stay as they are"),
            format!("{node} 노드의 kube-proxy를 멈춤: 규칙은 그대로 남음"),
        ),
        Happening::ProxyDelayed { node, delay } => {
            let ms = delay.as_micros() / 1000;
            lang.pick(
                format!("kube-proxy on {node} now takes {ms} ms to act on a change"),
                format!("{node} 노드의 kube-proxy가 변경을 {ms}ms 뒤에 반영하도록 바꿈"),
            )
        }
        Happening::RulesLoaded { node, .. } => lang.pick(
            format!("You give rules to iptables-restore on {node}"),
            format!("{node} 노드의 iptables-restore에 규칙을 넣음"),
        ),
        Happening::FlushNoticed { node, .. } => lang.pick(
            format!("kube-proxy on {node} notices that its rules were flushed"),
            format!("{node} 노드의 kube-proxy가 규칙이 지워진 것을 알아차림"),
        ),
        Happening::RestoreFailed { node, .. } => lang.pick(
            format!("iptables-restore on {node} refuses kube-proxy's rules: chains they lead to are gone"),
            format!("{node} 노드의 iptables-restore가 kube-proxy의 규칙을 거부함: 가리키는 체인이 없음"),
        ),
        Happening::Requested { exchange, from } => lang.pick(
            format!("Request #{exchange} leaves {}", pod_name(from)),
            format!("{}에서 요청 #{exchange} 보냄", pod_name(from)),
        ),
        Happening::Queried { pod, line, .. } | Happening::Wrote { pod, line, .. } => {
            format!("{}: {line}", pod.name)
        }
        Happening::Corefile { pod, what: Corefile::Reloaded } => lang.pick(
            format!("CoreDNS in {} has read its new Corefile", pod.name),
            format!("파드 {}의 CoreDNS가 새 Corefile을 읽음", pod.name),
        ),
        Happening::Corefile { pod, what: Corefile::Kept(error) } => lang.pick(
            format!("CoreDNS in {} goes on with its old Corefile: {error}", pod.name),
            format!("파드 {}의 CoreDNS가 이전 Corefile을 계속 씀: {error}", pod.name),
        ),
        Happening::Corefile { pod, what: Corefile::Exits(error) } => lang.pick(
            format!("CoreDNS in {} cannot start: {error}", pod.name),
            format!("파드 {}의 CoreDNS가 시작하지 못함: {error}", pod.name),
        ),
    }
}

/// What happened to a container; where kubelet writes an Event for it, in the Event's own words.
fn life(lang: Lang, pod: &ObjectKey, container: &str, what: &Life) -> String {
    let pod = &pod.name;
    match what {
        Life::Started => lang.pick(
            format!("Container {container} of {pod} starts"),
            format!("파드 {pod}의 컨테이너 {container} 시작"),
        ),
        Life::Exited { code } => lang.pick(
            format!("Container {container} of {pod} ends with code {code}"),
            format!("파드 {pod}의 컨테이너 {container} 끝남 (종료 코드 {code})"),
        ),
        Life::BackOff { wait, .. } => lang.pick(
            format!("Container {container} of {pod} waits {} s for its restart", wait.as_secs()),
            format!("파드 {pod}의 컨테이너 {container} 재시작까지 {}초 대기", wait.as_secs()),
        ),
        _ => {
            let said = what.event(container, pod);
            format!("{pod}: {}", said.map(|it| it.message).unwrap_or_default())
        }
    }
}

fn named(key: &ObjectKey) -> String {
    key.to_string()
}

/// `Deployment shop/web configured`, as `kubectl apply` reports.
pub fn change(lang: Lang, change: Change) -> &'static str {
    match change {
        Change::Created => lang.pick("created", "생성됨"),
        Change::Configured => lang.pick("configured", "변경됨"),
        Change::Unchanged => lang.pick("unchanged", "그대로"),
    }
}
