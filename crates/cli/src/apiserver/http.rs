//! HTTP/1.1 as kubectl speaks it: bytes of a connection → requests, answers → bytes.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Nobody sends more to the lab.
const LARGEST: u64 = 8 << 20;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the question mark and what follows it.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) accept: String,
    pub(super) content_type: String,
    pub(super) user: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn asks(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// The parts of the path.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.path.split('/').filter(|it| !it.is_empty()).collect()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) code: u16,
    pub(super) content_type: &'static str,
    pub(super) warnings: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// The next request of a connection; nothing where the other end has gone.
pub(super) fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let Some(line) = line(reader)? else { return Ok(None) };
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut res = Request { method: method.to_owned(), path: decoded(path), ..Request::default() };
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        res.query.insert(decoded(name), decoded(value));
    }
    let mut length = 0;
    while let Some(line) = line_of_head(reader)? {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "accept" => res.accept = value.to_owned(),
            "content-type" => res.content_type = value.to_owned(),
            "impersonate-user" => res.user = value.to_owned(),
            _ => {}
        }
    }
    reader.take(length.min(LARGEST)).read_to_end(&mut res.body)?;
    Ok(Some(res))
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    let length = reader.take(LARGEST).read_until(b'\n', &mut text)?;
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    Ok((length > 0).then_some(text))
}

fn line_of_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    Ok(line(reader)?.filter(|it| !it.is_empty()))
}

pub(super) fn write(stream: &mut TcpStream, response: &Response) -> io::Result<()> {
    let mut head = head(response);
    head.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(&response.body)
}

/// Begins an answer whose parts [`write_part`] sends as they come.
pub(super) fn write_head(stream: &mut TcpStream, response: &Response) -> io::Result<()> {
    let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", head(response));
    stream.write_all(head.as_bytes())
}

/// An empty part is the last one.
pub(super) fn write_part(stream: &mut TcpStream, part: &[u8]) -> io::Result<()> {
    write!(stream, "{:x}\r\n", part.len())?;
    stream.write_all(part)?;
    stream.write_all(b"\r\n")
}

fn head(response: &Response) -> String {
    let mut res =
        format!("HTTP/1.1 {} \r\nContent-Type: {}\r\n", response.code, response.content_type);
    for text in &response.warnings {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        res.push_str(&format!("Warning: 299 - \"{quoted}\"\r\n"));
    }
    res
}

/// `%2F` → `/`, and `+` → a blank.
fn decoded(text: &str) -> String {
    let mut res = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        res.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let number = std::str::from_utf8(&digits).ok();
                number.and_then(|it| u8::from_str_radix(it, 16).ok()).unwrap_or(b'?')
            }
            plain => plain,
        });
    }
    String::from_utf8_lossy(&res).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded() {
        for (text, plain) in
            [("a%2Cb+c", "a,b c"), ("%", "?"), ("%4", "\u{4}"), ("%zz", "?"), ("%C3%A9", "é")]
        {
            assert_eq!(decoded(text), plain);
        }
    }
}
