//! What the programs of well-known images write to their logs: lines of their start, and of each
//! request that they answer. All others write nothing.

use std::rc::Rc;

use super::answer::serving;
use super::image::Reference;
use super::run::PodRun;
use super::samples;
use crate::object::{Container, KERNEL};
use crate::time::Instant;
use crate::trace::{Answer, Exchange, Question};

/// Releases of CoreDNS: which compiler made them, from which commit.
const COREDNS: [(&str, &str); 5] = [
    ("1.11.1", "go1.20.7, ae2bbc2"),
    ("1.11.3", "go1.21.11, a6338e9"),
    ("1.12.0", "go1.23.3, 51e11f1"),
    ("1.12.1", "go1.24.1, 707c7c1"),
    ("1.12.4", "go1.24.6, 4e5a8a0"),
];

/// The image of a container that is of this sort.
enum Image {
    Nginx { version: String },
    Httpd,
    HelloApp,
    CoreDns { version: String },
}

impl Image {
    fn of(text: &str) -> Option<Image> {
        let image = Reference::parse(text)?;
        Some(match image.base() {
            "nginx" | "nginx-unprivileged" => {
                Image::Nginx { version: samples::nginx(image.tag()).0 }
            }
            "httpd" => Image::Httpd,
            "hello-app" => Image::HelloApp,
            "coredns" => Image::CoreDns { version: image.tag().trim_start_matches('v').to_owned() },
            _ => return None,
        })
    }
}

/// What a container writes when its image's own program starts; `zones` are those of a CoreDNS, as its
/// Corefile names them with their ports, and `ip` is the pod's address.
pub fn started(container: &Container, ip: &str, zones: &[String], at: Instant) -> Vec<String> {
    let own = container.command.is_empty() && container.args.is_empty();
    match Image::of(&container.image).filter(|it| own || matches!(it, Image::CoreDns { .. })) {
        Some(Image::Nginx { version }) => nginx_started(&version, at),
        Some(Image::Httpd) => httpd_started(ip, at),
        Some(Image::HelloApp) => vec![format!("{} Server listening on port 8080", slashed(at))],
        Some(Image::CoreDns { version }) => {
            let built = COREDNS.iter().find(|it| it.0 == version);
            let last = built.map(|it| format!("linux/amd64, {}", it.1));
            let own = [format!("CoreDNS-{version}")].into_iter().chain(last);
            zones.iter().cloned().chain(own).collect()
        }
        None => Vec::new(),
    }
}

/// What the container that answered a request writes of it; None where it writes nothing.
pub fn written(run: &PodRun, exchange: &Exchange) -> Option<(Rc<str>, Vec<String>)> {
    let Question::Http { method, path, agent } = &exchange.request.what else { return None };
    let Answer::Http { status, body, seen, .. } = &exchange.result else { return None };
    let port = exchange.packets.first()?.steps.last()?.packet.dport()?;
    let (plan, _) = serving(run, port)?;
    let at = exchange.ended;
    let bytes = if method == "HEAD" { 0 } else { body.len() };
    let request = format!("{method} {path} HTTP/1.1");
    let lines = match Image::of(&plan.image)? {
        Image::Nginx { .. } => {
            let agent = if agent.is_empty() { "-" } else { agent };
            let when = apache_date(at);
            let access = format!(
                "{seen} - - [{when}] \"{request}\" {status} {bytes} \"-\" \"{agent}\" \"-\""
            );
            let host = &exchange.request.host;
            let missing = (*status == 404).then(|| {
                let file = path.split('?').next().unwrap_or_default();
                format!(
                    "{} [error] 29#29: *{} open() \"/usr/share/nginx/html{file}\" failed \
                     (2: No such file or directory), client: {seen}, server: localhost, \
                     request: \"{request}\", host: \"{host}\"",
                    slashed(at),
                    exchange.id
                )
            });
            missing.into_iter().chain([access]).collect()
        }
        Image::Httpd => {
            let bytes = if bytes == 0 { "-".to_owned() } else { bytes.to_string() };
            vec![format!("{seen} - - [{}] \"{request}\" {status} {bytes}", apache_date(at))]
        }
        Image::HelloApp => vec![format!("{} Serving request: {path}", slashed(at))],
        Image::CoreDns { .. } => return None,
    };
    Some((plan.name.as_str().into(), lines))
}

fn nginx_started(version: &str, at: Instant) -> Vec<String> {
    const SCRIPTS: &str = "/docker-entrypoint.d/";
    let script = |name: &str| format!("/docker-entrypoint.sh: Launching {SCRIPTS}{name}");
    let conf = "/etc/nginx/conf.d/default.conf";
    let listen = "10-listen-on-ipv6-by-default.sh";
    let mut lines = vec![
        format!(
            "/docker-entrypoint.sh: {SCRIPTS} is not empty, will attempt to perform configuration"
        ),
        format!("/docker-entrypoint.sh: Looking for shell scripts in {SCRIPTS}"),
        script(listen),
        format!("{listen}: info: Getting the checksum of {conf}"),
        format!("{listen}: info: Enabled listen on IPv6 in {conf}"),
        format!("/docker-entrypoint.sh: Sourcing {SCRIPTS}15-local-resolvers.envsh"),
        script("20-envsubst-on-templates.sh"),
        script("30-tune-worker-processes.sh"),
        "/docker-entrypoint.sh: Configuration complete; ready for start up".to_owned(),
    ];
    let notices = [
        "using the \"epoll\" event method".to_owned(),
        format!("nginx/{version}"),
        format!("OS: Linux {KERNEL}"),
        "getrlimit(RLIMIT_NOFILE): 1048576:1048576".to_owned(),
        "start worker processes".to_owned(),
        "start worker process 29".to_owned(),
        "start worker process 30".to_owned(),
    ];
    let when = slashed(at);
    lines.extend(notices.map(|it| format!("{when} [notice] 1#1: {it}")));
    lines
}

fn httpd_started(ip: &str, at: Instant) -> Vec<String> {
    let unnamed = format!(
        "AH00558: httpd: Could not reliably determine the server's fully qualified domain name, \
         using {ip}. Set the 'ServerName' directive globally to suppress this message"
    );
    let when = format!("[{}]", error_date(at));
    vec![
        unnamed.clone(),
        unnamed,
        format!(
            "{when} [mpm_event:notice] [pid 1:tid 1] AH00489: Apache/2.4.62 (Unix) configured -- \
             resuming normal operations"
        ),
        format!("{when} [core:notice] [pid 1:tid 1] AH00094: Command line: 'httpd -D FOREGROUND'"),
    ]
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The lab begins on a Thursday.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Year, month, day and time of day, as texts.
fn parts(at: Instant) -> [String; 4] {
    let text = at.rfc3339();
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap_or_default();
    let mut date = date.split('-');
    let mut next = || date.next().unwrap_or_default().to_owned();
    [next(), next(), next(), time.to_owned()]
}

fn month(number: &str) -> &'static str {
    let index = number.parse::<usize>().ok().and_then(|it| it.checked_sub(1));
    index.and_then(|it| MONTHS.get(it)).copied().unwrap_or_default()
}

/// `2026/01/01 00:00:17`
fn slashed(at: Instant) -> String {
    let [year, month, day, time] = parts(at);
    format!("{year}/{month}/{day} {time}")
}

/// `01/Jan/2026:00:00:17 +0000`
fn apache_date(at: Instant) -> String {
    let [year, number, day, time] = parts(at);
    format!("{day}/{}/{year}:{time} +0000", month(&number))
}

/// `Thu Jan 01 00:00:17.123456 2026`
fn error_date(at: Instant) -> String {
    let [year, number, day, time] = parts(at);
    let micros = at.as_micros();
    let week = DAYS[(micros / 86_400_000_000 % 7) as usize];
    format!("{week} {} {day} {time}.{:06} {year}", month(&number), micros % 1_000_000)
}
