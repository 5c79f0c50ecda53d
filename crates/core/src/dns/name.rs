//! Domain names: text → labels, as `miekg/dns` (CoreDNS's library) keeps them.
//!
//! A name is its text with a final dot and the letter case it was written in; `\.` and `\046` are
//! escapes inside a label.

use std::fmt;

/// An absolute domain name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// RFC 1035 §2.3.4, in bytes.
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 255;

impl Name {
    /// The name written so, with or without its final dot (`.` is the root); None where it is none.
    pub fn parse(text: &str) -> Option<Name> {
        let name = Name::absolute(text);
        let good = |label: &str| (1..=MAX_LABEL).contains(&byte_count(label));
        let ends_open = name.0.ends_with("\\.");
        let fits = !text.is_empty() && !ends_open && name.wire_length() <= MAX_NAME;
        (fits && name.labels().into_iter().all(good)).then_some(name)
    }

    /// The same without a look at its length: CoreDNS makes names from what objects say.
    pub fn absolute(text: &str) -> Name {
        Name(if text.ends_with('.') { text.to_owned() } else { format!("{text}.") })
    }

    pub fn root() -> Name {
        Name(".".to_owned())
    }

    /// `label.` in front of this name.
    pub fn child(&self, labels: &str) -> Name {
        if self.is_root() {
            return Name::absolute(labels);
        }
        Name(format!("{labels}.{}", self.0))
    }

    /// With its final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without its final dot; the root stays a dot.
    pub fn relative(&self) -> &str {
        if self.is_root() { "." } else { self.0.strip_suffix('.').unwrap_or(&self.0) }
    }

    pub fn is_root(&self) -> bool {
        self.0 == "."
    }

    #[must_use]
    pub fn lower(&self) -> Name {
        Name(self.0.to_ascii_lowercase())
    }

    /// Whether two names are the same but for the case of letters.
    pub fn is(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Whether it is `zone` or a name below it.
    pub fn is_in(&self, zone: &Name) -> bool {
        self.before(zone).is_some()
    }

    /// What stands before `zone`, without a dot at its end; empty for the zone itself.
    pub fn before(&self, zone: &Name) -> Option<&str> {
        if zone.is_root() {
            return Some(if self.is_root() { "" } else { self.relative() });
        }
        let at = self.0.len().checked_sub(zone.0.len())?;
        let (front, back) = (self.0.get(..at)?, self.0.get(at..)?);
        if !back.eq_ignore_ascii_case(&zone.0) {
            return None;
        }
        if front.is_empty() { Some("") } else { front.strip_suffix('.') }
    }

    /// The last part, as long as `zone` and with the case of this name's letters.
    pub fn own_spelling(&self, zone: &Name) -> Name {
        let at = self.0.len().saturating_sub(zone.0.len());
        if zone.is_root() { Name::root() } else { Name(self.0.get(at..).unwrap_or("").to_owned()) }
    }

    /// From the left.
    pub fn labels(&self) -> Vec<&str> {
        if self.is_root() { Vec::new() } else { labels(self.relative()) }
    }

    /// The name without its first label; None for the root.
    pub fn parent(&self) -> Option<Name> {
        let first = self.labels().first()?.len();
        let rest = self.0.get(first + 1..).filter(|it| !it.is_empty());
        Some(rest.map_or_else(Name::root, |it| Name(it.to_owned())))
    }

    /// In bytes, without compression.
    pub fn wire_length(&self) -> usize {
        if self.is_root() { 1 } else { byte_count(&self.0) + 1 }
    }

    /// How many dots the text has inside.
    pub fn dots(text: &str) -> usize {
        text.strip_suffix('.').unwrap_or(text).matches('.').count()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits at the dots that no backslash precedes.
pub fn labels(text: &str) -> Vec<&str> {
    let (mut res, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '.' => {
                res.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    res.push(&text[start..]);
    res
}

/// The bytes of a label on the wire: an escape stands for one. Each label's length takes the place
/// of the dot behind it.
fn byte_count(label: &str) -> usize {
    let (bytes, mut at, mut count) = (label.as_bytes(), 0, 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 4).is_some_and(|it| it.iter().all(u8::is_ascii_digit));
        at += match bytes[at] {
            b'\\' if digits => 4,
            b'\\' => 2,
            _ => 1,
        };
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_zone_ends_at_a_label() {
        let before = |name: &str, zone: &str| {
            Name::absolute(name).before(&Name::absolute(zone)).map(str::to_owned)
        };
        assert_eq!(before("Web.Shop.svc.Cluster.local.", "cluster.local").unwrap(), "Web.Shop.svc");
        assert_eq!(before("cluster.local", "cluster.local"), Some(String::new()));
        assert_eq!(before("xcluster.local", "cluster.local"), None);
        assert_eq!(before("local", "cluster.local"), None);
        assert_eq!(before("a.b", "."), Some("a.b".to_owned()));
    }

    #[test]
    fn a_name_has_labels_of_at_most_63_bytes_and_255_in_all() {
        let label = "x".repeat(63);
        assert!(Name::parse(&label).is_some());
        assert!(Name::parse(&format!("{label}x")).is_none());
        let long = [label.as_str(); 3].join(".");
        assert_eq!(Name::parse(&format!("{long}.{}", "y".repeat(61))).unwrap().wire_length(), 255);
        assert!(Name::parse(&format!("{long}.{}", "y".repeat(62))).is_none());
        for bad in ["", "a..b", ".a", "a\\."] {
            assert!(Name::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn escapes_stand_for_one_byte() {
        let name = Name::parse(r"a\.b\046c.d").unwrap();
        assert_eq!(name.labels(), [r"a\.b\046c", "d"]);
        assert_eq!(name.wire_length(), 1 + 5 + 1 + 1 + 1);
    }
}
