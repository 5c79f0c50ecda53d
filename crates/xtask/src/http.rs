//! One request line and a folder → the file to send, with its type.
//!
//! Nothing outside the folder can be asked for: a path is taken apart into plain names first,
//! and the file found must still lie in the folder once links are followed.

use std::path::{Path, PathBuf};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    File { path: PathBuf, head_only: bool },
    Status(u16),
}

/// `line` is a request's first line, `folder` is what is served.
pub(crate) fn answer(folder: &Path, line: &str) -> Answer {
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Answer::Status(400);
    };
    if !matches!(method, "GET" | "HEAD") {
        return Answer::Status(405);
    }
    let Some(names) = names(target) else { return Answer::Status(400) };
    match file(folder, &names) {
        Some(path) => Answer::File { path, head_only: method == "HEAD" },
        None => Answer::Status(404),
    }
}

pub(crate) fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "yaml" | "yml" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The plain names of a target's path; none when one of them is not a plain name.
fn names(target: &str) -> Option<Vec<String>> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let names = path.split('/').filter(|name| !name.is_empty()).map(decoded);
    names.map(|name| name.filter(|name| plain(name))).collect()
}

fn plain(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '\\', '\0', ':'])
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => 16 * digit(rest.next()?)? + digit(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn file(folder: &Path, names: &[String]) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let mut path = folder.clone();
    path.extend(names);
    if path.is_dir() {
        path.push("index.html");
    }
    let path = path.canonicalize().ok()?;
    (path.starts_with(&folder) && path.is_file()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks this crate's own folder.
    #[track_caller]
    fn check(line: &str, expected: &str) {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().expect("it is built here");
        let found = match answer(&folder, line) {
            Answer::Status(status) => status.to_string(),
            Answer::File { path, head_only } => {
                let path = path.strip_prefix(&folder).expect("it lies in the folder");
                format!("{}{}", if head_only { "head of " } else { "" }, path.display())
            }
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn files_are_found() {
        check("GET /Cargo.toml HTTP/1.1", "Cargo.toml");
        check("GET /src//main.rs?x=../.. HTTP/1.1", "src/main.rs");
        check("GET /src/m%61in.rs HTTP/1.1", "src/main.rs");
        check("HEAD /Cargo.toml HTTP/1.1", "head of Cargo.toml");
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        check("GET / HTTP/1.1", "404");
        check("GET /nothing HTTP/1.1", "404");
        check("GET /Cargo.toml/x HTTP/1.1", "404");
    }

    #[test]
    fn nothing_outside_can_be_asked_for() {
        for path in ["/../xtask/Cargo.toml", "/src/../Cargo.toml", "/%2e%2e/xtask/Cargo.toml"] {
            check(&format!("GET {path} HTTP/1.1"), "400");
        }
        check("GET /..%2fxtask/Cargo.toml HTTP/1.1", "400");
        check("GET /src%5c..%5cCargo.toml HTTP/1.1", "400");
        check("GET /%00 HTTP/1.1", "400");
        check("GET //etc/passwd HTTP/1.1", "404");
    }

    #[test]
    fn broken_requests_are_refused() {
        check("", "400");
        check("GET", "400");
        check("GET http://other/ HTTP/1.1", "400");
        check("GET /%zz HTTP/1.1", "400");
        check("GET /%f HTTP/1.1", "400");
        check("POST /Cargo.toml HTTP/1.1", "405");
    }

    #[test]
    fn types_are_what_a_browser_wants() {
        assert_eq!(content_type(Path::new("a/x_bg.wasm")), "application/wasm");
        assert_eq!(content_type(Path::new("x.js")), "text/javascript; charset=utf-8");
        assert_eq!(content_type(Path::new("index.html")), "text/html; charset=utf-8");
        assert_eq!(content_type(Path::new("LICENSE")), "application/octet-stream");
    }
}
