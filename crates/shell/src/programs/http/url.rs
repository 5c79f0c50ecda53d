//! `http://HOST:PORT/PATH` → its parts.

/// A URL of HTTP or HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// From the first slash, with the query.
    pub(super) path: String,
}

/// Why a URL cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadUrl {
    Scheme(String),
    NoHost,
    Port,
}

impl Url {
    /// A text without a scheme is of HTTP.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Url, BadUrl> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(BadUrl::Scheme(other.to_owned())),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |it| it.1);
        let (host, port) = match authority.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or("")),
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = match port {
            "" if secure => 443,
            "" => 80,
            port => port.parse().map_err(|_| BadUrl::Port)?,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(BadUrl::NoHost);
        }
        let path = path.split('#').next().unwrap_or("");
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Url { secure, host: host.to_owned(), port, path: format!("{slash}{path}") })
    }

    /// Where an answer sends the client.
    pub(super) fn follow(&self, location: &str) -> Result<Url, BadUrl> {
        match location.starts_with('/') {
            true => Ok(Url { path: location.to_owned(), ..self.clone() }),
            false => Url::parse(location),
        }
    }

    /// The Host header: the port where it is not the scheme's own.
    pub(super) fn host_header(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The whole of it.
    pub(super) fn text(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host_header(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_and_without_its_parts() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Url::parse(text).map(|it| it.text()).as_deref(), Ok(expected), "{text}");
        };
        check("web", "http://web/");
        check("web/hostname", "http://web/hostname");
        check("http://web:8080?a=b#c", "http://web:8080/?a=b");
        check("HTTPS://web:443/x", "https://web/x");
        check("http://[fd00::1]:80", "http://[fd00::1]/");
        check("user@web:81", "http://web:81/");
        assert_eq!(Url::parse("ftp://a"), Err(BadUrl::Scheme("ftp".to_owned())));
        assert_eq!(Url::parse("http://"), Err(BadUrl::NoHost));
        assert_eq!(Url::parse("web:http"), Err(BadUrl::Port));
    }
}
