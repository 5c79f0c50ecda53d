//! An object's lines: who put them there.

use svclab_core::key::ObjectKey;
use svclab_core::print;

use super::Lang;

/// Who put a line of an object there, in one word or two.
pub fn origin(lang: Lang, origin: print::Origin) -> &'static str {
    match origin {
        print::Origin::Written => lang.pick("you", "직접 작성"),
        print::Origin::Defaulted => lang.pick("default", "기본값"),
        print::Origin::Allocated => lang.pick("allocated", "할당"),
        print::Origin::Component => lang.pick("cluster", "클러스터"),
    }
}

pub fn origin_in_full(lang: Lang, origin: print::Origin) -> &'static str {
    match origin {
        print::Origin::Written => lang.pick(
            "You wrote it: the manifest applied last says so.",
            "마지막으로 적용한 매니페스트에 직접 쓴 값입니다.",
        ),
        print::Origin::Defaulted => lang.pick(
            "The manifest leaves it open; the API server filled it in.",
            "매니페스트에 없어 API 서버가 기본값으로 채웠습니다.",
        ),
        print::Origin::Allocated => lang.pick(
            "Chosen for this object: an address, a port, a node, a uid, a version or a time.",
            "이 오브젝트에 할당된 값입니다. 주소, 포트, 노드, uid, 버전, 시각 등입니다.",
        ),
        print::Origin::Component => lang.pick(
            "Written by a part of the cluster: a controller, the kubelet or kubectl.",
            "컨트롤러, kubelet, kubectl 등 클러스터의 구성 요소가 쓴 값입니다.",
        ),
    }
}

/// A mark that needs no colour.
pub fn origin_letter(origin: print::Origin) -> &'static str {
    match origin {
        print::Origin::Written => "Y",
        print::Origin::Defaulted => "D",
        print::Origin::Allocated => "A",
        print::Origin::Component => "C",
    }
}

/// `x4 over 20s`, as `kubectl describe` says it.
pub fn times(lang: Lang, count: usize, since: &str) -> String {
    lang.pick(format!("x{count} over {since}"), format!("{since} 동안 {count}번"))
}

pub fn show_object(lang: Lang, key: &ObjectKey) -> String {
    lang.pick(format!("Show {key}"), format!("{key} 보기"))
}

pub fn more_lines(lang: Lang, more: usize) -> String {
    lang.pick(format!("{more} more lines"), format!("{more}줄 더 있음"))
}
