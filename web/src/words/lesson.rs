//! The lesson, what is kept, and what was just done.

use svclab_core::lab::Action;
use svclab_core::scenario::{Deed, Try};

use super::{Lang, Word};
use crate::state::{Notice, Outcome};

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
    }
}
