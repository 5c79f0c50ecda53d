//! What `curl -v` tells of TLS and of the request it sends.

use svclab_core::net::exchange::{Certificate, Fetched, Message, Signer, TlsProblem};

use super::{Curl, Url};

impl Curl<'_> {
    /// The lines of a handshake, up to where it fails or is through.
    pub(super) fn handshake(&self, url: &Url, fetched: &Fetched) {
        self.note("ALPN: offers h2,http/1.1");
        self.note("TLSv1.3 (OUT), TLS handshake, Client hello (1):");
        self.note(" CAfile: /etc/ssl/certs/ca-certificates.crt");
        self.note(" CApath: /etc/ssl/certs");
        let Some(certificate) = &fetched.certificate else { return };
        self.note("TLSv1.3 (IN), TLS handshake, Server hello (2):");
        self.note("TLSv1.3 (IN), TLS handshake, Encrypted Extensions (8):");
        self.note("TLSv1.3 (IN), TLS handshake, Certificate (11):");
        if matches!(fetched.problem, Some(TlsProblem::SelfSigned | TlsProblem::UnknownIssuer)) {
            self.note("TLSv1.3 (OUT), TLS alert, unknown CA (560):");
            return;
        }
        self.note("TLSv1.3 (IN), TLS handshake, CERT verify (15):");
        self.note("TLSv1.3 (IN), TLS handshake, Finished (20):");
        self.note("TLSv1.3 (OUT), TLS change cipher, Change cipher spec (1):");
        self.note("TLSv1.3 (OUT), TLS handshake, Finished (20):");
        self.note("SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384");
        self.note("ALPN: server accepted http/1.1");
        self.certificate(certificate, &url.host, fetched.problem);
    }

    fn certificate(&self, it: &Certificate, host: &str, problem: Option<TlsProblem>) {
        self.note("Server certificate:");
        self.note(&format!(" subject: {}", it.subject));
        self.note(" start date: Jan  1 00:00:00 2026 GMT");
        self.note(" expire date: Jan  1 00:00:00 2027 GMT");
        if problem == Some(TlsProblem::OtherName) {
            self.note(&format!(" subjectAltName does not match {host}"));
            return;
        }
        let issuer = if it.signer == Signer::Itself { &it.subject } else { it.issuer };
        if self.settings.insecure {
            self.note(&format!(" issuer: {issuer}"));
            self.note(" SSL certificate verify result: skipped, continuing anyway.");
            return;
        }
        self.note(&format!(" subjectAltName: host \"{host}\" matched cert's \"{host}\""));
        self.note(&format!(" issuer: {issuer}"));
        self.note(" SSL certificate verify ok.");
    }

    /// The request's head.
    pub(super) fn sent(&self, message: &Message) {
        if !self.settings.verbose {
            return;
        }
        let Message { method, path, host, headers, .. } = message;
        self.process.err(&format!("> {method} {path} HTTP/1.1\n"));
        if !host.is_empty() {
            self.process.err(&format!("> Host: {host}\n"));
        }
        for line in headers {
            self.process.err(&format!("> {line}\n"));
        }
        self.process.err("> \n");
    }
}
