//! Everything the page says, in both languages. A text that lacks one does not compile.
//!
//! Kubernetes' terms stand in Korean as its documentation writes them (파드, 서비스, 엔드포인트,
//! 노드); names of kinds, fields, chains and commands stay as they are.

mod balanced;
mod cluster;
mod editor;
mod lesson;
mod log;
mod object;
mod packet;
mod rule;
mod stage;

use std::hint::black_box;

use svclab_core::time::Instant;

pub use balanced::*;
pub use cluster::*;
pub use editor::*;
pub use lesson::*;
pub use log::*;
pub use object::*;
pub use packet::*;
pub use rule::*;
pub use stage::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    En,
    Ko,
}

impl Lang {
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ko => "ko",
        }
    }

    pub fn from_code(code: &str) -> Option<Lang> {
        match code.get(..2)? {
            "en" => Some(Lang::En),
            "ko" => Some(Lang::Ko),
            _ => None,
        }
    }

    /// A fixed text.
    pub fn say(self, word: Word) -> &'static str {
        let (en, ko) = word.texts();
        self.pick(en, ko)
    }

    pub fn pick<T>(self, en: T, ko: T) -> T {
        match self {
            Lang::En => en,
            Lang::Ko => ko,
        }
    }
}

/// The texts without parts: each variant with its English and its Korean. Those that a page says
/// when it opens stand first; the others' texts may come to the browser later.
macro_rules! words {
    (
        first { $($(#[$meta:meta])* $word:ident: $en:literal, $ko:literal;)* }
        later { $($(#[$later_meta:meta])* $later:ident: $later_en:literal, $later_ko:literal;)* }
    ) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word {
            $($(#[$meta])* $word,)*
            $($(#[$later_meta])* $later,)*
        }

        impl Word {
            fn texts(self) -> (&'static str, &'static str) {
                match self {
                    $(Word::$word => ($en, $ko),)*
                    // By a pointer, as no optimizer may join the two.
                    later => black_box(Word::later_texts as fn(Word) -> _)(later),
                }
            }

            #[inline(never)]
            fn later_texts(self) -> (&'static str, &'static str) {
                match self {
                    $(Word::$later => ($later_en, $later_ko),)*
                    _ => ("", ""),
                }
            }

            #[cfg(test)]
            const ALL: &[Word] = &[$(Word::$word,)* $(Word::$later,)*];
        }
    };
}

words! {
    first {
        Apply: "Apply", "적용";
        ApplyHint: "Apply the manifests (Ctrl or Command + Enter)", "매니페스트 적용 (Ctrl 또는 Command + Enter)";
        Reset: "Start over", "처음으로";
        ResetHint: "Forget everything and start with the example", "모두 지우고 예제로 다시 시작";
        Manifests: "Manifests", "매니페스트";
        Objects: "Objects", "오브젝트";
        Namespace: "Namespace", "네임스페이스";
        Stage: "Stage", "클러스터";
        Walk: "Packet walk", "패킷 경로";
        WalkTab: "Walk", "경로";
        Rules: "Rules", "규칙";
        /// Of the Service that requests are sent to, on one node.
        NoRulesOfIt: "no rules", "규칙 없음";
        Endpoints: "Endpoints", "엔드포인트";
        Events: "Events", "이벤트";
        Panels: "Panels", "패널";
        LeftWidth: "Width of the left pane", "왼쪽 패널의 너비";
        RightWidth: "Width of the right pane", "오른쪽 패널의 너비";
        TerminalHeight: "Height of the terminal", "터미널의 높이";
        LessonHeight: "Height of the lesson", "학습 칸의 높이";
        Files: "Files", "파일";
        NewFile: "New file", "새 파일";
        RenameFile: "Rename this file", "이 파일 이름 바꾸기";
        RemoveFile: "Remove this file", "이 파일 지우기";
        OnlyThis: "Only this", "이 문서만";
        OnlyThisHint: "Apply only the document that the cursor is in (Ctrl or Command + Shift + Enter)", "커서가 있는 문서만 적용 (Ctrl 또는 Command + Shift + Enter)";
        ResetText: "Reset text", "텍스트 되돌리기";
        ResetTextHint: "Put the scenario's own text back; the cluster stays as it is", "시나리오의 원래 텍스트로 되돌립니다. 클러스터는 그대로입니다";
        Diff: "Diff", "비교";
        DiffHint: "See what applying would change: objects, endpoints and every node's rules", "적용하면 무엇이 바뀌는지 보기: 오브젝트, 엔드포인트, 모든 노드의 규칙";
        Send: "Send", "보내기";
        Client: "From", "보내는 곳";
        Target: "To", "받는 곳";
        Request: "Request", "요청";
        Pods: "Pods", "파드";
        Nodes: "Nodes", "노드";
        OutsideHosts: "Outside", "클러스터 밖";
        ClusterIp: "Cluster IP", "클러스터 IP";
        ByName: "By name, as the cluster DNS knows it", "이름으로 (클러스터 DNS)";
        OutsideBand: "OUTSIDE", "클러스터 밖";
        LoadBalancer: "load balancer", "로드 밸런서";
        Time: "Time", "시간";
        Clock: "Lab time", "실험실 시간";
        Pause: "Pause", "일시 정지";
        NextEvent: "Next event", "다음 이벤트";
        Speed: "Speed", "속도";
        Language: "Language", "언어";
        ThemeSystem: "Theme: as the system", "테마: 시스템 설정";
        ServicesBand: "SERVICES · exist only as rules on every node", "서비스 · 모든 노드의 규칙으로만 존재합니다";
        Router: "router", "라우터";
        ZoomIn: "Larger (+)", "크게 (+)";
        ZoomOut: "Smaller (−)", "작게 (−)";
        ZoomFit: "Fit all of it (0)", "맞춤: 전체 보기 (0)";
        Fit: "fit", "맞춤";
        Amount: "Requests at once", "한 번에 보낼 요청 수";
        Crash: "crash", "강제 종료";
        Moment: "Moment", "시점";
        MomentHint: "Go back in time. Painted from top to bottom: what you did, packets, failures and drops, endpoints, rules", "지난 시점 보기. 위에서부터 사용자 동작, 패킷, 실패와 드롭, 엔드포인트, 규칙";
        NoPacketYet: "No packet yet", "아직 패킷이 없습니다";
        NoPacketHint: "Send a request: every hook, chain and rule that the packet meets will stand here.", "요청을 보내 보세요. 패킷이 만나는 모든 훅, 체인, 규칙이 여기에 표시됩니다.";
        No: "no", "아니요";
        Names: "DNS", "DNS";
        Terminal: "Terminal", "터미널";
        Shells: "Shells", "셸";
        Printed: "What was printed", "출력";
        Attach: "Open a shell", "셸 열기";
        AttachTo: "+ attach…", "+ 접속…";
        ShowTerminal: "Show the terminal", "터미널 보기";
        HideTerminal: "Hide the terminal", "터미널 숨기기";
        Lesson: "Lesson", "학습";
        ThingsToTry: "Things to try", "해 볼 것";
        Untried: "not tried yet", "아직 해 보지 않음";
        AllScenarios: "All scenarios", "모든 시나리오";
        Tour: "A short tour", "둘러보기";
        Menu: "Menu", "메뉴";
        CopyLink: "Copy a link to this", "링크 복사";
        Export: "Save to a file", "파일로 저장";
        Import: "Open a file…", "파일 열기…";
        StartOver: "Start over", "처음부터 다시";
        Settings: "Settings", "설정";
        Shortcuts: "Keyboard shortcuts", "키보드 단축키";
        Normal: "normal", "보통";
    }
    later {
        OneAfterTheOther: "One request after the other", "차례로 이어지는 요청";
        WalkManner: "How packets are told", "패킷을 보여 주는 방식";
        AsSteps: "steps", "단계";
        Interface: "Interface", "인터페이스";
        EveryInterface: "every interface", "모든 인터페이스";
        AllNamespaces: "All namespaces", "모든 네임스페이스";
        Search: "Search", "검색";
        SearchHint: "Search names, labels and addresses", "이름, 레이블, 주소 검색";
        Wide: "Wide", "넓게";
        WideHint: "Give the tables the place of the cluster's picture", "클러스터 그림 자리까지 표를 넓게 보기";
        NoSuchObjects: "No object fits.", "해당하는 오브젝트가 없습니다.";
        BackToObjects: "Back to all objects", "모든 오브젝트로 돌아가기";
        ObjectIsGone: "At this moment the object does not exist.", "이 시점에는 이 오브젝트가 없습니다.";
        OnlyOthers: "Only what I did not write", "내가 쓰지 않은 것만";
        WholeStory: "Everything that happened", "일어난 모든 일";
        Recorded: "Kubernetes Events", "쿠버네티스 이벤트";
        NothingOfIt: "Nothing has happened to it yet.", "아직 일어난 일이 없습니다.";
        FileName: "File name", "파일 이름";
        Undo: "Undo", "실행 취소";
        ChangesTitle: "What applying would change", "적용하면 바뀌는 것";
        NoChange: "nothing changes", "바뀌는 것이 없습니다";
        Problems: "Problems in the manifests", "매니페스트의 문제";
        NoObjects: "There is nothing to apply: the text holds no object.", "적용할 것이 없습니다. 텍스트에 오브젝트가 없습니다.";
        NoTarget: "No Service with an address yet", "주소가 있는 서비스가 아직 없습니다";
        NodePort: "Node port", "노드 포트";
        OuterAddress: "External IP, load balancer", "외부 IP, 로드 밸런서";
        Play: "Play", "재생";
        ThemeLight: "Theme: light", "테마: 밝게";
        ThemeDark: "Theme: dark", "테마: 어둡게";
        Counts: "Who answered", "누가 응답했나";
        Expected: "expected", "예상";
        Refused: "refused", "거부됨";
        TimedOut: "timed out", "시간 초과";
        Failed: "failed", "실패";
        CloseThis: "Close (Escape)", "닫기 (Escape)";
        WhatIsKnown: "What is known of it", "자세한 내용";
        SendFrom: "Send from here", "여기서 보내기";
        SendTo: "Send to here", "여기로 보내기";
        ShowManifest: "In the manifests", "매니페스트에서 보기";
        Interfaces: "Interfaces and routes", "인터페이스와 라우팅";
        Conditions: "Conditions", "컨디션";
        ServicesOf: "Services", "서비스";
        Slices: "EndpointSlices", "엔드포인트슬라이스";
        ServiceType: "Type", "유형";
        Port: "Port", "포트";
        NoPods: "no pods here", "파드 없음";
        NoProbe: "no probes", "프로브 없음";
        Power: "power", "전원";
        NoNodeObject: "removed", "제거됨";
        Stopped: "stopped", "멈춤";
        Stale: "stale rules", "오래된 규칙";
        Now: "Now", "현재로";
        Branch: "Branch", "분기";
        BranchHint: "Acting in the past begins a branch; the others are kept", "과거에서 무언가를 하면 새 분기가 시작됩니다. 다른 분기는 남아 있습니다";
        LastSync: "last sync", "최근 동기화";
        ChooseRequest: "Choose a request to follow its packets.", "패킷을 따라갈 요청을 고르세요.";
        Requests: "Requests", "요청 목록";
        Packets: "Packets of this request", "이 요청의 패킷";
        FirstStep: "First step", "첫 단계";
        PreviousStep: "Previous step", "이전 단계";
        NextStep: "Next step", "다음 단계";
        LastStep: "Last step", "마지막 단계";
        Source: "src", "src";
        Destination: "dst", "dst";
        Mark: "mark", "mark";
        Header: "Header", "헤더";
        Node: "Node", "노드";
        NewRules: "new since the last sync", "최근 동기화에서 추가됨";
        GoneRules: "Gone since the last sync", "최근 동기화에서 사라짐";
        WhyThisRule: "Why this rule is here", "이 규칙이 있는 이유";
        ProxyMode: "kube-proxy's mode", "kube-proxy 모드";
        SearchRules: "Search the rules", "규칙 검색";
        CompareWith: "Compare with…", "비교 대상…";
        InManifests: "in the manifests", "매니페스트에서 보기";
        PickRule: "Select a rule to see why it is here.", "규칙을 선택하면 그 규칙이 있는 이유를 보여 줍니다.";
        NoRules: "This node has no rules yet.", "이 노드에는 아직 규칙이 없습니다.";
        Policy: "policy", "정책";
        InKernel: "written by the kernel's set-up, not for a Service", "서비스가 아니라 기본 설정으로 있는 규칙입니다";
        Address: "Address", "주소";
        Yes: "yes", "예";
        NoEndpoints: "no endpoints", "엔드포인트 없음";
        NoServices: "There is no Service yet.", "아직 서비스가 없습니다.";
        NoEvents: "Nothing has happened yet.", "아직 일어난 일이 없습니다.";
        Because: "because of", "원인";
        ShowCause: "Show the cause", "원인 보기";
        ShowRule: "Show in the rules", "규칙에서 보기";
        Request2: "request", "요청";
        Reply: "reply", "응답";
        SkipToEnd: "Close", "닫기";
        Questions: "DNS questions", "DNS 질의";
        NoNames: "No question yet", "아직 질의가 없습니다";
        NoNamesHint: "Look a name up in the terminal, in a pod for instance: nslookup web. Each question is a packet to one of CoreDNS's pods.", "터미널에서 이름을 조회해 보세요. 예: 파드에서 nslookup web. 질의는 하나하나가 CoreDNS 파드로 가는 패킷입니다.";
        Runs: "runs", "실행 중";
        WaitsForTime: "waits: time is stopped", "대기 중: 시간이 멈춰 있습니다";
        Stop: "Stop", "중단";
        SaveEdit: "Save and close", "저장하고 닫기";
        LeaveEdit: "Close without saving", "저장하지 않고 닫기";
        Met: "done", "완료";
        Missed: "came out differently", "결과가 다름";
        MissedHint: "This came out differently: the cluster is no longer as the scenario left it. Start over to try again.", "결과가 다릅니다. 클러스터가 시나리오의 처음 상태와 달라졌습니다. 처음부터 다시 시작해 보세요.";
        NextScenario: "Next scenario →", "다음 시나리오 →";
        Fetching: "Fetching…", "불러오는 중…";
        EndTour: "End the tour", "그만 보기";
        Back: "Back", "이전";
        Next: "Next", "다음";
        Theme: "Theme", "테마";
        AsSystem: "as the system", "시스템 설정";
        Light: "light", "밝게";
        Dark: "dark", "어둡게";
        Density: "Density", "밀도";
        Dense: "dense", "촘촘하게";
        Roomy: "roomy", "넉넉하게";
        Motion: "Motion", "움직임";
        Moves: "moves", "움직이기";
        StepByStep: "step by step", "단계별로";
        KeyShortcuts: "Show this list", "이 목록 보기";
        KeyPlay: "Pause or play", "일시 정지 또는 재생";
        KeyNextEvent: "On to the next event", "다음 이벤트로";
        KeyBack: "Back to the painted event before this moment", "이전에 표시된 이벤트로";
        KeyNow: "Come back to the present", "현재로 돌아오기";
        KeySend: "Send the request", "요청 보내기";
        KeyUndo: "Take back a new start, while the page offers it", "새로 시작한 것 되돌리기 (화면에 표시되어 있는 동안)";
        KeyManifests: "Go to the manifests", "매니페스트로 이동";
        KeyTerminal: "Go to the terminal", "터미널로 이동";
        KeyPanes: "Packet walk, rules, endpoints, DNS, events", "패킷 경로, 규칙, 엔드포인트, DNS, 이벤트";
        KeySteps: "In the walk or on the stage: step by step", "패킷 경로나 클러스터에서: 한 단계씩 이동";
        KeySizes: "On the stage: larger, smaller, all of it", "클러스터에서: 크게, 작게, 전체 보기";
        KeyRecall: "In the terminal: lines typed before", "터미널에서: 이전에 입력한 줄";
        KeyInterrupt: "In the terminal: stop the command", "터미널에서: 명령 중단";
        PacketHeld: "Time stands still while a packet travels", "패킷이 움직이는 동안 실험실 시간은 멈춥니다";
    }
}

fn pod_name(pod: &str) -> &str {
    pod.rsplit('/').next().unwrap_or(pod)
}

/// A branch in the list; numbers count from 1.
pub fn branch(lang: Lang, index: usize, fork: Option<(usize, Instant)>) -> String {
    let number = index + 1;
    let Some((of, at)) = fork else {
        return lang.pick(format!("Branch {number}"), format!("분기 {number}"));
    };
    let of = of + 1;
    lang.pick(
        format!("Branch {number}, left {of} at {at}"),
        format!("분기 {number}, {at} 에 {of}에서 나옴"),
    )
}

pub fn more(lang: Lang, count: usize) -> String {
    lang.pick(format!("+{count} more"), format!("외 {count}개"))
}

/// Below the output of a command that sent requests.
pub fn watch_packets(lang: Lang, requests: usize) -> String {
    match requests {
        1 => lang.pick("▸ watch the packets".to_owned(), "▸ 패킷 따라가기".to_owned()),
        _ => lang.pick(
            format!("▸ watch the packets of all {requests} requests"),
            format!("▸ 요청 {requests}개의 패킷 모두 따라가기"),
        ),
    }
}

pub fn endpoints_ready(lang: Lang, ready: usize, all: usize) -> String {
    lang.pick(format!("{ready}/{all} ready"), format!("{ready}/{all} 준비됨"))
}

pub fn error_place(lang: Lang, line: usize, column: usize) -> String {
    lang.pick(format!("Line {line}, column {column}"), format!("{line}행 {column}열"))
}

pub fn more_errors(lang: Lang, count: usize) -> String {
    lang.pick(format!("and {count} more"), format!("그 밖에 {count}개"))
}

pub fn error_count(lang: Lang, count: usize) -> String {
    match count {
        1 => lang.pick("1 problem".to_owned(), "문제 1개".to_owned()),
        _ => lang.pick(format!("{count} problems"), format!("문제 {count}개")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_in_both_languages() {
        for word in Word::ALL {
            let (en, ko) = word.texts();
            assert!(!en.is_empty() && !ko.is_empty(), "{word:?}");
        }
    }

    #[test]
    fn korean_texts_are_korean() {
        let english: Vec<_> = Word::ALL
            .iter()
            .filter(|word| !word.texts().1.chars().any(|it| ('가'..='힣').contains(&it)))
            .collect();
        assert_eq!(english, [&Word::Names, &Word::Source, &Word::Destination, &Word::Mark]);
    }
}
