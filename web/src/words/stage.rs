//! The picture as a whole: how it is looked at, and what is summed up in it.

use svclab_netfilter::Verdict;

use super::{Lang, Word};
use crate::state::{Bar, End};
use crate::view::PodState;

pub fn fold_node(lang: Lang, node: &str, folded: bool) -> String {
    match folded {
        true => lang.pick(format!("Open {node}"), format!("{node} 펼치기")),
        false => lang.pick(format!("Fold {node}"), format!("{node} 접기")),
    }
}

/// Pods that are drawn as dots: `worker-1: 38 pods: 36 ready, 2 not ready`.
pub fn dotted(lang: Lang, node: &str, states: &[PodState]) -> String {
    let count = |wanted: &[PodState]| states.iter().filter(|it| wanted.contains(it)).count();
    let parts = [
        (count(&[PodState::Ready, PodState::Failing]), lang.pick("ready", "준비됨")),
        (count(&[PodState::NotReady]), lang.pick("not ready", "준비 안 됨")),
        (count(&[PodState::Pending]), lang.pick("pending", "대기 중")),
        (count(&[PodState::Terminating]), lang.pick("terminating", "종료 중")),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|it| it.0 > 0)
        .map(|(count, what)| lang.pick(format!("{count} {what}"), format!("{what} {count}개")))
        .collect();
    let (all, parts) = (states.len(), parts.join(", "));
    lang.pick(format!("{node}: {all} pods: {parts}"), format!("{node}: 파드 {all}개: {parts}"))
}

/// Above the rules that mention what is pinned.
pub fn rules_on(lang: Lang, node: &str) -> String {
    lang.pick(format!("Rules on {node}"), format!("{node} 노드의 규칙"))
}

pub fn all_rules(lang: Lang, more: usize) -> String {
    match more {
        0 => lang.pick("All rules of the node", "노드의 모든 규칙").to_owned(),
        _ => lang.pick(
            format!("{more} more, and all rules of the node"),
            format!("{more}개 더 있음. 노드의 모든 규칙 보기"),
        ),
    }
}

pub fn volley_begins(lang: Lang, count: usize) -> String {
    lang.pick(format!("sending {count} requests"), format!("요청 {count}개를 보냅니다"))
}

/// How requests came out, in a word.
pub fn end_word(lang: Lang, end: &End) -> String {
    match end {
        End::Answered(by) => by.to_string(),
        End::Refused => lang.say(Word::Refused).to_owned(),
        End::TimedOut => lang.say(Word::TimedOut).to_owned(),
        End::Failed => lang.say(Word::Failed).to_owned(),
    }
}

/// One bar: `shop/web-1: 34, expected 33.3`.
pub fn bar(lang: Lang, bar: &Bar) -> String {
    let name = end_word(lang, &bar.end);
    match bar.expected {
        Some(expected) => lang.pick(
            format!("{name}: {}, expected {expected:.1}", bar.count),
            format!("{name}: {}개, 예상 {expected:.1}개", bar.count),
        ),
        None => lang.pick(format!("{name}: {}", bar.count), format!("{name}: {}개", bar.count)),
    }
}

/// All bars, for who does not see them.
pub fn volley_said(lang: Lang, bars: &[Bar], all: usize) -> String {
    let parts: Vec<String> = bars.iter().map(|it| bar(lang, it)).collect();
    let parts = parts.join("; ");
    lang.pick(format!("{all} requests: {parts}"), format!("요청 {all}개: {parts}"))
}

/// The title of the bars while they grow.
pub fn volley_title(lang: Lang, landed: usize, all: usize) -> String {
    lang.pick(format!("{landed} of {all} requests"), format!("요청 {all}개 중 {landed}개 처리됨"))
}

/// Where requests ended without an answer: `refused ×33`.
pub fn failures(lang: Lang, end: &End, count: usize) -> String {
    format!("{} ×{count}", end_word(lang, end))
}

/// Why a packet ends in netfilter.
pub fn stopped(lang: Lang, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reject => {
            lang.pick("refused by a rule: the sender is told", "규칙이 거부하고 보낸 쪽에 알립니다")
        }
        Verdict::Drop => {
            lang.pick("dropped by a rule: nobody is told", "규칙이 버립니다. 아무도 알지 못합니다")
        }
        Verdict::Accept => lang.pick("accepted", "통과"),
    }
}
