//! Init containers that keep running, and `postStart` hooks.

use expect_test::expect;

use super::{check, stage};

#[test]
fn a_sidecar_lets_the_next_begin_once_its_startup_probe_succeeds() {
    check(
        "{initContainers: [
            {name: proxy, image: 'nginx:1.27', restartPolicy: Always, ports: [{containerPort: 80}],
             env: [{name: STARTUP_DELAY, value: '3'}],
             startupProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 30}},
            {name: migrate, image: 'busybox:1.36', command: [sleep, '1']}],
          containers: [{name: web, image: 'kubetm/app:1.0', ports: [{containerPort: 8080}]}]}",
        |it| {
            it.until(10_000);
        },
        &expect![[r#"
            0.000   Pending - proxy=PodInitializing migrate=PodInitializing web=PodInitializing
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "nginx:1.27" already present on machine
            0.500   Pending - proxy=PodInitializing migrate=PodInitializing web=PodInitializing
            0.800 Created: Created container: proxy
            0.800 Started: Started container proxy
            0.810   Pending - proxy=running migrate=PodInitializing web=PodInitializing
            1.000 1/30 Startup probe failed: dial tcp 10.244.1.2:80: connect: connection refused
            2.000 2/30 Startup probe failed: dial tcp 10.244.1.2:80: connect: connection refused
            3.000 3/30 Startup probe failed: dial tcp 10.244.1.2:80: connect: connection refused
            4.000 Startup succeeds
            4.000 Pulled: Container image "busybox:1.36" already present on machine
            4.010   Pending - proxy=running ready migrate=PodInitializing web=PodInitializing
            4.300 Created: Created container: migrate
            4.300 Started: Started container migrate
            4.310   Pending - proxy=running ready migrate=running web=PodInitializing
            5.300 migrate exited 0
            5.300 Pulled: Container image "kubetm/app:1.0" already present on machine
            5.310   Pending - proxy=running ready migrate=Completed ready web=PodInitializing
            5.600 Created: Created container: web
            5.600 Started: Started container web
            5.610   Running Ready proxy=running ready migrate=Completed ready web=running ready
        "#]],
    );
}

#[test]
fn sidecars_end_last_and_in_reverse_order() {
    check(
        "{initContainers: [
            {name: one, image: 'nginx:1.27', restartPolicy: Always},
            {name: two, image: 'nginx:1.27', restartPolicy: Always}],
          containers: [{name: web, image: 'nginx:1.27',
                        lifecycle: {preStop: {sleep: {seconds: 5}}}}]}",
        |it| {
            it.until(5_000).stop(30).until(30_000);
        },
        &expect![[r#"
            0.000   Pending - one=PodInitializing two=PodInitializing web=PodInitializing
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "nginx:1.27" already present on machine
            0.500   Pending - one=PodInitializing two=PodInitializing web=PodInitializing
            0.800 Created: Created container: one
            0.800 Started: Started container one
            0.800 Pulled: Container image "nginx:1.27" already present on machine
            0.810   Pending - one=running ready two=PodInitializing web=PodInitializing
            1.100 Created: Created container: two
            1.100 Started: Started container two
            1.100 Pulled: Container image "nginx:1.27" already present on machine
            1.110   Pending - one=running ready two=running ready web=PodInitializing
            1.400 Created: Created container: web
            1.400 Started: Started container web
            1.410   Running Ready one=running ready two=running ready web=running ready
            5.000 Killing: Stopping container one
            5.000 Killing: Stopping container two
            5.000 Killing: Stopping container web
            5.010   Running Ready one=running ready two=running ready web=running ready
            10.200 web exited 0
            10.210   Running - one=running ready two=running ready web=Completed
            10.400 two exited 0
            10.410   Running - one=running ready two=Completed web=Completed
            10.600 one exited 0
            10.610   Succeeded - one=Completed two=Completed web=Completed
            11.100 gone
        "#]],
    );
}

#[test]
fn a_sidecar_waits_for_its_turn_as_long_as_the_grace_lasts() {
    check(
        "{initContainers: [{name: side, image: 'nginx:1.27', restartPolicy: Always}],
          containers: [{name: web, image: 'busybox:1.36', command: [sleep, infinity]}]}",
        |it| {
            it.until(5_000).stop(10).until(30_000);
        },
        &expect![[r#"
            0.000   Pending - side=PodInitializing web=PodInitializing
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "nginx:1.27" already present on machine
            0.500   Pending - side=PodInitializing web=PodInitializing
            0.800 Created: Created container: side
            0.800 Started: Started container side
            0.800 Pulled: Container image "busybox:1.36" already present on machine
            0.810   Pending - side=running ready web=PodInitializing
            1.100 Created: Created container: web
            1.100 Started: Started container web
            1.110   Running Ready side=running ready web=running ready
            5.000 Killing: Stopping container side
            5.000 Killing: Stopping container web
            5.010   Running Ready side=running ready web=running ready
            15.000 web exited 137
            15.010   Running - side=running ready web=Error
            15.200 side exited 0
            15.210   Failed - side=Completed web=Error
            15.700 gone
        "#]],
    );
}

#[test]
fn a_pod_whose_work_is_done_ends_its_sidecars() {
    check(
        "{restartPolicy: Never,
          initContainers: [{name: side, image: 'nginx:1.27', restartPolicy: Always}],
          containers: [{name: job, image: 'busybox:1.36', command: [sleep, '2']}]}",
        |it| {
            it.until(20_000);
        },
        &expect![[r#"
            0.000   Pending - side=PodInitializing job=PodInitializing
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "nginx:1.27" already present on machine
            0.500   Pending - side=PodInitializing job=PodInitializing
            0.800 Created: Created container: side
            0.800 Started: Started container side
            0.800 Pulled: Container image "busybox:1.36" already present on machine
            0.810   Pending - side=running ready job=PodInitializing
            1.100 Created: Created container: job
            1.100 Started: Started container job
            1.110   Running Ready side=running ready job=running ready
            3.100 job exited 0
            3.100 Killing: Stopping container side
            3.110   Running - side=running ready job=Completed
            3.300 side exited 0
            3.310   Succeeded - side=Completed job=Completed
        "#]],
    );
}

#[test]
fn a_sidecars_readiness_counts_for_the_pod() {
    let mut stage = stage(
        "{initContainers: [{name: side, image: 'nginx:1.27', restartPolicy: Always,
             ports: [{containerPort: 80}], readinessProbe: {httpGet: {port: 81}}}],
          containers: [{name: web, image: 'kubetm/app:1.0', ports: [{containerPort: 8080}]}]}",
    );
    stage.until(10_000);
    assert_eq!(stage.pod.status.phase, "Running");
    assert!(!stage.pod.is_ready());
    let ready = stage.pod.condition("ContainersReady").expect("kubelet's own");
    assert_eq!(ready.message, "containers with unready status: [side]");
    assert_eq!(stage.pod.condition("Initialized").map(|it| &*it.status), Some("True"));
}

#[test]
fn a_sidecar_that_crashes_starts_again_whatever_the_policy() {
    let mut stage = stage(
        "{restartPolicy: Never,
          initContainers: [{name: side, image: 'nginx:1.27', restartPolicy: Always}],
          containers: [{name: web, image: 'nginx:1.27'}]}",
    );
    stage.until(5_000);
    let now = stage.now;
    assert!(stage.run.crash("side", 1, now));
    stage.until(10_000);
    let side = &stage.pod.status.init_container_statuses[0];
    assert_eq!((side.restart_count, side.ready), (1, true));
    assert_eq!(stage.pod.status.phase, "Running");
}

#[test]
fn a_sidecar_that_fails_its_liveness_probe_is_an_init_container_in_its_event() {
    let mut stage = stage(
        "{initContainers: [{name: side, image: 'nginx:1.27', restartPolicy: Always,
             ports: [{containerPort: 80}],
             livenessProbe: {tcpSocket: {port: 81}, periodSeconds: 1, failureThreshold: 2}}],
          containers: [{name: web, image: 'nginx:1.27'}]}",
    );
    stage.until(5_000);
    assert!(stage.told.contains("Killing: Init container side failed liveness probe\n"));
}

#[test]
fn a_post_start_hook_holds_back_what_kubelet_says() {
    check(
        "{containers: [{name: web, image: 'nginx:1.27',
            lifecycle: {postStart: {exec: {command: [sleep, '3']}}}},
           {name: next, image: 'nginx:1.27'}]}",
        |it| {
            it.until(10_000);
        },
        &expect![[r#"
            0.000   Pending - next=ContainerCreating web=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "nginx:1.27" already present on machine
            0.500   Pending - next=ContainerCreating web=ContainerCreating
            0.800 Created: Created container: web
            0.800 Started: Started container web
            0.810   Pending - next=ContainerCreating web=ContainerCreating
            3.800 Pulled: Container image "nginx:1.27" already present on machine
            3.810   Pending - next=ContainerCreating web=running ready
            4.100 Created: Created container: next
            4.100 Started: Started container next
            4.110   Running Ready next=running ready web=running ready
        "#]],
    );
}

#[test]
fn a_post_start_hook_that_fails_ends_its_container() {
    check(
        "{containers: [{name: web, image: 'nginx:1.27',
            lifecycle: {postStart: {exec: {command: [sh, -c, exit 1]}}}}]}",
        |it| {
            it.until(15_000);
        },
        &expect![[r#"
            0.000   Pending - web=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "nginx:1.27" already present on machine
            0.500   Pending - web=ContainerCreating
            0.800 Created: Created container: web
            0.800 Started: Started container web
            0.800 FailedPostStartHook: PostStartHook failed
            0.800 Killing: FailedPostStartHook
            0.810   Pending - web=ContainerCreating
            1.000 web exited 0
            1.000 Pulled: Container image "nginx:1.27" already present on machine
            1.010   Running - web=PostStartHookError
            1.300 Created: Created container: web
            1.300 Started: Started container web
            1.300 FailedPostStartHook: PostStartHook failed
            1.300 Killing: FailedPostStartHook
            1.310   Running - web=PostStartHookError (1)
            1.500 web exited 0
            1.510   Running - web=PostStartHookError (1)
            2.500 BackOff: Back-off restarting failed container web in pod web_shop(u-1)
            2.510   Running - web=CrashLoopBackOff (1)
            11.500 Pulled: Container image "nginx:1.27" already present on machine
            11.510   Running - web=CrashLoopBackOff (1)
            11.800 Created: Created container: web
            11.800 Started: Started container web
            11.800 FailedPostStartHook: PostStartHook failed
            11.800 Killing: FailedPostStartHook
            11.810   Running - web=CrashLoopBackOff (2)
            12.000 web exited 0
            12.010   Running - web=PostStartHookError (2)
            13.000 BackOff: Back-off restarting failed container web in pod web_shop(u-1)
            13.010   Running - web=CrashLoopBackOff (2)
        "#]],
    );
    let mut asks = stage(
        "{containers: [{name: web, image: 'nginx:1.27', ports: [{containerPort: 80}],
            lifecycle: {postStart: {httpGet: {path: /up, port: 81}}}}]}",
    );
    asks.until(1_100);
    let waiting = asks.pod.status.container_statuses[0].state.waiting.clone().expect("it waits");
    assert_eq!(waiting.reason, "PostStartHookError");
    assert_eq!(
        waiting.message,
        "HTTP lifecycle hook (/up) for Container \"web\" in Pod \"web_shop(u-1)\" failed - error: \
         Get \"http://10.244.1.2:81/up\": dial tcp 10.244.1.2:81: connect: connection refused"
    );
}

#[test]
fn kubelet_says_again_and_again_that_it_waits() {
    let mut stage = stage("{containers: [{name: a, image: 'busybox:1.36', command: ['false']}]}");
    stage.until(80_000);
    let said = stage.told.lines().filter(|it| it.contains("BackOff: Back-off restarting"));
    let times: Vec<&str> = said.filter_map(|it| it.split(' ').next()).collect();
    // In waits of 10, 20 and 40 s: a second after the crash, then each 12.5 s.
    let waits = [&["2.100"][..], &["12.400", "24.900"], &["32.700", "45.200", "57.700", "70.200"]];
    assert_eq!(times[..7], waits.concat());
}
