//! Everything the page says, in both languages. A text that lacks one does not compile.
//!
//! Kubernetes' terms stand in Korean as its documentation writes them (파드, 서비스, 엔드포인트,
//! 노드); names of kinds, fields, chains and commands stay as they are.

use svclab_core::key::ObjectKey;
use svclab_core::kubelet::{Life, ProbeKind};
use svclab_core::lab::log::{Change, Entry, Happening};
use svclab_core::print;
use svclab_core::proxy::{Destination, Origin, Purpose};
use svclab_core::time::Instant;
use svclab_core::trace::{Answer, BridgeTo, Event, Exchange, Loss, Place, Question, Step, Trace};
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{CtStatus, Direction, Finding, Icmp, L4, Packet, Passage, Verdict};

use crate::view::PodState;

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

/// The texts without parts: each variant with its English and its Korean.
macro_rules! words {
    ($($(#[$meta:meta])* $word:ident: $en:literal, $ko:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word { $($(#[$meta])* $word,)* }

        impl Word {
            fn texts(self) -> (&'static str, &'static str) {
                match self { $(Word::$word => ($en, $ko),)* }
            }

            #[cfg(test)]
            const ALL: &[Word] = &[$(Word::$word,)*];
        }
    };
}

words! {
    Apply: "Apply", "적용";
    ApplyHint: "Apply the manifests (Ctrl or Command + Enter)", "매니페스트 적용 (Ctrl 또는 Command + Enter)";
    Reset: "Start over", "처음으로";
    ResetHint: "Forget everything and start with the example", "모두 지우고 예제로 다시 시작";
    Manifests: "Manifests", "매니페스트";
    Objects: "Objects", "오브젝트";
    Namespace: "Namespace", "네임스페이스";
    AllNamespaces: "All namespaces", "모든 네임스페이스";
    Search: "Search", "검색";
    SearchHint: "Search names, labels and addresses", "이름, 레이블, 주소 검색";
    Wide: "Wide", "넓게";
    WideHint: "Give the tables the place of the cluster's picture", "클러스터 그림 자리까지 표를 넓게 보기";
    NoSuchObjects: "No object fits.", "해당하는 오브젝트가 없습니다.";
    BackToObjects: "Back to all objects", "모든 오브젝트로 돌아가기";
    ObjectIsGone: "This object no longer exists.", "이 오브젝트는 더 이상 없습니다.";
    OnlyOthers: "Only what I did not write", "내가 쓰지 않은 것만";
    WholeStory: "Everything that happened", "일어난 모든 일";
    Recorded: "Kubernetes Events", "쿠버네티스 이벤트";
    NothingOfIt: "Nothing has happened to it yet.", "아직 일어난 일이 없습니다.";
    Stage: "Stage", "클러스터";
    Walk: "Packet walk", "패킷 경로";
    Rules: "Rules", "규칙";
    Endpoints: "Endpoints", "엔드포인트";
    Events: "Events", "이벤트";
    Panels: "Panels", "패널";
    Edited: "edited, not applied", "수정됨, 아직 적용 안 함";
    Problems: "Problems in the manifests", "매니페스트의 문제";
    NoObjects: "There is nothing to apply: the text holds no object.", "적용할 것이 없습니다. 텍스트에 오브젝트가 없습니다.";
    Send: "Send", "보내기";
    Client: "From", "보내는 파드";
    Target: "To", "받는 서비스";
    Request: "Request", "요청";
    NoTarget: "No Service with a cluster IP yet", "클러스터 IP가 있는 서비스가 아직 없습니다";
    Time: "Time", "시간";
    Clock: "Lab time", "실험실 시간";
    Play: "Play", "재생";
    Pause: "Pause", "일시 정지";
    NextEvent: "Next event", "다음 이벤트";
    Speed: "Speed", "속도";
    Language: "Language", "언어";
    ThemeSystem: "Theme: as the system", "테마: 시스템 설정";
    ThemeLight: "Theme: light", "테마: 밝게";
    ThemeDark: "Theme: dark", "테마: 어둡게";
    ServicesBand: "SERVICES · exist only as rules on every node", "서비스 · 모든 노드의 규칙으로만 존재합니다";
    Router: "router", "라우터";
    NoPods: "no pods here", "파드 없음";
    NoProbe: "no probes", "프로브 없음";
    Power: "power", "전원";
    NoNodeObject: "removed", "제거됨";
    Stopped: "stopped", "멈춤";
    Stale: "stale rules", "오래된 규칙";
    Moment: "Moment", "시점";
    MomentHint: "Go back in time. Painted from top to bottom: what you did, failures, endpoints, rules", "지난 시점 보기. 위에서부터 사용자 동작, 실패, 엔드포인트, 규칙";
    Now: "Now", "현재로";
    Branch: "Branch", "분기";
    BranchHint: "Acting in the past begins a branch; the others are kept", "과거에서 무언가를 하면 새 분기가 시작됩니다. 다른 분기는 남아 있습니다";
    LastSync: "last sync", "최근 동기화";
    NoPacketYet: "No packet yet", "아직 패킷이 없습니다";
    NoPacketHint: "Send a request: every hook, chain and rule that the packet meets will stand here.", "요청을 보내 보세요. 패킷이 만나는 모든 훅, 체인, 규칙이 여기에 표시됩니다.";
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
    PickRule: "Select a rule to see why it is here.", "규칙을 선택하면 그 규칙이 있는 이유를 보여 줍니다.";
    NoRules: "This node has no rules yet.", "이 노드에는 아직 규칙이 없습니다.";
    Policy: "policy", "정책";
    InKernel: "written by the kernel's set-up, not for a Service", "서비스가 아니라 기본 설정으로 있는 규칙입니다";
    Address: "Address", "주소";
    Yes: "yes", "예";
    No: "no", "아니요";
    NoEndpoints: "no endpoints", "엔드포인트 없음";
    NoServices: "There is no Service yet.", "아직 서비스가 없습니다.";
    NoEvents: "Nothing has happened yet.", "아직 일어난 일이 없습니다.";
    Because: "because of", "원인";
    ShowCause: "Show the cause", "원인 보기";
    ShowRule: "Show in the rules", "규칙에서 보기";
    Request2: "request", "요청";
    Reply: "reply", "응답";
    SkipToEnd: "Close", "닫기";
    PacketHeld: "Time stands still while a packet travels", "패킷이 움직이는 동안 실험실 시간은 멈춥니다";
}

/// `GET http://web:80/ from shop/client`
pub fn request_line(exchange: &Exchange) -> String {
    exchange.request.to_string()
}

/// What the client saw, in a few words.
pub fn answer(lang: Lang, answer: &Answer) -> String {
    match answer {
        Answer::Http { status, served_by, .. } => {
            let pod = served_by.rsplit('/').next().unwrap_or(served_by);
            lang.pick(
                format!("{status}, answered by {pod}"),
                format!("{status}, 응답한 파드: {pod}"),
            )
        }
        Answer::Reached { by, seen } => {
            let by = pod_name(by);
            lang.pick(
                format!("{by} answered, and saw {seen}"),
                format!("{by} 응답, 상대가 본 출발지: {seen}"),
            )
        }
        Answer::Echoed { ttl } => {
            lang.pick(format!("echo reply, TTL {ttl}"), format!("에코 응답, TTL {ttl}"))
        }
        Answer::Refused => lang.pick("connection refused", "연결 거부됨").to_owned(),
        Answer::Reset => lang.pick("connection reset by peer", "상대가 연결을 끊음").to_owned(),
        Answer::Denied => lang.pick("operation not permitted", "작업이 허용되지 않음").to_owned(),
        Answer::TimedOut => lang.pick("no answer: timed out", "응답 없음: 시간 초과").to_owned(),
        Answer::NoRoute => lang.pick("no route to host", "호스트로 가는 경로 없음").to_owned(),
    }
}

/// `SYN`, `SYN/ACK`, `GET /`, `200`: what a packet is in its exchange.
pub fn packet_name(exchange: &Exchange, index: usize) -> String {
    let Some(trace) = exchange.packets.get(index) else { return String::new() };
    let packet = &trace.sent;
    let L4::Tcp { flags, .. } = packet.l4 else { return kind_of(packet) };
    if let Question::Http { path } = &exchange.request.what
        && flags.psh
        && !is_reply(exchange, index)
    {
        return format!("GET {path}");
    }
    match &exchange.result {
        Answer::Http { status, .. } if flags.psh => status.to_string(),
        _ => kind_of(packet),
    }
}

/// The kind of a packet by its own header.
pub fn kind_of(packet: &Packet) -> String {
    let L4::Tcp { flags, .. } = packet.l4 else {
        return match packet.l4 {
            L4::Icmp(_) => "ICMP".to_owned(),
            _ => packet.protocol().name().to_uppercase(),
        };
    };
    let mut words = Vec::new();
    for (set, word) in
        [(flags.syn, "SYN"), (flags.fin, "FIN"), (flags.rst, "RST"), (flags.psh, "DATA")]
    {
        if set {
            words.push(word);
        }
    }
    if flags.ack && !flags.psh {
        words.push("ACK");
    }
    words.join("/")
}

/// Whether the packet comes back to the client.
pub fn is_reply(exchange: &Exchange, index: usize) -> bool {
    let start = |index: usize| Some(&exchange.packets.get(index)?.steps.first()?.place);
    start(index) != start(0)
}

fn pod_name(pod: &str) -> &str {
    pod.rsplit('/').next().unwrap_or(pod)
}

/// A step's heading: where.
pub fn step_place(lang: Lang, step: &Step) -> String {
    match &step.place {
        Place::Pod { pod, .. } => {
            lang.pick(format!("pod {}", pod_name(pod)), format!("파드 {}", pod_name(pod)))
        }
        Place::Veth { pod, device, .. } => format!("{} · {device}", pod_name(pod)),
        Place::Bridge { node } => format!("{node} · cni0"),
        Place::Hook { node, hook, table } => format!("{node} · {} / {table}", hook.name()),
        Place::Conntrack { node, hook } => format!("{node} · {} / conntrack", hook.name()),
        Place::Routing { node } => {
            lang.pick(format!("{node} · routing"), format!("{node} · 라우팅"))
        }
        Place::Nic { node } => format!("{node} · eth0"),
        Place::Lan => "LAN".to_owned(),
        Place::Process { node } => {
            lang.pick(format!("{node} · process"), format!("{node} · 프로세스"))
        }
        Place::Router => lang.say(Word::Router).to_owned(),
        Place::Host { name } => name.to_string(),
    }
}

/// A step in one plain sentence.
pub fn step_sentence(lang: Lang, step: &Step) -> String {
    match &step.event {
        Event::Sent => sent(lang, step),
        Event::Passed => passed(lang, &step.place),
        Event::Resolved { ip, by } => lang.pick(
            format!("Who has {ip}? {by} answers for it (ARP), so the packet goes to that node."),
            format!("{ip}의 주인은? {by}가 대신 ARP에 응답하므로 패킷은 그 노드로 갑니다."),
        ),
        Event::Bridged { to: BridgeTo::Host } => lang
            .pick(
                "The frame is for the bridge's own MAC address, so the node takes it to route it.",
                "프레임의 목적지가 브리지 자신의 MAC 주소이므로 노드가 받아서 라우팅합니다.",
            )
            .to_owned(),
        Event::Bridged { to: BridgeTo::Port } => lang
            .pick(
                "The bridge passes the frame out at the port of the pod it is for.",
                "브리지가 목적지 파드의 포트로 프레임을 내보냅니다.",
            )
            .to_owned(),
        Event::Routed { route } => match route.via {
            Some(via) => lang.pick(
                format!("The route that fits best leads over {via} by {}: {route}.", route.device),
                format!("가장 잘 맞는 경로는 {via} 경유, 장치는 {}입니다: {route}", route.device),
            ),
            None => lang.pick(
                format!("The address is on the link of {}: {route}.", route.device),
                format!("주소가 {} 링크에 직접 연결되어 있습니다: {route}", route.device),
            ),
        },
        Event::Tracked { status, direction, entry } => {
            tracked(lang, *status, *direction, entry.is_dnat() || entry.is_snat())
        }
        Event::Walked(passage) => walked(lang, passage, &step.packet),
        Event::Translated { before } => translated(lang, before, &step.packet),
        Event::Delivered => delivered(lang, step),
        Event::Lost(loss) => lost(lang, *loss).to_owned(),
    }
}

fn sent(lang: Lang, step: &Step) -> String {
    let packet = &step.packet;
    let (kind, dst) = (kind_of(packet), end(packet, true));
    match &step.place {
        Place::Pod { pod, .. } => {
            let pod = pod_name(pod);
            lang.pick(
                format!("The process in {pod} hands the kernel {kind}, bound for {dst}."),
                format!("파드 {pod} 안의 프로세스가 커널에 {kind} 패킷을 넘깁니다. 목적지: {dst}"),
            )
        }
        Place::Host { name } => lang.pick(
            format!("A program on {name} hands its kernel {kind}, bound for {dst}."),
            format!("{name}의 프로그램이 커널에 {kind} 패킷을 넘깁니다. 목적지: {dst}"),
        ),
        _ if !is_error(packet) => lang.pick(
            format!("A process of the node hands the kernel {kind}, bound for {dst}."),
            format!("노드의 프로세스가 커널에 {kind} 패킷을 넘깁니다. 목적지: {dst}"),
        ),
        _ => lang.pick(
            format!("The node's own kernel answers {dst} with {kind}."),
            format!("노드의 커널이 직접 {kind} 패킷으로 응답합니다. 목적지: {dst}"),
        ),
    }
}

/// Whether a kernel sends it by itself: an ICMP error or a reset.
fn is_error(packet: &Packet) -> bool {
    match packet.l4 {
        L4::Icmp(icmp) => !matches!(icmp, Icmp::EchoRequest { .. } | Icmp::EchoReply { .. }),
        L4::Tcp { flags, .. } => flags.rst,
        _ => false,
    }
}

fn passed(lang: Lang, place: &Place) -> String {
    match place {
        Place::Veth { device, .. } => lang.pick(
            format!("It crosses the pod's veth pair; the node's end is {device}."),
            format!("파드의 veth 쌍을 지납니다. 노드 쪽 끝은 {device}입니다."),
        ),
        Place::Nic { node } => lang
            .pick(format!("It passes eth0 of {node}."), format!("노드 {node}의 eth0를 지납니다.")),
        Place::Lan => {
            lang.pick("It crosses the wire of the LAN.", "LAN 회선을 지납니다.").to_owned()
        }
        Place::Router => lang
            .pick(
                "The router sends it on: one hop less to live.",
                "라우터가 전달합니다. TTL이 1 줄어듭니다.",
            )
            .to_owned(),
        _ => lang.pick("It passes here.", "이곳을 지납니다.").to_owned(),
    }
}

fn tracked(lang: Lang, status: CtStatus, direction: Direction, translated: bool) -> String {
    let text = match (status, direction, translated) {
        (CtStatus::New, ..) => lang.pick(
            "Connection tracking knows no such connection: it is NEW, so the nat table will be asked.",
            "연결 추적에 없는 연결입니다. NEW 상태이므로 nat 테이블을 거칩니다.",
        ),
        (CtStatus::Established, Direction::Original, true) => lang.pick(
            "A known connection, on its way there: the translation chosen for its first packet holds.",
            "이미 아는 연결의 원래 방향 패킷입니다. 첫 패킷에서 정한 주소 변환을 그대로 씁니다.",
        ),
        (CtStatus::Established, Direction::Reply, true) => lang.pick(
            "A known connection, on its way back: its translation will be undone.",
            "이미 아는 연결의 응답 방향 패킷입니다. 주소 변환을 되돌립니다.",
        ),
        (CtStatus::Established, ..) => lang.pick(
            "A known connection without translation.",
            "이미 아는 연결이며 주소 변환은 없습니다.",
        ),
        (CtStatus::Related, ..) => lang.pick(
            "An error about a known connection: RELATED.",
            "이미 아는 연결에 대한 오류입니다. RELATED 상태입니다.",
        ),
        (CtStatus::Untracked, ..) => lang.pick(
            "A rule said NOTRACK: no connection, no translation. UNTRACKED.",
            "NOTRACK 규칙이 추적에서 뺐습니다. 연결도 주소 변환도 없습니다. UNTRACKED 상태입니다.",
        ),
        (CtStatus::Invalid, ..) => lang.pick(
            "It belongs to no connection and cannot begin one: INVALID.",
            "어느 연결에도 속하지 않고 새 연결을 시작할 수도 없습니다. INVALID 상태입니다.",
        ),
    };
    text.to_owned()
}

/// The rules that matched, out of those looked at.
pub fn matched_count(passage: &Passage) -> (usize, usize) {
    let matched = passage.visits.iter().filter(|it| it.finding == Finding::Matched).count();
    (matched, passage.evaluated())
}

fn walked(lang: Lang, passage: &Passage, after: &Packet) -> String {
    let (matched, looked_at) = matched_count(passage);
    let found = match (looked_at, matched) {
        (0, _) => {
            lang.pick("No rule stands here".to_owned(), "이곳에는 규칙이 없습니다".to_owned())
        }
        (_, 0) => lang.pick(
            format!("None of {looked_at} rules matches"),
            format!("규칙 {looked_at}개 중 일치하는 것이 없습니다"),
        ),
        _ => lang.pick(
            format!("{matched} of {looked_at} rules match"),
            format!("규칙 {looked_at}개 중 {matched}개가 일치합니다"),
        ),
    };
    let outcome = match (passage.verdict, passage.nat) {
        (_, Some(Nat::Dnat { .. })) => {
            let (old, new) = (end(&passage.before, true), end(after, true));
            lang.pick(
                format!("the destination {old} becomes {new}"),
                format!("목적지 변경: {old} → {new}"),
            )
        }
        (_, Some(Nat::Snat { .. } | Nat::Masquerade { .. })) => {
            let (old, new) = (end(&passage.before, false), end(after, false));
            lang.pick(
                format!("the source {old} becomes {new}"),
                format!("출발지 변경: {old} → {new}"),
            )
        }
        (Verdict::Drop, _) => {
            lang.pick("the packet is dropped".to_owned(), "패킷을 버립니다".to_owned())
        }
        (Verdict::Reject, _) => lang.pick(
            "the packet is refused with an ICMP error".to_owned(),
            "ICMP 오류로 패킷을 거부합니다".to_owned(),
        ),
        (Verdict::Accept, _) if passage.before.mark != after.mark => lang.pick(
            format!("the packet gets the mark {:#x}", after.mark),
            format!("패킷에 mark {:#x} 표시가 붙습니다", after.mark),
        ),
        (Verdict::Accept, _) => {
            lang.pick("the packet goes on".to_owned(), "패킷은 계속 갑니다".to_owned())
        }
    };
    lang.pick(format!("{found}: {outcome}."), format!("{found}. {outcome}."))
}

fn translated(lang: Lang, before: &Packet, after: &Packet) -> String {
    if before.destination() != after.destination() {
        let (old, new) = (end(before, true), end(after, true));
        return lang.pick(
            format!("The connection's own translation: destination {old} becomes {new}. No rule is asked."),
            format!("연결에 정해진 변환입니다. 목적지 변경: {old} → {new}. 규칙은 거치지 않습니다."),
        );
    }
    let (old, new) = (end(before, false), end(after, false));
    lang.pick(
        format!("The connection's own translation: source {old} becomes {new}. No rule is asked."),
        format!("연결에 정해진 변환입니다. 출발지 변경: {old} → {new}. 규칙은 거치지 않습니다."),
    )
}

fn delivered(lang: Lang, step: &Step) -> String {
    let src = end(&step.packet, false);
    match &step.place {
        Place::Pod { pod, .. } => {
            let pod = pod_name(pod);
            lang.pick(
                format!("{pod} gets it, and sees it come from {src}."),
                format!("파드 {pod}에 도착합니다. 파드에게 보이는 출발지: {src}"),
            )
        }
        Place::Host { name } => lang.pick(
            format!("{name} gets it, and sees it come from {src}."),
            format!("{name}에 도착합니다. 보이는 출발지: {src}"),
        ),
        _ => lang.pick(
            format!("A process of the node gets it, from {src}."),
            format!("노드의 프로세스에 도착합니다. 출발지: {src}"),
        ),
    }
}

pub fn lost(lang: Lang, loss: Loss) -> &'static str {
    match loss {
        Loss::Dropped => lang.pick(
            "A rule drops it. Nobody answers.",
            "규칙이 패킷을 버립니다. 아무 응답도 없습니다.",
        ),
        Loss::NoNeighbour => lang.pick(
            "Nobody on this link has the address: ARP gets no answer, and the packet is lost.",
            "이 링크에 그 주소를 가진 곳이 없습니다. ARP 응답이 없어 패킷이 사라집니다.",
        ),
        Loss::NoRoute => lang.pick("No route leads there.", "그곳으로 가는 경로가 없습니다."),
        Loss::Unroutable => lang.pick(
            "The router knows no such network: the packet is lost.",
            "라우터가 모르는 네트워크입니다. 패킷이 사라집니다.",
        ),
        Loss::HairpinOff => lang.pick(
            "It would leave by the bridge port it came in by, and hairpin mode is off: lost.",
            "들어온 브리지 포트로 다시 나가야 하지만 hairpin 모드가 꺼져 있어 사라집니다.",
        ),
        Loss::TtlExceeded => lang.pick("Its TTL has run out.", "TTL이 다했습니다."),
        Loss::Martian => lang.pick(
            "No such address may come from or go there: the kernel drops it as a martian.",
            "그곳에서 오거나 그곳으로 갈 수 없는 주소입니다. 커널이 martian으로 버립니다.",
        ),
        Loss::MachineDown => lang.pick("The machine is down.", "기계가 꺼져 있습니다."),
        Loss::NotForwarded => lang.pick(
            "It is for somebody else, and this machine forwards nothing.",
            "다른 곳으로 가는 패킷인데 이 기계는 포워딩하지 않습니다.",
        ),
    }
}

/// `10.96.10.10:80`; only the address where there is no port.
pub fn end(packet: &Packet, destination: bool) -> String {
    let (ip, port) = match destination {
        true => (packet.dst, packet.dport()),
        false => (packet.src, packet.sport()),
    };
    match port {
        Some(port) => std::net::SocketAddr::new(ip, port).to_string(),
        None => ip.to_string(),
    }
}

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

pub fn endpoints_ready(lang: Lang, ready: usize, all: usize) -> String {
    lang.pick(format!("{ready}/{all} ready"), format!("{ready}/{all} 준비됨"))
}

pub fn rules_line(lang: Lang, rules: usize) -> String {
    lang.pick(format!("{rules} rules"), format!("규칙 {rules}개"))
}

pub fn skipped_line(lang: Lang, count: usize) -> String {
    match count {
        1 => lang.pick("1 rule skipped".to_owned(), "규칙 1개 건너뜀".to_owned()),
        _ => lang.pick(format!("{count} rules skipped"), format!("규칙 {count}개 건너뜀")),
    }
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

/// `Deployment shop/web configured`, as `kubectl apply` reports.
pub fn change(lang: Lang, change: Change) -> &'static str {
    match change {
        Change::Created => lang.pick("created", "생성됨"),
        Change::Configured => lang.pick("configured", "변경됨"),
        Change::Unchanged => lang.pick("unchanged", "그대로"),
    }
}

pub fn dice(lang: Lang, drawn: f64, threshold: f64, taken: bool) -> String {
    let sign = if taken { "<" } else { "≥" };
    lang.pick(
        format!(
            "drew {drawn:.3} {sign} {threshold:.3}: {}",
            if taken { "match" } else { "no match" }
        ),
        format!("{drawn:.3} {sign} {threshold:.3} 나옴: {}", if taken { "일치" } else { "불일치" }),
    )
}

/// Why a rule is where it is.
pub fn why(lang: Lang, origin: Option<&Origin>) -> String {
    let Some(origin) = origin else { return lang.say(Word::InKernel).to_owned() };
    let service = match &origin.service {
        Some(key) if origin.port.is_empty() => format!("{}/{}", key.namespace, key.name),
        Some(key) => format!("{}/{}:{}", key.namespace, key.name, origin.port),
        None => String::new(),
    };
    let end = origin.endpoint.as_deref().unwrap_or_default();
    purpose(lang, origin.purpose, &service, end)
}

fn address_of(lang: Lang, destination: Destination) -> &'static str {
    match destination {
        Destination::ClusterIp => lang.pick("the cluster IP", "클러스터 IP"),
        Destination::ExternalIp => lang.pick("an external IP", "외부 IP"),
        Destination::LoadBalancerIp => lang.pick("the load balancer's IP", "로드 밸런서 IP"),
        Destination::NodePort => lang.pick("the node port", "노드 포트"),
    }
}

fn purpose(lang: Lang, purpose: Purpose, service: &str, end: &str) -> String {
    match purpose {
        Purpose::Jump => lang.pick(
            "The kernel's own chain hands packets to a chain of kube-proxy here.".to_owned(),
            "커널의 기본 체인이 여기서 kube-proxy의 체인으로 패킷을 넘깁니다.".to_owned(),
        ),
        Purpose::SkipUnmarked => lang.pick(
            "Packets without the mark 0x4000 leave with their own source address.".to_owned(),
            "mark 0x4000이 없는 패킷은 출발지 주소를 그대로 두고 나갑니다.".to_owned(),
        ),
        Purpose::ClearMark => lang.pick(
            "The mark is taken off again, so that the packet is not masqueraded twice.".to_owned(),
            "패킷이 두 번 masquerade 되지 않도록 mark를 지웁니다.".to_owned(),
        ),
        Purpose::Masquerade => lang.pick(
            "A marked packet leaves with this node's address as its source, so that the answer comes back here.".to_owned(),
            "mark가 있는 패킷은 이 노드의 주소를 출발지로 하여 나갑니다. 그래야 응답이 이 노드로 돌아옵니다.".to_owned(),
        ),
        Purpose::SetMark => lang.pick(
            "Sets the mark 0x4000: this packet is to be masqueraded when it leaves.".to_owned(),
            "mark 0x4000을 붙입니다. 이 패킷은 나갈 때 masquerade 됩니다.".to_owned(),
        ),
        Purpose::BlockLocalnet => lang.pick(
            "Packets from elsewhere to 127.0.0.0/8 are dropped: they could reach what listens on this node alone.".to_owned(),
            "외부에서 127.0.0.0/8로 오는 패킷을 버립니다. 이 노드 전용으로 열린 포트에 닿을 수 있기 때문입니다.".to_owned(),
        ),
        Purpose::DropInvalid => lang.pick(
            "Packets that connection tracking cannot place are dropped: nothing would translate them back.".to_owned(),
            "연결 추적이 알지 못하는 패킷을 버립니다. 주소를 되돌릴 방법이 없기 때문입니다.".to_owned(),
        ),
        Purpose::ForwardMarked => lang.pick(
            "Marked packets may be forwarded, whatever the policy of FORWARD is.".to_owned(),
            "FORWARD 정책과 관계없이 mark가 있는 패킷의 전달을 허용합니다.".to_owned(),
        ),
        Purpose::ForwardReplies => lang.pick(
            "Packets of connections that are already known may be forwarded.".to_owned(),
            "이미 아는 연결의 패킷은 전달을 허용합니다.".to_owned(),
        ),
        Purpose::NodePortDispatch => lang.pick(
            "What no Service address took, but is for this node itself, is looked up among the node ports.".to_owned(),
            "어느 서비스 주소에도 맞지 않고 이 노드가 목적지인 패킷은 노드 포트에서 찾습니다.".to_owned(),
        ),
        Purpose::Match(destination) => {
            let address = address_of(lang, destination);
            lang.pick(
                format!("Packets to {address} of Service {service} go on to its own chain."),
                format!("서비스 {service}의 {address}로 가는 패킷을 이 서비스의 체인으로 보냅니다."),
            )
        }
        Purpose::CountLocalhostNodePort => lang.pick(
            format!("Counts connections to 127.0.0.1 on the node port of {service}."),
            format!("서비스 {service}의 노드 포트로 127.0.0.1에 연결한 횟수를 셉니다."),
        ),
        Purpose::RejectNoEndpoints(destination) => {
            let address = address_of(lang, destination);
            lang.pick(
                format!("Service {service} has no ready endpoint: whoever asks {address} is refused at once."),
                format!("서비스 {service}에 준비된 엔드포인트가 없습니다. {address}로 오는 요청을 바로 거부합니다."),
            )
        }
        Purpose::DropNoLocalEndpoints(destination) => {
            let address = address_of(lang, destination);
            lang.pick(
                format!("The Local policy of {service} may use no endpoint of this node: packets to {address} are dropped."),
                format!("서비스 {service}의 Local 정책으로 쓸 수 있는 엔드포인트가 이 노드에 없어 {address}로 온 패킷을 버립니다."),
            )
        }
        Purpose::DropOutsideSourceRanges => lang.pick(
            format!("Whoever the source ranges of {service} did not let in is dropped."),
            format!("서비스 {service}의 loadBalancerSourceRanges에 없는 출발지의 패킷을 버립니다."),
        ),
        Purpose::AcceptHealthChecks => lang.pick(
            format!("The load balancer may ask for the health of {service} here."),
            format!("로드 밸런서가 서비스 {service}의 상태를 확인할 수 있게 합니다."),
        ),
        Purpose::MarkAll => lang.pick(
            format!("masqueradeAll: every packet to the cluster IP of {service} is marked."),
            format!("masqueradeAll: 서비스 {service}의 클러스터 IP로 가는 모든 패킷에 mark를 붙입니다."),
        ),
        Purpose::MarkFromOutside => lang.pick(
            format!("A packet to the cluster IP of {service} that does not come from a pod is marked, so that the answer comes back through this node."),
            format!("파드가 아닌 곳에서 서비스 {service}의 클러스터 IP로 온 패킷에 mark를 붙입니다. 응답이 이 노드를 거쳐 돌아오게 합니다."),
        ),
        Purpose::MarkExternal => lang.pick(
            format!("Traffic to {service} from outside is marked: its answer must come back through this node."),
            format!("외부에서 서비스 {service}로 온 패킷에 mark를 붙입니다. 응답이 이 노드를 거쳐 돌아와야 합니다."),
        ),
        Purpose::PodsUseCluster => lang.pick(
            format!("Local policy of {service}: pods may use every endpoint all the same."),
            format!("서비스 {service}의 Local 정책에서도 파드는 모든 엔드포인트를 쓸 수 있습니다."),
        ),
        Purpose::MarkNodeItself => lang.pick(
            format!("Local policy of {service}: the node's own packets are marked."),
            format!("서비스 {service}의 Local 정책: 노드 자신이 보낸 패킷에 mark를 붙입니다."),
        ),
        Purpose::NodeItselfUsesCluster => lang.pick(
            format!("Local policy of {service}: the node's own packets may use every endpoint."),
            format!("서비스 {service}의 Local 정책: 노드 자신이 보낸 패킷은 모든 엔드포인트를 쓸 수 있습니다."),
        ),
        Purpose::ToEndpoints => lang.pick(
            format!("Traffic from outside goes on to the endpoints of {service} that its policy allows."),
            format!("외부 트래픽을 정책이 허용하는 서비스 {service}의 엔드포인트로 보냅니다."),
        ),
        Purpose::AllowSourceRange => lang.pick(
            format!("This source range of {service} is let in."),
            format!("서비스 {service}가 허용한 출발지 대역입니다."),
        ),
        Purpose::AllowNodeItself => lang.pick(
            format!("The source ranges of {service} hold this node, so its own packets are let in."),
            format!("서비스 {service}의 출발지 대역에 이 노드가 들어 있어 노드 자신의 패킷을 허용합니다."),
        ),
        Purpose::SourceRangesEnd => lang.pick(
            format!("Without effect, for readers: what comes here is not let in to {service}."),
            format!("동작하지 않는 안내용 규칙입니다. 여기까지 온 패킷은 서비스 {service}에 들어갈 수 없습니다."),
        ),
        Purpose::KeepEndpoint { seconds } => lang.pick(
            format!("Session affinity of {service}: a client that was here less than {seconds} s ago gets {end} again."),
            format!("서비스 {service}의 세션 어피니티: {seconds}초 안에 왔던 클라이언트를 다시 {end} 쪽으로 보냅니다."),
        ),
        Purpose::PickEndpoint { index, of } => pick_endpoint(lang, service, end, index, of),
        Purpose::MarkHairpin => lang.pick(
            format!("The pod behind {end} has reached itself through {service}: it is masqueraded, or it would answer itself directly."),
            format!("{end} 뒤의 파드가 서비스 {service}를 거쳐 자기 자신에게 온 경우입니다. 자신에게 바로 응답하지 않도록 mark를 붙입니다."),
        ),
        Purpose::Dnat { remember } => {
            let note = match remember {
                true => lang.pick(" The client is remembered for session affinity.", " 세션 어피니티를 위해 클라이언트를 기억합니다."),
                false => "",
            };
            lang.pick(
                format!("Here the destination becomes {end}, an endpoint of {service}.{note}"),
                format!("여기서 목적지가 서비스 {service}의 엔드포인트 {end} 주소로 바뀝니다.{note}"),
            )
        }
        Purpose::LookUpService => lang.pick(
            "The address, the protocol and the port are looked up among those of all Services at once: one step, however many there are.".to_owned(),
            "주소·프로토콜·포트를 모든 서비스의 것과 한 번에 대조합니다. 서비스가 아무리 많아도 한 단계입니다.".to_owned(),
        ),
        Purpose::LookUpRefusal => lang.pick(
            "The destination is looked up among those that have no endpoint for this packet.".to_owned(),
            "목적지가 이 패킷을 받을 엔드포인트가 없는 곳인지 찾아봅니다.".to_owned(),
        ),
        Purpose::LookUpFirewall => lang.pick(
            "The destination is looked up among the load balancer addresses that let only some sources in.".to_owned(),
            "목적지가 일부 출발지만 허용하는 로드 밸런서 주소인지 찾아봅니다.".to_owned(),
        ),
        Purpose::RejectWrongPort => lang.pick(
            "A packet that is still for a cluster IP asks for a port that no Service has there: the sender is told at once.".to_owned(),
            "아직도 목적지가 클러스터 IP인 패킷은 서비스에 없는 포트로 온 것입니다. 보낸 쪽에 바로 알립니다.".to_owned(),
        ),
        Purpose::DropUnallocated => lang.pick(
            "The address is in the Services' range, but no Service has it: the packet is dropped.".to_owned(),
            "서비스 IP 대역에 있지만 어떤 서비스의 것도 아닌 주소입니다. 패킷을 버립니다.".to_owned(),
        ),
        Purpose::Refuse => lang.pick(
            "There is no endpoint: the sender is told at once, with an ICMP error.".to_owned(),
            "엔드포인트가 없습니다. 보낸 쪽에 ICMP 오류로 바로 알립니다.".to_owned(),
        ),
        Purpose::DrawEndpoint { of } => lang.pick(
            format!("One of {of} endpoints of {service} is drawn, each with the same chance."),
            format!("서비스 {service}의 엔드포인트 {of}개 중 하나를 같은 확률로 뽑습니다."),
        ),
        Purpose::RememberClient => lang.pick(
            format!("The client is noted, so that its next connection to {service} goes to {end} as well."),
            format!("클라이언트를 기억해 두어 서비스 {service}로 가는 다음 연결도 {end}로 보냅니다."),
        ),
    }
}

fn pick_endpoint(lang: Lang, service: &str, end: &str, index: usize, of: usize) -> String {
    let left = of.saturating_sub(index);
    let number = index + 1;
    match left {
        0 | 1 => lang.pick(
            format!("Endpoint {number} of {of} of {service}, {end}: the last one takes what is left."),
            format!("서비스 {service}의 엔드포인트 {of}개 중 {number}번째 {end}: 마지막이므로 남은 패킷을 모두 받습니다."),
        ),
        _ => lang.pick(
            format!("Endpoint {number} of {of} of {service}, {end}: taken with a chance of 1 in {left}, so that in the end each is as likely."),
            format!("서비스 {service}의 엔드포인트 {of}개 중 {number}번째 {end}: 1/{left} 확률로 선택됩니다. 결국 모든 엔드포인트의 확률이 같아집니다."),
        ),
    }
}

/// What came of a table, short enough for the stage.
pub fn gate_result(lang: Lang, open: &crate::gate::Opening) -> String {
    match open.nat {
        Some(Nat::Dnat { to, port }) => {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("DNAT → {to}{port}")
        }
        Some(Nat::Snat { to, .. }) => format!("SNAT → {to}"),
        Some(Nat::Masquerade { .. }) => "MASQUERADE".to_owned(),
        None if open.matched == 0 => lang.pick("no rule matches", "일치하는 규칙 없음").to_owned(),
        None => match open.verdict {
            Verdict::Accept => lang.pick("goes on", "계속 진행").to_owned(),
            Verdict::Drop => "DROP".to_owned(),
            Verdict::Reject => "REJECT".to_owned(),
        },
    }
}

pub fn trace_end(lang: Lang, trace: &Trace) -> String {
    let steps = trace.steps.len();
    lang.pick(format!("{steps} steps"), format!("{steps}단계"))
}

fn named(key: &ObjectKey) -> String {
    key.to_string()
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
        Happening::Synced { node, added, removed } => lang.pick(
            format!("kube-proxy on {node} writes its rules: +{added} −{removed}"),
            format!("{node} 노드의 kube-proxy가 규칙을 씀: +{added} −{removed}"),
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
        Happening::Requested { exchange, from } => lang.pick(
            format!("Request #{exchange} leaves {}", pod_name(from)),
            format!("파드 {}에서 요청 #{exchange} 보냄", pod_name(from)),
        ),
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
        assert_eq!(english, [&Word::Source, &Word::Destination, &Word::Mark]);
    }
}
