//! A folder → a site on this machine alone, until the process is ended.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::http::{self, Answer};

const FIRST_PORT: u16 = 8080;
const PORTS_TRIED: u16 = 100;
const LONGEST_REQUEST: u64 = 64 * 1024;

pub(crate) fn run(folder: &Path, port: Option<u16>) -> Result<()> {
    let listener = listener(port)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("http://{address}/");
    for stream in listener.incoming().filter_map(io::Result::ok) {
        let folder = folder.to_owned();
        // A browser that goes away in the middle of an answer is no one's mistake.
        thread::spawn(move || drop(handle(&folder, stream)));
    }
    Ok(())
}

fn listener(port: Option<u16>) -> Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => bind(port).map_err(|error| format!("port {port} cannot be used: {error}")),
        None => (FIRST_PORT..FIRST_PORT + PORTS_TRIED)
            .find_map(|port| bind(port).ok())
            .ok_or_else(|| format!("no free port from {FIRST_PORT} on; name one with --port")),
    }
}

fn handle(folder: &Path, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let line = request_line(&stream)?;
    match http::answer(folder, &line) {
        Answer::Status(status) => send(&mut stream, status, "text/plain", b"", false),
        Answer::File { path, head_only } => {
            let body = fs::read(&path)?;
            send(&mut stream, 200, http::content_type(&path), &body, head_only)
        }
    }
}

/// The first line; the others are read to the end so that closing does not reset the connection.
fn request_line(stream: &TcpStream) -> io::Result<String> {
    let mut reader = BufReader::new(stream.take(LONGEST_REQUEST));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && !line.trim_end().is_empty() {
        line.clear();
    }
    Ok(first)
}

fn send(
    stream: &mut TcpStream,
    status: u16,
    content_type: &str,
    body: &[u8],
    head_only: bool,
) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        reason(status),
        body.len(),
    )?;
    if !head_only {
        stream.write_all(body)?;
    }
    stream.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        _ => "Method Not Allowed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
        let address = listener.local_addr().expect("it is bound");
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the test connects");
            handle(Path::new(env!("CARGO_MANIFEST_DIR")), stream)
        });
        let mut stream = TcpStream::connect(address).expect("the server listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("the server reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the server answers");
        server.join().expect("the server ends").expect("the server has no error");
        text
    }

    #[test]
    fn a_file_comes_with_its_length_and_type() {
        let text = get("/Cargo.toml");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(body.starts_with("[package]"), "{body}");
    }

    #[test]
    fn a_missing_file_is_a_404() {
        assert!(get("/nothing").starts_with("HTTP/1.1 404 Not Found\r\n"));
    }
}
