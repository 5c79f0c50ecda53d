//! What an image starts: its entry point and a container's words → what its first process does.

use super::image::Reference;
use super::script::{self, Course, OnTerm};
use crate::object::Container;

/// How an image behaves when the manifest gives no command.
pub(super) enum Entry {
    /// A web server that answers the probes it is given.
    App(&'static [u16]),
    /// A web server of files: only the paths of `program::PAGES`.
    Files(&'static [u16]),
    /// A server of another protocol.
    Other(&'static [u16]),
    /// A shell or an interpreter: nothing to read, so it ends.
    Shell,
    /// Does nothing until it is ended.
    Waits,
}

/// Well-known images by the end of their repository's name, with the ports they listen on.
const IMAGES: &[(&str, Entry)] = &[
    ("kubetm/app", Entry::App(&[8080])),
    ("1pro/app", Entry::App(&[8080])),
    ("1pro/api-tester", Entry::App(&[8080])),
    ("nginx", Entry::Files(&[80])),
    ("nginx-unprivileged", Entry::Files(&[8080])),
    ("httpd", Entry::Files(&[80])),
    ("caddy", Entry::Files(&[80])),
    ("haproxy", Entry::App(&[80])),
    ("traefik", Entry::App(&[80, 8080])),
    ("whoami", Entry::App(&[80])),
    ("httpbin", Entry::App(&[80])),
    ("hello", Entry::App(&[80])),
    ("hello-world", Entry::Shell),
    ("hello-app", Entry::App(&[8080])),
    ("hello-kubernetes", Entry::App(&[8080])),
    ("http-echo", Entry::App(&[5678])),
    ("echo-server", Entry::App(&[8080])),
    ("echoserver", Entry::App(&[8080])),
    ("http-https-echo", Entry::App(&[8080, 8443])),
    ("agnhost", Entry::Waits),
    ("podinfo", Entry::App(&[9898])),
    ("kuard-amd64", Entry::App(&[8080])),
    ("guestbook", Entry::App(&[3000])),
    ("gb-frontend", Entry::App(&[80])),
    ("wordpress", Entry::App(&[80])),
    ("phpmyadmin", Entry::App(&[80])),
    ("tomcat", Entry::App(&[8080])),
    ("jenkins", Entry::App(&[8080, 50000])),
    ("grafana", Entry::App(&[3000])),
    ("prometheus", Entry::App(&[9090])),
    ("registry", Entry::App(&[5000])),
    ("elasticsearch", Entry::App(&[9200, 9300])),
    ("coredns", Entry::App(&[53, 8080, 8181, 9153])),
    ("postgres", Entry::Other(&[5432])),
    ("postgresql", Entry::Other(&[5432])),
    ("mysql", Entry::Other(&[3306])),
    ("mariadb", Entry::Other(&[3306])),
    ("mongo", Entry::Other(&[27017])),
    ("mongodb", Entry::Other(&[27017])),
    ("redis", Entry::Other(&[6379])),
    ("redis-follower", Entry::Other(&[6379])),
    ("valkey", Entry::Other(&[6379])),
    ("memcached", Entry::Other(&[11211])),
    ("rabbitmq", Entry::Other(&[5672])),
    ("kafka", Entry::Other(&[9092])),
    ("nats", Entry::Other(&[4222])),
    ("cassandra", Entry::Other(&[9042])),
    ("zookeeper", Entry::Other(&[2181])),
    ("kubernetes-bootcamp", Entry::App(&[8080])),
    ("node-hello", Entry::App(&[8080])),
    ("kubia", Entry::App(&[8080])),
    ("serve_hostname", Entry::App(&[9376])),
    ("serve-hostname", Entry::App(&[9376])),
    ("echo-hname", Entry::App(&[80])),
    ("pause", Entry::Waits),
    ("busybox", Entry::Shell),
    ("alpine", Entry::Shell),
    ("ubuntu", Entry::Shell),
    ("debian", Entry::Shell),
    ("centos", Entry::Shell),
    ("fedora", Entry::Shell),
    ("curl", Entry::Shell),
    ("netshoot", Entry::Shell),
    ("dnsutils", Entry::Shell),
    ("bash", Entry::Shell),
    ("python", Entry::Shell),
    ("node", Entry::Shell),
    ("golang", Entry::Shell),
    ("perl", Entry::Shell),
    ("ruby", Entry::Shell),
    ("php", Entry::Shell),
    ("openjdk", Entry::Shell),
];

/// Images whose entry point is a script that ends with `exec "$@"`: their own shell looks for what
/// `args` name.
const SCRIPTED: [&str; 16] = [
    "nginx",
    "nginx-unprivileged",
    "redis",
    "valkey",
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "memcached",
    "rabbitmq",
    "cassandra",
    "zookeeper",
    "haproxy",
    "node",
    "php",
    "bash",
];
/// Images that hold one program and nothing else.
const BARE: [&str; 5] = ["pause", "whoami", "http-echo", "coredns", "hello-world"];
/// Programs of the stock images besides those that bear an image's name.
const EXECUTABLES: [&str; 45] = [
    "apache2-foreground",
    "apachectl",
    "apt",
    "apt-get",
    "apk",
    "awk",
    "base64",
    "basename",
    "bash",
    "chroot",
    "cut",
    "dd",
    "df",
    "dirname",
    "docker-entrypoint.sh",
    "du",
    "find",
    "free",
    "gcc",
    "go",
    "gunicorn",
    "head",
    "hostnamectl",
    "ip",
    "java",
    "mount",
    "npm",
    "npx",
    "pip",
    "pip3",
    "ps",
    "seq",
    "socat",
    "sort",
    "ss",
    "stress",
    "su",
    "tcpdump",
    "tee",
    "timeout",
    "top",
    "tr",
    "uniq",
    "wc",
    "xargs",
];
/// Where images keep their programs.
const FOLDERS: [&str; 5] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"];

pub(super) fn known(image: &Reference) -> Option<&'static Entry> {
    let full = IMAGES.iter().find(|(name, _)| *name == image.short());
    let by_end = || IMAGES.iter().find(|(name, _)| *name == image.base());
    full.or_else(by_end).map(|(_, entry)| entry)
}

/// What its command line does, a server's being an unknown command; and why runc cannot start it.
pub(super) fn course(
    container: &Container,
    image: Option<&Reference>,
    entry: Option<&Entry>,
) -> (Course, Option<String>) {
    let args = &container.args;
    let base = image.map_or("", |it| it.base());
    let is_script = SCRIPTED.contains(&base);
    let names_program = args.first().is_some_and(|it| !it.starts_with('-'));
    let words: Vec<String> = match entry {
        _ if !container.command.is_empty() => {
            container.command.iter().chain(args).cloned().collect()
        }
        Some(Entry::Shell) => args.clone(),
        Some(Entry::Waits) if args.is_empty() => {
            let waits = Course { on_term: OnTerm::Ends(0), ..Course::default() };
            return (waits, None);
        }
        _ if names_program && (is_script || base == "httpd") => args.clone(),
        _ => return (server(), None),
    };
    let course = script::course(&words);
    let missing = words.first().filter(|word| match course.unknown {
        true => image.is_some_and(|image| is_missing(image, entry, word)),
        false => BARE.contains(&base),
    });
    match missing {
        Some(_) if is_script && container.command.is_empty() => (not_found(), None),
        // Its entry point takes what is no program for curl's own words.
        Some(_) if base == "curl" && container.command.is_empty() => (course, None),
        Some(word) => (server(), Some(refusal(word))),
        None => (course, None),
    }
}

/// The ports that a server is told to listen on, or its own where its manifest declares none.
pub(super) fn ports(
    container: &Container,
    entry: Option<&Entry>,
    declares_none: bool,
) -> Option<Vec<u16>> {
    let told = match entry {
        Some(Entry::App(_) | Entry::Waits) => told(container),
        _ => None,
    };
    match entry {
        _ if told.is_some() => told.map(|port| vec![port]),
        _ if !declares_none => None,
        Some(Entry::App(ports) | Entry::Files(ports) | Entry::Other(ports)) => Some(ports.to_vec()),
        Some(Entry::Waits) => {
            let does = |what: &str| container.args.iter().any(|it| it == what);
            let known = [("netexec", 8080), ("serve-hostname", 9376), ("test-webserver", 80)];
            let own = known.into_iter().find(|it| does(it.0));
            Some(own.map(|it| it.1).into_iter().collect())
        }
        _ => None,
    }
}

/// `--http-port=8083`, `-listen=:8080`, `--port 80`.
fn told(container: &Container) -> Option<u16> {
    let mut words = container.args.iter();
    while let Some(word) = words.next() {
        let (flag, value) = word.split_once('=').unwrap_or((word, ""));
        if !matches!(flag.trim_start_matches('-'), "http-port" | "listen" | "port")
            || flag == word && !word.starts_with('-')
        {
            continue;
        }
        let value = if value.is_empty() { words.next().map_or("", String::as_str) } else { value };
        return value.rsplit(':').next().and_then(|it| it.parse().ok());
    }
    None
}

fn server() -> Course {
    Course { unknown: true, ..Course::default() }
}

/// A shell that has not found what it should run.
fn not_found() -> Course {
    Course { ends: Some((crate::time::Duration::ZERO, 127)), ..Course::default() }
}

/// Whether no such program is in the image. Only stock images are known so well; no image has a
/// program whose name is a whole command line.
fn is_missing(image: &Reference, entry: Option<&Entry>, word: &str) -> bool {
    let (folder, name) = word.rsplit_once('/').unwrap_or(("", word));
    if word.contains(char::is_whitespace) {
        return true;
    }
    let is_stock =
        entry.is_some() && (!image.short().contains('/') || matches!(entry, Some(Entry::Shell)));
    let base = image.base();
    let is_own = name.starts_with(base) || base.starts_with(name);
    let is_placed = folder.is_empty() && !word.contains('/') || FOLDERS.contains(&folder);
    is_stock && is_placed && !is_own && !EXECUTABLES.contains(&name)
}

/// What runc says of a program that is not there.
fn refusal(word: &str) -> String {
    let why = match word.contains('/') {
        true => format!("stat {word}: no such file or directory"),
        false => "executable file not found in $PATH".to_owned(),
    };
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: \
         runc create failed: unable to start container process: error during container init: \
         exec: \"{word}\": {why}: unknown"
    )
}
