//! A cluster to start from, as data.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

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
}

/// The machines and their networks, and what runs before the user comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    pub lan: IpNet,
    pub router: IpAddr,
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: IpNet,
    #[serde(rename = "clusterCIDR")]
    pub cluster_cidr: IpNet,
    pub nodes: Vec<NodeSpec>,
    /// Without one, pods wait until somebody binds them.
    #[serde(default = "yes")]
    pub scheduler: bool,
    #[serde(default)]
    pub system: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    pub name: String,
    pub address: IpAddr,
    #[serde(rename = "podCIDR")]
    pub pod_cidr: IpNet,
    #[serde(default)]
    pub control_plane: bool,
    #[serde(default)]
    pub zone: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub name: String,
    pub text: String,
}

impl Scenario {
    /// Reads a scenario file. The error names its line and column.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    /// The manifests as one text, in the files' order.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.manifests.iter().map(|file| file.text.as_str()).collect();
        texts.join("---\n")
    }
}

fn yes() -> bool {
    true
}

/// The scenario the lab opens with.
pub fn default_scenario() -> Scenario {
    Scenario::parse(include_str!("../../../scenarios/first-packet.yaml"))
        .expect("the built-in scenario is read by a test")
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
    fn an_unknown_field_is_named_with_its_place() {
        let error = Scenario::parse("name: a\ntitel: b\n").unwrap_err();
        assert!(error.contains("titel") && error.contains("line 2"), "{error}");
    }
}
