use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use expect_test::{Expect, expect};
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::extension::{Extension, ModuleOption, Rate, Span, Value};
use crate::packet::Protocol;
use crate::rule::*;
use crate::ruleset::RuleSet;
use crate::target::*;

/// A rule set with `text` in its filter table.
#[track_caller]
fn filter(text: &str) -> RuleSet {
    let (restore, problems) =
        parse(&format!("*filter\n:FOO - [0:0]\n:BAR - [0:0]\n{text}\nCOMMIT\n"));
    assert_eq!(problems, []);
    let mut res = RuleSet::default();
    res.restore(&restore, false);
    res
}

#[track_caller]
fn check_saved(rule: &str, expected: Expect) {
    check_saved_as(Family::V4, rule, expected);
}

#[track_caller]
fn check_saved_as(family: Family, rule: &str, expected: Expect) {
    let saved = filter(&format!("-A FOO {rule}")).save(family);
    let line = saved.lines().find_map(|it| it.strip_prefix("-A FOO ")).unwrap_or_default();
    expected.assert_eq(line);
}

#[track_caller]
fn check_problems(text: &str, expected: Expect) {
    let (_, problems) = parse(text);
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}

/// One rule's pieces, those of the target in brackets.
#[track_caller]
fn check_pieces(text: &str, expected: Expect) {
    let (restore, problems) = parse(&format!("*nat\n-A FOO {text}\nCOMMIT\n"));
    assert_eq!(problems, []);
    let Command::Append { rule, .. } = &restore.tables[0].commands[0] else { panic!("an -A") };
    assert_eq!(rule.to_string(), text);
    let pieces = rule.pieces();
    let joined: Vec<&str> = pieces.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(joined.join(" "), text);
    let shown: Vec<String> = pieces
        .iter()
        .map(|it| match it.criterion {
            Some(index) => format!("{index} {} {:?}", it.text, rule.matches[index].criterion),
            None => format!("- {} {:?}", it.text, rule.target),
        })
        .collect();
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn each_piece_leads_back_to_its_match() {
    check_pieces(
        r#"-m comment --comment "shop/web:http cluster IP" -m tcp -p tcp -d 10.96.20.5 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ"#,
        expect![[r#"
            0 -m comment --comment "shop/web:http cluster IP" Comment { text: "shop/web:http cluster IP", quoted: true }
            1 -m tcp Module(Tcp)
            2 -p tcp Protocol(Tcp)
            3 -d 10.96.20.5 Destination(AddressMatch { net: 10.96.20.5/32, bare: true })
            4 --dport 80 DestinationPort(PortRange { first: 80, last: 80 })
            5 ! -s 10.244.0.0/16 Source(AddressMatch { net: 10.244.0.0/16, bare: false })
            - -j KUBE-MARK-MASQ Some(Jump(KUBE-MARK-MASQ))"#]],
    );
}

#[test]
fn what_the_lab_does_not_know_stays_word_by_word() {
    check_pieces(
        r#"-m u32 --u32 6&0xFF=1 -p tcp -m tcp --tcp-option 5 ! --dport 22 -m time --timestart 10:00 -j NFQUEUE --queue-num 5"#,
        expect![[r#"
            0 -m u32 --u32 6&0xFF=1 Unknown("-m u32 --u32 6&0xFF=1")
            1 -p tcp Protocol(Tcp)
            2 -m tcp Module(Tcp)
            3 --tcp-option 5 Unknown("--tcp-option 5")
            4 ! --dport 22 DestinationPort(PortRange { first: 22, last: 22 })
            5 -m time --timestart 10:00 Unknown("-m time --timestart 10:00")
            - -j NFQUEUE --queue-num 5 Some(Unknown("NFQUEUE --queue-num 5"))"#]],
    );
}

#[test]
fn an_odd_spelling_is_understood_and_kept() {
    check_pieces(
        "--protocol TCP -s 10.0.0.0/255.0.0.0 -m state --state ESTABLISHED,RELATED -m mark --mark 16384 -j MARK --and-mark 0xFF",
        expect![[r#"
            0 --protocol TCP Protocol(Tcp)
            1 -s 10.0.0.0/255.0.0.0 Source(AddressMatch { net: 10.0.0.0/8, bare: false })
            2 -m state --state ESTABLISHED,RELATED Extension(Extension { module: "state", options: [ModuleOption { negated: false, name: "--state", value: States(CtStates(12)) }] })
            3 -m mark --mark 16384 Mark { value: 16384, mask: 4294967295, digits: 1 }
            - -j MARK --and-mark 0xFF Some(Mark { change: SetXmark { value: 0, mask: 4294967040 }, digits: 1 })"#]],
    );
}

#[test]
fn a_module_with_an_option_too_many_is_unknown_as_a_whole() {
    check_pieces(
        "-m conntrack --ctstate NEW --ctlabel x -j DNAT --to-destination 10.0.0.1 --never",
        expect![[r#"
            0 -m conntrack --ctstate NEW --ctlabel x Unknown("-m conntrack --ctstate NEW --ctlabel x")
            - -j DNAT --to-destination 10.0.0.1 --never Some(Unknown("DNAT --to-destination 10.0.0.1 --never"))"#]],
    );
}

// The expected lines of these tests are what iptables-save 1.8.9 printed for the same rules.

#[test]
fn iptables_save_orders_addresses_protocol_matches() {
    check_saved(
        r#"-m comment --comment "shop/web:http cluster IP" -m tcp -p tcp -d 10.96.20.5 --dport 80 ! -s 10.244.0.0/16 -j BAR"#,
        expect![[
            r#"! -s 10.244.0.0/16 -d 10.96.20.5/32 -p tcp -m comment --comment "shop/web:http cluster IP" -m tcp --dport 80 -j BAR"#
        ]],
    );
    check_saved(
        "-p tcp -m comment --comment shop --dport 8:9 -m mark --mark 0x4000 --sport 3 -o eth0 -i cali+",
        expect![
            "-i cali+ -o eth0 -p tcp -m comment --comment shop -m tcp --sport 3 --dport 8:9 -m mark --mark 0x4000"
        ],
    );
    check_saved(
        r#"-s 0.0.0.0/0 -m comment --comment "it's" -d 10.1.2.3/8"#,
        expect![[r#"-d 10.0.0.0/8 -m comment --comment "it\'s""#]],
    );
}

#[test]
fn iptables_save_spells_values_as_the_kernel_keeps_them() {
    check_saved("-j MARK --or-mark 0x00004000", expect!["-j MARK --set-xmark 0x4000/0x4000"]);
    check_saved("-j MARK --xor-mark 0x00004000", expect!["-j MARK --set-xmark 0x4000/0x0"]);
    check_saved(
        "-m mark ! --mark 0x00004000/0x00004000 -j RETURN",
        expect!["-m mark ! --mark 0x4000/0x4000 -j RETURN"],
    );
    check_saved(
        "-m statistic --mode random --probability 0.3333333333 -j BAR",
        expect!["-m statistic --mode random --probability 0.33333333349 -j BAR"],
    );
    check_saved(
        "-m recent --name KUBE-SEP-X --rcheck --seconds 10800 --reap -j BAR",
        expect![
            "-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-X --mask 255.255.255.255 --rsource -j BAR"
        ],
    );
    check_saved("-m nfacct --nfacct-name a", expect!["-m nfacct --nfacct-name  a"]);
}

#[test]
fn ip6tables_save_has_words_of_its_own() {
    let check = |rule, expected| check_saved_as(Family::V6, rule, expected);
    check(
        "-d fd00::7 -j REJECT",
        expect!["-d fd00::7/128 -j REJECT --reject-with icmp6-port-unreachable"],
    );
    check(
        "-m recent --name X --set -j DNAT --to-destination [fd00::7]:80",
        expect![
            "-m recent --set --name X --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource -j DNAT --to-destination [fd00::7]:80"
        ],
    );
}

#[test]
fn a_saved_rule_set_reads_back_as_itself() {
    let text = "*filter\n:INPUT DROP [3:120]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A-CHAIN - [0:0]\n\
        [1:60] -A INPUT -p tcp -m comment --comment \"a\\\"b\\\\c d\" -m tcp --dport 22 -j A-CHAIN\n-A A-CHAIN\nCOMMIT\n";
    let (restore, problems) = parse(text);
    assert_eq!(problems, []);
    let mut rules = RuleSet::default();
    rules.restore(&restore, false);
    let saved = rules.save(Family::V4);
    assert_eq!(saved, text.replace("[1:60] ", "").replace("[3:120]", "[0:0]"));
}

#[test]
fn with_noflush_only_chains_with_a_line_start_anew() {
    let mut rules = filter("-A FOO -j ACCEPT\n-A BAR -j ACCEPT\n-A INPUT -j FOO");
    let update = "*filter\n:FOO - [0:0]\n:NEW - [0:0]\n:INPUT DROP [0:0]\n-A FOO -j DROP\n-I INPUT -j BAR\n-D BAR 1\n-X NEW\nCOMMIT\n";
    rules.restore(&parse(update).0, true);
    expect![[r#"
        *filter
        :INPUT DROP [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :BAR - [0:0]
        :FOO - [0:0]
        -A INPUT -j BAR
        -A INPUT -j FOO
        -A FOO -j DROP
        COMMIT
    "#]]
    .assert_eq(&rules.save(Family::V4));
}

#[test]
fn a_chain_that_is_jumped_to_is_there() {
    let rules = filter("-A FOO -j NEW");
    assert!(rules.chain(TableName::Filter, ChainName::of("NEW")).is_some());
}

#[test]
fn a_rule_is_deleted_whichever_way_it_is_spelled() {
    let mut rules = filter("-A FOO -m tcp -p tcp -d 10.0.0.1 --dport 80 -j DROP");
    let update = "*filter\n-D FOO -d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j DROP\nCOMMIT\n";
    rules.restore(&parse(update).0, true);
    assert!(rules.is_empty());
}

#[test]
fn problems_say_where_they_are() {
    check_problems(
        "-A FOO\n*flter\n-A FOO\nCOMMIT\n*filter\n:NO\n-Q X\n-A\n  -A FOO -d 10.0.0.300 --dport\n-A FOO -m comment --comment \"open\n-A 가나다라마바사아자차 -j X\n:FOO REJECT [0:0]\n-A 가 -p tcp --sport 9:1",
        expect![[r#"
            1:1: no table has been opened with `*table`
            2:1: there is no table "flter"
            6:1: a chain line reads `:NAME POLICY [packets:bytes]`
            7:1: unknown command "-Q"
            8:1: -A needs more words
            9:13: -d cannot be "10.0.0.300"
            9:24: --dport needs a value
            10:29: the quote is not closed
            11:4: "가나다라마바사아자차" cannot name a chain
            12:1: a chain line reads `:NAME POLICY [packets:bytes]`
            13:4: "가" cannot name a chain
            14:1: the table is not closed with COMMIT"#]],
    );
}

#[test]
fn a_problem_reads_as_iptables_restore_says_it() {
    let tail = "\nTry `iptables-restore -h' or 'iptables-restore --help' for more information.";
    let check = |text: &str, expected: &str| {
        let (_, problems) = parse(text);
        let said: Vec<String> = problems.iter().map(Problem::as_iptables_restore).collect();
        assert_eq!(said, [expected], "{text}");
    };
    check("-A FOO", "iptables-restore: line 1 failed");
    check("*filter\n-A INPUT\n", "iptables-restore: COMMIT expected at line 3");
    check(
        "*filter\n:FORWARD BAD [0:0]\nCOMMIT\n",
        "iptables-restore: line 2 failed: Bad policy name.",
    );
    for (rule, says) in [
        ("-p tcp --dport 99999", "invalid port/service `99999' specified"),
        ("-s 10.0.0.999", "host/network `10.0.0.999' not found"),
        ("-m conntrack --ctstate FOO", "Bad ctstate \"FOO\""),
        ("-m comment --comment", "option \"--comment\" requires an argument"),
    ] {
        let text = format!("*filter\n:FOO - [0:0]\n-A FORWARD {rule}\nCOMMIT\n");
        let expected =
            format!("iptables-restore v1.8.9 (nf_tables): {says}\nError occurred at line: 3{tail}");
        check(&text, &expected);
    }
}

#[test]
fn a_list_of_addresses_is_a_rule_for_each_pair() {
    let rules = filter("-A FOO -d 10.0.1.1,10.0.1.2 -s 10.0.0.1,10.0.0.2 -j DROP");
    let chain = rules.chain(TableName::Filter, ChainName::of("FOO")).expect("it was written");
    let rules: Vec<String> =
        chain.rules.iter().map(|it| it.saved(Family::V4).to_string()).collect();
    expect![[r#"
        -s 10.0.0.1/32 -d 10.0.1.1/32 -j DROP
        -s 10.0.0.1/32 -d 10.0.1.2/32 -j DROP
        -s 10.0.0.2/32 -d 10.0.1.1/32 -j DROP
        -s 10.0.0.2/32 -d 10.0.1.2/32 -j DROP"#]]
    .assert_eq(&rules.join("\n"));
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|it| IpAddr::V4(Ipv4Addr::from(it))),
        any::<[u8; 16]>().prop_map(|it| IpAddr::V6(Ipv6Addr::from(it))),
    ]
}

fn address() -> impl Strategy<Value = AddressMatch> {
    (ip(), 0u8..=32, any::<bool>()).prop_map(|(ip, length, bare)| match bare {
        true => AddressMatch::host(ip),
        false => AddressMatch::net(IpNet::new(ip, length).expect("at most 32 bits")),
    })
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp])
}

fn ports() -> impl Strategy<Value = PortRange> {
    (any::<u16>(), any::<u16>()).prop_map(|(a, b)| PortRange { first: a.min(b), last: a.max(b) })
}

fn chain() -> impl Strategy<Value = ChainName> {
    "KUBE-[A-Z2-7]{1,16}".prop_map(|it| ChainName::of(&it))
}

/// A number that eight digits pad, so that its width can be read back.
fn bits() -> impl Strategy<Value = u32> {
    0u32..0x1000_0000
}

fn digits() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![1u8, 8])
}

fn states() -> impl Strategy<Value = CtStates> {
    let names: Vec<CtStates> = CtStates::NAMES.iter().map(|it| it.0).collect();
    prop::sample::subsequence(names, 1..=7)
        .prop_map(|it| it.into_iter().fold(CtStates::default(), CtStates::with))
}

fn recent() -> impl Strategy<Value = Recent> {
    let check = prop_oneof![
        Just(RecentCheck::Set),
        (any::<u32>(), any::<bool>())
            .prop_map(|(seconds, reap)| RecentCheck::Rcheck { seconds, reap }),
    ];
    ("[A-Z-]{1,20}", check, any::<bool>()).prop_map(|(name, check, explicit)| Recent {
        name,
        check,
        explicit,
    })
}

fn flags() -> impl Strategy<Value = TcpFlagSet> {
    let names: Vec<TcpFlagSet> = TcpFlagSet::NAMES.iter().map(|it| it.0).collect();
    prop::sample::subsequence(names, 0..=6)
        .prop_map(|it| it.into_iter().fold(TcpFlagSet::NONE, TcpFlagSet::with))
}

/// A module's options in the order that iptables-save prints.
fn extension() -> impl Strategy<Value = Extension> {
    let option = |name, value| ModuleOption { negated: false, name, value };
    let rate = (1u32..500, prop::sample::select(Span::ALL.to_vec()))
        .prop_map(|(count, per)| Rate { count, per });
    prop_oneof![
        (prop::collection::vec(ports(), 1..15), any::<bool>()).prop_map(|(list, negated)| {
            let option = ModuleOption { negated, name: "--dports", value: Value::Ports(list) };
            Extension { module: "multiport", options: vec![option] }
        }),
        (states(), address(), any::<bool>()).prop_map(|(states, net, negated)| Extension {
            module: "conntrack",
            options: vec![
                ModuleOption { negated, name: "--ctstate", value: Value::States(states) },
                ModuleOption { negated, name: "--ctorigdst", value: Value::Net(net) },
            ],
        }),
        (rate, 1u64..99).prop_map(move |(rate, burst)| Extension {
            module: "limit",
            options: vec![
                option("--limit", Value::Rate(rate)),
                option("--limit-burst", Value::Number(burst)),
            ],
        }),
        (any::<u32>(), any::<u32>()).prop_map(move |(value, mask)| Extension {
            module: "connmark",
            options: vec![option("--mark", Value::Masked { value, mask })],
        }),
    ]
}

fn translation() -> impl Strategy<Value = Translation> {
    let options = (any::<bool>(), any::<bool>());
    (ip(), ports(), prop::sample::select(TranslationKind::ALL.to_vec()), options).prop_map(
        |(first, ports, kind, (random_fully, persistent))| {
            let named = matches!(kind, TranslationKind::Dnat | TranslationKind::Snat);
            Translation {
                kind,
                addresses: named.then_some((first, first)),
                ports: Some(ports),
                base: None,
                random: true,
                random_fully,
                persistent: persistent && named,
            }
        },
    )
}

fn criterion() -> impl Strategy<Value = Match> {
    let plain = prop_oneof![
        ("[ -~가-힣]{0,30}", Just(true))
            .prop_map(|(text, quoted)| Criterion::Comment { text, quoted }),
        ("[a-z/:.\\\\-]{1,30}", Just(false))
            .prop_map(|(text, quoted)| Criterion::Comment { text, quoted }),
        protocol().prop_map(Criterion::Module),
        "[a-z_]{1,20}".prop_map(Criterion::Nfacct),
        extension().prop_map(Criterion::Extension),
    ];
    let negatable = prop_oneof![
        protocol().prop_map(Criterion::Protocol),
        address().prop_map(Criterion::Source),
        address().prop_map(Criterion::Destination),
        "[a-z]{1,9}[0-9+]".prop_map(Criterion::InInterface),
        "[a-z]{1,9}[0-9+]".prop_map(Criterion::OutInterface),
        ports().prop_map(Criterion::SourcePort),
        ports().prop_map(Criterion::DestinationPort),
        (bits(), bits(), digits()).prop_map(|(value, mask, digits)| Criterion::Mark {
            value,
            mask,
            digits
        }),
        states().prop_map(Criterion::CtState),
        prop::sample::select(vec![AddrType::Local, AddrType::Unicast, AddrType::Broadcast])
            .prop_map(|kind| Criterion::AddrType { side: AddrSide::Source, kind }),
        (1usize..5000).prop_map(|it| Criterion::Statistic(Probability::one_of(it))),
        "(0(\\.[0-9]{1,18})?|1(\\.0{1,18})?)".prop_filter_map("up to 1", |text| {
            // More decimals than these are not kept.
            let text = &text[..text.len().min(17)];
            Some(Criterion::Statistic(Probability::parse(text)?))
        }),
        recent().prop_map(Criterion::Recent),
        (prop::collection::vec(address(), 2..4), any::<bool>()).prop_map(|(list, source)| {
            let side = if source { AddrSide::Source } else { AddrSide::Destination };
            Criterion::Addresses { side, list }
        }),
        prop::sample::select(vec![2u8, 47, 50, 58, 99]).prop_map(Criterion::OtherProtocol),
        (flags(), flags()).prop_map(|(mask, set)| Criterion::TcpFlags { mask, set }),
        prop::option::of((any::<u8>(), prop::option::of(any::<u8>())))
            .prop_map(|kind| Criterion::IcmpType { icmp6: false, kind }),
    ];
    prop_oneof![
        plain.prop_map(Match::from),
        (any::<bool>(), negatable).prop_map(|(negated, criterion)| Match { negated, criterion }),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    let port = prop::option::of(any::<u16>());
    prop_oneof![
        Just(Target::Accept),
        Just(Target::Drop),
        Just(Target::Return),
        chain().prop_map(Target::Jump),
        chain().prop_map(Target::Goto),
        prop::option::of("[a-z-]{1,20}").prop_map(|with| Target::Reject { with }),
        (bits(), digits())
            .prop_map(|(bits, digits)| Target::Mark { change: MarkChange::Or(bits), digits }),
        (bits(), digits())
            .prop_map(|(bits, digits)| Target::Mark { change: MarkChange::Xor(bits), digits }),
        (bits(), bits(), digits()).prop_map(|(value, mask, digits)| Target::Mark {
            change: MarkChange::SetXmark { value, mask },
            digits
        }),
        any::<bool>().prop_map(|random_fully| Target::Masquerade { random_fully }),
        translation().prop_map(Target::Translate),
        any::<bool>().prop_map(|by_ct| Target::Notrack { by_ct }),
        (any::<u32>(), any::<u32>()).prop_map(|(nfmask, ctmask)| {
            Target::ConnMark(ConnMarkChange::Restore { nfmask, ctmask })
        }),
        "LOG --log-prefix [a-z]{1,9}".prop_map(Target::Aside),
        (ip(), port.clone()).prop_map(|(to, port)| Target::Dnat { to, port }),
        (ip(), port).prop_map(|(to, port)| Target::Snat { to, port }),
    ]
}

fn rule() -> impl Strategy<Value = Rc<Rule>> {
    let counters = prop::option::of(
        (any::<u64>(), any::<u64>()).prop_map(|(packets, bytes)| Counters { packets, bytes }),
    );
    (prop::collection::vec(criterion(), 0..5), prop::option::of(target()), counters).prop_map(
        |(matches, target, counters)| {
            Rc::new(Rule { matches, target, counters, ..Rule::default() })
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (chain(), rule()).prop_map(|(chain, rule)| Command::Append { chain, rule }),
        1 => (chain(), 0usize..9, rule())
            .prop_map(|(chain, index, rule)| Command::Insert { chain, index, rule }),
        1 => (chain(), rule()).prop_map(|(chain, rule)| Command::Delete { chain, rule }),
        1 => (chain(), 0usize..9).prop_map(|(chain, index)| Command::DeleteAt { chain, index }),
        1 => chain().prop_map(Command::DeleteChain),
        1 => prop::option::of(chain()).prop_map(Command::Flush),
    ]
}

fn restore() -> impl Strategy<Value = Restore> {
    let tables = vec![TableName::Raw, TableName::Mangle, TableName::Filter, TableName::Nat];
    let policy = prop_oneof![Just(None), Just(Some(Policy::Accept)), Just(Some(Policy::Drop))];
    let line = (chain(), policy, any::<u64>(), any::<u64>())
        .prop_map(|(name, policy, packets, bytes)| ChainLine { name, policy, packets, bytes });
    let table = (
        prop::sample::select(tables),
        prop::collection::vec(line, 0..4),
        prop::collection::vec(command(), 0..6),
    )
        .prop_map(|(table, chains, commands)| TableUpdate {
            chains,
            commands,
            ..TableUpdate::new(table)
        });
    prop::collection::vec(table, 0..3).prop_map(|tables| Restore { tables, ..Restore::default() })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(restore in restore()) {
        let (read, problems) = parse(&restore.to_string());
        prop_assert_eq!(problems, []);
        prop_assert_eq!(read, restore);
    }

    #[test]
    fn pieces_join_to_the_rule(rule in rule()) {
        let pieces: Vec<String> = rule.pieces().into_iter().map(|it| it.text).collect();
        prop_assert_eq!(pieces.join(" "), rule.to_string());
    }

    #[test]
    fn a_saved_rule_can_be_read(rule in rule()) {
        let saved = rule.saved(Family::V4).to_string();
        let (_, problems) = parse(&format!("*filter\n-A FOO {saved}\nCOMMIT\n"));
        prop_assert_eq!(problems, []);
    }

    #[test]
    fn any_text_is_read(text in "(?s)\\PC{0,80}") {
        parse(&text);
    }

    #[test]
    fn any_words_are_read(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..20)) {
        let (restore, _) = parse(&format!("*filter\n{}\nCOMMIT\n", words.join(" ")));
        RuleSet::builtin().restore(&restore, true);
        let (again, _) = parse(&restore.to_string());
        prop_assert_eq!(again.to_string(), restore.to_string());
    }
}

const WORDS: [&str; 40] = [
    "*nat\n",
    "COMMIT\n",
    "\n",
    ":FOO",
    "-",
    "[0:0]",
    "-A",
    "-I",
    "-D",
    "-X",
    "-F",
    "-P",
    "FOO",
    "1",
    "0",
    "!",
    "-m",
    "tcp",
    "comment",
    "--comment",
    "\"",
    "recent",
    "--name",
    "--set",
    "--seconds",
    "mark",
    "--mark",
    "0x/",
    "conntrack",
    "--ctstate",
    "NEW,",
    "-s",
    "10.0.0.1",
    "--dport",
    "80:",
    "-j",
    "MARK",
    "DNAT",
    "--to-destination",
    "-A FOO",
];
