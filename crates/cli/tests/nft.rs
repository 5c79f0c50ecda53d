//! The nftables mode's rules in the real `nft`, which gives them to the kernel in a network
//! namespace of its own. Without `nft` or the privilege, this says so loudly and shows nothing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn clusters() -> Vec<PathBuf> {
    let open =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/kube-proxy/open");
    let entries = fs::read_dir(open).expect("the recorded clusters are there");
    let mut res: Vec<PathBuf> = entries.map(|it| it.expect("a directory").path()).collect();
    res.retain(|it| it.is_dir());
    res.sort();
    res
}

/// `nft -f -` where nothing else can be harmed; None where there is no such place.
fn nft(text: &str) -> Option<Output> {
    alone("nft -f -", text)
}

fn alone(line: &str, text: &str) -> Option<Output> {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", line]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    // A reader that has gone away shows in its status.
    _ = child.stdin.take()?.write_all(text.as_bytes());
    child.wait_with_output().ok()
}

/// The cluster's options with those of `more` in front.
fn options(cluster: &Path, version: &str) -> PathBuf {
    let text = fs::read_to_string(cluster.join("options.json")).expect("options");
    let more = format!(
        "{{\"version\": \"{version}\", \"serviceCIDRs\": [\"10.43.0.0/16\", \"fd43::/108\"],"
    );
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nft");
    fs::create_dir_all(&directory).expect("the build's directory can be written");
    let name = cluster.file_name().expect("a name").to_string_lossy();
    let file = directory.join(format!("{name}-{version}.json"));
    fs::write(&file, text.replacen('{', &more, 1)).expect("the build's directory can be written");
    file
}

/// What `svclab` writes for a cluster.
fn rules(cluster: &Path, options: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
    command.args(["rules", "--mode", "nft", "--options"]);
    command.arg(options).arg(cluster.join("input.yaml"));
    let written = command.output().expect("svclab starts");
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    String::from_utf8(written.stdout).expect("rules are text")
}

fn is_there() -> bool {
    let there = nft("add table ip t\n").is_some_and(|it| it.status.success());
    if !there {
        // Not by a macro, whose text nobody sees of a test that passes.
        let why = "SKIPPED: no nft in a network namespace here; that rules load is NOT shown";
        _ = writeln!(std::io::stdout(), "\n{why}");
    }
    there
}

/// By index 1.30 asks for a device that must be there, of a prefix there is none (`iif`); newer
/// releases ask by name (`iifname`).
#[test]
fn newer_releases_tell_pods_by_a_device_that_need_not_be_there() {
    if !is_there() {
        return;
    }
    let bridge = "ip link add cni0 type bridge";
    let cases = [
        ("modern", "BridgeInterface", "true", "iifname cni0", true),
        ("modern", "InterfaceNamePrefix", "true", "iifname veth*", true),
        ("1.30", "BridgeInterface", bridge, "iif cni0", true),
        ("1.30", "BridgeInterface", "true", "iif cni0", false),
        ("1.30", "InterfaceNamePrefix", "true", "iif veth*", false),
    ];
    let cluster = clusters().into_iter().find(|it| it.ends_with("etp-local-lb-healthcheck"));
    let cluster = cluster.expect("a cluster with a Local policy");
    for (version, detector, setup, written, loads) in cases {
        let file = options(&cluster, version);
        let text = fs::read_to_string(&file).expect("options");
        let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        value["detectLocalMode"] = detector.into();
        value["bridgeInterface"] = "cni0".into();
        value["interfaceNamePrefix"] = "veth".into();
        let file = file.with_extension(detector);
        fs::write(&file, value.to_string()).expect("the build's directory can be written");
        let text = rules(&cluster, &file);
        assert!(text.contains(&format!(" {written} goto ")), "{version} {detector}: {text}");
        let loaded = alone(&format!("{setup} && nft -f -"), &text).expect("nft has just run");
        let errors = String::from_utf8_lossy(&loaded.stderr);
        assert_eq!(loaded.status.success(), loads, "{version} {detector} {setup}: {errors}");
    }
}

#[test]
fn every_cluster_loads() {
    if !is_there() {
        return;
    }
    for cluster in clusters() {
        for version in ["1.30", "modern"] {
            let text = rules(&cluster, &options(&cluster, version));
            let loaded = nft(&text).expect("nft has just run");
            let errors = String::from_utf8_lossy(&loaded.stderr);
            assert!(loaded.status.success(), "{} {version}: {errors}", cluster.display());
        }
    }
}

/// What `nft list` prints of the table that it was given, and what the lab's does.
#[test]
fn the_lab_lists_as_nft_does() {
    let states = [
        "apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { type: NodePort, \
         selector: { app: web }, ports: [ { name: a, port: 80, nodePort: 30080 }, { name: b, port: 443, nodePort: 30208 }, \
         { name: c, port: 256, nodePort: 31000 }, { name: d, port: 443, protocol: UDP } ] }\n",
        "apiVersion: v1\nkind: Service\nmetadata: { name: lb }\nspec: { type: NodePort, externalTrafficPolicy: Local, sessionAffinity: ClientIP, \
         externalIPs: [ 198.51.100.9 ], ports: [ { port: 8080 } ] }\n",
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: lb-1, labels: { \
         kubernetes.io/service-name: lb } }\naddressType: IPv4\nports: [ { name: '', port: 8080 } ]\n\
         endpoints: [ { addresses: [ 10.244.1.5 ], nodeName: worker-1 }, { addresses: [ 10.244.2.6 ] } ]\n",
    ];
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("listed.yaml");
    fs::write(&file, states.join("---\n")).expect("the build's directory can be written");
    let said = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
        command.args(["sh", "--mode", "nftables", "--from", "node/worker-1"]).arg(&file);
        let found = command.args(["--", line]).output().expect("svclab starts");
        String::from_utf8(found.stdout).expect("text")
    };
    let line = "nft -f - && nft list table ip kube-proxy";
    let Some(listed) = alone(line, &said("svclab rules")).filter(|it| it.status.success()) else {
        let why = "SKIPPED: no nft in a network namespace here; that listings agree is NOT shown";
        _ = writeln!(std::io::stdout(), "\n{why}");
        return;
    };
    let expected = String::from_utf8_lossy(&listed.stdout);
    assert!(expected.contains("affinity-"), "{expected}");
    assert_eq!(said("nft list table ip kube-proxy"), expected);
}
