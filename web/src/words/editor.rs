//! What the editor says of files and of its own parts.

use crate::state::Deed;

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

/// Where a fault is.
pub fn fault_place(lang: Lang, file: Option<&str>, line: usize, column: usize) -> String {
    let place = super::error_place(lang, line, column);
    match file {
        Some(file) => format!("{place} · {file}"),
        None => place,
    }
}

/// CodeMirror's own words, by the English ones.
pub const KOREAN_PHRASES: &str = r#"{
"Find":"찾기","Replace":"바꿀 말","next":"다음","previous":"이전","all":"모두","match case":"대소문자 구분",
"regexp":"정규식","by word":"단어 단위","replace":"바꾸기","replace all":"모두 바꾸기","close":"닫기",
"current match":"현재 일치","on line":"행","replaced match on line $":"$행에서 바꿈","replaced $ matches":"$개를 바꿈",
"Go to line":"행으로 이동","go":"이동","Completions":"자동 완성","Diagnostics":"문제","No diagnostics":"문제 없음",
"Selection deleted":"선택 영역을 지움","Control character":"제어 문자"}"#;
