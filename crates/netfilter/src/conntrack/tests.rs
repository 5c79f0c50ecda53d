use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn syn() -> Packet {
    Packet::tcp(address("10.244.1.9:34416"), address("10.96.12.34:80"), TcpFlags::SYN)
}

/// A connection to a ClusterIP, its packets given by direction and flags.
fn connection(packets: &[(Direction, TcpFlags)]) -> Conntrack {
    let mut table = Conntrack::default();
    let mut entry = table.look_up(&syn(), 0).entry;
    entry.reply.src = address("10.244.2.6:8080");
    table.confirm(entry);
    for (direction, flags) in packets {
        let (src, dst) = match direction {
            Direction::Original => (syn().source(), syn().destination()),
            Direction::Reply => (address("10.244.2.6:8080"), syn().source()),
        };
        table.look_up(&Packet::tcp(src, dst, *flags), 0);
    }
    table
}

#[track_caller]
fn check(packets: &[(Direction, TcpFlags)], expected: &str) {
    let table = connection(packets);
    let lines: Vec<String> = table.entries(0).map(|it| it.listing(0)).collect();
    assert_eq!(lines, [expected]);
}

/// The rows have the form that conntrack 1.4.7 printed on a real node.
#[test]
fn a_connection_goes_through_the_kernels_states() {
    use Direction::{Original, Reply};
    let tuples = "src=10.244.1.9 dst=10.96.12.34 sport=34416 dport=80";
    let back = "src=10.244.2.6 dst=10.244.1.9 sport=8080 dport=34416";
    let syn_ack = (Reply, TcpFlags::SYN_ACK);
    let ack = (Original, TcpFlags::ACK);
    let tail = "mark=0 use=1";
    check(&[], &format!("tcp      6 120 SYN_SENT {tuples} [UNREPLIED] {back} {tail}"));
    check(&[syn_ack], &format!("tcp      6 60 SYN_RECV {tuples} {back} {tail}"));
    let open = format!("tcp      6 86400 ESTABLISHED {tuples} {back} [ASSURED] {tail}");
    check(&[syn_ack, ack], &open);
    let closed = [syn_ack, ack, (Original, TcpFlags::FIN_ACK), (Reply, TcpFlags::FIN_ACK), ack];
    let over = format!("tcp      6 120 TIME_WAIT {tuples} {back} [ASSURED] {tail}");
    check(&closed, &over);
    let reset = [syn_ack, ack, (Reply, TcpFlags::RST_ACK)];
    check(&reset, &format!("tcp      6 10 CLOSE {tuples} {back} [ASSURED] {tail}"));
}

#[test]
fn an_answer_is_recognised_by_the_pods_address_and_a_stranger_is_not() {
    let mut table = connection(&[]);
    let reply = Packet::tcp(address("10.244.2.6:8080"), syn().source(), TcpFlags::SYN_ACK);
    let tracked = table.look_up(&reply, 1);
    assert_eq!((tracked.status, tracked.direction), (CtStatus::Established, Direction::Reply));
    let stray = Packet::tcp(address("10.244.2.7:8080"), syn().source(), TcpFlags::SYN_ACK);
    assert_eq!(table.look_up(&stray, 1).status, CtStatus::Invalid);
}

#[test]
fn an_entry_is_forgotten_after_its_time() {
    let mut table = connection(&[]);
    assert_eq!(table.entries(119_999).count(), 1);
    assert_eq!(table.entries(120_000).count(), 0);
    assert_eq!(table.look_up(&syn(), 120_000).status, CtStatus::New);
}

#[test]
fn what_has_expired_leaves_the_table_and_is_in_nobodys_way() {
    let datagram = |to: &str| {
        let l4 = L4::Udp { sport: 40_000, dport: address(to).port() };
        Packet::new(syn().src, address(to).ip(), l4)
    };
    let to_endpoint = |table: &mut Conntrack, to, now| {
        let mut entry = table.look_up(&datagram(to), now).entry;
        entry.reply.src = address("10.244.2.6:53");
        table.confirm(entry);
    };
    let mut table = Conntrack::default();
    to_endpoint(&mut table, "10.96.0.10:53", 0);
    // The same answers as of the first, which is over.
    to_endpoint(&mut table, "192.168.56.31:30053", 31_000);
    to_endpoint(&mut table, "10.96.0.10:53", 62_000);
    let answer =
        Packet::new(address("10.244.2.6:53").ip(), syn().src, L4::Udp { sport: 53, dport: 40_000 });
    assert_eq!(
        table.look_up(&answer, 62_000).entry.original,
        Tuple::of(&datagram("10.96.0.10:53"))
    );
    let count = table.forget(|it| it.original.dst.port() == 30_053, 62_000);
    assert_eq!((count, table.entries.len(), table.replies.len()), (0, 1, 1));
    let late = 62_000 + SWEEP;
    to_endpoint(&mut table, "10.96.0.11:53", late);
    assert_eq!((table.entries.len(), table.replies.len()), (1, 1));
}

#[test]
fn an_icmp_error_about_a_connection_is_related_to_it() {
    let mut table = connection(&[]);
    let mut forwarded = syn();
    forwarded.set_destination(address("10.244.2.6:8080"));
    let error = L4::Icmp(Icmp::Unreachable { code: 3, about: forwarded.about() });
    let packet = Packet::new(address("10.244.2.1:0").ip(), syn().src, error);
    let tracked = table.look_up(&packet, 1);
    assert_eq!((tracked.status, tracked.direction), (CtStatus::Related, Direction::Reply));
}

/// A connection of one packet, confirmed at once.
fn begun(packet: &Packet) -> Conntrack {
    let mut table = Conntrack::default();
    let tracked = table.look_up(packet, 0);
    table.confirm(tracked.entry);
    table
}

#[track_caller]
fn check_rows(table: &Conntrack, now: u64, expected: &[&str]) {
    let rows: Vec<String> = table.entries(now).map(|it| it.listing(now)).collect();
    assert_eq!(rows, expected);
}

// The rows below are what conntrack 1.4.7 printed on Linux for the same packets, with other ports.

#[test]
fn a_refused_connection_leaves_nothing() {
    let mut table = begun(&syn());
    let rst = Packet::tcp(syn().destination(), syn().source(), TcpFlags::RST_ACK);
    assert_eq!(table.look_up(&rst, 1).status, CtStatus::Established);
    check_rows(&table, 1, &[]);
}

#[test]
fn a_close_by_one_side_waits_for_the_other() {
    use Direction::{Original, Reply};
    let open = [(Reply, TcpFlags::SYN_ACK), (Original, TcpFlags::ACK)];
    let half = [(Reply, TcpFlags::FIN_ACK), (Original, TcpFlags::ACK)];
    let rest = [(Original, TcpFlags::FIN_ACK), (Reply, TcpFlags::ACK)];
    let tuples = "src=10.244.1.9 dst=10.96.12.34 sport=34416 dport=80 \
                  src=10.244.2.6 dst=10.244.1.9 sport=8080 dport=34416 [ASSURED] mark=0 use=1";
    check(&[open, half].concat(), &format!("tcp      6 3600 CLOSE_WAIT {tuples}"));
    check(&[open, half, rest].concat(), &format!("tcp      6 120 TIME_WAIT {tuples}"));
}

#[test]
fn a_closed_connection_is_opened_anew_by_the_same_port() {
    use Direction::{Original, Reply};
    let mut table = connection(&[
        (Reply, TcpFlags::SYN_ACK),
        (Original, TcpFlags::ACK),
        (Original, TcpFlags::FIN_ACK),
        (Reply, TcpFlags::FIN_ACK),
        (Original, TcpFlags::ACK),
    ]);
    assert_eq!(table.look_up(&syn(), 1).status, CtStatus::New);
    check_rows(&table, 1, &[]);
}

#[test]
fn udp_is_a_stream_after_two_seconds_of_answers() {
    let to = Packet { l4: L4::Udp { sport: 6666, dport: 5555 }, ..syn() };
    let back = Packet { l4: L4::Udp { sport: 5555, dport: 6666 }, src: to.dst, dst: to.src, ..to };
    let mut table = begun(&to);
    let there = "src=10.244.1.9 dst=10.96.12.34 sport=6666 dport=5555";
    let home = "src=10.96.12.34 dst=10.244.1.9 sport=5555 dport=6666";
    check_rows(&table, 1, &[&format!("udp      17 29 {there} [UNREPLIED] {home} mark=0 use=1")]);
    table.look_up(&back, 100);
    table.look_up(&to, 100);
    check_rows(&table, 101, &[&format!("udp      17 29 {there} {home} mark=0 use=1")]);
    table.look_up(&to, 2200);
    check_rows(&table, 2201, &[&format!("udp      17 119 {there} {home} [ASSURED] mark=0 use=1")]);
}

#[test]
fn an_echo_shows_its_type_and_identifier() {
    let ping = Packet { l4: L4::Icmp(Icmp::EchoRequest { id: 77 }), ..syn() };
    let pong = L4::Icmp(Icmp::EchoReply { id: 77 });
    let pong = Packet { l4: pong, src: ping.dst, dst: ping.src, ..ping };
    let mut table = begun(&ping);
    table.look_up(&pong, 1);
    let row = "icmp     1 29 src=10.244.1.9 dst=10.96.12.34 type=8 code=0 id=77 \
               src=10.96.12.34 dst=10.244.1.9 type=0 code=0 id=77 mark=0";
    check_rows(&table, 2, &[&format!("{row} use=1")]);
    let extended = table.entries(2).map(|it| it.listing_extended(2)).collect::<Vec<_>>();
    assert_eq!(extended, [format!("ipv4     2 {row} use=1")]);
    let proc = table.entries(2).map(|it| it.listing_proc(2)).collect::<Vec<_>>();
    assert_eq!(proc, [format!("ipv4     2 {row} zone=0 use=2")]);
    assert_eq!(Conntrack::default().look_up(&pong, 0).status, CtStatus::Invalid);
}

/// INIT, INIT ACK, COOKIE ECHO, COOKIE ACK.
#[test]
fn sctp_shakes_hands_four_times() {
    let to = Packet { l4: L4::Sctp { sport: 7000, dport: 80 }, ..syn() };
    let back = Packet { l4: L4::Sctp { sport: 80, dport: 7000 }, src: to.dst, dst: to.src, ..to };
    let mut table = begun(&to);
    let mut states = Vec::new();
    for packet in [&back, &to, &back] {
        states.extend(table.look_up(packet, 1).entry.sctp);
    }
    use SctpState::{CookieEchoed, CookieWait, Established};
    assert_eq!(states, [CookieWait, CookieEchoed, Established]);
}

#[test]
fn entries_are_deleted_by_what_the_tool_is_told() {
    let found = |words: &[&str]| {
        let filter = Filter::parse(words).expect("the options are known");
        connection(&[]).delete(&filter, 1).len()
    };
    assert_eq!(found(&["-p", "tcp", "--orig-dst", "10.96.12.34"]), 1);
    assert_eq!(found(&["-p", "udp", "--orig-dst", "10.96.12.34"]), 0);
    assert_eq!(found(&["--dst-nat", "10.244.2.6", "--orig-port-dst", "80"]), 1);
    assert_eq!(found(&["--dst-nat"]), 1);
    assert_eq!(found(&["--src-nat"]), 0);
    assert_eq!(found(&["--reply-src", "10.244.2.0/24", "--state", "SYN_SENT"]), 1);
    let told = |words: &[&str]| Filter::parse(words).expect_err("the tool refuses it");
    assert_eq!(told(&["--nope"]), "unknown option `--nope'");
    assert_eq!(told(&["-p", "foo"]), "`foo' unsupported protocol");
    assert_eq!(told(&["-s", "x"]), "Invalid IP address `x'");
    assert_eq!(told(&["-p"]), "option `-p' requires an argument");
}
