//! `curl -w FORMAT`

use svclab_core::time::Duration;

use super::Told;

/// The format with its variables put in; an unknown one prints nothing.
pub(super) fn text(format: &str, told: &Told) -> String {
    let mut res = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        res.push_str(&rest[..at]);
        let (special, after) = rest[at..].split_at(1);
        let next = after.chars().next();
        let (piece, length) = match (special, next) {
            ("%", Some('%')) => ("%".to_owned(), 1),
            ("%", Some('{')) => match after.split_once('}') {
                Some((name, _)) => (variable(&name[1..], told), name.len() + 1),
                None => ("%".to_owned(), 0),
            },
            ("\\", Some('n')) => ("\n".to_owned(), 1),
            ("\\", Some('t')) => ("\t".to_owned(), 1),
            ("\\", Some('r')) => ("\r".to_owned(), 1),
            (special, _) => (special.to_owned(), 0),
        };
        res.push_str(&piece);
        rest = &after[length..];
    }
    res + rest
}

fn variable(name: &str, told: &Told) -> String {
    let code = told.response.as_ref().map_or(0, |it| it.status);
    let (ip, port) = match told.remote {
        Some((ip, port)) => (ip.to_string(), port),
        None => (String::new(), 0),
    };
    match name {
        "http_code" | "response_code" => format!("{code:03}"),
        "time_total" => seconds(told.total),
        "time_connect" | "time_appconnect" | "time_pretransfer" => seconds(told.connected),
        "time_namelookup" => seconds(told.named),
        "time_starttransfer" => seconds(match told.response {
            Some(_) => told.total,
            None => Duration::ZERO,
        }),
        "time_redirect" => seconds(Duration::ZERO),
        "remote_ip" => ip,
        "remote_port" => port.to_string(),
        "local_ip" => told.local.map(|it| it.0.to_string()).unwrap_or_default(),
        "local_port" => told.local.map_or(0, |it| it.1).to_string(),
        "size_download" => told.response.as_ref().map_or(0, |it| it.body.len()).to_string(),
        "content_type" => told.response.as_ref().map_or("", |it| it.content_type).to_owned(),
        "url_effective" | "url" => told.url.clone(),
        "redirect_url" => {
            told.response.as_ref().and_then(|it| it.location.clone()).unwrap_or_default()
        }
        "num_redirects" => told.redirects.to_string(),
        "num_connects" => u8::from(told.connected > Duration::ZERO).to_string(),
        "method" => told.method.clone(),
        "scheme" => told.url.split(':').next().unwrap_or("").to_uppercase(),
        "http_version" => if code == 0 { "0" } else { "1.1" }.to_owned(),
        "ssl_verify_result" => "0".to_owned(),
        "exitcode" => told.failed.as_ref().map_or(0, |it| it.0).to_string(),
        "errormsg" => told.failed.as_ref().map(|it| it.1.clone()).unwrap_or_default(),
        _ => String::new(),
    }
}

fn seconds(span: Duration) -> String {
    let micros = span.as_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
