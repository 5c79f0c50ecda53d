//! Where a program runs, as the lab and the tools' own texts need it.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Source;
use svclab_core::object::{Object, Pod};
use svclab_core::time::Instant;

use crate::process::Process;
use crate::session::Place;

/// Whose packets the program sends.
pub(super) fn source(process: &Process) -> Source {
    match &process.session().place {
        Place::Pod { namespace, name, .. } => {
            Source::Inside(ObjectKey::new(Kind::Pod, namespace, name))
        }
        Place::Node(name) => Source::Inside(ObjectKey::new(Kind::Node, "", name)),
        Place::Outside(name) => Source::Outside { outside: name.clone() },
    }
}

/// Reads the pod it runs in, where it runs in one.
pub(super) fn of_pod<T>(process: &Process, read: impl FnOnce(&Pod) -> T) -> Option<T> {
    let Source::Inside(key) = source(process) else { return None };
    let lab = process.lab();
    lab.objects().get(&key).and_then(Object::as_pod).map(read)
}

/// The image of the container it runs in; empty outside of pods.
pub(super) fn image(process: &Process) -> String {
    let wanted = match &process.session().place {
        Place::Pod { container, .. } => container.clone(),
        _ => return String::new(),
    };
    let found = of_pod(process, |pod| {
        let mut all = pod.spec.containers.iter();
        match wanted {
            Some(name) => all.find(|it| it.name == name).map(|it| it.image.clone()),
            None => all.next().map(|it| it.image.clone()),
        }
    });
    found.flatten().unwrap_or_default()
}

/// Whether the image's tools are BusyBox's.
pub(super) fn is_busybox(process: &Process) -> bool {
    let image = image(process);
    let last = image.rsplit('/').next().unwrap_or("");
    let name = last.split([':', '@']).next().unwrap_or("");
    matches!(name, "busybox" | "alpine" | "curl")
        || last.contains("-alpine")
        || last.contains(":alpine")
}

/// Whether the image is BusyBox's own up to 1.28, whose `nslookup` was a smaller one.
pub(super) fn is_small_busybox(process: &Process) -> bool {
    let image = image(process);
    let tag = image.rsplit('/').next().and_then(|it| it.strip_prefix("busybox:1."));
    let minor = tag.and_then(|it| it.split(['.', '-']).next()?.parse::<u32>().ok());
    minor.is_some_and(|it| it <= 28)
}

/// The day and the time of an instant, in UTC.
pub(super) struct Calendar {
    pub(super) year: u64,
    /// From 1.
    pub(super) month: usize,
    pub(super) day: u64,
    /// 0 is Sunday.
    pub(super) weekday: usize,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
}

pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The weekday on which the lab begins: 2026-01-01 is a Thursday.
const FIRST_DAY: u64 = 4;

impl Calendar {
    pub(super) fn of(at: Instant) -> Calendar {
        let text = at.rfc3339();
        let part = |from: usize, to: usize| -> u64 {
            text.get(from..to).and_then(|it| it.parse().ok()).unwrap_or_default()
        };
        let days = at.as_micros() / 86_400_000_000;
        Calendar {
            year: part(0, 4),
            month: usize::try_from(part(5, 7)).unwrap_or(1).clamp(1, 12),
            day: part(8, 10),
            weekday: usize::try_from((days + FIRST_DAY) % 7).unwrap_or_default(),
            hour: part(11, 13),
            minute: part(14, 16),
            second: part(17, 19),
        }
    }

    pub(super) fn weekday(&self) -> &'static str {
        DAYS.get(self.weekday).copied().unwrap_or_default()
    }

    pub(super) fn month(&self) -> &'static str {
        MONTHS.get(self.month - 1).copied().unwrap_or_default()
    }

    /// `02:44:27`
    pub(super) fn clock(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// `Sat Nov 21 02:44:27 UTC 2026`, as `date` prints it.
    pub(super) fn line(&self) -> String {
        let (day, clock) = (self.day, self.clock());
        format!(
            "{} {} {day:2} {clock} UTC {}",
            short(self.weekday()),
            short(self.month()),
            self.year
        )
    }

    /// `Sat, 21 Nov 2026 03:01:54 GMT`, as HTTP writes it.
    pub(super) fn http(&self) -> String {
        let (day, year, clock) = (self.day, self.year, self.clock());
        format!("{}, {day:02} {} {year} {clock} GMT", short(self.weekday()), short(self.month()))
    }
}

/// The first three letters.
pub(super) fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}
