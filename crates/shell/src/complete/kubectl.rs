//! What may stand in a kubectl command (`kubectl/pkg/util/completion`).

use svclab_core::key::Kind;
use svclab_core::lab::Lab;
use svclab_core::object::Object;

use super::files;
use crate::kubectl::words::{
    COMMANDS, RESOURCES, Resource, command_of, find, flag_names, takes_word,
};
use crate::session::Session;

/// The candidates for the word being typed, `last`, and the byte of it that they begin at.
pub(super) fn candidates(
    words: &[String],
    last: &str,
    lab: &Lab,
    session: &Session,
) -> (usize, Vec<String>) {
    let (name, flags, rest) = command_of(words);
    let typed = Typed { lab, session, words, arguments: arguments(flags, rest), command: name };
    if let Some((flag, value)) = last.split_once('=').filter(|_| last.starts_with("--")) {
        let from = last.len() - value.len();
        return (from, typed.values(flag, value));
    }
    let before = words.last().filter(|it| it.starts_with('-') && !it.contains('='));
    if let Some(flag) = before.filter(|it| takes_word(flags, it)) {
        return (0, typed.values(flag, last));
    }
    if last.starts_with('-') {
        return (0, flag_names(flags));
    }
    let inner = subcommands(name);
    if !inner.is_empty() && typed.arguments.is_empty() {
        return (0, inner);
    }
    typed.positional(last)
}

/// The words that may follow a command's beginning: `rollout` → `status`, `undo`.
fn subcommands(name: &str) -> Vec<String> {
    let start = if name.is_empty() { String::new() } else { format!("{name} ") };
    let rest = COMMANDS.iter().filter_map(|it| it.name.strip_prefix(&start));
    rest.filter_map(|it| it.split(' ').next()).map(str::to_owned).collect()
}

/// Those that are no flags and no values of flags.
fn arguments<'a>(flags: &'static str, words: &'a [String]) -> Vec<&'a str> {
    let mut res = Vec::new();
    let mut skip = false;
    for word in words {
        if std::mem::take(&mut skip) {
            continue;
        }
        if word.starts_with('-') && word != "-" {
            skip = !word.contains('=') && takes_word(flags, word);
        } else {
            res.push(word.as_str());
        }
    }
    res
}

struct Typed<'a> {
    lab: &'a Lab,
    session: &'a Session,
    words: &'a [String],
    command: &'static str,
    arguments: Vec<&'a str>,
}

const FORMATS: [&str; 10] = [
    "custom-columns=",
    "go-template=",
    "go-template-file=",
    "json",
    "jsonpath=",
    "jsonpath-as-json=",
    "jsonpath-file=",
    "name",
    "wide",
    "yaml",
];

/// Types that a command works on, where it does not work on all.
const ROLLED: [&str; 3] = ["deployments.apps", "daemonsets.apps", "statefulsets.apps"];
const SCALED: [&str; 3] = ["deployments.apps", "replicasets.apps", "statefulsets.apps"];
const WITH_PODS: [&str; 4] =
    ["deployments.apps", "daemonsets.apps", "replicasets.apps", "statefulsets.apps"];

impl Typed<'_> {
    /// What a flag may be given.
    fn values(&self, flag: &str, typed: &str) -> Vec<String> {
        let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        match flag {
            "-n" | "--namespace" => self.names(Kind::Namespace, ""),
            "-o" | "--output" => words(&FORMATS),
            "-f" | "--filename" | "--from-file" | "--patch-file" => files(self.session, typed),
            "-c" | "--container" => self.containers(),
            "--context" | "--cluster" => words(&["lab"]),
            "--dry-run" => words(&["client", "none", "server"]),
            "--cascade" => words(&["background", "foreground", "orphan"]),
            "--protocol" => words(&["SCTP", "TCP", "UDP"]),
            "--restart" => words(&["Always", "Never", "OnFailure"]),
            "--session-affinity" => words(&["ClientIP", "None"]),
            "--type" if self.command == "patch" => words(&["json", "merge", "strategic"]),
            "--type" => words(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]),
            "--validate" => words(&["false", "ignore", "strict", "true", "warn"]),
            _ => Vec::new(),
        }
    }

    fn positional(&self, last: &str) -> (usize, Vec<String>) {
        let count = self.arguments.len();
        match self.command {
            "exec" | "logs" | "attach" | "port-forward" if count == 0 => match last.split_once('/')
            {
                Some(_) => self.with_type(last),
                None => (
                    0,
                    self.names(Kind::Pod, "").into_iter().chain(types(&WITH_PODS, "/")).collect(),
                ),
            },
            "logs" | "attach" if count == 1 => (0, self.containers()),
            "cordon" | "drain" | "uncordon" | "top node" => (0, self.names(Kind::Node, "")),
            "top pod" => (0, self.names(Kind::Pod, "")),
            "taint" if count == 0 => (0, vec!["nodes".to_owned()]),
            "config use-context" | "config get-contexts" => (0, vec!["lab".to_owned()]),
            "scale" => self.typed_objects(last, &SCALED),
            "set env" | "set image" | "set resources" | "set serviceaccount" => {
                self.typed_objects(last, &WITH_PODS)
            }
            name if name.starts_with("rollout ") => self.typed_objects(last, &ROLLED),
            "annotate" | "delete" | "describe" | "edit" | "explain" | "expose" | "get"
            | "label" | "patch" | "set selector" | "taint" | "wait" => {
                self.typed_objects(last, &[])
            }
            _ => (0, Vec::new()),
        }
    }

    /// A type, then names of it; or both in one word. Without `only`, of all types.
    fn typed_objects(&self, last: &str, only: &[&str]) -> (usize, Vec<String>) {
        if last.contains('/') {
            return self.with_type(last);
        }
        let Some(first) = self.arguments.first() else {
            // The last of several types with commas between them.
            let from = last.rfind(',').map_or(0, |it| it + 1);
            return (from, if only.is_empty() { all_types() } else { types(only, "") });
        };
        if first.contains('/') {
            return (0, Vec::new());
        }
        let kinds = first.split(',').filter_map(|it| find(it)?.stored());
        let names = kinds.flat_map(|kind| self.names(kind, ""));
        let taken = |it: &String| self.arguments.contains(&it.as_str());
        (0, names.filter(|it| !taken(it)).collect())
    }

    /// `svc/w` → `svc/web`
    fn with_type(&self, last: &str) -> (usize, Vec<String>) {
        let Some((kind, _)) = last.split_once('/') else { return (0, Vec::new()) };
        let Some(found) = find(kind).and_then(Resource::stored) else { return (0, Vec::new()) };
        (0, self.names(found, &format!("{kind}/")))
    }

    fn names(&self, kind: Kind, prefix: &str) -> Vec<String> {
        let namespace = self.namespace();
        let here = |it: &&Object| {
            it.kind() == kind && (!kind.is_namespaced() || it.meta().namespace == namespace)
        };
        let found = self.lab.objects().values().filter(here);
        found.map(|it| format!("{prefix}{}", it.meta().name)).collect()
    }

    /// The value of `-n`, or the namespace of the context.
    fn namespace(&self) -> String {
        let after = |flag: &str| {
            let at = self.words.iter().position(|it| it == flag)?;
            self.words.get(at + 1).cloned()
        };
        let joined = self.words.iter().find_map(|it| it.strip_prefix("--namespace="));
        let named = after("-n").or_else(|| after("--namespace")).or(joined.map(str::to_owned));
        let own = Some(self.session.namespace.clone()).filter(|it| !it.is_empty());
        named.or(own).unwrap_or_else(|| "default".to_owned())
    }

    /// Of the pod that the first argument names.
    fn containers(&self) -> Vec<String> {
        let namespace = self.namespace();
        let name = self.arguments.first().map(|it| it.rsplit('/').next().unwrap_or(it));
        let pods = self.lab.objects().values().filter_map(Object::as_pod);
        let is_it = |it: &&svclab_core::object::Pod| {
            it.metadata.namespace == namespace && Some(it.metadata.name.as_str()) == name
        };
        let containers = pods.filter(is_it).flat_map(|it| &it.spec.containers);
        containers.map(|it| it.name.clone()).collect()
    }
}

fn all_types() -> Vec<String> {
    RESOURCES.iter().map(Resource::full_plural).collect()
}

fn types(names: &[&str], end: &str) -> Vec<String> {
    names.iter().map(|it| format!("{it}{end}")).collect()
}
