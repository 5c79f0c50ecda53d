//! What the editor says of files and of its own parts.

use crate::state::{Changes, Deed};

use super::Lang;

/// What has just been done to files and can be taken back.
pub fn deed(lang: Lang, deed: Deed) -> &'static str {
    match deed {
        Deed::Added => lang.pick("New file.", "파일을 새로 만들었습니다."),
        Deed::Renamed => lang.pick("File renamed.", "파일 이름을 바꾸었습니다."),
        Deed::Removed => lang.pick(
            "File removed; what was applied of it stays in the cluster.",
            "파일을 지웠습니다. 적용된 오브젝트는 클러스터에 남아 있습니다.",
        ),
        Deed::Reset => {
            lang.pick("The scenario's text is back.", "시나리오의 텍스트로 되돌렸습니다.")
        }
    }
}

/// A file's tab.
pub fn file_tab(lang: Lang, name: &str, differs: bool) -> String {
    if differs {
        return lang.pick(
            format!("{name}, edited, not applied"),
            format!("{name}, 수정됨, 아직 적용 안 함"),
        );
    }
    name.to_owned()
}

/// Objects that an Apply left as they were.
pub fn unchanged(lang: Lang, count: usize) -> String {
    lang.pick(format!("{count} unchanged"), format!("{count}개는 그대로"))
}

/// Where a fault is.
pub fn fault_place(lang: Lang, file: Option<&str>, line: usize, column: usize) -> String {
    let place = super::error_place(lang, line, column);
    match file {
        Some(file) => format!("{place} · {file}"),
        None => place,
    }
}

/// While it is found out what an Apply would change.
pub fn trying(lang: Lang, seconds: u64) -> String {
    lang.pick(
        format!("Trying it on a copy of the cluster: {seconds} s so far"),
        format!("클러스터의 복사본에서 시험하는 중: {seconds}초 지남"),
    )
}

pub fn changes_take(lang: Lang, changes: &Changes) -> String {
    let seconds = changes.takes.as_micros() as f64 / 1e6;
    if changes.goes_on {
        return lang.pick(
            "Tried on a copy of the cluster; after two minutes it was still not at rest."
                .to_owned(),
            "클러스터의 복사본에서 시험했습니다. 2분이 지나도 변화가 끝나지 않았습니다.".to_owned(),
        );
    }
    lang.pick(
        format!("Tried on a copy of the cluster; at rest after {seconds:.1} s."),
        format!("클러스터의 복사본에서 시험했습니다. {seconds:.1}초 뒤 변화가 끝납니다."),
    )
}

pub fn mistakes_left_out(lang: Lang, count: usize) -> String {
    let problems = super::error_count(lang, count);
    lang.pick(
        format!("{problems} in the text: a document that is refused changes nothing."),
        format!("텍스트에 {problems}가 있습니다. 거부된 문서는 아무것도 바꾸지 않습니다."),
    )
}

pub fn lines_left(lang: Lang, count: usize) -> String {
    match count {
        1 => lang.pick("1 line stays".to_owned(), "같은 줄 1개".to_owned()),
        _ => lang.pick(format!("{count} lines stay"), format!("같은 줄 {count}개")),
    }
}

/// CodeMirror's own words, by the English ones.
pub const KOREAN_PHRASES: &str = r#"{
"Find":"찾기","Replace":"바꿀 말","next":"다음","previous":"이전","all":"모두","match case":"대소문자 구분",
"regexp":"정규식","by word":"단어 단위","replace":"바꾸기","replace all":"모두 바꾸기","close":"닫기",
"current match":"현재 일치","on line":"행","replaced match on line $":"$행에서 바꿈","replaced $ matches":"$개를 바꿈",
"Go to line":"행으로 이동","go":"이동","Completions":"자동 완성","Diagnostics":"문제","No diagnostics":"문제 없음",
"Selection deleted":"선택 영역을 지움","Control character":"제어 문자","Default":"기본값"}"#;
