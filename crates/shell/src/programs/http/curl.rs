//! `curl` 7.88: its options, what it says on the way, its errors.

mod options;
mod verbose;
mod write_out;

use std::net::IpAddr;

use svclab_core::net::exchange::{Fetched, Message, Response, Tls, TlsProblem, Trust};
use svclab_core::time::{Duration, Instant};
use svclab_core::trace::{Answer, Exchange};

use super::url::{BadUrl, Url};
use super::{addresses, fetch, head, millis};
use crate::process::Process;
use options::Settings;

/// Redirects that it follows.
const MAX_REDIRECTS: usize = 50;
/// The cluster's own authority, as a pod finds it.
const CLUSTER_CA: &str = "ca.crt";

/// An exit code and what stands behind `curl: (CODE) `.
struct Failed {
    code: u8,
    message: String,
}

/// What is known of a transfer when it ends, for `-w`.
#[derive(Default)]
struct Told {
    url: String,
    method: String,
    remote: Option<(IpAddr, u16)>,
    local: Option<(IpAddr, u16)>,
    named: Duration,
    connected: Duration,
    total: Duration,
    response: Option<Response>,
    redirects: usize,
    failed: Option<(u8, String)>,
}

/// `curl [OPTION…] URL…`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let settings = match options::read(&words) {
        Ok(settings) => settings,
        Err(message) => {
            process.err(&message);
            return 2;
        }
    };
    let mut status = 0;
    for (index, url) in settings.urls.iter().enumerate() {
        let mut curl =
            Curl { process: &process, settings: &settings, told: Told::default(), index };
        let ended = curl.transfer(url).await;
        status = match ended {
            Ok(()) => 0,
            Err(Failed { code, message }) => {
                if !settings.silent || settings.shows_errors {
                    process.err(&format!("curl: ({code}) {message}\n"));
                }
                curl.told.failed = Some((code, message));
                code
            }
        };
        if let Some(format) = &settings.write_out {
            process.out(&write_out::text(format, &curl.told));
        }
    }
    status
}

struct Curl<'a> {
    process: &'a Process,
    settings: &'a Settings,
    told: Told,
    /// Of the URL on the command line.
    index: usize,
}

impl Curl<'_> {
    async fn transfer(&mut self, text: &str) -> Result<(), Failed> {
        let start = self.process.now();
        let mut url = Url::parse(text).map_err(|it| bad_url(it, text))?;
        let result = loop {
            self.told.url = url.text();
            let response = match self.request(&url, start).await {
                Ok(response) => response,
                Err(failed) => break Err(failed),
            };
            let to = response.location.clone().filter(|_| self.settings.follows);
            match to {
                Some(to) if self.told.redirects < MAX_REDIRECTS => {
                    self.told.redirects += 1;
                    url = url.follow(&to).map_err(|it| bad_url(it, &to))?;
                }
                Some(_) => {
                    let message = format!("Maximum ({MAX_REDIRECTS}) redirects followed");
                    break Err(Failed { code: 47, message });
                }
                None => break self.show(&url, &response),
            }
        };
        self.told.total = self.process.now() - start;
        result
    }

    /// The answer's text goes where it was asked for.
    fn show(&mut self, url: &Url, response: &Response) -> Result<(), Failed> {
        let settings = self.settings;
        if settings.fails && response.status >= 400 {
            let message = format!("The requested URL returned error: {}", response.status);
            return Err(Failed { code: 22, message });
        }
        let mut text = String::new();
        if settings.includes_head || settings.only_head {
            let lines = head(self.process, response).into_iter();
            text.extend(lines.map(|it| it + "\r\n"));
            text.push_str("\r\n");
        }
        if !settings.only_head {
            text.push_str(&response.body);
        }
        let file = match settings.outputs.get(self.index) {
            Some(file) => Some(file.clone()),
            None if settings.remote_name => Some(
                url.path
                    .split('?')
                    .next()
                    .unwrap_or("")
                    .rsplit('/')
                    .next()
                    .unwrap_or("")
                    .to_owned(),
            ),
            None => None,
        };
        match file.as_deref() {
            None | Some("-" | "/dev/stdout") => self.process.out(&text),
            Some("/dev/null") => {}
            Some("") => {
                let message = "Remote file name has no length!".to_owned();
                return Err(Failed { code: 23, message });
            }
            Some(file) => {
                let path = self.process.resolve(file);
                self.process.files_mut().put(path, text);
            }
        }
        Ok(())
    }

    async fn request(&mut self, url: &Url, start: Instant) -> Result<Response, Failed> {
        let (host, port) = self.settings.connection_goal(url);
        let ips = self.look_up(&host, port, start).await?;
        self.told.named = self.process.now() - start;
        let message = self.message(url);
        self.told.method = message.method.clone();
        let mut last = None;
        for (at, ip) in ips.iter().enumerate() {
            self.note(&format!("  Trying {}:{port}...", bracketed(*ip)));
            let limit = self.limit(start);
            let goal = (*ip, port);
            let Some((exchange, fetched)) = fetch(self.process, goal, message.clone(), limit)
            else {
                break;
            };
            self.told.remote = Some(goal);
            let local = exchange.packets.first().map(|it| it.sent.source());
            self.told.local = local.map(|it| (it.ip(), it.port()));
            if let Some(span) = fetched.connected {
                self.told.connected = exchange.at + span - start;
                self.note(&format!("Connected to {host} ({ip}) port {port} (#0)"));
                self.finish(&exchange, start).await;
                return self.hear(url, &message, (&exchange, fetched), start).await;
            }
            self.finish(&exchange, start).await;
            last = Some(exchange.result.clone());
            self.complain(goal, &exchange.result, limit);
            if at + 1 == ips.len() || exchange.result == Answer::TimedOut {
                break;
            }
        }
        Err(self.not_connected(&host, port, last, start))
    }

    fn message(&self, url: &Url) -> Message {
        let settings = self.settings;
        let tls = url.secure.then(|| Tls {
            name: url.host.clone(),
            trust: match (settings.insecure, &settings.authority) {
                (true, _) => Trust::Anybody,
                (_, Some(file)) if file.ends_with(CLUSTER_CA) => Trust::Cluster,
                _ => Trust::Public,
            },
        });
        let host = settings.header("host").map(str::to_owned);
        Message {
            method: settings.method(),
            host: host.unwrap_or_else(|| url.host_header()),
            path: url.path.clone(),
            tls,
            headers: self.headers(),
        }
    }

    /// The lines of the request's head below the Host header.
    fn headers(&self) -> Vec<String> {
        let settings = self.settings;
        let agent = settings.agent.as_deref().unwrap_or("curl/7.88.1");
        let own = [("User-Agent", agent), ("Accept", "*/*")];
        let own_line = |(name, value): &(&str, &str)| {
            let value = settings.header(name).unwrap_or(value);
            (!value.is_empty()).then(|| format!("{name}: {value}"))
        };
        let mut lines: Vec<String> = own.iter().filter_map(own_line).collect();
        let others = settings.headers.iter().filter(|it| {
            let name = it.split(':').next().unwrap_or("").trim().to_lowercase();
            !matches!(name.as_str(), "host" | "user-agent" | "accept")
        });
        lines.extend(others.cloned());
        if let Some(data) = &settings.data {
            lines.push(format!("Content-Length: {}", data.len()));
            if settings.header("content-type").is_none() {
                lines.push("Content-Type: application/x-www-form-urlencoded".to_owned());
            }
        }
        lines
    }

    /// Addresses that the command line gives, or the resolver's.
    async fn look_up(&self, host: &str, port: u16, start: Instant) -> Result<Vec<IpAddr>, Failed> {
        for (name, at, ip) in &self.settings.resolved {
            self.note(&format!("Added {name}:{at}:{ip} to DNS cache"));
        }
        let given = self
            .settings
            .resolved
            .iter()
            .find(|it| (it.0.eq_ignore_ascii_case(host) || it.0 == "*") && it.1 == port);
        if let Some((_, _, ip)) = given {
            self.note(&format!("Hostname {host} was found in DNS cache"));
            return Ok(vec![*ip]);
        }
        let (mut ips, took) = addresses(self.process, host);
        if let Some(limit) = self.settings.limit().filter(|it| took > *it) {
            self.process.until(start + limit).await;
            let message = format!("Resolving timed out after {} milliseconds", millis(limit));
            self.note(&message);
            return Err(Failed { code: 28, message });
        }
        self.process.sleep(took).await;
        if let Some(ipv4) = self.settings.only_ipv4 {
            ips.retain(|it| it.is_ipv4() == ipv4);
        }
        if ips.is_empty() {
            let message = format!("Could not resolve host: {host}");
            self.note(&message);
            self.note("Closing connection 0");
            return Err(Failed { code: 6, message });
        }
        Ok(ips)
    }

    /// What is left of the time that connecting may take.
    fn limit(&self, start: Instant) -> Option<Duration> {
        let passed = self.process.now() - start;
        let limit = self.settings.limit()?;
        Some(Duration::from_micros(limit.as_micros().saturating_sub(passed.as_micros()).max(1)))
    }

    /// Lets the time of a request pass, as far as the user wants to wait.
    async fn finish(&self, exchange: &Exchange, start: Instant) {
        let end = match self.settings.max_time {
            Some(limit) => exchange.ended.min(start + limit),
            None => exchange.ended,
        };
        self.process.until(end).await;
    }

    fn complain(&self, (ip, port): (IpAddr, u16), result: &Answer, limit: Option<Duration>) {
        let why = match result {
            Answer::Refused => "Connection refused",
            Answer::NoRoute => "No route to host",
            Answer::Denied => "Operation not permitted",
            _ => match limit {
                Some(limit) if self.settings.max_time.is_none() => {
                    let limit = millis(limit);
                    self.note(&format!("ipv4 connect timeout after {limit}ms, move on!"));
                    return;
                }
                Some(_) => return,
                None => "Connection timed out",
            },
        };
        self.note(&format!("connect to {} port {port} failed: {why}", bracketed(ip)));
    }

    /// Nobody was reached at any address.
    fn not_connected(&self, host: &str, port: u16, last: Option<Answer>, start: Instant) -> Failed {
        let took = millis(self.process.now() - start);
        let silent = last == Some(Answer::TimedOut);
        let failed = match (self.settings.max_time, self.settings.connect_timeout) {
            (Some(limit), _) if silent && self.process.now() >= start + limit => {
                let message = format!("Connection timed out after {} milliseconds", took + 1);
                Failed { code: 28, message }
            }
            (_, limit) => {
                let why = match limit {
                    Some(_) if silent => "Timeout was reached",
                    _ => "Couldn't connect to server",
                };
                let took = took + u64::from(silent && limit.is_some());
                let message =
                    format!("Failed to connect to {host} port {port} after {took} ms: {why}");
                Failed { code: if silent { 28 } else { 7 }, message }
            }
        };
        self.note(&failed.message);
        self.note("Closing connection 0");
        failed
    }

    /// What came over the connection.
    async fn hear(
        &mut self,
        url: &Url,
        message: &Message,
        (exchange, fetched): (&Exchange, Fetched),
        start: Instant,
    ) -> Result<Response, Failed> {
        if message.tls.is_some() {
            self.handshake(url, &fetched);
        }
        if let Some(problem) = fetched.problem {
            let failed = untrusted(problem, &url.host);
            self.note(failed.message.lines().next().unwrap_or_default());
            self.note("Closing connection 0");
            if problem != TlsProblem::NotTls {
                self.note("TLSv1.3 (OUT), TLS alert, close notify (256):");
            }
            return Err(failed);
        }
        self.sent(message);
        let Some(response) = fetched.response else {
            return Err(self.unanswered(exchange, start));
        };
        if self.settings.verbose {
            for line in head(self.process, &response) {
                self.process.err(&format!("< {line}\n"));
            }
            self.process.err("< \n");
        }
        self.told.response = Some(response.clone());
        let host = &self.settings.connection_goal(url).0;
        self.note(&format!("Connection #0 to host {host} left intact"));
        Ok(response)
    }

    /// A connection, and no answer over it.
    fn unanswered(&self, exchange: &Exchange, start: Instant) -> Failed {
        let (code, message) = match exchange.result {
            Answer::Reset => (56, "Recv failure: Connection reset by peer".to_owned()),
            Answer::TimedOut => match self.settings.max_time {
                Some(_) => {
                    let took = millis(self.process.now() - start) + 1;
                    let text = "milliseconds with 0 bytes received";
                    (28, format!("Operation timed out after {took} {text}"))
                }
                None => (56, "Recv failure: Connection timed out".to_owned()),
            },
            _ => (52, "Empty reply from server".to_owned()),
        };
        self.note(&message);
        self.note("Closing connection 0");
        Failed { code, message }
    }

    /// A line that `-v` shows.
    fn note(&self, text: &str) {
        if self.settings.verbose {
            self.process.err(&format!("* {text}\n"));
        }
    }
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

fn bad_url(it: BadUrl, text: &str) -> Failed {
    match it {
        BadUrl::Scheme(scheme) => {
            let message = format!("Protocol \"{scheme}\" not supported or disabled in libcurl");
            Failed { code: 1, message }
        }
        BadUrl::NoHost => {
            let message = match text.contains(char::is_whitespace) {
                true => "URL using bad/illegal format or missing URL",
                false => "URL rejected: No host part in the URL",
            };
            Failed { code: 3, message: message.to_owned() }
        }
        BadUrl::Port => {
            let message = "URL using bad/illegal format or missing URL".to_owned();
            Failed { code: 3, message }
        }
    }
}

fn untrusted(problem: TlsProblem, host: &str) -> Failed {
    let why = match problem {
        TlsProblem::NotTls => {
            let message = "error:0A00010B:SSL routines::wrong version number".to_owned();
            return Failed { code: 35, message };
        }
        TlsProblem::OtherName => {
            format!(
                "SSL: no alternative certificate subject name matches target host name '{host}'"
            )
        }
        TlsProblem::SelfSigned => "SSL certificate problem: self-signed certificate".to_owned(),
        TlsProblem::UnknownIssuer => {
            "SSL certificate problem: unable to get local issuer certificate".to_owned()
        }
    };
    let message = format!(
        "{why}\nMore details here: https://curl.se/docs/sslcerts.html\n\n\
         curl failed to verify the legitimacy of the server and therefore could not\n\
         establish a secure connection to it. To learn more about this situation and\n\
         how to fix it, please visit the web page mentioned above."
    );
    Failed { code: 60, message }
}
