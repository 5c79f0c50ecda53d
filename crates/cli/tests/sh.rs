//! `svclab sh`: a manifest, a moment, a place and a command → what the terminal prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::{Expect, expect};

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: 'kubetm/app', ports: [{name: http, containerPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, clusterIP: 10.96.0.80, ports: [{port: 80, targetPort: http}]}
";

fn manifest() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sh");
    fs::create_dir_all(&directory).expect("the build's directory can be written");
    let file = directory.join(format!("shop-{:?}.yaml", std::thread::current().id()));
    fs::write(&file, SHOP).expect("the build's directory can be written");
    file
}

fn sh(options: &[&str], line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
    command.arg("sh").args(options).arg(manifest()).args(["--", line]);
    command.output().expect("svclab starts")
}

/// Both texts, the second one marked, and the status where it is not 0.
#[track_caller]
fn check_with(options: &[&str], line: &str, expected: Expect) {
    let output = sh(options, line);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut shown = text(&output.stdout);
    if !output.stderr.is_empty() {
        shown.push_str(&format!("! {}", text(&output.stderr)));
    }
    match output.status.code() {
        Some(0) => {}
        code => shown.push_str(&format!("status {}\n", code.unwrap_or(-1))),
    }
    expected.assert_eq(&shown);
}

#[track_caller]
fn check(line: &str, expected: Expect) {
    check_with(&[], line, expected);
}

#[test]
fn a_line_is_a_line_of_the_shell_and_words_are_a_command() {
    check(
        "for i in 1 2; do kubectl get svc web -o name; done | cat",
        expect![[r#"
        service/web
        service/web
    "#]],
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_svclab"));
    command.arg("sh").arg(manifest()).args([
        "--",
        "kubectl",
        "get",
        "svc",
        "web",
        "-o",
        "jsonpath={.spec.ports[0].port}",
    ]);
    let output = command.output().expect("svclab starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "80");
}

#[test]
fn the_moment_is_an_argument() {
    check_with(
        &["--at", "1"],
        "kubectl get deploy web",
        expect![[r#"
        NAME   READY   UP-TO-DATE   AVAILABLE   AGE
        web    0/2     2            0           1s
    "#]],
    );
    check(
        "kubectl get deploy web",
        expect![[r#"
        NAME   READY   UP-TO-DATE   AVAILABLE   AGE
        web    2/2     2            2           60s
    "#]],
    );
    check(
        "kubectl rollout status deploy/web",
        expect![[r#"
        deployment "web" successfully rolled out
    "#]],
    );
}

#[test]
fn a_status_is_the_commands_own_and_what_never_ends_is_interrupted() {
    check(
        "kubectl get svc nope",
        expect![[r#"
        ! Error from server (NotFound): services "nope" not found
        status 1
    "#]],
    );
    check(
        "exit 7",
        expect![[r#"
        status 7
    "#]],
    );
    check(
        "while true; do sleep 60; done",
        expect![[r#"
        status 130
    "#]],
    );
}

#[test]
fn commands_run_inside_of_pods() {
    let pod = "P=$(kubectl get pods -o jsonpath='{.items[0].metadata.name}');";
    check(
        &format!("{pod} kubectl exec $P -- sh -c 'echo $HOME; exit 3'"),
        expect![[r#"
        /
        ! command terminated with exit code 3
        status 3
    "#]],
    );
    check(
        &format!("{pod} kubectl exec $P -- nosuch"),
        expect![[r#"
        ! error: Internal error occurred: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "0000000000000000000000000000000000000000000000000000000000000000": OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown
        status 1
    "#]],
    );
    check(
        &format!("{pod} kubectl exec $P -c nope -- echo"),
        expect![[r#"
        ! Error from server (BadRequest): container nope is not valid for pod web-6c798f9cf8-fg59x
        status 1
    "#]],
    );
    check(
        "kubectl exec deploy/web -- echo here | cat",
        expect![[r#"
        here
    "#]],
    );
    check(
        "kubectl exec nope -- echo",
        expect![[r#"
        ! Error from server (NotFound): pods "nope" not found
        status 1
    "#]],
    );
    check(
        "kubectl exec web",
        expect![[r#"
        ! error: you must specify at least one command for the container
        status 1
    "#]],
    );
    check(
        &format!("{pod} echo x | kubectl exec -i $P -- sh -c 'cat; kubectl get svc'"),
        expect![[r#"
            x
            ! bash: kubectl: command not found
            (the lab has kubectl on nodes and outside the cluster)
            command terminated with exit code 127
            status 127
        "#]],
    );
}

#[test]
fn objects_are_made_from_documents_that_are_typed() {
    check(
        "cat <<E | kubectl apply -f -\napiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {selector: {app: web}, clusterIP: 10.96.0.81, ports: [{port: 80}]}\nE\nkubectl get svc api; kubectl delete svc api && kubectl get svc api",
        expect![[r#"
            service/api created
            NAME   TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE
            api    ClusterIP   10.96.0.81   <none>        80/TCP    0s
            service "api" deleted
            ! Error from server (NotFound): services "api" not found
            status 1
        "#]],
    );
    check(
        "kubectl create deployment x --image=a/b:1 --dry-run=client -o yaml > x.yaml && kubectl apply -f x.yaml && k get deploy x -o name",
        expect![[r#"
            deployment.apps/x created
            deployment.apps/x
        "#]],
    );
}

#[test]
fn roll_outs_are_followed_and_undone() {
    check(
        "kubectl set image deploy/web web=kubetm/app:2; kubectl rollout status deploy/web; kubectl rollout history deploy/web; kubectl rollout undo deploy/web; kubectl rollout undo deploy/web --to-revision=9",
        expect![[r#"
            deployment.apps/web image updated
            Waiting for deployment spec update to be observed...
            Waiting for deployment "web" rollout to finish: 0 out of 2 new replicas have been updated...
            Waiting for deployment "web" rollout to finish: 1 out of 2 new replicas have been updated...
            Waiting for deployment "web" rollout to finish: 1 out of 2 new replicas have been updated...
            Waiting for deployment "web" rollout to finish: 1 out of 2 new replicas have been updated...
            Waiting for deployment "web" rollout to finish: 1 old replicas are pending termination...
            Waiting for deployment "web" rollout to finish: 1 old replicas are pending termination...
            deployment "web" successfully rolled out
            deployment.apps/web 
            REVISION  CHANGE-CAUSE
            1         <none>
            2         <none>

            deployment.apps/web rolled back
            ! error: unable to find specified revision 9 in history
            status 1
        "#]],
    );
}

#[test]
fn what_the_lab_has_not_is_said() {
    check(
        "kubectl top pods",
        expect![[r#"
        ! error: Metrics API not available
        status 1
    "#]],
    );
    check(
        "kubectl logs nope",
        expect![[r#"
        ! error: error from server (NotFound): pods "nope" not found in namespace "default"
        status 1
    "#]],
    );
}

/// Go's headers, in its order: the handler's own by name, then the server's.
#[test]
fn a_nodes_health_check_says_how_many_endpoints_it_has() {
    check_with(
        &["--at", "30"],
        "kubectl create service loadbalancer near --tcp=80
         kubectl patch svc near -p '{\"spec\":{\"externalTrafficPolicy\":\"Local\",\"healthCheckNodePort\":32100}}'
         sleep 3; curl -si 192.168.56.31:32100 | head -6 | tr -d '\\r'",
        expect![[r#"
            service/near created
            service/near patched
            HTTP/1.1 503 Service Unavailable
            Content-Type: application/json
            X-Content-Type-Options: nosniff
            X-Load-Balancing-Endpoint-Weight: 0
            Date: Thu, 01 Jan 2026 00:00:33 GMT
            Content-Length: 115
        "#]],
    );
}
