//! What a packet meets and what became of it, in sentences.

use svclab_core::trace::{
    Answer, BridgeTo, Event, Exchange, Loss, Place, PolicyDirection, Question, Ruling, Step, Trace,
};
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{CtStatus, Direction, Finding, Icmp, L4, Packet, Passage, Verdict};

use super::{Lang, Word, pod_name};

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
        Answer::Replied { by, seen, reply } => {
            let (by, rcode) = (pod_name(by), reply.rcode.name());
            let found: Vec<String> = reply.answer.iter().map(|it| it.data.to_string()).collect();
            let found = if found.is_empty() { rcode.to_owned() } else { found.join(", ") };
            lang.pick(
                format!("{found}: {by} answered, and saw {seen}"),
                format!("{found}: {by} 응답, 상대가 본 출발지: {seen}"),
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
    if let (Question::Name(query), L4::Udp { .. }) = (&exchange.request.what, &packet.l4) {
        return match &exchange.result {
            Answer::Replied { reply, .. } if is_reply(exchange, index) => {
                reply.rcode.name().to_owned()
            }
            _ => format!("DNS {}", query.kind),
        };
    }
    let L4::Tcp { flags, .. } = packet.l4 else { return kind_of(packet) };
    if let Question::Http { method, path, .. } = &exchange.request.what
        && flags.psh
        && !is_reply(exchange, index)
    {
        return format!("{method} {path}");
    }
    match &exchange.result {
        Answer::Http { status, .. } if flags.psh => status.to_string(),
        _ => kind_of(packet),
    }
}

/// What shows the same in a terminal: `tcpdump -ni cni0`.
pub fn tcpdump_command(interface: Option<&str>) -> String {
    let device = interface.and_then(|it| it.rsplit(' ').next());
    format!("tcpdump -ni {}", device.unwrap_or("any"))
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
        Place::Ipvs { node, hook } => format!("{node} · {} / IPVS", hook.name()),
        Place::Routing { node } => {
            lang.pick(format!("{node} · routing"), format!("{node} · 라우팅"))
        }
        Place::Nic { node } => format!("{node} · eth0"),
        Place::Tunnel { node, device } => format!("{node} · {device}"),
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
        Event::Wrapped { inner } => lang.pick(
            format!(
                "The tunnel puts the whole packet ({inner}) into one of its own, from node to node."
            ),
            format!("터널이 패킷({inner}) 전체를 노드에서 노드로 가는 자신의 패킷에 담습니다."),
        ),
        Event::Unwrapped => lang
            .pick(
                "The other end of the tunnel takes the packet out, as it was put in.",
                "터널의 반대쪽 끝이 담겨 있던 패킷을 그대로 꺼냅니다.",
            )
            .to_owned(),
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
                format!(
                    "The route that fits best leads over {via} by {}: {route}. ARP has told the MAC \
                     address of {via}, and the frame gets it; the packet's own addresses stay.",
                    route.device
                ),
                format!(
                    "가장 잘 맞는 경로는 {via} 경유, 장치는 {}입니다: {route}. 프레임에는 ARP로 알아낸 \
                     {via}의 MAC 주소가 들어가고, 패킷의 주소는 그대로입니다.",
                    route.device
                ),
            ),
            None if &*route.device == "lo" => lang.pick(
                format!("The address is the machine's own, so the packet stays on lo: {route}."),
                format!("이 머신 자신의 주소이므로 패킷은 lo에 머뭅니다: {route}"),
            ),
            None => lang.pick(
                format!(
                    "The address is on the link of {}: {route}. ARP asks there who has it, and the \
                     frame goes to the MAC address that answers.",
                    route.device
                ),
                format!(
                    "주소가 {} 링크에 직접 연결되어 있습니다: {route}. ARP로 그 주소의 주인을 묻고, \
                     응답한 MAC 주소로 프레임을 보냅니다.",
                    route.device
                ),
            ),
        },
        Event::Tracked { status, direction, entry } => {
            tracked(lang, *status, *direction, entry.is_dnat() || entry.is_snat())
        }
        Event::Walked(passage) => walked(lang, passage, &step.packet),
        Event::Balanced(balanced) => super::balanced(lang, balanced, &step.packet),
        Event::Translated { before } => translated(lang, before, &step.packet),
        Event::Policed(ruling) => policed(lang, ruling),
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

fn policed(lang: Lang, ruling: &Ruling) -> String {
    let direction = match ruling.direction {
        PolicyDirection::Ingress => "Ingress",
        PolicyDirection::Egress => "Egress",
    };
    let asked = ruling.asked.join(", ");
    match &ruling.by {
        Some(by) => lang.pick(
            format!("NetworkPolicy {by} lets it through ({direction})."),
            format!("NetworkPolicy {by}가 통과시킵니다({direction})."),
        ),
        None => lang.pick(
            format!("The pod is selected by NetworkPolicy {asked}, and no {direction} rule fits."),
            format!(
                "NetworkPolicy {asked}가 이 파드를 선택했고, 맞는 {direction} 규칙이 없습니다."
            ),
        ),
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
    let found = met(lang, matched_count(passage));
    let outcome = outcome(lang, (passage.verdict, passage.nat), (&passage.before, after));
    lang.pick(format!("{found}: {outcome}."), format!("{found}. {outcome}."))
}

/// How many rules matched, out of those looked at.
pub(super) fn met(lang: Lang, (matched, looked_at): (usize, usize)) -> String {
    match (looked_at, matched) {
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
    }
}

/// What came of the rules for a packet.
pub(super) fn outcome(
    lang: Lang,
    decision: (Verdict, Option<Nat>),
    (before, after): (&Packet, &Packet),
) -> String {
    match decision {
        (_, Some(Nat::Dnat { .. })) => {
            let (old, new) = (end(before, true), end(after, true));
            lang.pick(
                format!("the destination {old} becomes {new}"),
                format!("목적지 변경: {old} → {new}"),
            )
        }
        (_, Some(Nat::Snat { .. } | Nat::Masquerade { .. })) => {
            let (old, new) = (end(before, false), end(after, false));
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
        (Verdict::Accept, _) if before.mark != after.mark => lang.pick(
            format!("the packet gets the mark {:#x}", after.mark),
            format!("패킷에 mark {:#x} 표시가 붙습니다", after.mark),
        ),
        (Verdict::Accept, _) => {
            lang.pick("the packet goes on".to_owned(), "패킷은 계속 갑니다".to_owned())
        }
    }
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
        Loss::Denied => lang.pick(
            "No NetworkPolicy lets it through: it is dropped, and nobody answers.",
            "통과시키는 NetworkPolicy가 없어 버려집니다. 아무 응답도 없습니다.",
        ),
        Loss::NoNeighbour => lang.pick(
            "Nobody on this link has the address: ARP gets no answer, and the packet is lost.",
            "이 링크에 그 주소를 가진 곳이 없습니다. ARP 응답이 없어 패킷이 사라집니다.",
        ),
        Loss::NeighbourGone => lang.pick(
            "The frame goes to a MAC address that nobody has any more: ARP's answer is older than \
             the other end's disappearance. Nobody answers; ARP asks anew when the entry is old.",
            "프레임이 더는 아무도 쓰지 않는 MAC 주소로 갑니다. ARP로 알아낸 뒤 상대가 사라졌기 \
             때문입니다. 응답이 없고, 항목이 오래되면 ARP가 다시 묻습니다.",
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
        Loss::ReversePath => lang.pick(
            "An answer to this sender would leave by another device, so rp_filter drops the packet.",
            "이 출발지로 가는 응답은 다른 장치로 나가므로 rp_filter가 패킷을 버립니다.",
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

pub fn trace_end(lang: Lang, trace: &Trace) -> String {
    let steps = trace.steps.len();
    lang.pick(format!("{steps} steps"), format!("{steps}단계"))
}
