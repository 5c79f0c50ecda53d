//! What the well-known sample images of articles answer, each as the real one does.

use super::container::ContainerRun;
use super::look::hostname;
use super::plan::ContainerPlan;
use crate::net::exchange::tcp::Connection;
use crate::net::exchange::{Message, Response};
use crate::object::Pod;
use crate::time::Instant;

/// The last patch of each release of nginx, and when its files were made, in seconds since 1970.
const NGINX: [(&str, &str, u64); 14] = [
    ("1.14", "1.14.2", 1_543_934_689),
    ("1.16", "1.16.1", 1_565_690_700),
    ("1.17", "1.17.10", 1_586_874_685),
    ("1.18", "1.18.0", 1_587_478_141),
    ("1.19", "1.19.10", 1_618_326_839),
    ("1.20", "1.20.2", 1_637_074_372),
    ("1.21", "1.21.6", 1_643_123_032),
    ("1.22", "1.22.1", 1_666_167_643),
    ("1.23", "1.23.4", 1_680_015_714),
    ("1.24", "1.24.0", 1_681_228_484),
    ("1.25", "1.25.5", 1_713_277_799),
    ("1.26", "1.26.3", 1_738_753_592),
    ("1.27", "1.27.5", 1_744_808_134),
    ("1.28", "1.28.0", 1_745_405_444),
];
/// What a tag without a number stands for: the newest of [`NGINX`], and the newest stable one.
const NGINX_NEWEST: (usize, usize) = (12, 13);
/// When the lab begins, in seconds since 1970.
const BEGINNING: u64 = 1_767_225_600;
const GO_TEXT: &str = "text/plain; charset=utf-8";

/// A request that has come to a container.
pub(super) struct Asked<'a> {
    pub pod: &'a Pod,
    pub plan: &'a ContainerPlan,
    pub run: &'a ContainerRun,
    pub on: &'a Connection,
    pub message: &'a Message,
    pub now: Instant,
}

/// How the program names itself, where it is a web server of files.
pub(super) fn server(plan: &ContainerPlan) -> Option<String> {
    let image = plan.reference.as_ref()?;
    let version = image.tag().split('-').next().unwrap_or("");
    let is_number = version.starts_with(|it: char| it.is_ascii_digit());
    Some(match image.base() {
        "nginx" | "nginx-unprivileged" => format!("nginx/{}", nginx(image.tag()).0),
        "httpd" if is_number && version.matches('.').count() == 2 => {
            format!("Apache/{version} (Unix)")
        }
        "httpd" => "Apache/2.4.62 (Unix)".to_owned(),
        "caddy" => "Caddy".to_owned(),
        _ => return None,
    })
}

/// Its page for what is not there.
pub(super) fn not_found(server: String) -> Response {
    match server.split('/').next() {
        Some("nginx") => Response::page_of(&server, 404),
        Some("Apache") => {
            let body = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n\
                        <title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n\
                        <p>The requested URL was not found on this server.</p>\n</body></html>\n";
            let content_type = "text/html; charset=iso-8859-1";
            Response { server, content_type, ..Response::text(404, body) }
        }
        _ => Response { server, ..Response::text(404, "") },
    }
}

/// Its version, and when its files were made.
pub(super) fn nginx(tag: &str) -> (String, u64) {
    let version = tag.split('-').next().unwrap_or("");
    let of = |at: usize| NGINX.get(at).map_or((String::new(), 0), |it| (it.1.to_owned(), it.2));
    if !version.starts_with(|it: char| it.is_ascii_digit()) {
        return of(if version == "stable" { NGINX_NEWEST.1 } else { NGINX_NEWEST.0 });
    }
    let minor: Vec<&str> = version.split('.').take(2).collect();
    let known = NGINX.iter().position(|it| it.0 == minor.join("."));
    match (minor.len(), version.matches('.').count()) {
        (1, _) => of(NGINX_NEWEST.0),
        (_, 1) => known.map_or((format!("{version}.0"), 0), of),
        _ => (version.to_owned(), known.map_or(0, |at| of(at).1)),
    }
}

impl Asked<'_> {
    /// None where the image is not one of these, or has nothing of its own at that path.
    pub(super) fn response(&self) -> Option<Response> {
        let image = self.plan.reference.as_ref()?;
        match image.base() {
            "nginx" | "nginx-unprivileged" | "httpd" => self.file(),
            "agnhost" | "serve_hostname" | "serve-hostname" => self.agnhost(image.base()),
            "echoserver" => Some(self.echoserver(image.tag())),
            "whoami" => Some(self.whoami()),
            name => self.says(name),
        }
    }

    /// A web server's page: what somebody has put where it looks for its files, else its own.
    fn file(&self) -> Option<Response> {
        let is_apache = self.plan.reference.as_ref()?.base() == "httpd";
        let root = match is_apache {
            true => "/usr/local/apache2/htdocs",
            false => "/usr/share/nginx/html",
        };
        let path = self.message.file();
        let index = if path.ends_with('/') { "index.html" } else { "" };
        let written = self.run.written.get(&format!("{root}{path}{index}"));
        if let Some(text) = written.and_then(Option::as_ref) {
            let made = BEGINNING + self.now.as_micros() / 1_000_000;
            return Some(self.served(text.clone(), made, path));
        }
        if written.is_some() || !matches!(path, "/" | "/index.html") {
            return None;
        }
        if is_apache {
            let text = "<html><body><h1>It works!</h1></body></html>\n";
            return Some(self.served(text.to_owned(), 1_181_587_994, path));
        }
        let (version, made) = nginx(self.plan.reference.as_ref()?.tag());
        Some(self.served(welcome(&version), made, path))
    }

    /// A file as both servers send it, with when it was made.
    fn served(&self, text: String, made: u64, path: &str) -> Response {
        let server = server(self.plan).unwrap_or_default();
        let content_type = match path.rsplit('.').next() {
            Some("txt") => "text/plain",
            Some("json") => "application/json",
            _ => "text/html",
        };
        let modified = format!("Last-Modified: {}", http_date(made));
        let length = text.len();
        let (tag, ranges) =
            (format!("ETag: \"{made:x}-{length:x}\""), "Accept-Ranges: bytes".to_owned());
        let headers = match server.starts_with("Apache") {
            true => {
                let micros = made.saturating_mul(1_000_000);
                vec![modified, format!("ETag: \"{length:x}-{micros:x}\""), ranges]
            }
            false => vec![modified, "Connection: keep-alive".to_owned(), tag, ranges],
        };
        Response { server, content_type, headers, ..Response::text(200, text) }
    }

    /// What programs of Kubernetes' own test image say.
    fn agnhost(&self, name: &str) -> Option<Response> {
        let container = self.pod.spec.containers.iter().find(|it| it.name == self.plan.name)?;
        let words = container.command.iter().chain(&container.args);
        let what = words.map(String::as_str).find(|it| matches!(*it, "netexec" | "serve-hostname"));
        if name != "agnhost" || what == Some("serve-hostname") {
            return Some(go_text(hostname(self.pod)));
        }
        what?;
        let query = self.message.path.split_once('?').map_or("", |it| it.1);
        let text = match self.message.file() {
            "/" => format!("NOW: {}", self.go_time()),
            "/hostname" | "/hostName" => hostname(self.pod),
            "/clientip" => self.on.seen.to_string(),
            "/healthz" => String::new(),
            "/echo" => query.strip_prefix("msg=").unwrap_or("").to_owned(),
            _ => return Some(go_text(format!("NOW: {}", self.go_time()))),
        };
        Some(go_text(text))
    }

    /// The time as Go prints it, with how long the process runs.
    fn go_time(&self) -> String {
        let micros = self.now.as_micros();
        let date = self.now.rfc3339().replace('T', " ").replace('Z', "");
        let since = self.run.running().map_or(self.now, |it| it.since);
        let runs = (self.now - since).as_micros();
        format!(
            "{date}.{:06}000 +0000 UTC m=+{}.{:06}000",
            micros % 1_000_000,
            runs / 1_000_000,
            runs % 1_000_000
        )
    }

    /// The lines of the request's head, names in lower case.
    fn headers(&self) -> impl Iterator<Item = (String, &str)> {
        let lines = self.message.headers.iter().filter_map(|it| it.split_once(':'));
        lines.map(|(name, value)| (name.to_lowercase(), value.trim()))
    }

    /// nginx with Lua: all it knows of the request.
    fn echoserver(&self, tag: &str) -> Response {
        let is_old = matches!(tag, "1.0" | "1.1" | "1.2" | "1.3" | "1.4");
        let Message { method, path, host, .. } = self.message;
        let client = self.on.seen.ip();
        let query = path.split_once('?').map_or("", |it| it.1);
        let name = self.message.host_name();
        let url = format!("http://{name}:{}{path}", self.on.at.port());
        let mut headers: Vec<String> =
            self.headers().map(|(name, value)| format!("{name}={value}")).collect();
        headers.push(format!("host={host}"));
        headers.sort();
        let text = if is_old {
            let query = if query.is_empty() { "nil" } else { query };
            format!(
                "CLIENT VALUES:\nclient_address={client}\ncommand={method}\nreal path={path}\n\
                 query={query}\nrequest_version=1.1\nrequest_uri={url}\n\nSERVER VALUES:\n\
                 server_version=nginx: 1.10.0 - lua: 10001\n\nHEADERS RECEIVED:\n{}\nBODY:\n\
                 -no body in request-",
                headers.join("\n")
            )
        } else {
            format!(
                "\n\nHostname: {}\n\nPod Information:\n\t-no pod information available-\n\n\
                 Server values:\n\tserver_version=nginx: 1.13.3 - lua: 10008\n\n\
                 Request Information:\n\tclient_address={client}\n\tmethod={method}\n\t\
                 real path={path}\n\tquery={query}\n\trequest_version=1.1\n\trequest_scheme=http\n\t\
                 request_uri={url}\n\nRequest Headers:\n\t{}\n\nRequest Body:\n\t\
                 -no body in request-\n\n",
                hostname(self.pod),
                headers.join("\n\t")
            )
        };
        let server = if is_old { "nginx/1.10.0" } else { "nginx/1.13.3" }.to_owned();
        let headers = vec!["Connection: keep-alive".to_owned()];
        Response { server, headers, ..Response::text(200, text) }
    }

    /// Traefik's: the request as it came.
    fn whoami(&self) -> Response {
        let mut text = format!("Hostname: {}\nIP: 127.0.0.1\nIP: ::1\n", hostname(self.pod));
        for ip in &self.pod.status.pod_ips {
            text += &format!("IP: {}\n", ip.ip);
        }
        let Message { method, path, host, .. } = self.message;
        text += &format!("RemoteAddr: {}\n{method} {path} HTTP/1.1\nHost: {host}\n", self.on.seen);
        // Go writes the names of a head in order, but for the first.
        let mut headers = self.message.headers.clone();
        headers.sort_by_key(|it| !it.starts_with("User-Agent"));
        for line in headers {
            text += &format!("{line}\n");
        }
        go_text(text + "\n")
    }

    /// What small samples say at any path.
    fn says(&self, name: &str) -> Option<Response> {
        let tag = self.plan.reference.as_ref()?.tag();
        let host = hostname(self.pod);
        Some(match name {
            "hello-app" => {
                let version = if tag.starts_with('2') { "2.0.0" } else { "1.0.0" };
                go_text(format!("Hello, world!\nVersion: {version}\nHostname: {host}\n"))
            }
            "kubernetes-bootcamp" => {
                let version = tag.trim_start_matches('v').parse().unwrap_or(1);
                node_text(format!(
                    "Hello Kubernetes bootcamp! | Running on: {host} | v={version}\n"
                ))
            }
            "node-hello" => node_text("Hello Kubernetes!".to_owned()),
            "kubia" => node_text(format!("You've hit {host}\n")),
            "echo-hname" => {
                Response { server: "nginx".to_owned(), ..Response::text(200, format!("{host}\n")) }
            }
            "http-echo" => {
                let headers = ["X-App-Name: http-echo", "X-App-Version: 1.0.0"];
                let headers = headers.map(str::to_owned).into();
                Response { headers, ..go_text(format!("{}\n", self.option("text")?)) }
            }
            _ => return None,
        })
    }

    /// The value of a flag of the container's command line, with one dash or two.
    fn option(&self, name: &str) -> Option<&str> {
        let container = self.pod.spec.containers.iter().find(|it| it.name == self.plan.name)?;
        let mut words = container.command.iter().chain(&container.args);
        let flag = words.find(|it| it.trim_start_matches('-').starts_with(name))?;
        flag.split_once('=').map(|it| it.1).or(words.next().map(String::as_str))
    }
}

/// A text of a program written in Go.
fn go_text(text: String) -> Response {
    let (server, content_type) = (String::new(), GO_TEXT);
    Response { server, content_type, ..Response::text(200, text) }
}

/// A text of a program written for Node.js.
fn node_text(text: String) -> Response {
    let headers = vec!["Connection: keep-alive".to_owned()];
    Response { server: String::new(), headers, ..Response::text(200, text) }
}

/// `Wed, 16 Apr 2025 12:55:34 GMT`, of seconds since 1970.
fn http_date(seconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March 2000's era began: a year that begins in March has its leap day at its end.
    let era = (days + 719_468) % 146_097;
    let years = (era - era / 1460 + era / 36_524 - era / 146_096) / 365;
    let of_year = era - (365 * years + years / 4 - years / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = (days + 719_468) / 146_097 * 400 + years + u64::from(month >= 10);
    let name = |names: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("")
    };
    let (weekday, month) = (name(&WEEKDAYS, days % 7), name(&MONTHS, month));
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// nginx's first page, whose styles were written anew with 1.21.
fn welcome(version: &str) -> String {
    let minor = version.split('.').nth(1).and_then(|it| it.parse::<u32>().ok());
    let style = match minor {
        Some(minor) if minor < 21 => {
            "    body {\n        width: 35em;\n        margin: 0 auto;\n        \
             font-family: Tahoma, Verdana, Arial, sans-serif;\n    }\n"
        }
        _ => {
            "html { color-scheme: light dark; }\nbody { width: 35em; margin: 0 auto;\n\
             font-family: Tahoma, Verdana, Arial, sans-serif; }\n"
        }
    };
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n<style>\n{style}\
         </style>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n\
         <p>If you see this page, the nginx web server is successfully installed and\n\
         working. Further configuration is required.</p>\n\n\
         <p>For online documentation and support please refer to\n\
         <a href=\"http://nginx.org/\">nginx.org</a>.<br/>\nCommercial support is available at\n\
         <a href=\"http://nginx.com/\">nginx.com</a>.</p>\n\n\
         <p><em>Thank you for using nginx.</em></p>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths that nginx says of its page.
    #[test]
    fn the_page_is_as_long_as_nginx_says() {
        assert_eq!(welcome("1.27.5").len(), 615);
        assert_eq!(welcome("1.14.2").len(), 612);
    }

    #[test]
    fn dates_read_as_http_writes_them() {
        assert_eq!(http_date(1_744_808_134), "Wed, 16 Apr 2025 12:55:34 GMT");
        assert_eq!(http_date(1_543_934_689), "Tue, 04 Dec 2018 14:44:49 GMT");
        assert_eq!(http_date(BEGINNING + 59 * 86_400), "Sun, 01 Mar 2026 00:00:00 GMT");
        assert_eq!(http_date(1_709_164_800), "Thu, 29 Feb 2024 00:00:00 GMT");
    }

    #[test]
    fn a_tag_stands_for_a_release() {
        for (tag, version) in [
            ("1.14.2", "1.14.2"),
            ("1.27", "1.27.5"),
            ("1.25-alpine", "1.25.5"),
            ("1.7.9", "1.7.9"),
            ("latest", "1.27.5"),
            ("alpine", "1.27.5"),
            ("1", "1.27.5"),
            ("stable-perl", "1.28.0"),
        ] {
            assert_eq!(nginx(tag).0, version, "{tag}");
        }
    }
}
