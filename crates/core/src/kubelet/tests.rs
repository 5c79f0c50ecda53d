//! Pods' lives as timelines: a manifest and what is done to it → what happens when.

mod sidecars;
mod starts;

use std::net::IpAddr;
use std::rc::Rc;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::object::Pod;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// A node without other pods.
struct Alone {
    rng: Rng,
    images: Images,
}

impl Host for Alone {
    fn images(&mut self) -> (&mut Images, &mut Rng) {
        (&mut self.images, &mut self.rng)
    }

    fn attach(&mut self) -> Vec<IpAddr> {
        vec![IpAddr::from([10, 244, 1, 2])]
    }

    fn links(&mut self) -> Rc<[Link]> {
        Rc::from([])
    }
}

/// One pod on its node, with what happened so far.
struct Stage {
    pod: Pod,
    run: PodRun,
    host: Alone,
    now: Instant,
    told: String,
    gone: bool,
}

fn at(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

/// A pod of this spec on a node that has the images of these tests.
fn stage(spec: &str) -> Stage {
    let text = format!("metadata: {{name: web, namespace: shop, uid: u-1}}\nspec: {spec}");
    let pod: Pod = decode(&text);
    let (mut rng, mut images) = (Rng::new(1), Images::default());
    for image in ["nginx:1.27", "kubetm/app:1.0", "busybox:1.36", "redis:7"] {
        images.preload(image);
    }
    // The sandbox takes half a second and no more, so that the times below are round.
    let mut run = PodRun::new(&pod, Instant::START, &mut rng);
    run.stage = super::run::Stage::Sandbox { until: at(500) };
    let host = Alone { rng, images };
    Stage { pod, run, host, now: Instant::START, told: String::new(), gone: false }
}

fn decode(text: &str) -> Pod {
    let value: serde_json::Value = serde_yaml::from_str(text).expect("YAML");
    crate::object::Json::from_json(value).expect("a pod")
}

impl Stage {
    fn until(&mut self, millis: u64) -> &mut Stage {
        while let Some(due) = self.run.due().filter(|due| *due <= at(millis) && !self.gone) {
            self.now = self.now.max(due);
            let advance = self.run.advance(self.now, &mut self.host);
            self.tell(advance);
        }
        self.now = self.now.max(at(millis));
        self
    }

    fn stop(&mut self, grace: u64) -> &mut Stage {
        let advance = self.run.stop(self.now, Duration::from_secs(grace));
        self.tell(advance);
        self
    }

    fn tell(&mut self, advance: Advance) {
        let names: Vec<String> = self.run.containers().map(str::to_owned).collect();
        for what in &advance.happened {
            let text = match what {
                Occurrence::Addressed(ips) => format!("address {}", ips[0]),
                Occurrence::NoAddress => "no address".to_owned(),
                Occurrence::Overdue => "overdue".to_owned(),
                Occurrence::Container { container, what: Life::Exited { code } } => {
                    format!("{} exited {code}", names[*container])
                }
                Occurrence::Container { container, what } => {
                    let said = what.event(&names[*container], "web_shop").expect("an Event");
                    format!("{}: {}", said.reason, said.message)
                }
                Occurrence::Probed(it) if it.success => format!("{} succeeds", it.kind),
                Occurrence::Probed(it) => format!("{}/{} {}", it.in_row, it.threshold, it.message),
            };
            self.line(&text);
        }
        if advance.report {
            let host = IpAddr::from([192, 168, 56, 31]);
            self.pod.status = status(&self.pod, &self.run, host.into(), self.now).into();
            let line = summary(&self.pod);
            self.line(&line);
        }
        if advance.gone {
            self.gone = true;
            self.line("gone");
        }
    }

    fn line(&mut self, text: &str) {
        let micros = self.now.as_micros();
        let (seconds, millis) = (micros / 1_000_000, micros / 1000 % 1000);
        self.told += &format!("{seconds}.{millis:03} {}\n", text.trim_end());
    }
}

/// Phase, readiness and each container's state and restarts.
fn summary(pod: &Pod) -> String {
    let all = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    let states = all.map(|it| {
        let state = match (&it.state.running, &it.state.waiting, &it.state.terminated) {
            (Some(_), ..) => "running",
            (_, Some(it), _) => it.reason.as_str(),
            (_, _, Some(it)) => it.reason.as_str(),
            _ => "nothing",
        };
        let ready = if it.ready { " ready" } else { "" };
        let restarts = match it.restart_count {
            0 => String::new(),
            count => format!(" ({count})"),
        };
        format!(" {}={state}{ready}{restarts}", it.name)
    });
    let states: String = states.collect();
    let ready = if pod.is_ready() { "Ready" } else { "-" };
    format!("  {} {ready}{states}", pod.status.phase)
}

#[track_caller]
fn check(spec: &str, play: impl Fn(&mut Stage), expected: &Expect) {
    let mut stage = stage(spec);
    play(&mut stage);
    expected.assert_eq(&stage.told);
}

#[test]
fn a_pod_starts_and_becomes_ready_with_its_first_probe() {
    check(
        "{containers: [{name: web, image: 'kubetm/app:1.0', ports: [{containerPort: 8080}],
          readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 10}}]}",
        |it| {
            it.until(30_000);
        },
        &expect![[r#"
              0.000   Pending - web=ContainerCreating
              0.500 address 10.244.1.2
              0.500 Pulled: Container image "kubetm/app:1.0" already present on machine
              0.500   Pending - web=ContainerCreating
              0.800 Created: Created container: web
              0.800 Started: Started container web
              0.810 Readiness succeeds
              0.810   Running Ready web=running ready
              0.820   Running Ready web=running ready
        "#]],
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_tried_again_and_again() {
    check(
        "{containers: [{name: web, image: 'nginx:nope'}]}",
        |it| {
            it.until(15_000);
        },
        &expect![[r#"
            0.000   Pending - web=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulling: Pulling image "nginx:nope"
            0.500   Pending - web=ContainerCreating
            1.347 Failed: Failed to pull image "nginx:nope": rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:nope": failed to resolve reference "docker.io/library/nginx:nope": docker.io/library/nginx:nope: not found
            1.347 Failed: Error: ErrImagePull
            1.357   Pending - web=ErrImagePull
            2.347 BackOff: Back-off pulling image "nginx:nope"
            2.347 Failed: Error: ImagePullBackOff
            2.357   Pending - web=ImagePullBackOff
            11.347 Pulling: Pulling image "nginx:nope"
            11.357   Pending - web=ImagePullBackOff
            12.330 Failed: Failed to pull image "nginx:nope": rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:nope": failed to resolve reference "docker.io/library/nginx:nope": docker.io/library/nginx:nope: not found
            12.330 Failed: Error: ErrImagePull
            12.340   Pending - web=ErrImagePull
            13.330 BackOff: Back-off pulling image "nginx:nope"
            13.330 Failed: Error: ImagePullBackOff
            13.340   Pending - web=ImagePullBackOff
        "#]],
    );
}

#[test]
fn init_containers_run_one_after_the_other() {
    check(
        "{initContainers: [{name: one, image: 'busybox:1.36', command: [sleep, '2']},
                           {name: two, image: 'busybox:1.36', command: ['true']}],
          containers: [{name: web, image: 'nginx:1.27'}]}",
        |it| {
            it.until(10_000);
        },
        &expect![[r#"
              0.000   Pending - one=PodInitializing two=PodInitializing web=PodInitializing
              0.500 address 10.244.1.2
              0.500 Pulled: Container image "busybox:1.36" already present on machine
              0.500   Pending - one=PodInitializing two=PodInitializing web=PodInitializing
              0.800 Created: Created container: one
              0.800 Started: Started container one
              0.810   Pending - one=running two=PodInitializing web=PodInitializing
              2.800 one exited 0
              2.800 Pulled: Container image "busybox:1.36" already present on machine
              2.810   Pending - one=Completed ready two=PodInitializing web=PodInitializing
              3.100 Created: Created container: two
              3.100 Started: Started container two
              3.100 two exited 0
              3.100 Pulled: Container image "nginx:1.27" already present on machine
              3.110   Pending - one=Completed ready two=Completed ready web=PodInitializing
              3.400 Created: Created container: web
              3.400 Started: Started container web
              3.410   Running Ready one=Completed ready two=Completed ready web=running ready
        "#]],
    );
}

#[test]
fn a_liveness_probe_that_fails_three_times_restarts_the_container() {
    check(
        "{containers: [{name: web, image: 'kubetm/app:1.0', ports: [{containerPort: 8080}],
          livenessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 5, failureThreshold: 3}}]}",
        |it| {
            it.until(7_000).run.switch(ProbeKind::Liveness, false);
            it.until(40_000);
        },
        &expect![[r#"
            0.000   Pending - web=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "kubetm/app:1.0" already present on machine
            0.500   Pending - web=ContainerCreating
            0.800 Created: Created container: web
            0.800 Started: Started container web
            0.810   Running Ready web=running ready
            10.000 1/3 Liveness probe failed: HTTP probe failed with statuscode: 503
            15.000 2/3 Liveness probe failed: HTTP probe failed with statuscode: 503
            20.000 3/3 Liveness probe failed: HTTP probe failed with statuscode: 503
            20.000 Killing: Container web failed liveness probe, will be restarted
            20.010   Running Ready web=running ready
            20.200 web exited 0
            20.200 Pulled: Container image "kubetm/app:1.0" already present on machine
            20.210   Running - web=Completed
            20.500 Created: Created container: web
            20.500 Started: Started container web
            20.510   Running Ready web=running ready (1)
        "#]],
    );
}

#[test]
fn other_probes_wait_for_the_startup_probe() {
    check(
        "{containers: [{name: web, image: 'kubetm/app:1.0', env: [{name: STARTUP_DELAY, value: '8'}],
          startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 3, failureThreshold: 30},
          readinessProbe: {httpGet: {path: /ready, port: 8080}}}]}",
        |it| {
            it.until(30_000);
        },
        &expect![[r#"
              0.000   Pending - web=ContainerCreating
              0.500 address 10.244.1.2
              0.500 Pulled: Container image "kubetm/app:1.0" already present on machine
              0.500   Pending - web=ContainerCreating
              0.800 Created: Created container: web
              0.800 Started: Started container web
              0.810   Running - web=running
              3.000 1/30 Startup probe failed: dial tcp 10.244.1.2:8080: connect: connection refused
              6.000 2/30 Startup probe failed: dial tcp 10.244.1.2:8080: connect: connection refused
              9.000 Startup succeeds
              9.000 Readiness succeeds
              9.010   Running Ready web=running ready
        "#]],
    );
}

/// The example of the Kubernetes documentation.
#[test]
fn a_file_that_vanishes_fails_an_exec_probe() {
    check(
        "{containers: [{name: liveness, image: 'busybox:1.36',
          args: [/bin/sh, -c, 'touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600'],
          livenessProbe: {exec: {command: [cat, /tmp/healthy]}, initialDelaySeconds: 5, periodSeconds: 5}}]}",
        |it| {
            it.until(77_000);
        },
        &expect![[r#"
            0.000   Pending - liveness=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "busybox:1.36" already present on machine
            0.500   Pending - liveness=ContainerCreating
            0.800 Created: Created container: liveness
            0.800 Started: Started container liveness
            0.810   Running Ready liveness=running ready
            35.000 1/1 Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory
            35.000 Killing: Container liveness failed liveness probe, will be restarted
            35.010   Running Ready liveness=running ready
            65.000 liveness exited 137
            65.000 Pulled: Container image "busybox:1.36" already present on machine
            65.010   Running - liveness=Error
            65.300 Created: Created container: liveness
            65.300 Started: Started container liveness
            65.310   Running Ready liveness=running ready (1)
        "#]],
    );
}

#[test]
fn a_hook_uses_up_the_grace_period_and_probes_of_readiness_go_on() {
    check(
        "{containers: [{name: web, image: 'kubetm/app:1.0', ports: [{containerPort: 8080}],
          env: [{name: SHUTDOWN_DELAY, value: '1'}],
          lifecycle: {preStop: {exec: {command: [sleep, '5']}}},
          readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, failureThreshold: 1}}]}",
        |it| {
            it.until(9_500).stop(30);
            it.until(11_500).run.switch(ProbeKind::Readiness, false);
            it.until(60_000);
        },
        &expect![[r#"
            0.000   Pending - web=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "kubetm/app:1.0" already present on machine
            0.500   Pending - web=ContainerCreating
            0.800 Created: Created container: web
            0.800 Started: Started container web
            0.810 Readiness succeeds
            0.810   Running Ready web=running ready
            0.820   Running Ready web=running ready
            9.500 Killing: Stopping container web
            9.510   Running Ready web=running ready
            12.000 1/1 Readiness probe failed: HTTP probe failed with statuscode: 503
            12.010 2/1 Readiness probe failed: HTTP probe failed with statuscode: 503
            12.010   Running - web=running
            13.000 3/1 Readiness probe failed: HTTP probe failed with statuscode: 503
            14.000 4/1 Readiness probe failed: HTTP probe failed with statuscode: 503
            15.000 5/1 Readiness probe failed: HTTP probe failed with statuscode: 503
            15.500 web exited 0
            15.510   Succeeded - web=Completed
            16.000 gone
        "#]],
    );
}

#[test]
fn a_program_without_a_handler_ends_by_sigkill() {
    check(
        "{containers: [{name: a, image: 'busybox:1.36', command: [sleep, infinity]}]}",
        |it| {
            it.until(5_000).stop(30).until(60_000);
        },
        &expect![[r#"
            0.000   Pending - a=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "busybox:1.36" already present on machine
            0.500   Pending - a=ContainerCreating
            0.800 Created: Created container: a
            0.800 Started: Started container a
            0.810   Running Ready a=running ready
            5.000 Killing: Stopping container a
            5.010   Running Ready a=running ready
            35.000 a exited 137
            35.010   Failed - a=Error
            35.500 gone
        "#]],
    );
}

#[test]
fn a_hook_that_takes_too_long_leaves_two_seconds() {
    check(
        "{containers: [{name: a, image: 'busybox:1.36', command: [sleep, infinity],
          lifecycle: {preStop: {sleep: {seconds: 60}}}}]}",
        |it| {
            it.until(5_000).stop(10).until(60_000);
        },
        &expect![[r#"
            0.000   Pending - a=ContainerCreating
            0.500 address 10.244.1.2
            0.500 Pulled: Container image "busybox:1.36" already present on machine
            0.500   Pending - a=ContainerCreating
            0.800 Created: Created container: a
            0.800 Started: Started container a
            0.810   Running Ready a=running ready
            5.000 Killing: Stopping container a
            5.010   Running Ready a=running ready
            15.000 FailedPreStopHook: PreStopHook failed
            15.010   Running Ready a=running ready
            17.000 a exited 137
            17.010   Failed - a=Error
            17.500 gone
        "#]],
    );
}

#[test]
fn a_pod_that_never_restarts_ends_as_its_containers_do() {
    check(
        "{restartPolicy: Never, containers: [{name: a, image: 'busybox:1.36', command: [sleep, '3']},
          {name: b, image: 'busybox:1.36', command: [sh, -c, exit 3]}]}",
        |it| {
            it.until(10_000);
        },
        &expect![[r#"
              0.000   Pending - a=ContainerCreating b=ContainerCreating
              0.500 address 10.244.1.2
              0.500 Pulled: Container image "busybox:1.36" already present on machine
              0.500   Pending - a=ContainerCreating b=ContainerCreating
              0.800 Created: Created container: a
              0.800 Started: Started container a
              0.800 Pulled: Container image "busybox:1.36" already present on machine
              0.810   Pending - a=running ready b=ContainerCreating
              1.100 Created: Created container: b
              1.100 Started: Started container b
              1.100 b exited 3
              1.110   Running - a=running ready b=Error
              3.800 a exited 0
              3.810   Failed - a=Completed b=Error
        "#]],
    );
    check(
        "{restartPolicy: OnFailure, containers: [{name: a, image: 'busybox:1.36'}]}",
        |it| {
            it.until(10_000);
        },
        &expect![[r#"
              0.000   Pending - a=ContainerCreating
              0.500 address 10.244.1.2
              0.500 Pulled: Container image "busybox:1.36" already present on machine
              0.500   Pending - a=ContainerCreating
              0.800 Created: Created container: a
              0.800 Started: Started container a
              0.800 a exited 0
              0.810   Succeeded - a=Completed
        "#]],
    );
}

#[test]
fn messages_of_probes_are_the_real_ones() {
    let failing = |probe: &str| {
        let mut stage = stage(&format!(
            "{{containers: [{{name: web, image: 'redis:7', ports: [{{name: db, containerPort: 6379}}],
              livenessProbe: {{{probe}, periodSeconds: 5}}}},
              {{name: side, image: 'nginx:1.27', ports: [{{containerPort: 80}}], env: [{{name: RESPONSE_DELAY, value: '3'}}]}},
              {{name: tls, image: 'nginx:1.27', ports: [{{containerPort: 8443}}]}},
              {{name: own, image: 'nginx:1.27', args: ['--bind=127.0.0.1'], ports: [{{containerPort: 81}}]}}]}}"
        ));
        stage.until(9_000);
        let line =
            stage.told.lines().find(|it| it.contains("Liveness")).unwrap_or("0.000 succeeds");
        line.split_once(' ').map_or("", |it| it.1).to_owned()
    };
    let all = [
        "httpGet: {path: /a, port: 9999}",
        "httpGet: {path: /a, port: 80}",
        "httpGet: {path: a, port: 8443}",
        "httpGet: {path: /, port: 8443, scheme: HTTPS}",
        "httpGet: {path: /, port: db}",
        "httpGet: {path: /, port: http}",
        "httpGet: {path: /, port: 80, host: 127.0.0.1}",
        "httpGet: {path: /, port: 81}",
        "tcpSocket: {port: db}",
        "tcpSocket: {port: 6380}",
        "exec: {command: [cat, /etc/hosts]}",
        "exec: {command: [sh, -c, exit 2]}",
        "exec: {command: [sleep, '9']}",
        "grpc: {port: 9090}",
    ];
    let text: String = all.map(|it| format!("{it}\n  {}\n", failing(it))).concat();
    expect![[r#"
        httpGet: {path: /a, port: 9999}
          1/1 Liveness probe failed: Get "http://10.244.1.2:9999/a": dial tcp 10.244.1.2:9999: connect: connection refused
        httpGet: {path: /a, port: 80}
          1/1 Liveness probe failed: Get "http://10.244.1.2:80/a": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
        httpGet: {path: a, port: 8443}
          1/1 Liveness probe failed: HTTP probe failed with statuscode: 400
        httpGet: {path: /, port: 8443, scheme: HTTPS}
          succeeds
        httpGet: {path: /, port: db}
          1/1 Liveness probe failed: Get "http://10.244.1.2:6379/": EOF
        httpGet: {path: /, port: http}
          0/1 Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing "http": invalid syntax
        httpGet: {path: /, port: 80, host: 127.0.0.1}
          1/1 Liveness probe failed: Get "http://127.0.0.1:80/": dial tcp 127.0.0.1:80: connect: connection refused
        httpGet: {path: /, port: 81}
          1/1 Liveness probe failed: Get "http://10.244.1.2:81/": dial tcp 10.244.1.2:81: connect: connection refused
        tcpSocket: {port: db}
          succeeds
        tcpSocket: {port: 6380}
          1/1 Liveness probe failed: dial tcp 10.244.1.2:6380: connect: connection refused
        exec: {command: [cat, /etc/hosts]}
          succeeds
        exec: {command: [sh, -c, exit 2]}
          1/1 Liveness probe failed:
        exec: {command: [sleep, '9']}
          1/1 Liveness probe failed: command "sleep 9" timed out
        grpc: {port: 9090}
          1/1 Liveness probe failed: timeout: failed to connect service "10.244.1.2:9090" within 1s: context deadline exceeded
    "#]].assert_eq(&text);
}

/// Vector 16: restarts at the sums of the back-offs, plus the run times.
#[test]
fn a_crash_loop_restarts_at_the_sums_of_its_back_offs() {
    let mut stage = stage("{containers: [{name: web, image: 'busybox:1.36', command: ['false']}]}");
    stage.until(1_000_000);
    let starts = stage.told.lines().filter(|it| it.contains("Started: "));
    let seconds: Vec<u64> = starts
        .map(|it| it.trim().split('.').next().unwrap_or_default().parse().unwrap_or(0))
        .collect();
    let wanted = [0, 1, 11, 31, 72, 152, 312, 612, 913];
    assert_eq!(seconds, wanted, "{}", stage.told);
    let status = &stage.pod.status.container_statuses[0];
    let waiting = status.state.waiting.as_ref().expect("it waits");
    assert_eq!(waiting.reason, "CrashLoopBackOff");
    assert_eq!(waiting.message, "back-off 5m0s restarting failed container=web pod=web_shop(u-1)");
    assert_eq!(status.last_state.terminated.as_ref().map(|it| it.exit_code), Some(1));
}

fn specs() -> impl Strategy<Value = String> {
    let image =
        prop::sample::select(vec!["nginx:1.27", "busybox:1.36", "nginx:nope", "Bad", "x:1"]);
    let command = prop::sample::select(vec![
        "[]",
        "[sleep, '3']",
        "['false']",
        "[sh, -c, 'sleep 1; exit 2']",
        "[sleep, infinity]",
        "[/app/server]",
    ]);
    let probe = prop::sample::select(vec![
        "{tcpSocket: {port: 80}, periodSeconds: 1}",
        "{httpGet: {path: /x, port: http}, initialDelaySeconds: 2}",
        "{exec: {command: [sleep, '2']}, timeoutSeconds: 1, failureThreshold: 1, periodSeconds: 2}",
        "{exec: {command: ['true']}, periodSeconds: 3, successThreshold: 2}",
    ]);
    let policy = prop::sample::select(vec!["Always", "OnFailure", "Never"]);
    let inits = prop::sample::select(vec![
        "",
        "initContainers: [{name: i, image: 'busybox:1.36', command: [sleep, '1']}],",
        "initContainers: [{name: s, image: 'nginx:1.27', restartPolicy: Always},
                          {name: i, image: 'busybox:1.36', command: [sleep, '1']}],",
        "initContainers: [{name: s, image: 'busybox:1.36', restartPolicy: Always,
                           command: [sleep, '20'], startupProbe: {exec: {command: ['true']}}},
                          {name: t, image: 'redis:7', restartPolicy: Always}],",
    ]);
    let hook = prop::sample::select(vec![
        "",
        "lifecycle: {postStart: {sleep: {seconds: 2}}, preStop: {sleep: {seconds: 4}}},",
        "lifecycle: {postStart: {exec: {command: ['false']}}},",
    ]);
    (image, command, [probe.clone(), probe.clone(), probe], policy, inits, hook).prop_map(
        |(image, command, [startup, liveness, readiness], policy, inits, hook)| {
            format!(
                "{{restartPolicy: {policy}, {inits} activeDeadlineSeconds: 400, containers: [
                  {{name: a, image: '{image}', command: {command}, startupProbe: {startup},
                   livenessProbe: {liveness}, readinessProbe: {readiness}}},
                  {{name: b, image: 'nginx:1.27', {hook} ports: [{{containerPort: 80}}]}}]}}",
            )
        },
    )
}

#[derive(Debug, Clone)]
enum Deed {
    Switch(bool, bool),
    Crash(u8),
    Stop(u8),
    Image(bool),
}

fn deeds() -> impl Strategy<Value = Vec<(u16, Deed)>> {
    let deed = prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(kind, passes)| Deed::Switch(kind, passes)),
        any::<u8>().prop_map(Deed::Crash),
        (0u8..40).prop_map(Deed::Stop),
        any::<bool>().prop_map(Deed::Image),
    ];
    prop::collection::vec((0u16..60_000, deed), 0..6)
}

impl Stage {
    fn does(&mut self, deed: &Deed) {
        match deed {
            Deed::Switch(readiness, passes) => {
                let kind = if *readiness { ProbeKind::Readiness } else { ProbeKind::Liveness };
                self.run.switch(kind, *passes);
            }
            Deed::Crash(code) => {
                self.run.crash("a", i32::from(*code), self.now);
            }
            Deed::Stop(grace) => drop(self.stop(u64::from(*grace))),
            Deed::Image(old) => {
                let image = if *old { "nginx:1.27" } else { "redis:7" };
                image.clone_into(&mut self.pod.spec.containers[1].image);
                let advance = self.run.update(&self.pod, self.now);
                self.tell(advance);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Looking often is the same as looking seldom, nothing panics, and a stopped pod goes.
    #[test]
    fn any_pod_lives_and_ends(spec in specs(), mut deeds in deeds(), step in 50u64..3000) {
        deeds.sort_by_key(|(when, _)| *when);
        let (mut seldom, mut often) = (stage(&spec), stage(&spec));
        for (when, deed) in &deeds {
            let when = u64::from(*when);
            for stop in (0..when).step_by(step as usize) {
                often.until(stop);
            }
            seldom.until(when).does(deed);
            often.until(when).does(deed);
        }
        seldom.until(900_000);
        often.until(900_000);
        prop_assert_eq!(&seldom.told, &often.told);
        let stopped = deeds.iter().any(|(_, it)| matches!(it, Deed::Stop(_)));
        prop_assert_eq!(seldom.gone, stopped, "{}", seldom.told);
    }
}
