//! Clusters of another release than kubectl's own; expected is what kubectl 1.32 printed of such
//! servers.

#[path = "common/run.rs"]
mod run;

use svclab_core::lab::Lab;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

#[track_caller]
fn check(release: &str, server: &str, warning: &str) {
    let mut scenario = default_scenario();
    scenario.cluster.version = release.parse().expect("a release");
    let mut lab = Lab::new(&scenario, 1);
    lab.run_until(Instant::START + Duration::from_secs(20));
    let expected = format!(
        "Client Version: v1.32.4\nKustomize Version: v5.5.0\nServer Version: {server}\n{warning}"
    );
    let (lab, said) = run::run(lab, "outside/laptop", "kubectl version 2>&1");
    assert_eq!(said.out, expected);
    let kubelets = "kubectl get nodes --no-headers | awk '{print $5}' | uniq";
    assert_eq!(run::run(lab, "outside/laptop", kubelets).1.out, format!("{server}\n"));
}

#[test]
fn nodes_and_api_server_are_of_the_clusters_release() {
    check("1.32", "v1.32.6", "");
    check("1.33", "v1.33.5", "");
}

#[test]
fn kubectl_warns_of_a_server_two_releases_ahead() {
    let warning = "WARNING: version difference between client (1.32) and server (1.34) exceeds the \
                   supported minor version skew of +/-1\n";
    check("1.34", "v1.34.1", warning);
}
