//! `kubectl create configmap` and `secret`: literals and files → their data.

use serde_json::{Map, Value, json};
use svclab_core::key::Kind;

use super::Kubectl;
use super::create::{metadata, name, post};
use super::errors::{Done, error};
use crate::programs;
use crate::programs::base64;

const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const VARIABLE: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')";

/// What the flags name, for an object of one kind.
struct Data<'a> {
    kubectl: &'a Kubectl,
    kind: Kind,
    name: &'a str,
    found: Map<String, Value>,
}

impl Data<'_> {
    fn of(kubectl: &Kubectl, kind: Kind, name: &str) -> Done<Map<String, Value>> {
        let flags = &kubectl.flags;
        let (literals, sources) = (flags.all("from-literal"), flags.all("from-file"));
        let tables = flags.all("from-env-file");
        let others = literals.iter().chain(sources).next();
        if !tables.is_empty() && others.is_some() {
            return Err(error("from-env-file cannot be combined with from-file or from-literal"));
        }
        let mut data = Data { kubectl, kind, name, found: Map::new() };
        for literal in literals {
            let parts = literal.split_once('=').filter(|it| !it.0.is_empty());
            let (key, value) = parts.ok_or_else(|| {
                error(format!("invalid literal source {literal}, expected key=value"))
            })?;
            data.add(key, value)?;
        }
        for source in sources {
            data.add_file(source)?;
        }
        for path in tables {
            data.add_table(path)?;
        }
        Ok(data.found)
    }

    fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    fn add(&mut self, key: &str, text: &str) -> Done {
        let fits = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
        if key.is_empty() || !key.chars().all(fits) {
            return Err(error(match self.is_secret() {
                true => format!("{key:?} is not valid key name for a Secret {KEY}"),
                false => format!("{key:?} is not a valid key name for a ConfigMap: {KEY}"),
            }));
        }
        if self.found.contains_key(key) {
            return Err(error(match self.is_secret() {
                true => format!("cannot add key {key}, another key by that name already exists"),
                false => format!(
                    "cannot add key {key:?}, another key by that name already exists in Data for ConfigMap {:?}",
                    self.name
                ),
            }));
        }
        let text = match self.is_secret() {
            true => base64::encoded(text.as_bytes()),
            false => text.to_owned(),
        };
        self.found.insert(key.to_owned(), text.into());
        Ok(())
    }

    /// `FILE`, `KEY=FILE` or a directory, each of whose files is a key.
    fn add_file(&mut self, source: &str) -> Done {
        let (key, path) = match source.split_once('=') {
            Some(("", path)) => {
                return Err(error(format!("key name for file path {path} missing")));
            }
            Some((key, "")) => return Err(error(format!("file path for key name {key} missing"))),
            Some((_, path)) if path.contains('=') => {
                return Err(error("key names or file paths cannot contain '='"));
            }
            Some((key, path)) => (Some(key), path),
            None => (None, source),
        };
        if let Some(text) = programs::file(&self.kubectl.process, path) {
            let own = path.rsplit('/').next().unwrap_or_default();
            return self.add(key.unwrap_or(own), &text);
        }
        let directory = self.kubectl.process.resolve(path);
        let files = self.kubectl.process.files();
        let below = files.below(&directory).filter(|it| !it.0.is_empty() && !it.0.contains('/'));
        let texts: Vec<(String, String)> =
            below.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        drop(files);
        match (texts.is_empty(), key) {
            (true, _) => Err(missing(path)),
            (false, Some(_)) => Err(error("cannot give a key name for a directory path")),
            (false, None) => texts.iter().try_for_each(|(name, text)| self.add(name, text)),
        }
    }

    /// A file with a variable a line; one without a value has that of the shell.
    fn add_table(&mut self, path: &str) -> Done {
        let text = programs::file(&self.kubectl.process, path).ok_or_else(|| missing(path))?;
        let own = programs::machine::variables(&self.kubectl.process);
        for line in text.lines().map(str::trim_start) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = match line.split_once('=') {
                Some(pair) => pair,
                None => (line, own.iter().find(|it| it.0 == line).map_or("", |it| &it.1)),
            };
            let fits = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
            let is_digit = key.starts_with(|it: char| it.is_ascii_digit());
            if key.is_empty() || is_digit || !key.chars().all(fits) {
                return Err(error(format!("{key:?} is not a valid key name: {VARIABLE}")));
            }
            self.add(key, value)?;
        }
        Ok(())
    }
}

fn missing(path: &str) -> super::errors::Failed {
    error(format!("error reading {path}: no such file or directory"))
}

pub(super) async fn configmap(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let data = Data::of(kubectl, Kind::ConfigMap, &name)?;
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(&name)});
    if !data.is_empty() {
        body["data"] = data.into();
    }
    post(kubectl, Kind::ConfigMap, body, "created", "failed to create configmap")
}

pub(super) async fn generic_secret(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let data = Data::of(kubectl, Kind::Secret, &name)?;
    secret(kubectl, &name, data, kubectl.flags.text("type"))
}

fn secret(kubectl: &Kubectl, name: &str, data: Map<String, Value>, kind: Option<&str>) -> Done {
    let mut body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name)});
    if !data.is_empty() {
        body["data"] = data.into();
    }
    if let Some(kind) = kind {
        body["type"] = kind.into();
    }
    post(kubectl, Kind::Secret, body, "created", "failed to create secret")
}

pub(super) async fn tls_secret(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let (cert, key) = (kubectl.flags.text_or("cert", ""), kubectl.flags.text_or("key", ""));
    if cert.is_empty() || key.is_empty() {
        return Err(error("key and cert must be specified"));
    }
    let mut data = Map::new();
    for (field, path) in [("tls.crt", cert), ("tls.key", key)] {
        let text = programs::file(&kubectl.process, path).ok_or_else(|| {
            error(format!("Cannot read file {path}, open {path}: no such file or directory"))
        })?;
        if field == "tls.crt" && !text.contains("-----BEGIN CERTIFICATE-----") {
            return Err(error("tls: failed to find any PEM data in certificate input"));
        }
        data.insert(field.to_owned(), base64::encoded(text.as_bytes()).into());
    }
    secret(kubectl, &name, data, Some("kubernetes.io/tls"))
}

pub(super) async fn registry_secret(kubectl: &Kubectl) -> Done {
    let name = name(kubectl)?;
    let flags = &kubectl.flags;
    let text = |flag: &str| flags.text_or(flag, "").to_owned();
    let mut data = Map::new();
    if flags.all("from-file").is_empty() {
        let (user, password) = (text("docker-username"), text("docker-password"));
        if user.is_empty() || password.is_empty() {
            return Err(error(
                "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required",
            ));
        }
        let mut entry = json!({"username": user, "password": password});
        if let Some(email) = flags.text("docker-email") {
            entry["email"] = email.into();
        }
        entry["auth"] = base64::encoded(format!("{user}:{password}").as_bytes()).into();
        let server = flags.text_or("docker-server", "https://index.docker.io/v1/");
        let config = json!({"auths": {server: entry}}).to_string();
        data.insert(".dockerconfigjson".to_owned(), base64::encoded(config.as_bytes()).into());
    }
    for source in flags.all("from-file") {
        let path = source.split_once('=').map_or(source.as_str(), |it| it.1);
        let text = programs::file(&kubectl.process, path).ok_or_else(|| missing(path))?;
        data.insert(".dockerconfigjson".to_owned(), base64::encoded(text.as_bytes()).into());
    }
    secret(kubectl, &name, data, Some("kubernetes.io/dockerconfigjson"))
}
