//! Containers whose program is not there.

use expect_test::expect;

use super::stage;

/// Its waiting or final state, and what became of it before.
#[track_caller]
fn check(spec: &str, seconds: u64, reasons: [&str; 2], code: i32, message: &str) {
    let mut stage = stage(spec);
    stage.until(seconds * 1000);
    let status = &stage.pod.status.container_statuses[0];
    let waiting = status.state.waiting.as_ref().map_or("", |it| &it.reason);
    let ended = status.state.terminated.as_ref().or(status.last_state.terminated.as_ref());
    let ended = ended.expect("it has ended");
    assert_eq!([waiting, &ended.reason], reasons, "{}", stage.told);
    assert_eq!(ended.exit_code, code, "{}", stage.told);
    assert!(ended.message.ends_with(message), "{}", ended.message);
}

const NOT_FOUND: &str = "exec: \"nosuch\": executable file not found in $PATH: unknown";

#[test]
fn the_runtime_says_what_it_does_not_find() {
    let of = |image: &str, words: &str| {
        format!("{{containers: [{{name: web, image: '{image}', {words}}}]}}")
    };
    let crashes = ["CrashLoopBackOff", "StartError"];
    check(&of("busybox:1.36", "args: [nosuch, -a]"), 6, crashes, 128, NOT_FOUND);
    check(&of("nginx:1.27", "command: [nosuch]"), 6, crashes, 128, NOT_FOUND);
    let path = "exec: \"/bin/nosuch\": stat /bin/nosuch: no such file or directory: unknown";
    check(&of("redis:7", "command: [/bin/nosuch]"), 6, crashes, 128, path);
    let line = "exec: \"sleep 5\": executable file not found in $PATH: unknown";
    check(&of("kubetm/app:1.0", "command: [sleep 5]"), 6, crashes, 128, line);
    check(&of("nginx:1.27", "args: [nosuch]"), 6, ["CrashLoopBackOff", "Error"], 127, "");
    let never =
        "{restartPolicy: Never, containers: [{name: web, image: 'busybox:1.36', args: [nosuch]}]}";
    check(never, 6, ["", "StartError"], 128, NOT_FOUND);
}

#[test]
fn programs_that_an_image_has_are_started() {
    for (image, words) in [
        ("redis:7", "[redis-server, --appendonly, 'yes']"),
        ("nginx:1.27", "[nginx-debug, -g, daemon off;]"),
        ("kubetm/app:1.0", "[node, app.js]"),
        ("busybox:1.36", "[httpd, -f, -p, '80']"),
        ("kubetm/app:1.0", "[/app/server]"),
    ] {
        let spec = format!("{{containers: [{{name: web, image: '{image}', command: {words}}}]}}");
        let mut stage = stage(&spec);
        stage.until(5000);
        let state = &stage.pod.status.container_statuses[0].state;
        assert!(state.running.is_some(), "{words}: {}", stage.told);
    }
}

#[test]
fn kubelet_tries_again_and_says_so() {
    let spec = "{containers: [{name: web, image: 'busybox:1.36', args: [nosuch]}]}";
    let told = stage(spec).until(3000).told.clone();
    expect![[r#"
        0.000   Pending - web=ContainerCreating
        0.500 address 10.244.1.2
        0.500 Pulled: Container image "busybox:1.36" already present on machine
        0.500   Pending - web=ContainerCreating
        0.800 Created: Created container: web
        0.800 Failed: Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH: unknown
        0.800 Pulled: Container image "busybox:1.36" already present on machine
        0.810   Running - web=RunContainerError
        1.100 Created: Created container: web
        1.100 Failed: Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "nosuch": executable file not found in $PATH: unknown
        1.110   Running - web=RunContainerError (1)
        2.100 BackOff: Back-off restarting failed container web in pod web_shop(u-1)
        2.110   Running - web=CrashLoopBackOff (1)
    "#]].assert_eq(&told);
}
