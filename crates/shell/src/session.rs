//! What a shell keeps from one line to the next.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::jobs::Jobs;
use crate::kubectl::attach::Attached;
use crate::language::List;
use crate::language::variables::State;

/// Where a line is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A container of a pod; the first one where none is named.
    Pod { namespace: String, name: String, container: Option<String> },
    /// A node, as root.
    Node(String),
    /// A machine outside the cluster, with a kubeconfig.
    Outside(String),
}

impl Place {
    /// `pod/NAMESPACE/NAME[/CONTAINER]`, `node/NAME` or `outside/NAME`.
    pub fn parse(text: &str) -> Option<Place> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["pod", namespace, name, rest @ ..] if rest.len() < 2 => Some(Place::Pod {
                namespace: (*namespace).to_owned(),
                name: (*name).to_owned(),
                container: rest.first().map(|it| (*it).to_owned()),
            }),
            ["node", name] => Some(Place::Node((*name).to_owned())),
            ["outside", name] => Some(Place::Outside((*name).to_owned())),
            _ => None,
        }
    }

    /// What `hostname` prints there.
    pub fn host_name(&self) -> &str {
        match self {
            Place::Pod { name, .. } | Place::Node(name) | Place::Outside(name) => name,
        }
    }

    /// The home directory of who types there.
    pub fn home(&self) -> &'static str {
        match self {
            Place::Pod { .. } => "/",
            Place::Node(_) => "/root",
            Place::Outside(_) => "/home/user",
        }
    }

    pub fn user(&self) -> &'static str {
        if matches!(self, Place::Outside(_)) { "user" } else { "root" }
    }
}

/// A shell between two lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub place: Place,
    /// Absolute, without a slash at its end.
    pub directory: String,
    pub variables: BTreeMap<String, String>,
    pub files: Files,
    /// The exit status of the last command, `$?`.
    pub status: u8,
    /// The namespace of kubectl's current context; empty is `default`.
    pub namespace: String,
    /// The words of the function or script that runs: `$1`, `$2`.
    pub arguments: Vec<String>,
    pub(crate) functions: BTreeMap<String, Rc<List>>,
    pub(crate) state: State,
    /// Functions and scripts that are under way.
    pub(crate) calls: usize,
    /// The shell that this one was opened in (`kubectl exec -it … -- sh`).
    pub(crate) outer: Option<Box<Session>>,
    pub(crate) jobs: Jobs,
    /// It is the first process of its container (`kubectl run -it`).
    pub(crate) attached: Option<Attached>,
}

impl Session {
    pub fn new(place: Place) -> Session {
        let home = place.home();
        let variables = [
            ("HOME", home),
            ("HOSTNAME", place.host_name()),
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("PWD", home),
            ("USER", place.user()),
        ];
        Session {
            directory: home.to_owned(),
            variables: variables.map(|(name, it)| (name.to_owned(), it.to_owned())).into(),
            files: Files::default(),
            status: 0,
            namespace: String::new(),
            arguments: Vec::new(),
            functions: BTreeMap::new(),
            state: State::default(),
            calls: 0,
            outer: None,
            jobs: Jobs::default(),
            attached: None,
            place,
        }
    }

    /// Opens a shell at another place.
    pub(crate) fn enter(&mut self, place: Place) {
        let outer = std::mem::replace(self, Session::new(place));
        self.outer = Some(Box::new(outer));
    }

    /// Back to the shell that this one was opened in; false where there is none.
    pub(crate) fn leave(&mut self) -> bool {
        let outer = self.outer.take();
        let found = outer.is_some();
        if let Some(outer) = outer {
            *self = *outer;
        }
        found
    }

    /// How many shells this one is inside of.
    pub fn depth(&self) -> usize {
        std::iter::successors(self.outer.as_deref(), |it| it.outer.as_deref()).count()
    }

    /// The absolute path of what `path` names here.
    pub fn resolve(&self, path: &str) -> String {
        let from_home = path.strip_prefix('~').filter(|it| it.is_empty() || it.starts_with('/'));
        let path = match from_home {
            Some(rest) => format!("{}{rest}", self.place.home()),
            None if path.starts_with('/') => path.to_owned(),
            None => format!("{}/{path}", self.directory),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }
}

/// Texts by absolute path. A directory is there as long as something is in it; one that was made
/// empty is a path that ends in a slash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    texts: BTreeMap<String, String>,
    /// Something was written or removed since this was asked last.
    changed: bool,
}

/// Directories that are there even when they are empty.
const DIRECTORIES: [&str; 18] = [
    "/",
    "/data",
    "/etc",
    "/home",
    "/home/user",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/local/apache2/htdocs",
    "/usr/share/nginx/html",
    "/var",
    "/var/log",
    "/var/run",
    "/var/www/html",
];

impl Files {
    pub fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    pub fn put(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.changed = true;
        self.texts.insert(path.into(), text.into());
    }

    pub fn append(&mut self, path: &str, text: &str) {
        self.changed = true;
        self.texts.entry(path.to_owned()).or_default().push_str(text);
    }

    pub fn remove(&mut self, path: &str) -> bool {
        self.changed = true;
        self.texts.remove(path).is_some()
    }

    /// What is in a directory and in those in it, by the rest of their paths.
    pub fn below<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts.iter().filter_map(move |(path, text)| {
            let rest = path.strip_prefix(directory.trim_end_matches('/'))?.strip_prefix('/')?;
            Some((rest, text.as_str()))
        })
    }

    pub fn is_directory(&self, path: &str) -> bool {
        DIRECTORIES.contains(&path) || self.below(path).next().is_some()
    }

    /// The disk of a container, as the lab has it.
    pub(crate) fn of_container(texts: BTreeMap<String, String>) -> Files {
        Files { texts, changed: false }
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// All texts by path, where something was written or removed since this was asked last.
    pub(crate) fn take_changed(&mut self) -> Option<BTreeMap<String, String>> {
        std::mem::take(&mut self.changed).then(|| self.texts.clone())
    }
}
