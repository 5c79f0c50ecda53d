//! Requests through ingress-nginx: by host and path, to endpoints directly, and its own pages
//! (§6.2 and §6.3 of the facts on the API and controllers).

mod common;

use common::{lab, run};

const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: { name: ingress-nginx }
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: nginx }
spec: { controller: k8s.io/ingress-nginx }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ingress-nginx-controller, namespace: ingress-nginx }
spec:
  selector: { matchLabels: { app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller } }
  template:
    metadata: { labels: { app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller } }
    spec:
      containers:
        - name: controller
          image: registry.k8s.io/ingress-nginx/controller:v1.11.3
          args: [ /nginx-ingress-controller ]
          ports: [ { name: http, containerPort: 80 }, { name: https, containerPort: 443 } ]
---
apiVersion: v1
kind: Service
metadata: { name: ingress-nginx-controller, namespace: ingress-nginx }
spec:
  type: NodePort
  selector: { app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller }
  ports:
    - { name: http, port: 80, targetPort: http, nodePort: 30081 }
    - { name: https, port: 443, targetPort: https, nodePort: 30443 }
---
apiVersion: v1
kind: Pod
metadata: { name: front, labels: { app: front } }
spec: { containers: [ { name: c, image: kubetm/app, ports: [ { containerPort: 8080 } ] } ] }
---
apiVersion: v1
kind: Pod
metadata: { name: api, labels: { app: api } }
spec: { containers: [ { name: c, image: kubetm/app, ports: [ { containerPort: 8080 } ] } ] }
---
apiVersion: v1
kind: Service
metadata: { name: front }
spec: { selector: { app: front }, ports: [ { name: http, port: 80, targetPort: 8080 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: api }
spec: { selector: { app: api }, ports: [ { port: 80, targetPort: 8080 } ] }
---
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { selector: { app: nobody }, ports: [ { port: 80 } ] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  ingressClassName: nginx
  rules:
    - host: shop.test
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: front, port: { name: http } } } }
          - { path: /hostname, pathType: Exact, backend: { service: { name: api, port: { number: 80 } } } }
          - { path: /empty, pathType: Prefix, backend: { service: { name: empty, port: { number: 80 } } } }
";

#[track_caller]
fn check(line: &str, expected: &str) {
    let (_, found) = run(lab(CLUSTER), "outside/laptop", line);
    assert_eq!((found.out.as_str(), found.err.as_str(), found.status), (expected, "", 0), "{line}");
}

fn page(status: &str) -> String {
    format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}

#[test]
fn a_host_and_a_path_lead_to_a_service() {
    let curl = "curl -s -H 'Host: shop.test' http://192.168.56.31:30081";
    check(&format!("{curl}/"), "front\n");
    check(&format!("{curl}/hostname"), "api\n");
    check(&format!("{curl}/info | head -1"), "pod: front\n");
    check(&format!("{curl}/empty"), &page("503 Service Temporarily Unavailable"));
    check(&format!("{curl}/empty -o /dev/null -w '%{{http_code}}'"), "503");
    check("curl -s http://192.168.56.31:30081/", &page("404 Not Found"));
    let resolved =
        "curl -s --resolve shop.test:30081:192.168.56.32 http://shop.test:30081/hostname";
    check(resolved, "api\n");
}

#[test]
fn tls_shows_the_controllers_own_certificate() {
    let (_, found) = run(lab(CLUSTER), "outside/laptop", "curl https://192.168.56.31:30443");
    let first = "curl: (60) SSL certificate problem: self-signed certificate";
    assert_eq!((found.err.lines().next(), found.status), (Some(first), 60));
    check("curl -sk -H 'Host: shop.test' https://192.168.56.31:30443/hostname", "api\n");
}
