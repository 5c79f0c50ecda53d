//! `svclab apiserver`: a lab behind an API server's HTTP, for the real kubectl. For development only.
//!
//! The lab stays on one thread; each connection has a thread of its own, which reads requests and
//! hands them over. Time passes along the wall clock, or as far as the lab is asked to: by
//! `PUT /lab/time?until=MICROSECONDS`, and while a client watches.

mod compare;
mod discovery;
mod http;
mod objects;
mod openapi;
mod table;

use std::ffi::OsString;
use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration as Wall, Instant as WallClock};

use serde_json::{Value, json};
use svclab_core::admit::Version;
use svclab_core::lab::Lab;
use svclab_core::reference::Reference;
use svclab_core::scenario::default_scenario;
use svclab_core::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::{sh, state};
use http::{Request, Response};
use objects::{Place, Watched};

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let (mut listen, mut stopped) = ("127.0.0.1:8001".to_owned(), false);
    let (mut seconds, mut folder) = (60, None);
    let files = arguments.paths(|name, arguments| {
        match name {
            "--listen" => listen = arguments.value(name)?.to_string_lossy().into_owned(),
            "--at" => {
                let value = arguments.value(name)?;
                let number = value.to_str().and_then(|it| it.parse().ok());
                seconds = number.ok_or_else(|| Failure::new("--at needs a whole number"))?;
            }
            "--stopped" => stopped = true,
            "--compare" => folder = Some(arguments.value(name)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if let Some(folder) = folder {
        return compare::run(&folder);
    }
    let wrong = |error: io::Error| Failure::new(format!("{listen}: {error}"));
    let listener = TcpListener::bind(&listen).map_err(wrong)?;
    let mut scenario = default_scenario();
    scenario.manifests.clear();
    let mut lab = Lab::new(&scenario, 1);
    for file in &files {
        sh::apply(&mut lab, &OsString::from(file), &state::text(file)?)?;
    }
    lab.run_until(Instant::START + Duration::from_secs(seconds));
    let address = listener.local_addr().map_err(wrong)?;
    eprintln!("kubectl -s http://{address} get pods -A");
    serve(Server::new(lab, !stopped), listener);
    Ok(ExitCode::SUCCESS)
}

/// What a connection asks of the lab.
enum Message {
    Request(Request, Sender<Answer>),
    /// What has happened since it was asked last.
    Poll(usize, Sender<Vec<u8>>),
}

enum Answer {
    Whole(Response),
    /// Its number, for [`Message::Poll`].
    Watch(usize),
}

/// As often does a watch look.
const GLANCE: Wall = Wall::from_millis(10);
/// What passes in the lab between two looks, where no wall clock says so.
const STEP: Duration = Duration::from_millis(100);

/// Answers until nobody can connect any more.
fn serve(mut server: Server, listener: TcpListener) {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            // Whoever closes a connection in the middle of an answer has had enough of it.
            thread::spawn(move || drop(converse(&stream, &sender)));
        }
    });
    server.answer_all(&receiver);
}

fn converse(stream: &TcpStream, lab: &Sender<Message>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream.try_clone()?);
    while let Some(request) = http::read(&mut reader)? {
        let longest = request.asks("timeoutSeconds").parse().unwrap_or(600);
        let (sender, receiver) = channel();
        if lab.send(Message::Request(request, sender)).is_err() {
            break;
        }
        match receiver.recv() {
            Ok(Answer::Whole(response)) => http::write(&mut writer, &response)?,
            Ok(Answer::Watch(number)) => {
                watch(&mut writer, lab, number, Wall::from_secs(longest))?;
            }
            Err(_) => break,
        }
    }
    Ok(())
}

fn watch(
    writer: &mut TcpStream,
    lab: &Sender<Message>,
    number: usize,
    longest: Wall,
) -> io::Result<()> {
    let response = Response { code: 200, content_type: "application/json", ..Response::default() };
    http::write_head(writer, &response)?;
    let began = WallClock::now();
    while began.elapsed() < longest {
        let (sender, receiver) = channel();
        if lab.send(Message::Poll(number, sender)).is_err() {
            break;
        }
        let Ok(lines) = receiver.recv() else { break };
        if !lines.is_empty() {
            http::write_part(writer, &lines)?;
        }
        if has_gone(writer) {
            return Ok(());
        }
        thread::sleep(GLANCE);
    }
    http::write_part(writer, &[])
}

/// Whether the other end has closed: it sends nothing while it watches.
fn has_gone(stream: &TcpStream) -> bool {
    let gone = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let _ = stream.set_nonblocking(false);
    matches!(gone, Ok(0))
}

struct Server {
    lab: Lab,
    reference: Rc<Reference>,
    /// When the lab showed what; none: its time passes when it is asked to.
    clock: Option<(WallClock, Instant)>,
    watches: Vec<(Request, Watched)>,
}

impl Server {
    /// `runs`: the lab's time passes with the wall clock.
    fn new(lab: Lab, runs: bool) -> Server {
        let clock = runs.then(|| (WallClock::now(), lab.now()));
        Server { lab, reference: crate::reference(), clock, watches: Vec::new() }
    }

    fn answer_all(&mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            self.keep_time();
            match message {
                Message::Request(request, sender) => drop(sender.send(self.answer(request))),
                Message::Poll(number, sender) => drop(sender.send(self.poll(number))),
            }
        }
    }

    fn keep_time(&mut self) {
        if let Some((began, showed)) = self.clock {
            let passed = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.lab.run_until(showed + Duration::from_micros(passed));
        }
    }

    fn answer(&mut self, request: Request) -> Answer {
        let parts = request.parts();
        if let Some(place) = Place::of(&parts)
            && request.method == "GET"
            && matches!(request.asks("watch"), "true" | "1")
        {
            let seen = objects::list(&self.lab, &place, &request).unwrap_or_default();
            let watched = Watched::begin(seen, request.asks("resourceVersion"));
            self.watches.push((request, watched));
            return Answer::Watch(self.watches.len() - 1);
        }
        Answer::Whole(self.whole(&request, &parts))
    }

    fn whole(&mut self, request: &Request, parts: &[&str]) -> Response {
        let document = match parts {
            ["version"] => version(self.lab.version()),
            ["livez" | "readyz" | "healthz"] => json!("ok"),
            // kubectl wants it as a protocol buffer; an empty one says nothing wrong.
            ["openapi", "v2"] => return empty(),
            ["openapi", "v3"] => openapi::index(),
            ["openapi", "v3", rest @ ..] => match openapi::document(&self.reference, rest) {
                Some(document) => document,
                None => return objects::refused(&objects::not_found()),
            },
            ["lab", "time"] => return self.pass(request.asks("until")),
            _ => return self.of_group_or_object(request, parts),
        };
        objects::response(200, &document)
    }

    fn of_group_or_object(&mut self, request: &Request, parts: &[&str]) -> Response {
        if let Some((document, content_type)) = discovery::document(parts, &request.accept) {
            return Response { content_type, ..objects::response(200, &document) };
        }
        match Place::of(parts) {
            Some(place) => objects::answer(&mut self.lab, &place, request),
            None => objects::refused(&objects::not_found()),
        }
    }

    /// Lets the lab's time pass, and tells it in microseconds.
    fn pass(&mut self, until: &str) -> Response {
        let until = until.parse().map_or(self.lab.now(), Instant::from_micros);
        self.lab.run_until(until.max(self.lab.now()));
        objects::response(200, &self.lab.now().as_micros().into())
    }

    /// The lines that a watch sends now. Where no clock runs, time passes until there are some, or
    /// by a step.
    fn poll(&mut self, number: usize) -> Vec<u8> {
        if self.clock.is_some() {
            return self.changes(number);
        }
        let end = self.lab.now() + STEP;
        while self.lab.now() < end {
            let next = self.lab.next_event().map_or(end, |it| it.min(end));
            self.lab.run_until(next.max(self.lab.now() + Duration::from_micros(1)));
            let lines = self.changes(number);
            if !lines.is_empty() {
                return lines;
            }
        }
        Vec::new()
    }

    fn changes(&mut self, number: usize) -> Vec<u8> {
        let Some((request, watched)) = self.watches.get_mut(number) else { return Vec::new() };
        let parts = request.parts();
        let Some(place) = Place::of(&parts) else { return Vec::new() };
        let now = objects::list(&self.lab, &place, request).unwrap_or_default();
        let mut res = Vec::new();
        for (kind, object) in watched.changes(now) {
            let object = match table::is_wanted(request) {
                true => table::of(&self.lab, place.resource, &[object], table::is_whole(request)),
                false => svclab_shell::kubectl::served::shown(&self.lab, &object),
            };
            res.extend(json!({"type": kind, "object": object}).to_string().into_bytes());
            res.push(b'\n');
        }
        res
    }
}

fn version(version: Version) -> Value {
    let release = version.release();
    let minor = release.split('.').nth(1);
    json!({
        "major": "1", "minor": minor, "gitVersion": format!("v{release}"), "gitCommit": "", "buildDate": "",
        "gitTreeState": "clean", "goVersion": "", "compiler": "", "platform": "linux/amd64",
    })
}

fn empty() -> Response {
    let content_type = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    Response { code: 200, content_type, ..Response::default() }
}
