//! curl's command line → what it is to do.

use std::net::IpAddr;

use svclab_core::time::Duration;

use crate::programs::http::url::Url;
use crate::programs::options::{Line, Options, Wrong};

/// What was asked for.
pub(super) struct Settings {
    pub(super) urls: Vec<String>,
    pub(super) silent: bool,
    pub(super) shows_errors: bool,
    pub(super) verbose: bool,
    pub(super) includes_head: bool,
    pub(super) only_head: bool,
    pub(super) insecure: bool,
    pub(super) fails: bool,
    pub(super) follows: bool,
    pub(super) remote_name: bool,
    pub(super) only_ipv4: Option<bool>,
    pub(super) authority: Option<String>,
    pub(super) outputs: Vec<String>,
    pub(super) write_out: Option<String>,
    pub(super) max_time: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) headers: Vec<String>,
    pub(super) agent: Option<String>,
    pub(super) data: Option<String>,
    /// `--resolve`: a name and a port, and the address that stands for it.
    pub(super) resolved: Vec<(String, u16, IpAddr)>,
    /// `--connect-to`: a name and a port, and those to connect to instead.
    connect_to: Vec<[String; 4]>,
    method: Option<String>,
}

const MAX_TIME: char = 'm';
const CONNECT_TIMEOUT: char = '\u{1}';
const RESOLVE: char = '\u{2}';
const CONNECT_TO: char = '\u{3}';
const AUTHORITY: char = '\u{4}';
/// Long options that take a value and change nothing here, and such that take none.
const IGNORED_VALUE: char = '\u{5}';
const IGNORED: char = '\u{6}';
const URL: char = '\u{7}';

const OPTIONS: Options = Options {
    letters: "sSvo:w:IikLfX:H:d:A:m:OGgN046u:e:b:c:F:T:x:r:#jJRnqZ",
    names: &[
        ("silent", 's'),
        ("show-error", 'S'),
        ("verbose", 'v'),
        ("output", 'o'),
        ("remote-name", 'O'),
        ("write-out", 'w'),
        ("head", 'I'),
        ("include", 'i'),
        ("insecure", 'k'),
        ("location", 'L'),
        ("fail", 'f'),
        ("request", 'X'),
        ("header", 'H'),
        ("data", 'd'),
        ("data-raw", 'd'),
        ("data-binary", 'd'),
        ("json", 'd'),
        ("user-agent", 'A'),
        ("max-time", MAX_TIME),
        ("connect-timeout", CONNECT_TIMEOUT),
        ("resolve", RESOLVE),
        ("connect-to", CONNECT_TO),
        ("cacert", AUTHORITY),
        ("ipv4", '4'),
        ("ipv6", '6'),
        ("url", URL),
        ("get", 'G'),
        ("user", 'u'),
        ("retry", IGNORED_VALUE),
        ("retry-delay", IGNORED_VALUE),
        ("max-redirs", IGNORED_VALUE),
        ("cert", IGNORED_VALUE),
        ("key", IGNORED_VALUE),
        ("interface", IGNORED_VALUE),
        ("http1.1", IGNORED),
        ("http1.0", '0'),
        ("http2", IGNORED),
        ("compressed", IGNORED),
        ("no-progress-meter", IGNORED),
        ("progress-bar", '#'),
        ("no-keepalive", IGNORED),
        ("no-buffer", 'N'),
        ("globoff", 'g'),
        ("tcp-nodelay", IGNORED),
    ],
    valued: "\u{1}\u{2}\u{3}\u{4}\u{5}\u{7}",
};

/// # Errors
///
/// What curl says of a command line that it cannot read.
pub(super) fn read(words: &[String]) -> Result<Settings, String> {
    const HELP: &str = "curl: try 'curl --help' or 'curl --manual' for more information\n";
    let line = OPTIONS.read(words).map_err(|wrong| match wrong {
        Wrong::Unknown(word) => format!("curl: option {word}: is unknown\n{HELP}"),
        Wrong::Lacks(word) => format!("curl: option {word}: requires parameter\n{HELP}"),
    })?;
    let mut urls = line.operands.clone();
    urls.extend(line.values(URL).map(str::to_owned));
    if urls.is_empty() {
        return Err(HELP.to_owned());
    }
    let number =
        |word: &str| format!("curl: option {word}: expected a proper numerical parameter\n{HELP}");
    let span = |letter: char, name: &str| match line.value(letter) {
        None => Ok(None),
        Some(text) => seconds(text).map(Some).ok_or_else(|| number(name)),
    };
    let strings = |letter: char| line.values(letter).map(str::to_owned).collect::<Vec<_>>();
    let data = strings('d');
    Ok(Settings {
        urls,
        silent: line.has('s'),
        shows_errors: line.has('S'),
        verbose: line.has('v'),
        includes_head: line.has('i'),
        only_head: line.has('I'),
        insecure: line.has('k'),
        fails: line.has('f'),
        follows: line.has('L'),
        remote_name: line.has('O'),
        only_ipv4: if line.has('4') { Some(true) } else { line.has('6').then_some(false) },
        authority: line.value(AUTHORITY).map(str::to_owned),
        outputs: strings('o'),
        write_out: line.value('w').map(str::to_owned),
        max_time: span(MAX_TIME, "-m")?.filter(|it| *it > Duration::ZERO),
        connect_timeout: span(CONNECT_TIMEOUT, "--connect-timeout")?
            .filter(|it| *it > Duration::ZERO),
        headers: strings('H'),
        agent: line.value('A').map(str::to_owned),
        data: Some(data.join("&")).filter(|_| !data.is_empty() && !line.has('G')),
        resolved: resolved(&line)?,
        connect_to: line.values(CONNECT_TO).filter_map(four).collect(),
        method: line.value('X').map(str::to_owned),
    })
}

/// Seconds with a fraction, at most some years.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok().filter(|it| (0.0..1e9).contains(it))?;
    Some(Duration::from_micros((seconds * 1e6) as u64))
}

fn resolved(line: &Line) -> Result<Vec<(String, u16, IpAddr)>, String> {
    let mut res = Vec::new();
    for text in line.values(RESOLVE) {
        let parts = text.trim_start_matches('+').splitn(3, ':').collect::<Vec<_>>();
        let parsed = match parts.as_slice() {
            [host, port, ip] => {
                let ip = ip.trim_matches(['[', ']']).parse().ok();
                port.parse().ok().zip(ip).map(|(port, ip)| ((*host).to_owned(), port, ip))
            }
            _ => None,
        };
        res.push(
            parsed.ok_or(format!("curl: (49) Couldn't parse CURLOPT_RESOLVE entry '{text}'!\n"))?,
        );
    }
    Ok(res)
}

fn four(text: &str) -> Option<[String; 4]> {
    let parts: Vec<String> = text.split(':').map(str::to_owned).collect();
    parts.try_into().ok()
}

impl Settings {
    /// The value of a header that replaces curl's own.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.iter().filter_map(|it| it.split_once(':'));
        let mut own = lines.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        own.next().map(|it| it.1.trim())
    }

    pub(super) fn method(&self) -> String {
        let own = match &self.data {
            _ if self.only_head => "HEAD",
            Some(_) => "POST",
            None => "GET",
        };
        self.method.clone().unwrap_or_else(|| own.to_owned())
    }

    /// Of connecting.
    pub(super) fn limit(&self) -> Option<Duration> {
        match (self.max_time, self.connect_timeout) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The name and port that the connection is made to.
    pub(super) fn connection_goal(&self, url: &Url) -> (String, u16) {
        let fits = |[host, port, ..]: &&[String; 4]| {
            (host.is_empty() || host.eq_ignore_ascii_case(&url.host))
                && (port.is_empty() || port.parse() == Ok(url.port))
        };
        match self.connect_to.iter().find(fits) {
            Some([_, _, host, port]) => {
                let host = if host.is_empty() { url.host.clone() } else { host.clone() };
                (host, port.parse().unwrap_or(url.port))
            }
            None => (url.host.clone(), url.port),
        }
    }
}
