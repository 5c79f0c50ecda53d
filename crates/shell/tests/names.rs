//! nslookup, dig, host and getent against what the real ones printed: §2 and §3 of the facts on
//! tools, whose addresses are those of this cluster.

mod common;

use common::{lab, run};

const CLUSTER: &str = "
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.12.34, selector: { app: web }, ports: [ { name: http, port: 80 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: ext }
spec: { type: ExternalName, externalName: www.example.org }
---
apiVersion: v1
kind: Service
metadata: { name: ext-dead }
spec: { type: ExternalName, externalName: nosuch.example.org }
---
apiVersion: v1
kind: Service
metadata: { name: db }
spec: { clusterIP: None, ports: [ { name: pg, port: 5432 } ] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-1, labels: { kubernetes.io/service-name: db } }
addressType: IPv4
ports: [ { name: pg, port: 5432 } ]
endpoints: [ { addresses: [ 10.244.1.20 ], hostname: db-0 } ]
---
apiVersion: v1
kind: Pod
metadata: { name: toolbox }
spec: { nodeName: worker-1, containers: [ { name: c, image: nicolaka/netshoot, command: [ sleep, infinity ] } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: bb }
spec: { nodeName: worker-1, containers: [ { name: c, image: busybox, command: [ sleep, infinity ] } ] }
";

#[track_caller]
fn check(from: &str, line: &str, status: u8, expected: &str) {
    let (_, found) = run(lab(CLUSTER), &format!("pod/default/{from}"), line);
    assert_eq!(found.out, expected, "{line}");
    assert_eq!((found.err.as_str(), found.status), ("", status), "{line}");
}

const NOISE: &str = ";; Got recursion not available from 10.96.0.10\n";
const BIND: &str = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\n";
const BUSYBOX: &str = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n";

#[test]
fn nslookup_of_bind_tells_of_every_reply() {
    let web = "Name:\tweb.default.svc.cluster.local\nAddress: 10.96.12.34\n";
    check("toolbox", "nslookup web", 0, &format!("{NOISE}{BIND}{web}{NOISE}\n"));
    check("toolbox", "nslookup web 10.96.0.10", 0, &format!("{BIND}{web}\n"));
    let nosuch = "** server can't find nosuch: NXDOMAIN\n\n";
    let three = NOISE.repeat(3);
    check("toolbox", "nslookup nosuch", 1, &format!("{three}{BIND}{nosuch}"));
    let ext = "ext.default.svc.cluster.local\tcanonical name = www.example.org.\n\
               www.example.org\tcanonical name = web.hosting.example.net.\n\
               Name:\tweb.hosting.example.net\nAddress: 203.0.113.80\n\n";
    check("toolbox", "nslookup ext", 0, &format!("{NOISE}{BIND}{ext}"));
    let dead = "ext-dead.default.svc.cluster.local\tcanonical name = nosuch.example.org.\n\
                ** server can't find nosuch.example.org: NXDOMAIN\n\n";
    check("toolbox", "nslookup ext-dead", 1, &format!("{NOISE}{BIND}{dead}"));
    let srv = "_pg._tcp.db.default.svc.cluster.local\tservice = 0 100 5432 db-0.db.default.svc.cluster.local.\n\n";
    let line = "nslookup -type=srv _pg._tcp.db.default.svc.cluster.local";
    check("toolbox", line, 0, &format!("{NOISE}{BIND}{srv}"));
    let ptr = "1.0.96.10.in-addr.arpa\tname = kubernetes.default.svc.cluster.local.\n\n";
    check("toolbox", "nslookup 10.96.0.1", 0, &format!("{NOISE}{ptr}"));
    let nobody = "** server can't find 9.9.244.10.in-addr.arpa: NXDOMAIN\n\n";
    check("toolbox", "nslookup 10.244.9.9", 1, nobody);
}

#[test]
fn nslookup_of_busybox_prints_every_reply() {
    let missing = "** server can't find web.svc.cluster.local: NXDOMAIN\n\n\
                   ** server can't find web.cluster.local: NXDOMAIN\n\n";
    let web = "Name:\tweb.default.svc.cluster.local\nAddress: 10.96.12.34\n\n";
    check("bb", "nslookup web", 1, &format!("{BUSYBOX}{web}{missing}\n{missing}"));
    let full = "nslookup web.default.svc.cluster.local";
    check("bb", full, 0, &format!("{BUSYBOX}{web}\n"));
    let short = "** server can't find web.default: NXDOMAIN\n\n";
    check("bb", "nslookup web.default", 1, &format!("{BUSYBOX}{short}{short}"));
}

#[test]
fn dig_and_host_and_getent_print_records_their_own_way() {
    let dig = "web.default.svc.cluster.local. 30 IN\tA\t10.96.12.34\n";
    check("toolbox", "dig +noall +answer web.default.svc.cluster.local", 0, dig);
    check("toolbox", "dig +search +short web", 0, "10.96.12.34\n");
    let ext = "www.example.org.\nweb.hosting.example.net.\n203.0.113.80\n";
    check("toolbox", "dig +short ext.default.svc.cluster.local", 0, ext);
    check("toolbox", "dig +short -x 10.96.0.1", 0, "kubernetes.default.svc.cluster.local.\n");
    check("toolbox", "dig +short nosuch.default.svc.cluster.local", 0, "");
    let host = "web.default.svc.cluster.local has address 10.96.12.34\n";
    check("toolbox", "host web", 0, host);
    check("toolbox", "host nosuch", 1, "Host nosuch not found: 3(NXDOMAIN)\n");
    let pointer =
        "1.0.96.10.in-addr.arpa domain name pointer kubernetes.default.svc.cluster.local.\n";
    check("toolbox", "host 10.96.0.1", 0, pointer);
    check("toolbox", "host -t aaaa web", 0, "web.default.svc.cluster.local has no AAAA record\n");
    check("toolbox", "getent hosts web", 0, "10.96.12.34     web.default.svc.cluster.local\n");
    check("toolbox", "getent hosts nosuch", 2, "");
    let ahosts = "10.244.1.20     STREAM db.default.svc.cluster.local\n\
                  10.244.1.20     DGRAM  \n10.244.1.20     RAW    \n";
    check("toolbox", "getent ahosts db", 0, ahosts);
}

/// The whole of it, without its number, cookie, time and length.
#[test]
fn dig_prints_a_whole_reply() {
    let (_, found) = run(lab(CLUSTER), "pod/default/toolbox", "dig web.default.svc.cluster.local");
    let masked: Vec<&str> = found
        .out
        .lines()
        .map(|it| match it {
            it if it.starts_with(";; ->>HEADER<<-") => {
                it.rsplit_once(' ').map_or(it, |(front, _)| front)
            }
            it if it.starts_with("; COOKIE: ") || it.starts_with(";; WHEN") => {
                it.split(':').next().unwrap_or_default()
            }
            it => it,
        })
        .collect();
    let expected = "
; <<>> DiG 9.18.49-1~deb12u3-Debian <<>> web.default.svc.cluster.local
;; global options: +cmd
;; Got answer:
;; WARNING: .local is reserved for Multicast DNS
;; You are currently testing what happens when an mDNS query is leaked to DNS
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id:
;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1
;; WARNING: recursion requested but not available

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
; COOKIE
;; QUESTION SECTION:
;web.default.svc.cluster.local.	IN	A

;; ANSWER SECTION:
web.default.svc.cluster.local. 30 IN	A	10.96.12.34

;; Query time: 0 msec
;; SERVER: 10.96.0.10#53(10.96.0.10) (UDP)
;; WHEN
;; MSG SIZE  rcvd: 115
";
    assert_eq!(masked.join("\n"), expected.trim_end_matches('\n').to_owned() + "\n");
}

/// kube-dns without endpoints: an ICMP error comes back at once.
#[test]
fn a_name_server_that_is_gone_is_told_as_each_tool_does() {
    let gone = "kubectl delete -n kube-system deployment coredns >/dev/null; sleep 60";
    let (lab, _) = run(lab(CLUSTER), "outside/laptop", gone);
    let refused = ";; communications error to 10.96.0.10#53: connection refused\n".repeat(3);
    let (lab, found) = run(lab, "pod/default/toolbox", "nslookup web");
    assert_eq!(found.out, format!("{refused};; no servers could be reached\n\n"));
    assert_eq!(found.status, 1);
    let (lab, found) = run(lab, "pod/default/toolbox", "dig web");
    let banner = "\n; <<>> DiG 9.18.49-1~deb12u3-Debian <<>> web\n;; global options: +cmd\n";
    assert_eq!(found.out, format!("{refused}{banner};; no servers could be reached\n"));
    assert_eq!(found.status, 9);
    let (_, found) = run(lab, "pod/default/toolbox", "curl web");
    assert_eq!(found.err, "curl: (6) Could not resolve host: web\n");
    assert_eq!(found.status, 6);
}

#[test]
fn a_pod_with_a_subdomain_has_a_full_name() {
    let pod = "
apiVersion: v1
kind: Pod
metadata: { name: pod-one }
spec: { nodeName: worker-1, hostname: one, subdomain: team, containers: [ { name: c, image: busybox, command: [ sleep, infinity ] } ] }
";
    let print = |from: &str| run(lab(pod), from, "hostname; hostname -f").1.out;
    assert_eq!(print("pod/default/pod-one"), "one\none.team.default.svc.cluster.local\n");
    assert_eq!(print("node/worker-1"), "worker-1\nworker-1\n");
}

#[test]
fn a_shell_in_a_container_has_its_variables() {
    let print = |line: &str| run(lab(CLUSTER), "pod/default/toolbox", line).1.out;
    assert_eq!(print("echo $WEB_SERVICE_HOST:${WEB_SERVICE_PORT}"), "10.96.12.34:80\n");
    assert_eq!(print("WEB_SERVICE_PORT=1; echo $WEB_SERVICE_PORT ${NOBODY:-none}"), "1 none\n");
}
