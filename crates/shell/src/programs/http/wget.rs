//! `wget`: GNU's, and BusyBox's in its images.

use std::net::IpAddr;

use svclab_core::net::exchange::{Message, Response, Tls, TlsProblem, Trust};
use svclab_core::time::Duration;
use svclab_core::trace::Answer;

use super::url::Url;
use super::{addresses, fetch, head};
use crate::process::Process;
use crate::programs::here::{self, Calendar};
use crate::programs::options::{Line, Options};

const TIMEOUT: char = 'T';
const INSECURE: char = '\u{1}';
const IGNORED: char = '\u{2}';
const HEADER: char = '\u{3}';
const POST: char = '\u{4}';
const SPIDER: char = '\u{5}';

const OPTIONS: Options = Options {
    letters: "qSO:T:t:cY:U:vP:46Nno:",
    names: &[
        ("quiet", 'q'),
        ("server-response", 'S'),
        ("output-document", 'O'),
        ("timeout", TIMEOUT),
        ("connect-timeout", TIMEOUT),
        ("tries", 't'),
        ("no-check-certificate", INSECURE),
        ("header", HEADER),
        ("post-data", POST),
        ("spider", SPIDER),
        ("no-verbose", IGNORED),
        ("user-agent", 'U'),
    ],
    valued: "\u{3}\u{4}",
};

/// Why there is no answer.
enum Problem {
    Name,
    NotConnected(IpAddr, &'static str),
    TimedOut,
    Untrusted(TlsProblem),
    Closed,
}

/// `wget [-qO-] [-T SECONDS] URL`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let is_busybox = here::is_busybox(&process);
    let line = match OPTIONS.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(&wrong.gnu("wget"));
            return if is_busybox { 1 } else { 2 };
        }
    };
    let Some(text) = line.operands.first() else {
        process.err("wget: missing URL\nUsage: wget [OPTION]... [URL]...\n");
        return 1;
    };
    let Ok(url) = Url::parse(text) else {
        process.err(&format!("{text}: Invalid host name.\n"));
        return 1;
    };
    let quiet = line.has('q');
    let wget = Wget { process: &process, line: &line, url: &url, quiet };
    if is_busybox { wget.busybox().await } else { wget.gnu().await }
}

struct Wget<'a> {
    process: &'a Process,
    line: &'a Line,
    url: &'a Url,
    quiet: bool,
}

/// Each limits a file's name and what is shown of it.
const BAR: &str = "********************************";

impl Wget<'_> {
    async fn busybox(&self) -> u8 {
        let found = self.ask(|wget, ip| {
            let (host, port) = (&wget.url.host, wget.url.port);
            wget.say(&format!("Connecting to {host} ({ip}:{port})\n"));
        });
        let response = match found.await {
            Ok(response) if response.status < 400 => response,
            Ok(response) => {
                let status = format!("HTTP/1.1 {} {}", response.status, response.reason());
                return self.fail(&format!("wget: server returned error: {status}\n"));
            }
            Err(Problem::Name) => {
                return self.fail(&format!("wget: bad address '{}'\n", self.url.host));
            }
            Err(Problem::NotConnected(ip, why)) => {
                return self.fail(&format!("wget: can't connect to remote host ({ip}): {why}\n"));
            }
            Err(Problem::TimedOut) => return self.fail("wget: download timed out\n"),
            Err(Problem::Untrusted(_)) => {
                return self.fail("wget: TLS error from peer (alert code 80): internal error\n");
            }
            Err(Problem::Closed) => {
                return self.fail("wget: error getting response: Connection reset by peer\n");
            }
        };
        if self.line.has(SPIDER) {
            self.say("remote file exists\n");
            return 0;
        }
        let (file, shown) = self.target();
        let to_stdout = file == "-";
        match to_stdout {
            true => self.say("writing to stdout\n"),
            false => self.say(&format!("saving to '{file}'\n")),
        }
        self.write(&file, &response.body);
        let length = response.body.len();
        self.say(&format!("{shown:<20} 100% |{BAR}| {length:>5}  0:00:00 ETA\n"));
        match to_stdout {
            true => self.say("written to stdout\n"),
            false => self.say(&format!("'{file}' saved\n")),
        }
        0
    }

    fn fail(&self, text: &str) -> u8 {
        self.process.err(text);
        1
    }

    async fn gnu(&self) -> u8 {
        let Url { host, port, .. } = self.url;
        let now = || {
            let it = Calendar::of(self.process.now());
            format!("{}-{:02}-{:02} {}", it.year, it.month, it.day, it.clock())
        };
        self.say(&format!("--{}--  {}\n", now(), self.url.text()));
        if host.parse::<IpAddr>().is_err() {
            self.say(&format!("Resolving {host} ({host})... "));
        }
        let found = self.ask(|wget, ip| {
            if host.parse::<IpAddr>().is_err() {
                wget.say(&format!("{ip}\nConnecting to {host} ({host})|{ip}|:{port}... "));
            } else {
                wget.say(&format!("Connecting to {ip}:{port}... "));
            }
        });
        let response = match found.await {
            Ok(response) => response,
            Err(Problem::Name) => {
                self.say("failed: Name or service not known.\n");
                let text = format!("wget: unable to resolve host address \u{2018}{host}\u{2019}\n");
                self.say(&text);
                return 4;
            }
            Err(Problem::NotConnected(_, why)) => {
                self.say(&format!("failed: {why}.\n"));
                return 4;
            }
            Err(Problem::TimedOut) => {
                self.say("failed: Connection timed out.\nGiving up.\n\n");
                return 4;
            }
            Err(Problem::Untrusted(problem)) => return self.untrusted(problem),
            Err(Problem::Closed) => {
                self.say("connected.\nHTTP request sent, awaiting response... No data received.\n");
                return 4;
            }
        };
        let (status, reason) = (response.status, response.reason());
        self.say(&format!(
            "connected.\nHTTP request sent, awaiting response... {status} {reason}\n"
        ));
        if self.line.has('S') {
            let lines = head(self.process, &response).into_iter();
            self.process.err(&lines.map(|it| format!("  {it}\n")).collect::<String>());
        }
        if status >= 400 {
            self.say(&format!("{} ERROR {status}: {reason}.\n\n", now()));
            return 8;
        }
        if self.line.has(SPIDER) {
            self.say("Remote file exists.\n\n");
            return 0;
        }
        let (file, shown) = self.target();
        let length = response.body.len();
        let name = if file == "-" { "STDOUT".to_owned() } else { file.clone() };
        self.say(&format!("Length: {length} [{}]\n", response.content_type));
        self.say(&format!("Saving to: \u{2018}{name}\u{2019}\n\n"));
        self.write(&file, &response.body);
        let bar = "===================>";
        self.say(&format!("{shown:<20}100%[{bar}] {length:>7}  --.-KB/s    in 0s      \n\n"));
        match file == "-" {
            true => self
                .say(&format!("{} (1.00 MB/s) - written to stdout [{length}/{length}]\n\n", now())),
            false => self.say(&format!(
                "{} (1.00 MB/s) - \u{2018}{file}\u{2019} saved [{length}/{length}]\n\n",
                now()
            )),
        }
        0
    }

    fn untrusted(&self, problem: TlsProblem) -> u8 {
        let host = &self.url.host;
        self.say("connected.\n");
        let text = match problem {
            TlsProblem::NotTls => {
                self.say("OpenSSL: error:0A00010B:SSL routines::wrong version number\n");
                self.say("Unable to establish SSL connection.\n");
                return 4;
            }
            TlsProblem::OtherName => format!(
                "    ERROR: no certificate subject alternative name matches\n\
                 \trequested host name \u{2018}{host}\u{2019}.\n"
            ),
            TlsProblem::SelfSigned => {
                format!(
                    "ERROR: cannot verify {host}'s certificate:\n  Self-signed certificate encountered.\n"
                )
            }
            TlsProblem::UnknownIssuer => format!(
                "ERROR: cannot verify {host}'s certificate:\n  Unable to locally verify the issuer's authority.\n"
            ),
        };
        self.process.err(&text);
        let hint = format!("To connect to {host} insecurely, use `--no-check-certificate'.\n");
        self.process.err(&hint);
        5
    }

    /// The first address that is reached; `tries` is told of each.
    async fn ask(&self, tries: impl Fn(&Self, IpAddr)) -> Result<Response, Problem> {
        let start = self.process.now();
        let limit = self.line.value(TIMEOUT).and_then(|it| it.parse::<u32>().ok());
        let limit = limit.filter(|it| *it > 0).map(|it| Duration::from_secs(it.into()));
        let (ips, took) = addresses(self.process, &self.url.host);
        self.process.sleep(took).await;
        let mut problem = Problem::Name;
        for ip in ips {
            tries(self, ip);
            let goal = (ip, self.url.port);
            let Some((exchange, fetched)) = fetch(self.process, goal, self.message(), limit) else {
                break;
            };
            let end = limit.map_or(exchange.ended, |it| exchange.ended.min(start + it));
            self.process.until(end).await;
            if let Some(response) = fetched.response {
                return Ok(response);
            }
            if let Some(problem) = fetched.problem {
                return Err(Problem::Untrusted(problem));
            }
            problem = match exchange.result {
                Answer::Refused => Problem::NotConnected(ip, "Connection refused"),
                Answer::NoRoute => Problem::NotConnected(ip, "No route to host"),
                Answer::Denied => Problem::NotConnected(ip, "Operation not permitted"),
                Answer::TimedOut if limit.is_none() => {
                    Problem::NotConnected(ip, "Connection timed out")
                }
                Answer::TimedOut => Problem::TimedOut,
                _ => return Err(Problem::Closed),
            };
        }
        Err(problem)
    }

    fn message(&self) -> Message {
        let trust = if self.line.has(INSECURE) { Trust::Anybody } else { Trust::Public };
        let tls = self.url.secure.then(|| Tls { name: self.url.host.clone(), trust });
        let own = |it: &&str| it.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("host:"));
        let host = self.line.values(HEADER).find(own).and_then(|it| it.split_once(':'));
        Message {
            method: if self.line.has(POST) { "POST" } else { "GET" }.to_owned(),
            host: host.map_or_else(|| self.url.host_header(), |it| it.1.trim().to_owned()),
            path: self.url.path.clone(),
            tls,
            headers: self.headers(),
        }
    }

    /// The lines of the request's head below the Host header.
    fn headers(&self) -> Vec<String> {
        let (own, own_headers): (_, &[&str]) = match here::is_busybox(self.process) {
            true => ("Wget", &["Connection: close"]),
            false => (
                "Wget/1.21.3",
                &["Accept: */*", "Accept-Encoding: identity", "Connection: Keep-Alive"],
            ),
        };
        let agent = format!("User-Agent: {}", self.line.value('U').unwrap_or(own));
        let given = self.line.values(HEADER).map(str::to_owned);
        let others =
            given.filter(|it| !it.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("host:")));
        let own = own_headers.iter().map(|it| (*it).to_owned());
        [agent].into_iter().chain(others).chain(own).collect()
    }

    /// The file that is written, and its name as the progress shows it.
    fn target(&self) -> (String, String) {
        let path = self.url.path.split('?').next().unwrap_or("");
        let own = path.rsplit('/').next().filter(|it| !it.is_empty()).unwrap_or("index.html");
        let file = self.line.value('O').unwrap_or(own).to_owned();
        let shown = file.rsplit('/').next().unwrap_or(&file).chars().take(20).collect();
        (file, shown)
    }

    fn write(&self, file: &str, text: &str) {
        match file {
            "-" | "/dev/stdout" => self.process.out(text),
            "/dev/null" => {}
            file => {
                let path = self.process.resolve(file);
                self.process.files_mut().put(path, text);
            }
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.process.err(text);
        }
    }
}
