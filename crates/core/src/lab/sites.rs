//! Who answers HTTP: a connection and a message → what the process at its end says.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use super::health::KUBE_PROXY;
use super::index::Index;
use super::pods::Tracked;
use super::proxies::Proxies;
use crate::control::ingress::{self, is_controller};
use crate::key::{Kind, ObjectKey};
use crate::kubelet;
use crate::net::exchange::tcp::Connection;
use crate::net::exchange::{Certificate, Message, Response, Served, Signer, Site};
use crate::net::{API_SERVER, Party};
use crate::object::{
    Id, IngressServiceBackend, IntOrString, Object, Objects, Pod, Service, ServicePort, ServiceType,
};
use crate::time::Instant;

/// What anybody may ask of the API server (`system:public-info-viewer`).
const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

pub(super) struct Sites<'a> {
    pub(super) objects: &'a Objects,
    pub(super) index: &'a Index,
    pub(super) running: &'a BTreeMap<Id, Rc<Tracked>>,
    pub(super) proxies: &'a Proxies,
    pub(super) now: Instant,
    /// Counts requests: a reverse proxy takes one endpoint after the other.
    pub(super) turn: usize,
    pub(super) version: &'static str,
}

impl Site for Sites<'_> {
    fn serve(&self, on: &Connection, message: &Message) -> Served {
        if let Party::Node(node) = &on.server
            && &*on.served_by == KUBE_PROXY
        {
            return Served::Response(self.proxies.answer(
                node,
                on.at.port(),
                message.file(),
                self.now,
            ));
        }
        if &*on.served_by == API_SERVER {
            return Served::Response(self.api_server(message));
        }
        let Some((pod, tracked)) = self.pod(on) else {
            return web_host(&on.served_by, on.at.port(), message);
        };
        let port = on.at.port();
        match is_controller(pod) && matches!(port, 80 | 443) {
            true => self.ingress(message),
            false => kubelet::answer((pod, &tracked.run), on, message, self.now),
        }
    }

    fn certificate(&self, on: &Connection) -> Option<Certificate> {
        let port = on.at.port();
        if &*on.served_by == API_SERVER {
            return Some(self.api_certificate(on));
        }
        match self.pod(on) {
            Some((pod, _)) if is_controller(pod) => (port == 443).then(|| {
                let name = "O=Acme Co; CN=Kubernetes Ingress Controller Fake Certificate";
                own_certificate(name, "ingress.local")
            }),
            Some((pod, tracked)) => {
                let name = format!("CN={}", pod.metadata.name);
                let speaks = kubelet::speaks_tls(&tracked.run, port);
                speaks.then(|| own_certificate(&name, &pod.metadata.name))
            }
            None => matches!(port, 443 | 8443).then(|| Certificate {
                subject: format!("CN={}", on.served_by),
                issuer: "O=Demo Lab; CN=Demo Root CA",
                names: vec![on.served_by.to_string()],
                signer: Signer::Public,
            }),
        }
    }
}

impl<'a> Sites<'a> {
    fn pod(&self, on: &Connection) -> Option<(&'a Pod, &'a Tracked)> {
        let (namespace, name) = on.served_by.split_once('/')?;
        let key = ObjectKey::new(Kind::Pod, namespace, name);
        let pod = self.objects.get(&key).and_then(Object::as_pod)?;
        Some((pod, self.running.get(&self.objects.id(&key)?)?))
    }

    fn api_server(&self, message: &Message) -> Response {
        if message.tls.is_none() {
            let text = "Client sent an HTTP request to an HTTPS server.\n";
            return Response { server: String::new(), ..Response::text(400, text) };
        }
        let path = message.file();
        match path {
            "/version" => Response::json(200, self.version_text()),
            _ if PUBLIC.contains(&path) => {
                Response { server: String::new(), ..Response::text(200, "ok") }
            }
            _ => Response::json(
                403,
                format!(
                    "{{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {{}},\n  \
                     \"status\": \"Failure\",\n  \"message\": \"forbidden: User \\\"system:anonymous\\\" \
                     cannot get path \\\"{path}\\\"\",\n  \"reason\": \"Forbidden\",\n  \"details\": {{}},\n  \
                     \"code\": 403\n}}"
                ),
            ),
        }
    }

    fn version_text(&self) -> String {
        let (major, minor) = self.version.split_once('.').unwrap_or(("1", ""));
        let minor = minor.split('.').next().unwrap_or(minor);
        let version = self.version;
        format!(
            "{{\n  \"major\": \"{major}\",\n  \"minor\": \"{minor}\",\n  \
             \"gitVersion\": \"v{version}\",\n  \"platform\": \"linux/amd64\"\n}}"
        )
    }

    /// As kubeadm signs it.
    fn api_certificate(&self, on: &Connection) -> Certificate {
        const NAMES: [&str; 4] = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ];
        let key = ObjectKey::new(Kind::Service, "default", "kubernetes");
        let service = self.objects.get(&key).and_then(Object::as_service);
        let ip = service.map(|it| it.spec.cluster_ip.clone());
        let node = match &on.server {
            Party::Node(name) => Some(name.to_string()),
            _ => None,
        };
        let names = NAMES.iter().map(|it| (*it).to_owned());
        Certificate {
            subject: "CN=kube-apiserver".to_owned(),
            issuer: "CN=kubernetes",
            names: names.chain(ip).chain(node).chain([on.at.ip().to_string()]).collect(),
            signer: Signer::Cluster,
        }
    }

    /// What ingress-nginx does with a request.
    fn ingress(&self, message: &Message) -> Served {
        let host = message.host_name();
        let all = self.objects.of_kind(Kind::Ingress).filter_map(Object::as_ingress);
        let class = |name: &str| {
            self.objects.get(&ObjectKey::new(Kind::IngressClass, "", name))?.as_ingress_class()
        };
        let taken: Vec<_> = all.filter(|it| ingress::takes(it, class)).collect();
        let taken = || taken.iter().copied();
        if message.tls.is_none() && ingress::wants_tls(taken(), host) {
            let location = Some(format!("https://{host}{}", message.path));
            return Served::Response(Response { location, ..Response::page(308) });
        }
        let Some(route) = ingress::route(taken(), host, message.file()) else {
            return Served::Response(Response::page(404));
        };
        let backend = route.backend.service.as_ref();
        let endpoints = backend.map(|it| self.endpoints(route.namespace, it)).unwrap_or_default();
        match self.turn.checked_rem(endpoints.len()).and_then(|at| endpoints.get(at)) {
            Some(to) => {
                let message = Message { tls: None, ..message.clone() };
                Served::Forward { to: *to, message, otherwise: Response::page(502) }
            }
            None => Served::Response(Response::page(503)),
        }
    }

    /// The ready endpoints behind a port that an Ingress names.
    fn endpoints(&self, namespace: &str, backend: &IngressServiceBackend) -> Vec<SocketAddr> {
        let key = ObjectKey::new(Kind::Service, namespace, &backend.name);
        let service = self.objects.get(&key).and_then(Object::as_service);
        let Some((service, port)) = service.and_then(|it| Some((it, port_of(it, backend)?))) else {
            return Vec::new();
        };
        if service.spec.service_type() == ServiceType::ExternalName {
            return Vec::new();
        }
        let slices = self.index.slices(&key);
        let slices = slices.filter_map(|id| self.objects.by_id(id)?.as_endpoint_slice());
        let mut res = Vec::new();
        for slice in slices {
            let own = slice.ports.iter().find(|it| it.name.as_deref().unwrap_or("") == port.name);
            let number = own.and_then(|it| u16::try_from(it.port?).ok());
            let ready = slice.endpoints.iter().filter(|it| it.conditions.ready.unwrap_or(true));
            let addresses = ready.filter_map(|it| it.addresses.first()?.parse::<IpAddr>().ok());
            res.extend(addresses.filter_map(|ip| Some(SocketAddr::new(ip, number?))));
        }
        res.sort();
        res.dedup();
        res
    }
}

/// The port that an Ingress names: by number, by the target's, or by name.
fn port_of<'s>(service: &'s Service, backend: &IngressServiceBackend) -> Option<&'s ServicePort> {
    let wanted = match backend.port.number {
        0 => backend.port.name.clone(),
        number => number.to_string(),
    };
    service.spec.ports.iter().find(|it| {
        let target = match &it.target_port {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(name) => name.clone(),
        };
        it.port.to_string() == wanted || target == wanted || it.name == wanted
    })
}

fn own_certificate(subject: &str, name: &str) -> Certificate {
    Certificate {
        subject: subject.to_owned(),
        issuer: "itself",
        names: vec![name.to_owned()],
        signer: Signer::Itself,
    }
}

/// A web server outside: it has a site for its own name only, where that is a name of the DNS.
fn web_host(name: &str, port: u16, message: &Message) -> Served {
    if !matches!(port, 80 | 443 | 3000 | 5000 | 8000..=8999 | 9090) {
        return Served::Closes;
    }
    if matches!(port, 443 | 8443) && message.tls.is_none() {
        return Served::Response(Response::page(400));
    }
    let known = !name.contains('.') || message.host_name().eq_ignore_ascii_case(name);
    Served::Response(match (known, message.file()) {
        (false, _) => Response::text(404, "unknown virtual host\n"),
        (true, "/") => Response::text(200, format!("Welcome to {name}\n")),
        (true, "/hostname") => Response::text(200, format!("{name}\n")),
        (true, _) => Response::text(404, "not found\n"),
    })
}
