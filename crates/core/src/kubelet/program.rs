//! What runs in a container: a container of a manifest → a small program.
//!
//! The lab runs no images. A program is known by its image ([`super::entry`]) or, where the manifest has
//! a `command`, by that (see [`super::script`]). Servers listen on the ports that the manifest
//! declares, else on their own; an unknown image is a server of the declared ports.
//! These variables of `env` change a server:
//!
//! | variable | effect |
//! | --- | --- |
//! | `HOST`, `BIND`, `BIND_ADDRESS`, `LISTEN`, `LISTEN_ADDRESS` = `127.0.0.1` or `localhost` | nobody outside the pod reaches it (so do `--host=127.0.0.1` and the like among `args`) |
//! | `STARTUP_DELAY` | it opens its ports so many seconds after its start |
//! | `RESPONSE_DELAY` | it takes so many seconds for every answer |
//! | `SHUTDOWN_DELAY` | it ends so many seconds after SIGTERM instead of 0.2 s |
//! | `IGNORE_SIGTERM` = `true` | it ends only by SIGKILL |
//! | `EXIT_AFTER`, `EXIT_CODE` | it ends by itself after so many seconds, with this code or 1 |

use super::entry::{self, Entry};
use super::image::Reference;
use super::script::{self, OnTerm};
use crate::object::{Container, PodSpec, Protocol};
use crate::time::Duration;

/// From SIGTERM to the end of a program that handles it.
const SHUTDOWN: Duration = Duration::from_millis(200);
/// How long an unknown program works in an init container.
const INIT_WORK: Duration = Duration::from_secs(1);
/// What the sample programs answer besides the paths of their probes.
const PAGES: [&str; 6] = ["/", "/hostname", "/version", "/info", "/ready", "/health"];
const ADDRESSES: [&str; 5] = ["HOST", "BIND", "BIND_ADDRESS", "LISTEN", "LISTEN_ADDRESS"];
/// Ports on which servers speak TLS.
const TLS_PORTS: [u16; 5] = [443, 6443, 8443, 9443, 10250];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Http,
    Tls,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    pub number: u16,
    pub protocol: Protocol,
    pub speaks: Speaks,
}

/// What a container's first process does, in times since its start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Program {
    pub listeners: Vec<Listener>,
    pub local_only: bool,
    pub opens: Duration,
    pub answers: Duration,
    /// When and with which code it ends by itself.
    pub ends: Option<(Duration, i32)>,
    /// What SIGTERM does: it ends after this time with this code. None where it is ignored.
    pub on_term: Option<(Duration, i32)>,
    pub files: Vec<(Duration, String, bool)>,
    /// Why the runtime cannot start it, in runc's words.
    pub fails: Option<String>,
    /// Answers any path that one of its probes asks for.
    pub any_path: bool,
    /// Its tools are busybox's, whose complaints read differently.
    pub busybox: bool,
}

/// What the user has switched by hand: how a program answers the probes of its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    pub ready: bool,
    pub alive: bool,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers { ready: true, alive: true }
    }
}

impl Program {
    pub(super) fn of(container: &Container, spec: &PodSpec, is_init: bool) -> Program {
        let image = Reference::parse(&container.image);
        let entry = image.as_ref().and_then(entry::known);
        let (mut course, fails) = entry::course(container, image.as_ref(), entry);
        if reads(container, &course) {
            course.ends = None;
        }
        let is_server = course.unknown;
        let settings = Settings { container };
        let declared: Vec<(u16, Protocol)> = declared(container).collect();
        let other = matches!(entry, Some(Entry::Other(_))) && container.command.is_empty();
        let ports: Vec<(u16, Protocol)> = match (&course.ports, is_server) {
            (Some(ports), _) => ports.iter().map(|it| (*it, Protocol::Tcp)).collect(),
            (None, true) => match entry::ports(container, entry, declared.is_empty()) {
                Some(own) => own.into_iter().map(|it| (it, Protocol::Tcp)).collect(),
                None => declared,
            },
            (None, false) => Vec::new(),
        };
        let listener = |(number, protocol): (u16, Protocol)| Listener {
            number,
            protocol,
            speaks: match () {
                () if other => Speaks::Other,
                () if TLS_PORTS.contains(&number) => Speaks::Tls,
                () => Speaks::Http,
            },
        };
        let works = is_server && is_init && entry.is_none();
        let ends = settings.ends().or(course.ends).or(works.then_some((INIT_WORK, 0)));
        let base = image.as_ref().map_or("", |it| it.base());
        Program {
            listeners: ports.into_iter().map(listener).collect(),
            local_only: settings.local_only(),
            opens: settings.seconds("STARTUP_DELAY").unwrap_or(course.serves_after),
            answers: settings.seconds("RESPONSE_DELAY").unwrap_or_default(),
            ends,
            on_term: settings.on_term(is_server, course.on_term, spec),
            files: course.files,
            fails,
            any_path: !matches!(entry, Some(Entry::Files(_))),
            busybox: base == "busybox" || image.is_some_and(|it| it.tag().contains("alpine")),
        }
    }

    pub(super) fn speaks(&self, port: u16) -> Speaks {
        let own = self.listeners.iter().find(|it| it.number == port);
        own.or(self.listeners.first()).map_or(Speaks::Http, |it| it.speaks)
    }

    /// Whether it has the file at `time` after its start; None where no command of it makes or
    /// removes that file.
    pub(super) fn has_file(&self, name: &str, time: Duration) -> Option<bool> {
        let of_file = self.files.iter().filter(|(_, file, _)| file == name);
        of_file.clone().next()?;
        Some(of_file.take_while(|(at, ..)| *at <= time).last().is_some_and(|it| it.2))
    }

    /// Whether it is one of the pages that every sample program has.
    pub(super) fn has_page(path: &str) -> bool {
        PAGES.contains(&path)
    }
}

/// Whether the program goes on as long as somebody is at its terminal: a shell that is given one,
/// and whatever `kubectl run -i` starts (`stdinOnce`), which ends as who is attached says.
fn reads(container: &Container, course: &script::Course) -> bool {
    let is_shell = course.ends == Some((Duration::ZERO, 0))
        && container.command.iter().chain(&container.args).all(|it| script::is_shell(it));
    container.stdin_once || (container.stdin || container.tty) && is_shell
}

fn declared(container: &Container) -> impl Iterator<Item = (u16, Protocol)> {
    let ports = container.ports.iter();
    ports.filter_map(|it| Some((u16::try_from(it.container_port).ok()?, it.protocol())))
}

/// The variables and arguments that change how a program behaves.
struct Settings<'a> {
    container: &'a Container,
}

impl Settings<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.container.env.iter().rev().find(|it| it.name == name).map(|it| it.value.as_str())
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        script::span(self.value(name)?)
    }

    fn ends(&self) -> Option<(Duration, i32)> {
        let code = self.value("EXIT_CODE").and_then(|it| it.parse::<u8>().ok()).unwrap_or(1);
        Some((self.seconds("EXIT_AFTER")?, code.into()))
    }

    fn local_only(&self) -> bool {
        let is_local = |it: &str| {
            let host = it.rsplit_once(':').map_or(it, |(host, _)| host);
            matches!(host, "127.0.0.1" | "localhost")
        };
        let words = self.container.command.iter().chain(&self.container.args);
        let mut options =
            words.filter(|it| it.starts_with('-')).filter_map(|it| it.split_once('='));
        ADDRESSES.iter().filter_map(|name| self.value(name)).any(is_local)
            || options.any(|(name, value)| {
                let name = name.trim_start_matches('-').replace('-', "_").to_uppercase();
                (ADDRESSES.contains(&name.as_str()) || name == "ADDRESS") && is_local(value)
            })
    }

    fn on_term(&self, is_server: bool, shell: OnTerm, spec: &PodSpec) -> Option<(Duration, i32)> {
        if self.value("IGNORE_SIGTERM").is_some_and(|it| matches!(it, "true" | "1" | "yes")) {
            return None;
        }
        let delay = self.seconds("SHUTDOWN_DELAY").unwrap_or(SHUTDOWN);
        match shell {
            _ if is_server => Some((delay, 0)),
            OnTerm::Ends(code) => Some((delay, code)),
            // It is not the first process then, and the signal ends it: 128 + 15.
            OnTerm::Ignores => (spec.share_process_namespace == Some(true)).then_some((delay, 143)),
        }
    }
}
