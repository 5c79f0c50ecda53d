//! A cluster to start from and what to do with it, as data.

mod cluster;
mod lesson;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admit::Version;
use crate::proxy;
use crate::read::{Severity, read};

pub use cluster::*;
pub use lesson::{Deed, Opening, Try};

/// Words in both languages of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub en: String,
    pub ko: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    pub title: Words,
    pub about: Words,
    pub cluster: Cluster,
    /// What the user's editor holds at the start; applied at once.
    pub manifests: Vec<File>,
    /// Seconds that have passed in the lab when it is first shown.
    #[serde(default)]
    pub settle: u64,
    #[serde(default)]
    pub opens: Opening,
    #[serde(default)]
    pub tries: Vec<Try>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// `scenarios/index.yaml`: which scenarios there are, in the order to take them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub title: Words,
    /// Names of files beside the index, without `.yaml`.
    pub scenarios: Vec<String>,
}

impl Index {
    /// # Errors
    ///
    /// As [`Scenario::parse`].
    pub fn parse(text: &str) -> Result<Index, String> {
        serde_json::from_value(value(text)?).map_err(|error| error.to_string())
    }
}

/// The cluster of all scenarios, where their own words do not say otherwise.
const CLUSTER: &str = include_str!("../../../../scenarios/cluster.yaml");
const FIRST_PACKET: &str = include_str!("../../../../scenarios/first-packet.yaml");

impl Scenario {
    /// Reads a scenario file: YAML, by the manifests' reader. Its `cluster` holds what differs
    /// from `scenarios/cluster.yaml`.
    ///
    /// # Errors
    ///
    /// What is wrong, in one line: with its place where the text is no YAML, with its name where a
    /// field is unknown or missing.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let mut cluster = value(CLUSTER)?;
        let mut scenario = value(text)?;
        let Some(fields) = scenario.as_object_mut() else {
            return Err("a scenario is a map of fields".to_owned());
        };
        merge(&mut cluster, fields.remove("cluster").unwrap_or_default());
        let follows = check_kube_proxy(&cluster)?;
        fields.insert("cluster".to_owned(), cluster);
        let read = serde_json::from_value(scenario);
        let mut res: Scenario = read.map_err(|error| error.to_string())?;
        if follows && res.cluster.version >= Version::V1_34 {
            res.cluster.kube_proxy.version = proxy::Version::Modern;
        }
        Ok(res)
    }

    /// The manifests as one text, in the files' order.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.manifests.iter().map(|file| file.text.as_str()).collect();
        texts.join("---\n")
    }
}

fn value(text: &str) -> Result<Value, String> {
    let read = read(text);
    let wrong = read.diagnostics.iter().find(|it| it.severity == Severity::Error);
    match (wrong, read.documents.first()) {
        (Some(wrong), _) => Err(wrong.problem.to_string()),
        (None, Some(document)) => Ok(document.value()),
        (None, None) => Ok(Value::Null),
    }
}

/// Whether kube-proxy is of the cluster's own release: no other is named.
///
/// # Errors
///
/// The name of a setting that there is not. The settings themselves are read from other tools'
/// files too, where unknown ones are passed over.
fn check_kube_proxy(cluster: &Value) -> Result<bool, String> {
    let Some(given) = cluster.get("kubeProxy").and_then(Value::as_object) else {
        return Ok(true);
    };
    let known = serde_json::to_value(proxy::Settings::default()).unwrap_or_default();
    match given.keys().find(|it| known.get(it.as_str()).is_none()) {
        Some(unknown) => Err(format!("unknown field `{unknown}` in `cluster.kubeProxy`")),
        None => Ok(!given.contains_key("version")),
    }
}

/// Fields of maps one by one, everything else as a whole.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (_, Value::Null) => {}
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// The scenario the lab opens with.
pub fn default_scenario() -> Scenario {
    Scenario::parse(FIRST_PACKET).expect("the built-in scenario is read by a test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenario_reads() {
        let scenario = default_scenario();
        assert_eq!(scenario.cluster.nodes.len(), 3);
        assert!(scenario.text().contains("kind: Deployment"));
    }

    #[test]
    fn a_scenario_changes_what_it_names_of_the_cluster() {
        let text = |cluster| {
            format!("name: a\ntitle: &t {{en: A, ko: B}}\nabout: *t\nmanifests: []\n{cluster}")
        };
        let plain = Scenario::parse(&text("")).unwrap().cluster;
        let on = text("cluster: {loadBalancer: {running: true}, nodes: []}");
        let on = Scenario::parse(&on).unwrap().cluster;
        let running = |it: &Cluster| it.load_balancer.as_ref().map(|it| it.running);
        assert_eq!((running(&plain), running(&on)), (Some(false), Some(true)));
        assert_eq!((plain.nodes.len(), on.nodes.len()), (3, 0));
        assert_eq!(plain.lan, on.lan);
    }

    #[test]
    fn kube_proxy_is_of_the_clusters_release_where_no_other_is_named() {
        let proxy = |cluster: &str| {
            let text = "name: a\ntitle: &t {en: A, ko: B}\nabout: *t\nmanifests: []\ncluster: ";
            let read = Scenario::parse(&format!("{text}{cluster}\n"));
            read.map(|it| it.cluster.kube_proxy.version)
        };
        assert_eq!(proxy("{}"), Ok(proxy::Version::V1_30));
        assert_eq!(proxy("{version: '1.33'}"), Ok(proxy::Version::V1_30));
        assert_eq!(proxy("{version: '1.34', kubeProxy: {}}"), Ok(proxy::Version::Modern));
        let named = "{version: '1.34', kubeProxy: {version: '1.30', masqueradeAll: true}}";
        assert_eq!(proxy(named), Ok(proxy::Version::V1_30));
        assert_eq!(proxy("{kubeProxy: {version: modern}}"), Ok(proxy::Version::Modern));
        let unknown = "unknown field `masqueradeAl` in `cluster.kubeProxy`";
        assert_eq!(proxy("{kubeProxy: {masqueradeAl: true}}"), Err(unknown.to_owned()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| Scenario::parse(text).unwrap_err();
        assert!(error("name: a\ntitel: b\n").contains("titel"));
        assert!(error("name: [a\n").contains("line"), "{}", error("name: [a\n"));
        assert!(error("").contains("map"));
    }
}
