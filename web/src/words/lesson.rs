//! The lesson, what is kept, and what was just done.

use svclab_core::lab::Action;
use svclab_core::scenario::{Deed, Try};

use super::{Lang, Word};
use crate::state::{Notice, Outcome, Stop};

pub fn tries_met(lang: Lang, met: usize, all: usize) -> String {
    lang.pick(format!("{met} of {all} things tried"), format!("해 볼 것 {all}개 중 {met}개 완료"))
}

/// What was seen, and why.
pub fn came_of(lang: Lang, it: &Try, outcome: Outcome) -> String {
    match outcome {
        Outcome::Met => lang.pick(it.then.en.clone(), it.then.ko.clone()),
        Outcome::Untried | Outcome::Runs | Outcome::Missed => lang.say(Word::MissedHint).to_owned(),
    }
}

/// What a click of the lesson switches.
pub fn suggested_deed(lang: Lang, deed: &Deed) -> String {
    match deed {
        Deed::Readiness { namespace, label, ready, .. } => match ready {
            false => lang.pick(
                format!("makes a pod of {namespace} with {label} unready"),
                format!(
                    "{namespace}에서 {label} 레이블을 가진 파드 하나를 준비 안 됨으로 바꿉니다"
                ),
            ),
            true => lang.pick(
                format!("makes a pod of {namespace} with {label} ready again"),
                format!(
                    "{namespace}에서 {label} 레이블을 가진 파드 하나를 다시 준비됨으로 바꿉니다"
                ),
            ),
        },
        Deed::Act(Action::SwitchMachine { node, up }) => match up {
            false => lang.pick(format!("switches {node} off"), format!("{node}의 전원을 끕니다")),
            true => lang.pick(format!("switches {node} on"), format!("{node}의 전원을 켭니다")),
        },
        Deed::Act(Action::SwitchProxy { node, running }) => match running {
            false => lang.pick(
                format!("stops kube-proxy on {node}"),
                format!("{node}의 kube-proxy를 멈춥니다"),
            ),
            true => lang.pick(
                format!("starts kube-proxy on {node}"),
                format!("{node}의 kube-proxy를 시작합니다"),
            ),
        },
        Deed::Act(Action::SwitchLoadBalancer { on }) => match on {
            false => lang.pick(
                "switches the load balancer off".to_owned(),
                "로드 밸런서를 끕니다".to_owned(),
            ),
            true => lang.pick(
                "switches the load balancer on".to_owned(),
                "로드 밸런서를 켭니다".to_owned(),
            ),
        },
        Deed::Act(Action::SwitchLiveness { pod, alive }) => match alive {
            false => lang.pick(
                format!("lets the liveness probes of {} fail", pod.name),
                format!("{}의 활성 프로브가 실패하게 합니다", pod.name),
            ),
            true => lang.pick(
                format!("lets the liveness probes of {} succeed", pod.name),
                format!("{}의 활성 프로브가 성공하게 합니다", pod.name),
            ),
        },
        Deed::Act(Action::SetProxyDelay { node, delay }) => {
            let seconds = delay.as_micros() as f64 / 1e6;
            lang.pick(
                format!("lets kube-proxy on {node} act {seconds} s late"),
                format!("{node}의 kube-proxy가 변화를 {seconds}초 늦게 반영하게 합니다"),
            )
        }
        Deed::Act(Action::SwitchReadiness { pod, ready }) => match ready {
            false => lang.pick(
                format!("lets the readiness probes of {} fail", pod.name),
                format!("{}의 준비성 프로브가 실패하게 합니다", pod.name),
            ),
            true => lang.pick(
                format!("lets the readiness probes of {} succeed", pod.name),
                format!("{}의 준비성 프로브가 성공하게 합니다", pod.name),
            ),
        },
        Deed::Act(Action::Crash { pod, .. }) => lang.pick(
            format!("crashes {}", pod.name),
            format!("{}의 프로그램을 비정상 종료합니다", pod.name),
        ),
        Deed::Run { .. } | Deed::Edit { .. } | Deed::Act(_) => String::new(),
    }
}

pub fn notice(lang: Lang, notice: &Notice) -> String {
    match notice {
        Notice::StartedOver => lang.pick("Everything is as at the start.", "처음 상태로 되돌렸습니다.").to_owned(),
        Notice::Opened => lang.pick("Opened.", "열었습니다.").to_owned(),
        Notice::Differs => lang
            .pick(
                "Opened, but this release of the lab simulates something differently: the outcome is not the same.",
                "열었습니다. 다만 이 버전의 실험실은 일부를 다르게 시뮬레이션하므로 결과가 같지 않습니다.",
            )
            .to_owned(),
        Notice::LinkCopied => {
            lang.pick("The link is in the clipboard.", "링크를 클립보드에 복사했습니다.").to_owned()
        }
        Notice::Unreadable(problem) => {
            lang.pick(format!("This could not be read: {problem}"), format!("읽지 못했습니다: {problem}"))
        }
        Notice::Lost(problem) => lang.pick(
            format!("Your manifests are here, but what you did at the last visit could not be done again: {problem}"),
            format!("매니페스트는 그대로 있지만, 지난번에 한 일은 다시 재현하지 못했습니다: {problem}"),
        ),
        Notice::NotKept => lang
            .pick(
                "This has become more than the browser keeps: what you do from here on is gone when the page is closed. Save it to a file.",
                "브라우저에 보관할 수 있는 양을 넘었습니다. 지금부터 하는 일은 페이지를 닫으면 사라지니 파일로 저장해 두세요.",
            )
            .to_owned(),
    }
}

/// What a part of the page is for.
pub fn tour(lang: Lang, stop: Stop) -> &'static str {
    match stop {
        Stop::Lesson => lang.pick(
            "The lesson: what this cluster shows and what to try, one click each. A click types the line where you would type it.",
            "학습: 이 클러스터가 보여 주는 것과 해 볼 것이 있습니다. 클릭하면 직접 입력할 자리에 명령을 입력해 줍니다.",
        ),
        Stop::Stage => lang.pick(
            "The cluster. Machines, pods and wires are solid; Services are dashed, for they exist only as rules on every node. Choose who sends and press Send.",
            "클러스터입니다. 머신, 파드, 선은 실선이고 서비스는 점선입니다. 서비스는 모든 노드의 규칙으로만 존재하기 때문입니다. 보내는 곳을 고르고 보내기를 눌러 보세요.",
        ),
        Stop::Walk => lang.pick(
            "The same packet in words, step by step, with the true rules and the part of each that matched. The other tabs: rules, endpoints, DNS, events.",
            "같은 패킷을 한 단계씩 글로 보여 줍니다. 실제 규칙과 일치한 부분이 표시됩니다. 옆 탭에는 규칙, 엔드포인트, DNS, 이벤트가 있습니다.",
        ),
        Stop::Manifests => lang.pick(
            "The cause: edit the manifests and apply them. Mistakes get the API server's own words; Diff shows what would change, down to the rules.",
            "원인이 되는 곳입니다. 매니페스트를 고쳐 적용하세요. 잘못된 곳에는 API 서버의 오류가 그대로 나오고, 비교는 규칙까지 무엇이 바뀔지 보여 줍니다.",
        ),
        Stop::Terminal => lang.pick(
            "Shells on the laptop, in pods and on nodes: kubectl, curl, nslookup, iptables, tcpdump. What is underlined leads on; a command's packets can be watched.",
            "노트북, 파드, 노드의 셸입니다. kubectl, curl, nslookup, iptables, tcpdump를 쓸 수 있습니다. 밑줄은 해당 오브젝트로 이어지고, 명령이 보낸 패킷은 따라가 볼 수 있습니다.",
        ),
        Stop::Time => lang.pick(
            "Time: everything that happened is painted here. Drag to see any moment whole; act there and another branch begins.",
            "시간입니다. 일어난 모든 일이 표시됩니다. 끌어서 지난 시점을 통째로 볼 수 있고, 거기서 무언가를 하면 새 분기가 시작됩니다.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use svclab_core::scenario::Scenario;

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the scenarios are files")]
    fn whatever_a_scenario_suggests_is_told_before_it_is_clicked() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
        let files = std::fs::read_dir(folder).expect("the scenarios").flatten();
        let mut told = 0;
        for file in
            files.filter(|it| it.file_name() != "index.yaml" && it.file_name() != "cluster.yaml")
        {
            let text = std::fs::read_to_string(file.path()).expect("a scenario");
            let scenario = Scenario::parse(&text).expect("a scenario");
            for deed in scenario.tries.iter().flat_map(|it| &it.deeds) {
                if matches!(deed, Deed::Readiness { .. } | Deed::Act(_)) {
                    told += 1;
                    for lang in [Lang::En, Lang::Ko] {
                        assert!(
                            !suggested_deed(lang, deed).is_empty(),
                            "{}: {deed:?}",
                            scenario.name
                        );
                    }
                }
            }
        }
        assert!(told > 5, "{told} of them");
    }
}
