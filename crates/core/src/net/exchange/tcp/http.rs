//! HTTP and HTTPS on TCP connections: a message → what whoever listens there answers, over load
//! balancers and reverse proxies that open connections of their own.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use svclab_netfilter::TcpFlags;

use super::Connection;
use crate::net::exchange::{Client, Wire};
use crate::time::Duration;
use crate::trace::{Answer, Question};

/// One request of an HTTP client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// `GET`
    pub method: String,
    /// The Host header.
    pub host: String,
    /// With its query, from the first slash.
    pub path: String,
    /// Of an HTTPS request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Further lines of its head (`User-Agent: curl/7.88.1`), which some samples show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// How the client makes sure who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// The name that the certificate must be for.
    pub name: String,
    /// Whom it believes.
    pub trust: Trust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trust {
    /// The authorities that every machine knows.
    Public,
    /// Also the cluster's own.
    Cluster,
    /// Anybody (`curl -k`).
    Anybody,
}

/// What a process answers to an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub body: String,
    /// The Server header; empty: none.
    pub server: String,
    pub content_type: &'static str,
    /// Where the client is to ask instead.
    pub location: Option<String>,
    /// Of a node's health check: how many endpoints it has (`X-Load-Balancing-Endpoint-Weight`).
    pub weight: Option<usize>,
    /// Further lines of its head.
    pub headers: Vec<String>,
}

impl Response {
    /// A text of a sample program.
    pub fn text(status: u16, body: impl Into<String>) -> Response {
        let (server, content_type) = ("demo/1.0".to_owned(), "text/plain");
        let (location, weight, headers) = (None, None, Vec::new());
        Response { status, body: body.into(), server, content_type, location, weight, headers }
    }

    /// The words of its status line; nginx has its own for 503.
    pub fn reason(&self) -> &'static str {
        match (self.status, self.content_type) {
            (503, "text/html") => "Service Temporarily Unavailable",
            (status, _) => reason(status),
        }
    }

    /// One of nginx's own pages, of an ingress controller that does not name itself.
    pub fn page(status: u16) -> Response {
        Response { server: String::new(), ..Response::page_of("nginx", status) }
    }

    /// One of nginx's own pages, below which it names itself so.
    pub fn page_of(server: &str, status: u16) -> Response {
        let title = match status {
            503 => "Service Temporarily Unavailable",
            status => reason(status),
        };
        let body = format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n\
             <center><h1>{status} {title}</h1></center>\r\n<hr><center>{server}</center>\r\n\
             </body>\r\n</html>\r\n"
        );
        let (server, headers) = (server.to_owned(), vec!["Connection: keep-alive".to_owned()]);
        Response { server, content_type: "text/html", headers, ..Response::text(status, body) }
    }

    /// What the cluster's own programs, written in Go, say: they do not name themselves.
    pub fn json(status: u16, body: impl Into<String>) -> Response {
        let (server, content_type) = (String::new(), "application/json");
        Response { server, content_type, ..Response::text(status, body) }
    }
}

/// The words of a status line.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Time-out",
        _ => "",
    }
}

/// What becomes of a message where it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    Response(Response),
    /// A reverse proxy asks somebody else on a connection of its own.
    Forward {
        to: SocketAddr,
        message: Message,
        /// Where nobody answers there.
        otherwise: Response,
    },
    /// The server does not speak HTTP and hangs up.
    Closes,
}

/// Who says that a certificate is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    Public,
    Cluster,
    /// Nobody but itself.
    Itself,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `CN=www.example.org`
    pub subject: String,
    pub issuer: &'static str,
    /// Names and addresses that it is for.
    pub names: Vec<String>,
    pub signer: Signer,
}

/// Why a client ends a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProblem {
    /// No name of the certificate is the one asked for.
    OtherName,
    SelfSigned,
    UnknownIssuer,
    /// The server does not speak TLS.
    NotTls,
}

impl Certificate {
    fn problem(&self, tls: &Tls) -> Option<TlsProblem> {
        match (tls.trust, self.signer) {
            (Trust::Anybody, _) => return None,
            (_, Signer::Itself) => return Some(TlsProblem::SelfSigned),
            (Trust::Public, Signer::Cluster) => return Some(TlsProblem::UnknownIssuer),
            _ => {}
        }
        (!self.names.iter().any(|it| covers(it, &tls.name))).then_some(TlsProblem::OtherName)
    }
}

/// A star stands for one label (RFC 6125 §6.4.3).
fn covers(pattern: &str, name: &str) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    match (pattern.strip_prefix("*."), name.split_once('.')) {
        (Some(rest), Some((_, parent))) => same(rest, parent),
        _ => same(pattern, name),
    }
}

/// The applications: connections to them and messages → what comes of these.
pub trait Site {
    fn serve(&self, on: &Connection, message: &Message) -> Served;

    /// None where no TLS is spoken.
    fn certificate(&self, on: &Connection) -> Option<Certificate>;
}

/// Sample servers without TLS.
impl<F: Fn(&Connection, &Message) -> Response> Site for F {
    fn serve(&self, on: &Connection, message: &Message) -> Served {
        Served::Response(self(on, message))
    }

    fn certificate(&self, _: &Connection) -> Option<Certificate> {
        None
    }
}

/// What a client saw besides the result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// How long it took until the connection was there; None: there is none.
    pub connected: Option<Duration>,
    pub certificate: Option<Certificate>,
    pub problem: Option<TlsProblem>,
    pub response: Option<Response>,
}

/// Bytes of a TLS handshake: what the client says first and last, and the server's certificate.
const HELLO: usize = 517;
const FINISHED: usize = 80;
const SERVER_FLIGHT: usize = 2_300;

impl Wire<'_> {
    /// `curl`: one request on a connection of its own.
    pub fn http(
        &mut self,
        (client, limit): (&Client, Option<Duration>),
        goal: SocketAddr,
        message: &Message,
        site: &dyn Site,
    ) -> (Answer, Fetched) {
        let mut seen = Fetched::default();
        let start = self.at;
        let connection = match limit {
            Some(limit) => self.connect_within(client, goal, limit),
            None => self.connect(client, goal),
        };
        let answer = connection.and_then(|connection| {
            seen.connected = Some(self.at - start);
            self.on_connection(&connection, message, site, &mut seen)
        });
        (answer.unwrap_or_else(|answer| answer), seen)
    }

    fn on_connection(
        &mut self,
        connection: &Connection,
        message: &Message,
        site: &dyn Site,
        seen: &mut Fetched,
    ) -> Result<Answer, Answer> {
        let behind = self.relay(connection)?;
        let end = behind.as_ref().unwrap_or(connection);
        if let Some(tls) = &message.tls {
            self.shake_hands(connection, (end, tls), site, seen)?;
            if seen.problem.is_some() {
                self.close(connection)?;
                return Ok(reached(end));
            }
        }
        let length = message.length();
        let (served, by) = self.served(end, message, site);
        self.tell_server(connection, TcpFlags::PSH_ACK, length)?;
        let Some(response) = served else {
            self.close(connection)?;
            return Ok(reached(end));
        };
        let shown = if message.method == "HEAD" { String::new() } else { response.body.clone() };
        if let Some(behind) = &behind {
            self.talk(behind, length, shown.len())?;
            self.close(behind)?;
        }
        self.tell_client(connection, TcpFlags::PSH_ACK, shown.len())?;
        self.close(connection)?;
        let status = response.status;
        seen.response = Some(response);
        Ok(Answer::Http { status, body: shown, served_by: by, seen: end.seen.ip() })
    }

    /// What comes of a message at its end, and who it was that answered.
    fn served(
        &mut self,
        end: &Connection,
        message: &Message,
        site: &dyn Site,
    ) -> (Option<Response>, std::rc::Rc<str>) {
        let own = end.served_by.clone();
        match site.serve(end, message) {
            Served::Response(response) => (Some(response), own),
            Served::Closes => (None, own),
            Served::Forward { to, message, otherwise } => {
                let client = Client::from(end.server.clone());
                match self.forwarded((&client, to), &message, site) {
                    Some((response, by)) => (Some(response), by),
                    None => (Some(otherwise), own),
                }
            }
        }
    }

    fn forwarded(
        &mut self,
        (client, to): (&Client, SocketAddr),
        message: &Message,
        site: &dyn Site,
    ) -> Option<(Response, std::rc::Rc<str>)> {
        let behind = self.connect_within(client, to, PROXY_CONNECT).ok()?;
        let Served::Response(response) = site.serve(&behind, message) else { return None };
        self.talk(&behind, message.length(), response.body.len()).ok()?;
        self.close(&behind).ok()?;
        Some((response, behind.served_by.clone()))
    }

    fn shake_hands(
        &mut self,
        connection: &Connection,
        (end, tls): (&Connection, &Tls),
        site: &dyn Site,
        seen: &mut Fetched,
    ) -> Result<(), Answer> {
        let certificate = site.certificate(end);
        self.talk(connection, HELLO, SERVER_FLIGHT)?;
        seen.problem = match &certificate {
            Some(certificate) => certificate.problem(tls),
            None => Some(TlsProblem::NotTls),
        };
        seen.certificate = certificate;
        match seen.problem {
            Some(_) => Ok(()),
            None => self.tell_server(connection, TcpFlags::PSH_ACK, FINISHED),
        }
    }
}

/// nginx's `proxy-connect-timeout` in ingress-nginx.
const PROXY_CONNECT: Duration = Duration::from_secs(5);

impl Message {
    /// `GET http://HOST/PATH`
    pub fn get(host: impl Into<String>, path: impl Into<String>) -> Message {
        let (method, host, path) = ("GET".to_owned(), host.into(), path.into());
        Message { method, host, path, tls: None, headers: Vec::new() }
    }

    /// As a trace names it.
    pub fn question(&self) -> Question {
        let agent = self.headers.iter().find_map(|it| it.strip_prefix("User-Agent: "));
        let (method, path) = (self.method.clone(), self.path.clone());
        Question::Http { method, path, agent: agent.unwrap_or_default().to_owned() }
    }

    /// Without the query.
    pub fn file(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or("")
    }

    /// The Host header without a port.
    pub fn host_name(&self) -> &str {
        match self.host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => self.host.split(':').next().unwrap_or(&self.host),
        }
    }

    fn length(&self) -> usize {
        let Message { method, host, path, .. } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").len()
    }
}

fn reached(end: &Connection) -> Answer {
    Answer::Reached { by: end.served_by.clone(), seen: end.seen.ip() }
}
