//! Images: how their names read, which can be pulled, and which a node has.
//!
//! The lab has no registry. Every reference that is well formed can be pulled, except those whose
//! tag says that they should not be ([`MISSING_TAGS`]) and those of a host that no resolver knows
//! (its top-level domain is one of [`NO_SUCH_HOSTS`], which RFC 2606 keeps free).

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::rng::Rng;
use crate::time::{Duration, Instant};

/// Tags that no registry has.
const MISSING_TAGS: [&str; 9] = [
    "nonexistent",
    "non-existent",
    "does-not-exist",
    "doesnotexist",
    "not-exist",
    "no-such-tag",
    "nope",
    "typo",
    "missing",
];
/// Top-level domains without hosts.
const NO_SUCH_HOSTS: [&str; 2] = ["invalid", "test"];

/// An image's name as its parts: `docker.io/library/nginx:1.27`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// As the manifest has it.
    pub(super) text: String,
    host: String,
    path: String,
    tag: String,
    digest: String,
}

impl Reference {
    /// None where containerd could not read it (`InvalidImageName`).
    pub(super) fn parse(text: &str) -> Option<Reference> {
        let (name, digest) = text.split_once('@').unwrap_or((text, ""));
        let last = name.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(at) => (&name[..last + at], &name[last + at + 1..]),
            None => (name, if digest.is_empty() { "latest" } else { "" }),
        };
        let is_host = |it: &str| it.contains(['.', ':']) || it == "localhost";
        let (host, path) = match name.split_once('/').filter(|(host, _)| is_host(host)) {
            Some((host, path)) => (host, path.to_owned()),
            None if name.contains('/') => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let component = |it: &str| {
            let edge = |it: Option<char>| {
                it.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
            };
            let inside = |it: char| {
                it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '.' | '_' | '-')
            };
            edge(it.chars().next()) && edge(it.chars().last()) && it.chars().all(inside)
        };
        let word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
        let is_tag = tag.len() <= 128 && tag.chars().all(word) && !tag.starts_with(['.', '-']);
        let has_version = !tag.is_empty() || !digest.is_empty();
        let is_digest = !text.contains('@')
            || digest.split_once(':').is_some_and(|(_, hash)| {
                hash.len() >= 32 && hash.chars().all(|it| it.is_ascii_hexdigit())
            });
        let fits = path.split('/').all(component) && is_tag && has_version && is_digest;
        fits.then(|| Reference {
            text: text.to_owned(),
            host: host.to_owned(),
            path,
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        })
    }

    /// The last part of its path: `nginx` of `docker.io/library/nginx:1.27`.
    pub(super) fn base(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its repository on the Docker hub as people write it: `kubetm/app`, `nginx`.
    pub(super) fn short(&self) -> &str {
        self.path.strip_prefix("library/").unwrap_or(&self.path)
    }

    /// The tag; empty where the manifest names a digest alone.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// As containerd names it in a container's status.
    pub(super) fn full(&self) -> String {
        let Reference { host, path, tag, digest, .. } = self;
        match (tag.as_str(), digest.as_str()) {
            ("", digest) => format!("{host}/{path}@{digest}"),
            (tag, "") => format!("{host}/{path}:{tag}"),
            (_, digest) => format!("{host}/{path}@{digest}"),
        }
    }

    /// `imageID`: the repository with the digest of its manifest, made up where none is named.
    pub(super) fn id(&self) -> String {
        let Reference { host, path, digest, .. } = self;
        if !digest.is_empty() {
            return format!("{host}/{path}@{digest}");
        }
        format!("{host}/{path}@sha256:{}", hash(&self.full()))
    }

    /// How large the lab says it is, in bytes.
    pub(super) fn size(&self) -> u64 {
        let sum = self
            .full()
            .bytes()
            .fold(7u64, |sum, it| sum.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(it)));
        20_000_000 + sum % 180_000_000
    }

    /// The registry's or the resolver's refusal, in containerd's words.
    fn refusal(&self) -> Option<String> {
        let full = self.full();
        let failed = format!(
            "failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\""
        );
        let domain = self.host.split(':').next().unwrap_or_default().rsplit('.').next();
        if domain.is_some_and(|it| NO_SUCH_HOSTS.contains(&it)) {
            let Reference { host, path, tag, .. } = self;
            return Some(format!(
                "{failed}: failed to do request: Head \"https://{host}/v2/{path}/manifests/{tag}\": \
                 dial tcp: lookup {host}: no such host"
            ));
        }
        let is_missing = MISSING_TAGS.contains(&self.tag.as_str());
        is_missing.then(|| format!("rpc error: code = NotFound desc = {failed}: {full}: not found"))
    }
}

/// Sixty-four hexadecimal digits that are always the same for the same text.
pub(super) fn hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

/// When to ask the registry: `imagePullPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    pub(super) fn parse(text: &str) -> PullPolicy {
        match text {
            "Always" => PullPolicy::Always,
            "Never" => PullPolicy::Never,
            _ => PullPolicy::IfNotPresent,
        }
    }
}

/// What kubelet's image manager does for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pull {
    Present,
    /// It is there, or refused with these words, at `until`.
    Pulls {
        until: Instant,
        refusal: Option<String>,
    },
    /// `imagePullPolicy: Never`, and it is not there.
    Forbidden,
}

/// The images of one node, each with the moment from which it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Images(BTreeMap<String, Instant>);

impl Images {
    /// The image was there before the lab began.
    pub fn preload(&mut self, image: &str) {
        if let Some(image) = Reference::parse(image) {
            self.0.insert(image.full(), Instant::START);
        }
    }

    /// Takes 2 to 5 s for an image that is new to the node, and half a second to hear that the one
    /// that is there is still the newest. Who asks for an image that is being pulled waits for it.
    pub(super) fn pull(
        &mut self,
        image: &Reference,
        policy: PullPolicy,
        now: Instant,
        rng: &mut Rng,
    ) -> Pull {
        let name = image.full();
        let there = self.0.get(&name).copied();
        match (there, policy) {
            (Some(at), PullPolicy::IfNotPresent | PullPolicy::Never) if at <= now => Pull::Present,
            (_, PullPolicy::Never) => Pull::Forbidden,
            (Some(at), _) if at > now => Pull::Pulls { until: at, refusal: None },
            (known, _) => {
                let refusal = image.refusal();
                let (least, spread) = match (&refusal, known) {
                    (None, None) => (2_000_000, 3_000_000),
                    _ => (400_000, 600_000),
                };
                let until = now + Duration::from_micros(least + rng.below(spread));
                if refusal.is_none() && known.is_none() {
                    self.0.insert(name, until);
                }
                Pull::Pulls { until, refusal }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, full: &str) {
        assert_eq!(Reference::parse(text).map(|it| it.full()).unwrap_or_default(), full);
    }

    #[test]
    fn names_are_completed_as_docker_does() {
        check("nginx", "docker.io/library/nginx:latest");
        check("nginx:1.27", "docker.io/library/nginx:1.27");
        check("kubetm/app:1.0", "docker.io/kubetm/app:1.0");
        check("registry.k8s.io/coredns/coredns:v1.11.3", "registry.k8s.io/coredns/coredns:v1.11.3");
        check("localhost:5000/web", "localhost:5000/web:latest");
        let digest = "0123456789abcdef0123456789abcdef";
        check(&format!("web@sha256:{digest}"), &format!("docker.io/library/web@sha256:{digest}"));
    }

    #[test]
    fn names_that_are_none() {
        for text in ["Nginx", "nginx:", "nginx:1 2", "a//b", "", "-a", "web@", "nginx:.a", "ü"] {
            check(text, "");
        }
    }

    #[track_caller]
    fn check_refusal(text: &str, expected: Option<&str>) {
        let refusal = Reference::parse(text).expect("a reference").refusal();
        assert_eq!(refusal.is_some(), expected.is_some(), "{refusal:?}");
        let Some((refusal, end)) = refusal.zip(expected) else { return };
        assert!(refusal.ends_with(end), "{refusal}");
    }

    #[test]
    fn what_cannot_be_pulled() {
        check_refusal("nginx:1.27", None);
        check_refusal("nginx:nope", Some("docker.io/library/nginx:nope: not found"));
        check_refusal("reg.invalid/web:1", Some("lookup reg.invalid: no such host"));
    }

    #[test]
    fn an_image_is_pulled_once_on_a_node() {
        let (mut images, mut rng) = (Images::default(), Rng::new(1));
        let image = Reference::parse("nginx:1.27").expect("a reference");
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        let mut pull = |policy, now| images.pull(&image, policy, now, &mut rng);
        assert_eq!(pull(PullPolicy::Never, at(1)), Pull::Forbidden);
        let first = pull(PullPolicy::IfNotPresent, at(1));
        let Pull::Pulls { until, refusal: None } = &first else { panic!("{first:?}") };
        assert!((at(3)..at(6)).contains(until), "{until}");
        assert_eq!(pull(PullPolicy::IfNotPresent, at(2)), first);
        assert_eq!(pull(PullPolicy::IfNotPresent, at(6)), Pull::Present);
        assert_eq!(pull(PullPolicy::Never, at(6)), Pull::Present);
        let again = pull(PullPolicy::Always, at(7));
        assert!(matches!(again, Pull::Pulls { until, .. } if until < at(8)), "{again:?}");
    }
}
