//! A node's own tools against the formats that were recorded (§5 to §9 of the facts on tools).

mod common;

use common::{lab, run};
use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::{Action, Sending};
use svclab_shell::{Job, Place, Progress, Session};

const CLUSTER: &str = "
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.12.34, ports: [ { name: http, port: 80, targetPort: 8080 } ] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [ { name: http, port: 8080 } ]
endpoints: [ { addresses: [ 10.244.1.5 ] }, { addresses: [ 10.244.2.6 ] } ]
---
apiVersion: v1
kind: Service
metadata: { name: raw }
spec: { clusterIP: 10.96.55.5, selector: { app: nobody }, ports: [ { port: 5432 } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: toolbox }
spec: { nodeName: worker-1, containers: [ { name: c, image: nicolaka/netshoot, command: [ sleep, infinity ] } ] }
";

#[track_caller]
fn typed(from: &str, line: &str) -> (String, String, u8) {
    let (_, found) = run(lab(CLUSTER), from, line);
    (found.out, found.err, found.status)
}

#[track_caller]
fn check(line: &str, expected: &str) {
    let (out, err, status) = typed("node/worker-1", line);
    assert_eq!((out.as_str(), err.as_str(), status), (expected, "", 0), "{line}");
}

#[track_caller]
fn check_error(line: &str, expected: &str, code: u8) {
    let (out, err, status) = typed("node/worker-1", line);
    assert_eq!((out.as_str(), err.as_str(), status), ("", expected, code), "{line}");
}

#[test]
fn rules_are_listed_in_the_columns_of_iptables() {
    let head = " pkts bytes target     prot opt in     out     source               destination         \n";
    check(
        "iptables -t nat -L KUBE-MARK-MASQ -n -v | sed 's/[0-9]* ref/N ref/'",
        &format!(
            "Chain KUBE-MARK-MASQ (N references)\n{head}    0     0 MARK       all  --  *      *       \
             0.0.0.0/0            0.0.0.0/0            MARK or 0x4000\n"
        ),
    );
    check(
        "iptables -t nat -L KUBE-SERVICES -n | grep default/web",
        "KUBE-SVC-CDGGSHYLG3RE2FKL  tcp  --  0.0.0.0/0            10.96.12.34          \
         /* default/web:http cluster IP */ tcp dpt:80\n",
    );
    check(
        "iptables -t nat -nvL KUBE-SVC-CDGGSHYLG3RE2FKL | tail -3",
        "    0     0 KUBE-MARK-MASQ  tcp  --  *      *      !10.244.0.0/16        10.96.12.34          \
         /* default/web:http cluster IP */ tcp dpt:80\n    \
         0     0 KUBE-SEP-AFGSLHOD2HFNCBX4  all  --  *      *       0.0.0.0/0            0.0.0.0/0            \
         /* default/web:http -> 10.244.1.5:8080 */ statistic mode random probability 0.50000000000\n    \
         0     0 KUBE-SEP-3OLK2YUW6LHBC4UX  all  --  *      *       0.0.0.0/0            0.0.0.0/0            \
         /* default/web:http -> 10.244.2.6:8080 */\n",
    );
    check(
        "iptables -t nat -S KUBE-SEP-AFGSLHOD2HFNCBX4",
        "-N KUBE-SEP-AFGSLHOD2HFNCBX4\n\
         -A KUBE-SEP-AFGSLHOD2HFNCBX4 -s 10.244.1.5/32 -m comment --comment \"default/web:http\" -j KUBE-MARK-MASQ\n\
         -A KUBE-SEP-AFGSLHOD2HFNCBX4 -p tcp -m comment --comment \"default/web:http\" -m tcp -j DNAT --to-destination 10.244.1.5:8080\n",
    );
    check(
        "iptables -L KUBE-SERVICES -n --line-numbers | tail -1",
        "1    REJECT     tcp  --  0.0.0.0/0            10.96.55.5           \
         /* default/raw has no endpoints */ tcp dpt:5432 reject-with icmp-port-unreachable\n",
    );
    let nft = "nft list chain ip nat KUBE-SVC-CDGGSHYLG3RE2FKL 2>/dev/null | sed -n 3,5p";
    check(
        nft,
        "\t\tmeta l4proto tcp ip saddr != 10.244.0.0/16 ip daddr 10.96.12.34  tcp dport 80 counter packets 0 bytes 0 jump KUBE-MARK-MASQ\n\
         \t\t meta random & 2147483647 < 1073741824 counter packets 0 bytes 0 jump KUBE-SEP-AFGSLHOD2HFNCBX4\n\
         \t\t counter packets 0 bytes 0 jump KUBE-SEP-3OLK2YUW6LHBC4UX\n",
    );
}

#[test]
fn what_iptables_does_not_take_is_told_in_its_words() {
    check_error(
        "iptables -t nat -L KUBE-NOPE",
        "iptables v1.8.9 (nf_tables): chain `KUBE-NOPE' in table `nat' is incompatible, use 'nft' tool.\n",
        1,
    );
    check_error("iptables -A NOPE -j DROP", "iptables: No chain/target/match by that name.\n", 1);
    let (_, err, status) = typed("pod/default/toolbox", "iptables -L");
    let denied = "iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n";
    assert_eq!((err.as_str(), status), (denied, 4));
    check_error(
        "ipvsadm -Ln",
        "Can't initialize ipvs: Protocol not available\n\
         Are you sure that IP Virtual Server is built in the kernel or as module?\n",
        2,
    );
}

#[test]
fn a_rule_that_is_added_stops_packets_until_it_is_deleted() {
    let rule = "FORWARD -p tcp -d 10.96.12.34 --dport 81 -j REJECT";
    check(
        &format!(
            "iptables -I {rule}; iptables -S FORWARD | head -2; iptables -D {rule}; iptables -S FORWARD | grep -c 81; true"
        ),
        "-P FORWARD ACCEPT\n-A FORWARD -d 10.96.12.34/32 -p tcp -m tcp --dport 81 -j REJECT --reject-with icmp-port-unreachable\n0\n",
    );
    let (lab, _) = run(lab(CLUSTER), "node/worker-1", &format!("iptables -I {rule}"));
    let (lab, found) = run(lab, "pod/default/toolbox", "curl 10.96.12.34:81");
    assert_eq!(found.status, 7, "{}", found.err);
    let counted = "iptables -nvL FORWARD | sed -n 3p | cut -c 1-12; iptables -Z; iptables -nvL FORWARD | sed -n 3p | cut -c 1-12";
    let (_, found) = run(lab, "node/worker-1", counted);
    assert_eq!(found.out, "    1    60 \n    0     0 \n");
}

#[test]
fn connections_are_listed_and_forgotten() {
    let (lab, found) = run(
        lab(CLUSTER),
        "pod/default/toolbox",
        "curl -m 1 10.244.1.99:80; curl -m 1 10.96.12.34:81",
    );
    assert_eq!(found.status, 28);
    let (lab, found) = run(lab, "node/worker-1", "conntrack -L -p tcp --orig-dst 10.96.12.34");
    assert!(found.out.starts_with("tcp      6 1"), "{}", found.out);
    assert!(found.out.contains(" SYN_SENT src=10.244.1."), "{}", found.out);
    assert_eq!(found.err, "conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n");
    let (lab, found) = run(lab, "node/worker-1", "conntrack -D -d 10.96.12.34");
    assert_eq!(
        found.err,
        "conntrack v1.4.7 (conntrack-tools): 1 flow entries have been deleted.\n"
    );
    let (_, found) = run(lab, "node/worker-1", "conntrack -D -d 10.96.12.34");
    assert_eq!(
        found.err,
        "conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n"
    );
    assert_eq!(found.status, 1);
}

/// No service address is on any device, and no route is for one.
#[test]
fn addresses_and_routes_are_those_of_a_bridge_with_host_routes() {
    check(
        "ip route",
        "default via 192.168.56.1 dev eth0 \n10.244.0.0/24 via 192.168.56.30 dev eth0 \n\
         10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n\
         10.244.2.0/24 via 192.168.56.32 dev eth0 \n\
         192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.31 \n",
    );
    check(
        "ip route get 10.96.12.34",
        "10.96.12.34 via 192.168.56.1 dev eth0 src 192.168.56.31 uid 0 \n    cache \n",
    );
    let (route, _, _) = typed("pod/default/toolbox", "ip route");
    let (default, own) = route.split_once('\n').expect("two routes");
    assert_eq!(default, "default via 10.244.1.1 dev eth0 ");
    assert!(
        own.starts_with("10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1."),
        "{own}"
    );
    check(
        "ip -4 addr show dev lo",
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    \
         inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n",
    );
    check_error("ip addr show nosuch", "Device \"nosuch\" does not exist.\n", 1);
    check_error("ip foo", "Object \"foo\" is unknown, try \"ip help\".\n", 1);
}

#[test]
fn nobody_listens_on_a_cluster_ip_or_a_node_port() {
    let (out, _, _) = typed("node/worker-1", "ss -ltn");
    assert!(out.starts_with("State  Recv-Q Send-Q Local Address:Port"), "{out}");
    assert!(
        !out.contains("10.96.") && out.contains("LISTEN 0      4096         0.0.0.0:10250"),
        "{out}"
    );
    check(
        "netstat -ltn | head -3",
        "Active Internet connections (only servers)\n\
         Proto Recv-Q Send-Q Local Address           Foreign Address         State      \n\
         tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN     \n",
    );
}

/// The one port of a Service that somebody really opens.
#[test]
fn kube_proxy_listens_on_the_health_check_node_port() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: door, namespace: default}\n\
        spec: {type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 32100, \
        selector: {app: none}, ports: [{port: 80}]}\n";
    let lab = lab(&format!("{CLUSTER}\n---\n{service}"));
    let (_, found) = run(lab, "node/worker-1", "ss -ltnp | grep kube-proxy");
    let ports = found.out.lines().filter_map(|it| it.split_whitespace().nth(3));
    assert_eq!(
        ports.collect::<Vec<_>>(),
        ["127.0.0.1:10249", "0.0.0.0:10256", "0.0.0.0:32100"],
        "{}",
        found.out
    );
}

/// tcpdump in the client's pod while it asks a Service without endpoints: §7.
#[test]
fn tcpdump_shows_packets_as_they_pass() {
    let mut lab = lab(CLUSTER);
    let place = Place::parse("pod/default/toolbox").expect("a place");
    let mut job = Job::new(Session::new(place), "tcpdump -ni eth0 -c 4 2>/dev/null");
    let pod = ObjectKey::new(Kind::Pod, "default", "toolbox");
    let raw = ObjectKey::new(Kind::Service, "default", "raw");
    let mut sent = false;
    loop {
        let (back, progress) = job.resume(lab);
        lab = back;
        match progress {
            Progress::Ended(status) => {
                assert_eq!(status, 0);
                break;
            }
            Progress::Waits(Some(at)) => lab.run_until(at),
            other => panic!("{other:?}"),
        }
        if !sent {
            lab.act(Action::Send(Sending::http(pod.clone(), raw.clone(), 5432, "/")));
            sent = true;
        }
    }
    let text: String = job.printed().into_iter().map(|it| it.text).collect();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].contains(" ARP, Request who-has 10.244.1.1 tell 10.244.1."), "{text}");
    assert!(
        lines[1].ends_with(" ARP, Reply 10.244.1.1 is-at 0e:58:0a:f4:01:01, length 28"),
        "{text}"
    );
    assert!(lines[2].contains(" > 10.96.55.5.5432: Flags [S], seq "), "{text}");
    assert!(lines[3].contains("IP 10.244.1.1 > 10.244.1."), "{text}");
    assert!(lines[3].ends_with(": ICMP 10.96.55.5 tcp port 5432 unreachable, length 68"), "{text}");
}

#[test]
fn a_bridges_ports_say_whether_they_send_back() {
    let port = "$(ip -br link | grep -o 'veth[0-9a-f]*' | head -1)";
    check(&format!("cat /sys/class/net/{port}/brport/hairpin_mode"), "1\n");
    let file = "/sys/class/net/eth0/brport/hairpin_mode";
    check_error(&format!("cat {file}"), &format!("cat: {file}: No such file or directory\n"), 1);
}

#[test]
fn kube_proxy_says_its_mode_to_its_own_node() {
    check("curl -s localhost:10249/proxyMode", "iptables");
    check("curl -s -o /dev/null -w '%{http_code}' localhost:10249/pods", "404");
    let (_, err, status) = typed("node/worker-1", "curl -sS 192.168.56.31:10249/proxyMode");
    assert_eq!(status, 7, "{err}");
}

#[test]
fn a_nodes_rules_can_be_printed_for_each_mode() {
    check("svclab rules | grep -c -e '-A KUBE-SERVICES.*default/web:http cluster IP'", "1\n");
    let service =
        "svclab rules --mode nftables | grep -o 'service-ips { 10.96.12.34.*goto service-'";
    check(service, "service-ips { 10.96.12.34 . tcp . 80 : goto service-\n");
    let servers = "TCP  10.96.12.34:80 rr\n  -> 10.244.1.5:8080              Masq    1      0          0         \n  -> 10.244.2.6:8080              Masq    1      0          0         \n";
    check("svclab rules --mode ipvs | grep -A2 '^TCP  10.96.12.34:80'", servers);
    let portal =
        "svclab rules --mode userspace | grep -c -e '-A KUBE-PORTALS-.* -d 10.96.12.34/32 '";
    check(portal, "2\n");
    let usage = "usage: svclab rules [--mode iptables|nftables|ipvs|userspace]\n";
    check_error("svclab rules --mode ebpf", usage, 2);
    check_error("svclab", usage, 2);
}
