//! A seed → manifests: workloads and Services with features drawn at random.

use svclab_core::rng::Rng;

/// Two to four Services, each with its own Deployment.
pub(crate) fn manifests(seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let count = 2 + rng.below(3);
    (0..count).map(|index| service(&mut rng, index)).collect()
}

fn service(rng: &mut Rng, index: u64) -> String {
    let name = format!("app-{index}");
    let replicas = rng.below(5);
    let udp = rng.below(4) == 0;
    let proto = if udp { "UDP" } else { "TCP" };
    let kind = pick(rng, &["ClusterIP", "NodePort", "LoadBalancer"]);
    let outside = kind != "ClusterIP";
    let mut lines = vec![format!("type: {kind}"), format!("selector: {{app: {name}}}")];
    lines.push(format!("ports: [{{name: p, port: 80, targetPort: 8080, protocol: {proto}}}]"));
    if rng.below(4) == 0 {
        lines.push("sessionAffinity: ClientIP".to_owned());
    }
    if rng.below(4) == 0 {
        lines.push("internalTrafficPolicy: Local".to_owned());
    }
    if outside && rng.below(3) == 0 {
        lines.push("externalTrafficPolicy: Local".to_owned());
    }
    if rng.below(4) == 0 {
        lines.push(format!("externalIPs: [192.168.56.{}]", 240 + index));
    }
    if kind == "LoadBalancer" && rng.below(3) == 0 {
        let range = pick(rng, &["192.168.56.0/24", "10.244.0.0/16", "203.0.113.0/24"]);
        lines.push(format!("loadBalancerSourceRanges: [{range}]"));
    }
    let spec = lines.join("\n  ");
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  \
         replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
         metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: app\n        \
         image: kubetm/app:1.0\n        ports: [{{containerPort: 8080, protocol: {proto}}}]\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n"
    )
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from.get(rng.below(from.len() as u64) as usize).copied().unwrap_or_default()
}
