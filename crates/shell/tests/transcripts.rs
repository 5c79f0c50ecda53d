//! What people type as they follow an article, or as the notes on kubectl and the network tools
//! show it, and what the terminal answers: `tests/transcripts`, whose README tells the format.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use svclab_core::lab::{Action, Lab};
use svclab_core::object::Object;
use svclab_core::read;
use svclab_core::scenario::{Scenario, default_scenario};
use svclab_core::time::{Duration, Instant};
use svclab_shell::{Job, Place, Progress, Session, Stream};

/// A command that runs for longer is interrupted.
const PATIENCE: Duration = Duration::from_secs(600);
/// What is typed at another terminal while a command runs follows after so much time.
const PAUSE: Duration = Duration::from_secs(2);
/// Nobody types faster.
const BETWEEN: Duration = Duration::from_secs(1);
/// A cluster without nodes, for objects as they are stored.
const STORED: &str = "name: stored\ntitle: {en: '', ko: ''}\nabout: {en: '', ko: ''}\n\
    manifests: []\ncluster: {lan: 172.18.0.0/16, router: 172.18.0.1, serviceCIDR: 10.96.0.0/12, \
    clusterCIDR: 10.244.0.0/16, nodes: [], scheduler: false}\n";

/// One thing that happens in a transcript.
#[derive(Debug, PartialEq)]
enum Step {
    /// `% FILE TIME`: a lab with the objects of a file, in the middle of its life.
    Stored(String, String),
    /// `@ PLACE`: the next lines are typed there.
    Place(String),
    /// `+ SECONDS`
    Wait(u64),
    /// `& load-balancer on`: something is installed that gives out addresses.
    LoadBalancer,
    /// A line, what is typed elsewhere while it runs, and what it prints.
    Type { line: String, meanwhile: Vec<String>, expected: Vec<String> },
}

fn transcript(text: &str) -> Vec<Step> {
    let mut res = Vec::new();
    for line in text.lines().filter(|it| !it.starts_with("//")) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (mark, res.last_mut()) {
            ("%", _) => {
                let (file, at) = rest.split_once(' ').expect("% FILE TIME");
                res.push(Step::Stored(file.to_owned(), at.to_owned()));
            }
            ("@", _) => res.push(Step::Place(rest.to_owned())),
            ("+", _) => res.push(Step::Wait(rest.parse().expect("seconds"))),
            ("&", _) => res.push(Step::LoadBalancer),
            ("$", _) => res.push(Step::Type {
                line: rest.to_owned(),
                meanwhile: Vec::new(),
                expected: Vec::new(),
            }),
            (">", Some(Step::Type { line, expected, .. })) if expected.is_empty() => {
                *line = format!("{line}\n{rest}");
            }
            ("~", Some(Step::Type { meanwhile, .. })) => meanwhile.push(rest.to_owned()),
            (_, Some(Step::Type { expected, .. })) => expected.push(line.to_owned()),
            (_, last) => assert!(line.is_empty(), "{line:?} stands behind {last:?}"),
        }
    }
    res
}

/// Whether a line is as expected; `…` stands for anything.
fn fits(expected: &str, found: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else { return expected == found };
    let Some(found) = found.strip_prefix(start) else { return false };
    let ends = found.char_indices().map(|it| it.0).chain([found.len()]);
    ends.into_iter().any(|at| fits(rest, &found[at..]))
}

fn all_fit(expected: &[String], found: &[String]) -> bool {
    let expected: Vec<&String> = trimmed(expected);
    let found: Vec<&String> = trimmed(found);
    expected.len() == found.len() && expected.iter().zip(found).all(|(a, b)| fits(a, b))
}

/// Without empty lines at the end: a transcript has some between its commands.
fn trimmed(lines: &[String]) -> Vec<&String> {
    let end = lines.iter().rposition(|it| !it.is_empty()).map_or(0, |it| it + 1);
    lines[..end].iter().collect()
}

struct Player {
    lab: Option<Lab>,
    shells: BTreeMap<String, Session>,
    files: Vec<(String, String)>,
    place: String,
    /// The time between two commands; objects as they are stored have none, for the controllers
    /// would react.
    between: Duration,
}

impl Player {
    fn new(folder: &Path) -> Player {
        let mut scenario = default_scenario();
        scenario.manifests.clear();
        let mut lab = Lab::new(&scenario, 1);
        lab.run_until(Instant::START + Duration::from_secs(60));
        let mut files = Vec::new();
        for path in listed(folder, "yaml") {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(&path).expect("a text")));
        }
        let place = "outside/laptop".to_owned();
        let shells = BTreeMap::new();
        Player { lab: Some(lab), shells, files, place, between: BETWEEN }
    }

    fn shell(&self, place: &str) -> Session {
        if let Some(session) = self.shells.get(place) {
            return session.clone();
        }
        let mut session = Session::new(Place::parse(place).expect("a place"));
        for (name, text) in &self.files {
            session.files.put(session.resolve(name), text.clone());
        }
        session
    }

    /// Types a line and gives what it printed: lines of the second text begin with `! `, a status
    /// that is not 0 is the last line.
    fn type_line(&mut self, line: &str, meanwhile: &[String]) -> Vec<String> {
        let mut job = Job::new(self.shell(&self.place), line);
        let mut text = String::new();
        let mut elsewhere = meanwhile.iter();
        let mut until = self.lab().now() + if meanwhile.is_empty() { PATIENCE } else { PAUSE };
        let status = loop {
            match self.resume(&mut job, &mut text, until) {
                Some(status) => break Some(status),
                None => match elsewhere.next() {
                    Some(line) if line.starts_with("sleep ") => {
                        let seconds = line["sleep ".len()..].parse().expect("seconds");
                        until = self.lab().now() + Duration::from_secs(seconds);
                    }
                    Some(line) => {
                        let place = std::mem::replace(&mut self.place, "outside/laptop".into());
                        let printed = self.type_line(line, &[]);
                        let last = printed.last().filter(|it| it.starts_with('['));
                        assert_eq!(last, None, "{line}: {printed:?}");
                        self.place = place;
                        until = self.lab().now() + PAUSE;
                    }
                    None => break None,
                },
            }
        };
        self.shells.insert(self.place.clone(), job.into_session());
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("⏎\n");
        }
        match status {
            Some(0) => {}
            Some(status) => _ = writeln!(text, "[{status}]"),
            None => text.push_str("^C\n"),
        }
        text.lines().map(str::to_owned).collect()
    }

    /// Until the line ends, or has to wait beyond `until`.
    fn resume(&mut self, job: &mut Job, text: &mut String, until: Instant) -> Option<u8> {
        loop {
            let (mut lab, progress) = job.resume(self.lab.take()?);
            for chunk in job.printed() {
                let marked = chunk.text.split_inclusive('\n').map(|line| match chunk.stream {
                    Stream::Out => line.to_owned(),
                    Stream::Err => format!("! {line}"),
                });
                text.extend(marked);
            }
            let wait = match progress {
                Progress::Ended(status) => {
                    self.lab = Some(lab);
                    return Some(status);
                }
                Progress::Waits(at) => at.filter(|at| *at <= until),
                Progress::Busy => Some(lab.now() + Duration::from_millis(100)),
                Progress::Edits(_) | Progress::WantsReference => None,
            };
            lab.run_until(wait.unwrap_or(until));
            self.lab = Some(lab);
            if wait.is_none_or(|it| it > until) {
                return None;
            }
        }
    }

    fn lab(&mut self) -> &mut Lab {
        self.lab.as_mut().expect("the lab is lent for a moment only")
    }
}

/// A lab in the middle of its life, with the objects of a file.
fn stored(file: &Path, at: &str) -> Lab {
    let text = fs::read_to_string(file).expect("stored objects");
    let documents = read::read(&text).documents;
    let objects: Vec<Object> = documents
        .iter()
        .map(|it| {
            let kind = it.kind().unwrap_or_else(|it| panic!("{:?}", it.problem));
            read::decode_lenient(kind, &it.value()).expect("a stored object").0
        })
        .collect();
    let at = Instant::from_rfc3339(at).expect("a time");
    Lab::stored(&Scenario::parse(STORED).expect("a scenario"), 1, objects, at)
}

fn listed(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of transcripts");
    let mut res: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
    res.retain(|it| it.extension().is_some_and(|it| it == ending));
    res.sort();
    res
}

/// Plays every transcript of a folder. With `UPDATE_EXPECT` set, what came is written down where
/// it differs: read it before it stays.
#[track_caller]
fn check(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts").join(folder);
    let only = std::env::var("TRANSCRIPT").unwrap_or_default();
    let mut wrong = String::new();
    let mut played = 0;
    for file in listed(&folder, "txt") {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        played += 1;
        let text = fs::read_to_string(&file).expect("a transcript");
        let differences = play(&folder, &text);
        if std::env::var_os("UPDATE_EXPECT").is_some() && !differences.is_empty() {
            fs::write(&file, updated(&text, &differences)).expect("the file can be written");
            continue;
        }
        for (_, line, expected, found) in differences {
            let (expected, found) = (expected.join("\n"), found.join("\n"));
            _ = writeln!(wrong, "{name}: $ {line}\n--- expected\n{expected}\n--- came\n{found}\n");
        }
    }
    assert!(played > 0, "no transcript is in {}", folder.display());
    assert!(wrong.is_empty(), "{wrong}");
}

/// The number of the line that was typed, the line, what was expected, and what came.
type Difference = (usize, String, Vec<String>, Vec<String>);

fn play(folder: &Path, text: &str) -> Vec<Difference> {
    let mut player = Player::new(folder);
    let mut res = Vec::new();
    let mut typed = 0;
    for step in &transcript(text) {
        match step {
            Step::Stored(file, at) => {
                player.lab = Some(stored(&folder.join(file), at));
                player.between = Duration::ZERO;
            }
            Step::Place(place) => player.place.clone_from(place),
            Step::Wait(seconds) => {
                let until = player.lab().now() + Duration::from_secs(*seconds);
                player.lab().run_until(until);
            }
            Step::LoadBalancer => _ = player.lab().act(Action::SwitchLoadBalancer { on: true }),
            Step::Type { line, meanwhile, expected } => {
                let found = player.type_line(line, meanwhile);
                if !all_fit(expected, &found) {
                    res.push((typed, line.clone(), expected.clone(), found));
                }
                typed += 1;
                if player.between > Duration::ZERO {
                    let until = player.lab().now() + player.between;
                    player.lab().run_until(until);
                }
            }
        }
    }
    res
}

/// The transcript with what came where it differs.
fn updated(text: &str, differences: &[Difference]) -> String {
    let (mut res, mut typed, mut new) = (String::new(), 0, None);
    for line in text.lines() {
        let mark = line.split(' ').next().unwrap_or_default();
        let is_mark = matches!(mark, "$" | "@" | "+" | "%" | "&" | "//");
        if is_mark && let Some(found) = new.take() {
            res.push_str(found);
            res.push('\n');
        }
        if mark == "$" {
            let found = differences.iter().find(|it| it.0 == typed);
            new = found.map(|it| it.3.join("\n") + "\n").map(|it| &*it.leak());
            typed += 1;
        }
        if new.is_none() || matches!(mark, "$" | ">" | "~") {
            res.push_str(line);
            res.push('\n');
        }
    }
    res.push_str(new.unwrap_or_default());
    res
}

#[test]
fn articles_come_out_as_they_say() {
    check("articles");
}

#[test]
fn kubectl_prints_the_notes_examples() {
    check("kubectl");
}

#[test]
fn tools_print_the_notes_examples() {
    check("tools");
}

#[test]
fn three_dots_stand_for_anything() {
    assert!(fits("a…c", "abbbc") && fits("…", "") && fits("x … y … z", "x 1 y 2 z"));
    assert!(!fits("a…c", "ab") && !fits("a", "b") && !fits("a…b…c", "a c b"));
}
