//! What an administrator has chosen for the API server, and which server it is.

use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;

/// A release of Kubernetes, as far as its answers differ from those of the others.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Version {
    #[default]
    #[serde(rename = "1.32")]
    V1_32,
    #[serde(rename = "1.33")]
    V1_33,
    #[serde(rename = "1.34")]
    V1_34,
}

impl Version {
    /// The release that its answers were recorded from.
    pub fn release(self) -> &'static str {
        match self {
            Version::V1_32 => "1.32.6",
            Version::V1_33 => "1.33.5",
            Version::V1_34 => "1.34.1",
        }
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Version, ()> {
        match text {
            "1.32" => Ok(Version::V1_32),
            "1.33" => Ok(Version::V1_33),
            "1.34" => Ok(Version::V1_34),
            _ => Err(()),
        }
    }
}

/// What an administrator has chosen for the API server.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// One range, or one of each family; the first is the primary one.
    pub service_ranges: Vec<IpNet>,
    pub node_ports: RangeInclusive<u16>,
    pub version: Version,
    /// Whether the admission plugin `ServiceAccount` is on, as it is unless somebody turns it off.
    pub service_accounts: bool,
    /// `dryRun=All`: numbers are shown that are nobody's, for nothing is stored.
    pub dry_run: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        let range = "10.96.0.0/12".parse().expect("a CIDR");
        let version = Version::default();
        Settings {
            service_ranges: vec![range],
            node_ports: 30000..=32767,
            version,
            service_accounts: true,
            dry_run: false,
        }
    }
}
