//! Rules in sentences: why each is there, and what came of it.

use svclab_core::key::ObjectKey;
use svclab_core::modes::Mode;
use svclab_core::proxy::{Destination, Origin, Purpose};
use svclab_netfilter::Verdict;
use svclab_netfilter::walk::Nat;

use super::{Lang, Word};

pub fn rules_line(lang: Lang, rules: usize) -> String {
    lang.pick(format!("{rules} rules"), format!("규칙 {rules}개"))
}

pub fn skipped_line(lang: Lang, count: usize) -> String {
    match count {
        1 => lang.pick("1 rule skipped".to_owned(), "규칙 1개 건너뜀".to_owned()),
        _ => lang.pick(format!("{count} rules skipped"), format!("규칙 {count}개 건너뜀")),
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

pub fn packets_met(lang: Lang, count: u64) -> String {
    match count {
        1 => lang.pick("1 packet".to_owned(), "패킷 1개".to_owned()),
        _ => lang.pick(format!("{count} packets"), format!("패킷 {count}개")),
    }
}

/// How many rules two nodes have in common.
pub fn shared_rules(lang: Lang, count: usize) -> String {
    lang.pick(
        format!("{count} rules are the same on both nodes."),
        format!("두 노드에 똑같이 있는 규칙은 {count}개입니다."),
    )
}

pub fn only_on(lang: Lang, node: &str, count: usize) -> String {
    lang.pick(format!("Only on {node}: {count}"), format!("{node}에만 있는 규칙: {count}개"))
}

/// What kube-proxy does in a mode, and what stands below.
pub fn about_mode(lang: Lang, mode: Mode) -> &'static str {
    match mode {
        Mode::Iptables => lang.pick(
            "One rule after another, with a probability in each: the mode that kube-proxy runs in unless told otherwise.",
            "규칙을 하나씩 차례로 보고 각 규칙이 확률로 뽑습니다. 따로 정하지 않으면 kube-proxy가 쓰는 모드입니다.",
        ),
        Mode::Nftables => lang.pick(
            "A map from address and port to a chain, and one random number for all endpoints, however many Services there are.",
            "주소와 포트에서 체인을 맵으로 한 번에 찾고, 엔드포인트는 난수 하나로 고릅니다. 서비스가 많아도 찾는 비용이 같습니다.",
        ),
        Mode::Ipvs => lang.pick(
            "The kernel's load balancer chooses, in turn by default; the Service's addresses stand on the device kube-ipvs0. Below: ipvsadm -Ln, ipset save, and the few iptables rules that stay.",
            "커널의 로드 밸런서가 고르며 기본은 라운드 로빈입니다. 서비스 주소는 kube-ipvs0 장치에 붙습니다. 아래는 ipvsadm -Ln, ipset save, 그리고 남는 iptables 규칙입니다.",
        ),
        Mode::Userspace => lang.pick(
            "Rules lead to kube-proxy itself, which accepts the connection and opens one of its own: the historical mode, gone since 1.26.",
            "규칙이 패킷을 kube-proxy로 보내고, kube-proxy가 연결을 직접 받아 새 연결을 엽니다. 1.26에서 사라진 옛 모드입니다.",
        ),
    }
}

/// Why a rule is where it is.
pub fn why(lang: Lang, origin: Option<&Origin>) -> String {
    let Some(origin) = origin else { return lang.say(Word::InKernel).to_owned() };
    let name = |key: &ObjectKey| match &*origin.port {
        "" => format!("{}/{}", key.namespace, key.name),
        port => format!("{}/{}:{port}", key.namespace, key.name),
    };
    let service = match &origin.service {
        Some(key) => lang.pick(name(key), format!("서비스 {}", name(key))),
        // IPVS mode has rules that are about all Services.
        None => lang.pick("a Service", "서비스").to_owned(),
    };
    let end = origin.endpoint.as_deref().unwrap_or(lang.pick("an endpoint", "엔드포인트"));
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
            "Packets without kube-proxy's mark leave with their own source address.".to_owned(),
            "kube-proxy의 mark가 없는 패킷은 출발지 주소를 그대로 두고 나갑니다.".to_owned(),
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
            "Sets kube-proxy's mark: this packet is to be masqueraded when it leaves.".to_owned(),
            "kube-proxy의 mark를 붙입니다. 이 패킷은 나갈 때 masquerade 됩니다.".to_owned(),
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
                format!("Packets to {address} of {service} go on to its own chain."),
                format!("{service}의 {address}로 가는 패킷을 이 서비스의 체인으로 보냅니다."),
            )
        }
        Purpose::CountLocalhostNodePort => lang.pick(
            format!("Counts connections to 127.0.0.1 on the node port of {service}."),
            format!("{service}의 노드 포트로 127.0.0.1에 연결한 횟수를 셉니다."),
        ),
        Purpose::RejectNoEndpoints(destination) => {
            let address = address_of(lang, destination);
            lang.pick(
                format!("Service {service} has no ready endpoint: whoever asks {address} is refused at once."),
                format!("{service}에 준비된 엔드포인트가 없습니다. {address}로 오는 요청을 바로 거부합니다."),
            )
        }
        Purpose::DropNoLocalEndpoints(destination) => {
            let address = address_of(lang, destination);
            lang.pick(
                format!("The Local policy of {service} may use no endpoint of this node: packets to {address} are dropped."),
                format!("{service}의 Local 정책으로 쓸 수 있는 엔드포인트가 이 노드에 없어 {address}로 온 패킷을 버립니다."),
            )
        }
        Purpose::DropOutsideSourceRanges => lang.pick(
            format!("Whoever the source ranges of {service} did not let in is dropped."),
            format!("{service}의 loadBalancerSourceRanges에 없는 출발지의 패킷을 버립니다."),
        ),
        Purpose::AcceptHealthChecks => lang.pick(
            format!("The load balancer may ask for the health of {service} here."),
            format!("로드 밸런서가 {service}의 상태를 확인할 수 있게 합니다."),
        ),
        Purpose::MarkAll => lang.pick(
            format!("masqueradeAll: every packet to the cluster IP of {service} is marked."),
            format!("masqueradeAll: {service}의 클러스터 IP로 가는 모든 패킷에 mark를 붙입니다."),
        ),
        Purpose::MarkFromOutside => lang.pick(
            format!("A packet to the cluster IP of {service} that does not come from a pod is marked, so that the answer comes back through this node."),
            format!("파드가 아닌 곳에서 {service}의 클러스터 IP로 온 패킷에 mark를 붙입니다. 응답이 이 노드를 거쳐 돌아오게 합니다."),
        ),
        Purpose::MarkExternal => lang.pick(
            format!("Traffic to {service} from outside is marked: its answer must come back through this node."),
            format!("외부에서 {service}로 온 패킷에 mark를 붙입니다. 응답이 이 노드를 거쳐 돌아와야 합니다."),
        ),
        Purpose::PodsUseCluster => lang.pick(
            format!("Local policy of {service}: pods may use every endpoint all the same."),
            format!("{service}의 Local 정책에서도 파드는 모든 엔드포인트를 쓸 수 있습니다."),
        ),
        Purpose::MarkNodeItself => lang.pick(
            format!("Local policy of {service}: the node's own packets are marked."),
            format!("{service}의 Local 정책: 노드 자신이 보낸 패킷에 mark를 붙입니다."),
        ),
        Purpose::NodeItselfUsesCluster => lang.pick(
            format!("Local policy of {service}: the node's own packets may use every endpoint."),
            format!("{service}의 Local 정책: 노드 자신이 보낸 패킷은 모든 엔드포인트를 쓸 수 있습니다."),
        ),
        Purpose::ToEndpoints => lang.pick(
            format!("Traffic from outside goes on to the endpoints of {service} that its policy allows."),
            format!("외부 트래픽을 정책이 허용하는 {service}의 엔드포인트로 보냅니다."),
        ),
        Purpose::AllowSourceRange => lang.pick(
            format!("This source range of {service} is let in."),
            format!("{service}가 허용한 출발지 대역입니다."),
        ),
        Purpose::AllowNodeItself => lang.pick(
            format!("The source ranges of {service} hold this node, so its own packets are let in."),
            format!("{service}의 출발지 대역에 이 노드가 들어 있어 노드 자신의 패킷을 허용합니다."),
        ),
        Purpose::SourceRangesEnd => lang.pick(
            format!("Without effect, for readers: what comes here is not let in to {service}."),
            format!("동작하지 않는 안내용 규칙입니다. 여기까지 온 패킷은 {service}에 들어갈 수 없습니다."),
        ),
        Purpose::KeepEndpoint { seconds } => lang.pick(
            format!("Session affinity of {service}: a client that was here less than {seconds} s ago gets {end} again."),
            format!("{service}의 세션 어피니티: {seconds}초 안에 왔던 클라이언트를 다시 {end} 쪽으로 보냅니다."),
        ),
        Purpose::PickEndpoint { index, of } => pick_endpoint(lang, service, end, index, of),
        Purpose::MarkHairpin => lang.pick(
            format!("The pod behind {end} has reached itself through {service}: it is masqueraded, or it would answer itself directly."),
            format!("{end} 뒤의 파드가 {service}를 거쳐 자기 자신에게 온 경우입니다. 자신에게 바로 응답하지 않도록 mark를 붙입니다."),
        ),
        Purpose::Dnat { remember } => {
            let note = match remember {
                true => lang.pick(" The client is remembered for session affinity.", " 세션 어피니티를 위해 클라이언트를 기억합니다."),
                false => "",
            };
            lang.pick(
                format!("Here the destination becomes {end}, an endpoint of {service}.{note}"),
                format!("여기서 목적지가 {service}의 엔드포인트 {end} 주소로 바뀝니다.{note}"),
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
            format!("{service}의 엔드포인트 {of}개 중 하나를 같은 확률로 뽑습니다."),
        ),
        Purpose::RememberClient => lang.pick(
            format!("The client is noted, so that its next connection to {service} goes to {end} as well."),
            format!("클라이언트를 기억해 두어 {service}로 가는 다음 연결도 {end}로 보냅니다."),
        ),
        Purpose::Balance(destination) => {
            let address = address_of(lang, destination);
            lang.pick(
                format!("IPVS takes packets to {address} of {service} and chooses a real server for each connection."),
                format!("{service}의 {address}로 가는 패킷을 IPVS가 맡아 연결마다 실제 서버를 하나 고릅니다."),
            )
        }
        Purpose::SkipLoopback => lang.pick(
            "IPVS mode serves no NodePorts on loopback: such packets are left alone.".to_owned(),
            "IPVS 모드는 루프백에서 NodePort를 제공하지 않으므로 이런 패킷은 그대로 둡니다.".to_owned(),
        ),
        Purpose::KeepClient => lang.pick(
            "Under the Local policy the packet is not marked, so the client's address stays visible.".to_owned(),
            "Local 정책에서는 패킷에 표시를 하지 않으므로 클라이언트의 주소가 그대로 보입니다.".to_owned(),
        ),
        Purpose::LeaveToIpvs => lang.pick(
            "The packet is for a port of a Service: no other rule is asked, and IPVS takes it.".to_owned(),
            "서비스의 포트로 가는 패킷이므로 다른 규칙을 보지 않고 IPVS가 맡습니다.".to_owned(),
        ),
        Purpose::HandToProxy => lang.pick(
            format!("Connections to {service} come to a port of kube-proxy itself, which copies their bytes."),
            format!("{service}로 가는 연결을 kube-proxy가 자기 포트로 직접 받아 바이트를 옮깁니다."),
        ),
    }
}

fn pick_endpoint(lang: Lang, service: &str, end: &str, index: usize, of: usize) -> String {
    let left = of.saturating_sub(index);
    let number = index + 1;
    match left {
        0 | 1 => lang.pick(
            format!("Endpoint {number} of {of} of {service}, {end}: the last one takes what is left."),
            format!("{service}의 엔드포인트 {of}개 중 {number}번째 {end}: 마지막이므로 남은 패킷을 모두 받습니다."),
        ),
        _ => lang.pick(
            format!("Endpoint {number} of {of} of {service}, {end}: taken with a chance of 1 in {left}, so that in the end each is as likely."),
            format!("{service}의 엔드포인트 {of}개 중 {number}번째 {end}: 1/{left} 확률로 선택됩니다. 결국 모든 엔드포인트의 확률이 같아집니다."),
        ),
    }
}
