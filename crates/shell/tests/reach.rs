//! curl, wget, nc and ping against the texts, exit statuses and times of the real ones (§4 of the
//! facts on tools).

mod common;

use common::{lab, run};
use svclab_core::lab::Lab;

const CLUSTER: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [ { name: web, image: kubetm/app:1.0, ports: [ { containerPort: 8080 } ] } ]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.12.34, selector: { app: web }, ports: [ { port: 80, targetPort: 8080 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: raw }
spec: { clusterIP: 10.96.55.5, selector: { app: nobody }, ports: [ { port: 5432 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: ext }
spec: { type: ExternalName, externalName: www.example.org }
---
apiVersion: v1
kind: Pod
metadata: { name: shy }
spec:
  nodeName: worker-1
  containers:
    - { name: c, image: kubetm/app:1.0, ports: [ { containerPort: 8080 } ], env: [ { name: HOST, value: 127.0.0.1 } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: pg }
spec: { nodeName: worker-2, hostname: pg, containers: [ { name: c, image: 'postgres:16' } ] }
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

const CERTIFICATE: &str = "More details here: https://curl.se/docs/sslcerts.html\n\n\
    curl failed to verify the legitimacy of the server and therefore could not\n\
    establish a secure connection to it. To learn more about this situation and\n\
    how to fix it, please visit the web page mentioned above.\n";

/// Both texts, the exit status, and how many seconds of the lab it took.
#[track_caller]
fn check(from: &str, line: &str, expected: (&str, &str, u8, u64)) {
    let before = lab(CLUSTER);
    let start = before.now();
    let (after, found) = run(before, &format!("pod/default/{from}"), line);
    let took = (after.now() - start).as_secs();
    assert_eq!((found.out.as_str(), found.err.as_str(), found.status, took), expected, "{line}");
}

fn ip_of(lab: &Lab, name: &str) -> String {
    let view = lab.pod_views().into_iter().find(|it| it.key.name == name).expect("the pod runs");
    view.ip.expect("it has an address").to_string()
}

#[test]
fn curl_says_why_nobody_answers() {
    let tool = "toolbox";
    check(tool, "curl nosuch", ("", "curl: (6) Could not resolve host: nosuch\n", 6, 0));
    let refused =
        "curl: (7) Failed to connect to raw port 5432 after 1 ms: Couldn't connect to server\n";
    check(tool, "curl raw:5432", ("", refused, 7, 0));
    check(tool, "curl -s raw:5432", ("", "", 7, 0));
    check(tool, "curl -sS raw:5432", ("", refused, 7, 0));
    let late = "curl: (28) Connection timed out after 2001 milliseconds\n";
    check(tool, "curl -m 2 10.96.12.34:81", ("", late, 28, 2));
    let late =
        "curl: (28) Failed to connect to 10.96.12.34 port 81 after 2001 ms: Timeout was reached\n";
    check(tool, "curl --connect-timeout 2 http://10.96.12.34:81", ("", late, 28, 2));
    let nobody = "curl: (7) Failed to connect to 10.244.1.99 port 80 after 3001 ms: Couldn't connect to server\n";
    check(tool, "curl 10.244.1.99", ("", nobody, 7, 3));
    let status = "curl -s -o /dev/null -w '%{http_code}\\n' ";
    check(tool, &format!("{status} web"), ("200\n", "", 0, 0));
    check(tool, &format!("{status} raw:5432"), ("000\n", "", 7, 0));
    let fails = "curl: (22) The requested URL returned error: 404\n";
    check(tool, "curl -f web/nothing", ("", fails, 22, 0));
    check(tool, "curl web/nothing", ("not found\n", "", 0, 0));
}

#[test]
fn curl_tells_its_steps_when_it_is_asked_to() {
    let expected = "*   Trying 10.96.55.5:5432...
* connect to 10.96.55.5 port 5432 failed: Connection refused
* Failed to connect to raw port 5432 after 1 ms: Couldn't connect to server
* Closing connection 0
curl: (7) Failed to connect to raw port 5432 after 1 ms: Couldn't connect to server
";
    check("toolbox", "curl -v raw:5432", ("", expected, 7, 0));
    let (_, found) = run(lab(CLUSTER), "pod/default/toolbox", "curl -v http://web");
    let expected = "*   Trying 10.96.12.34:80...
* Connected to web (10.96.12.34) port 80 (#0)
> GET / HTTP/1.1
> Host: web
> User-Agent: curl/7.88.1
> Accept: */*
> 
< HTTP/1.1 200 OK
";
    assert!(found.err.starts_with(expected), "{}", found.err);
    assert!(found.err.ends_with("* Connection #0 to host web left intact\n"), "{}", found.err);
}

/// The table of §4.3: an ExternalName changes the address alone.
#[test]
fn another_name_for_a_web_site_gets_its_certificate_and_its_404() {
    let unknown = "unknown virtual host\n";
    let welcome = "Welcome to www.example.org\n";
    let tool = "toolbox";
    check(tool, "curl http://ext", (unknown, "", 0, 0));
    check(tool, "curl -H 'Host: www.example.org' http://ext", (welcome, "", 0, 0));
    let wrong = format!(
        "curl: (60) SSL: no alternative certificate subject name matches target host name 'ext'\n{CERTIFICATE}"
    );
    check(tool, "curl https://ext", ("", &wrong, 60, 0));
    check(tool, "curl -k https://ext", (unknown, "", 0, 0));
    check(tool, "curl -k -H 'Host: www.example.org' https://ext", (welcome, "", 0, 0));
    let to = "curl --connect-to www.example.org:443:ext:443 https://www.example.org";
    check(tool, to, (welcome, "", 0, 0));
    check(tool, "curl https://www.example.org", (welcome, "", 0, 0));
    let issuer = format!(
        "curl: (60) SSL certificate problem: unable to get local issuer certificate\n{CERTIFICATE}"
    );
    check(tool, "curl https://kubernetes", ("", &issuer, 60, 0));
}

#[test]
fn a_port_on_loopback_is_open_inside_the_pod_alone() {
    let lab = lab(CLUSTER);
    let ip = ip_of(&lab, "shy");
    let (lab, found) = run(lab, "pod/default/shy", "curl -s 127.0.0.1:8080/hostname");
    assert_eq!((found.out.as_str(), found.status), ("shy\n", 0));
    let (_, found) = run(lab, "pod/default/toolbox", &format!("curl -s {ip}:8080"));
    assert_eq!((found.out.as_str(), found.status), ("", 7));
}

#[test]
fn what_is_no_web_server_hangs_up() {
    let lab = lab(CLUSTER);
    let ip = ip_of(&lab, "pg");
    let (_, found) = run(lab, "pod/default/toolbox", &format!("curl {ip}:5432"));
    assert_eq!(found.err, "curl: (52) Empty reply from server\n");
    assert_eq!(found.status, 52);
}

#[test]
fn wget_and_nc_have_words_of_their_own() {
    let refused = "Connecting to raw (10.96.55.5:5432)\n\
                   wget: can't connect to remote host (10.96.55.5): Connection refused\n";
    check("bb", "wget raw:5432", ("", refused, 1, 0));
    check("bb", "wget nosuch", ("", "wget: bad address 'nosuch'\n", 1, 0));
    let missing = "wget: server returned error: HTTP/1.1 404 Not Found\n";
    check("bb", "wget -q web/nothing", ("", missing, 1, 0));
    let open = "Connection to 10.96.12.34 80 port [tcp/http] succeeded!\n";
    check("toolbox", "nc -zv 10.96.12.34 80", ("", open, 0, 0));
    let refused = "nc: connect to raw (10.96.55.5) port 5432 (tcp) failed: Connection refused\n";
    check("toolbox", "nc -zv raw 5432", ("", refused, 1, 0));
    let silent = "nc: connect to 10.96.12.34 port 81 (tcp) timed out: Operation now in progress\n";
    check("toolbox", "nc -zv -w 2 10.96.12.34 81", ("", silent, 1, 2));
}

#[test]
fn ping_of_a_cluster_ip_proves_nothing() {
    let expected = "PING web.default.svc.cluster.local (10.96.12.34) 56(84) bytes of data.\n\n\
                    --- web.default.svc.cluster.local ping statistics ---\n\
                    2 packets transmitted, 0 received, 100% packet loss, time 1000ms\n\n";
    check("toolbox", "ping -c 2 -W 1 web", (expected, "", 1, 2));
    let unknown = "ping: nosuch: Name or service not known\n";
    check("toolbox", "ping -c 1 nosuch", ("", unknown, 2, 0));
    check("bb", "ping -c 1 nosuch", ("", "ping: bad address 'nosuch'\n", 1, 0));
}

#[test]
fn a_hundred_requests_are_counted_by_pod() {
    let line = "for i in {1..100}; do curl -s web/hostname; done | sort | uniq -c | sort -nr";
    let (_, found) = run(lab(CLUSTER), "pod/default/toolbox", line);
    let counts: Vec<(usize, &str)> = found
        .out
        .lines()
        .filter_map(|it| {
            let (count, name) = it.trim_start().split_once(' ')?;
            Some((count.parse().ok()?, name))
        })
        .collect();
    assert_eq!(counts.len(), 2, "{}", found.out);
    assert_eq!(counts.iter().map(|it| it.0).sum::<usize>(), 100);
    assert!(counts[0].0 >= counts[1].0 && counts[1].0 > 20, "{}", found.out);
    assert!(counts.iter().all(|it| it.1.starts_with("web-")));
}
