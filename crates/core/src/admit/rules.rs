//! What names, labels, ports and addresses must look like, in the words of
//! `k8s.io/apimachinery/pkg/util/validation`. Each rule gives the list of what is wrong.

use std::net::{IpAddr, Ipv4Addr};

use super::errors::Errors;
use crate::object::IntOrString;

type Complaints = Vec<String>;

const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1123: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_1123: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED_NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
pub(super) const NOT_AN_IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NOT_A_CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

pub(super) fn dns_1035_label(text: &str) -> Complaints {
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_lowercase());
    let fits = starts_with_letter && is_label(text);
    [too_long(text, 63), wrong(!fits, LABEL_1035)].into_iter().flatten().collect()
}

pub(super) fn dns_1123_label(text: &str) -> Complaints {
    let complaint = if is_subdomain(text) { "must not contain dots" } else { LABEL_1123 };
    [too_long(text, 63), wrong(!is_label(text), complaint)].into_iter().flatten().collect()
}

pub(super) fn dns_1123_subdomain(text: &str) -> Complaints {
    let wrong = wrong(!is_subdomain(text), SUBDOMAIN_1123);
    [too_long(text, 253), wrong].into_iter().flatten().collect()
}

/// `IsFullyQualifiedDomainName`: at least two labels, and a dot at the end or not.
pub(super) fn full_domain_name(text: &str, field: &str, errors: &mut Errors) {
    if text.is_empty() {
        return errors.required(field, "");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let complaints = dns_1123_subdomain(name);
    if !complaints.is_empty() {
        return errors.invalid(field, name, &complaints.join(","));
    }
    if !name.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        return errors.invalid(field, name, detail);
    }
    let wrong = name.split('.').map(|label| (label, dns_1123_label(label)));
    if let Some((label, complaints)) = wrong.into_iter().find(|(_, it)| !it.is_empty()) {
        errors.invalid(field, label, &complaints.join(","));
    }
}

/// `name` or `prefix.example.com/name`.
pub(super) fn qualified_name(text: &str) -> Complaints {
    let parts: Vec<&str> = text.split('/').collect();
    let (mut complaints, name) = match parts.as_slice() {
        [name] => (Vec::new(), *name),
        [prefix, name] => (prefix_complaints(prefix), *name),
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED_NAME} with an optional DNS subdomain prefix and '/' \
                 (e.g. 'example.com/MyName')"
            )];
        }
    };
    complaints.extend(wrong(name.is_empty(), "name part must be non-empty"));
    complaints.extend(too_long(name, 63).map(|complaint| format!("name part {complaint}")));
    if !is_name(name) {
        complaints.push(format!("name part {QUALIFIED_NAME}"));
    }
    complaints
}

fn prefix_complaints(prefix: &str) -> Complaints {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    dns_1123_subdomain(prefix).into_iter().map(|it| format!("prefix part {it}")).collect()
}

/// `IsValidPathSegmentName`: what can stand in a URL.
pub(super) fn path_segment(text: &str) -> Complaints {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    let parts = ["/", "%"].into_iter().filter(|part| text.contains(part));
    parts.map(|part| format!("may not contain '{part}'")).collect()
}

pub(super) fn label_value(text: &str) -> Complaints {
    let fits = text.is_empty() || is_name(text);
    [too_long(text, 63), wrong(!fits, LABEL_VALUE)].into_iter().flatten().collect()
}

pub(super) fn port_number(port: i32) -> Complaints {
    wrong(!(1..=65535).contains(&port), "must be between 1 and 65535, inclusive")
        .into_iter()
        .collect()
}

/// An IANA service name.
pub(super) fn port_name(name: &str) -> Complaints {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_allowed = |c: char| is_letter(c) || c.is_ascii_digit() || c == '-';
    let fits = !name.is_empty() && name.chars().all(is_allowed);
    [
        too_long(name, 15),
        wrong(!fits, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        wrong(!name.contains(is_letter), "must contain at least one letter (a-z)"),
        wrong(name.contains("--"), "must not contain consecutive hyphens"),
        wrong(name.starts_with('-') || name.ends_with('-'), "must not begin or end with a hyphen"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn port_number_or_name(port: &IntOrString, field: &str, errors: &mut Errors) {
    match port {
        IntOrString::Int(number) => {
            for complaint in port_number(*number) {
                errors.invalid(field, *number, &complaint);
            }
        }
        IntOrString::String(name) => errors.invalid_each(field, name, port_name(name)),
    }
}

pub(super) fn ip(text: &str, field: &str, errors: &mut Errors) -> Option<IpAddr> {
    let address = parse_ip(text);
    if address.is_none() {
        errors.invalid(field, text, NOT_AN_IP);
    }
    address
}

/// Addresses that never belong to an endpoint or an external IP.
pub(super) fn non_special_ip(text: &str, field: &str, errors: &mut Errors) {
    let Some(address) = parse_ip(text) else {
        return errors.invalid(field, text, "must be a valid IP address");
    };
    let link_local = match address {
        IpAddr::V4(it) => it.is_link_local(),
        IpAddr::V6(it) => it.is_unicast_link_local(),
    };
    let link_local_multicast = match address {
        IpAddr::V4(it) => it.octets()[..3] == [224, 0, 0],
        IpAddr::V6(it) => it.octets()[..2] == [0xff, 0x02],
    };
    let complaints = [
        wrong(address.is_unspecified(), &format!("may not be unspecified ({text})")),
        wrong(address.is_loopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        wrong(link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        wrong(
            link_local_multicast,
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
        ),
    ];
    errors.invalid_each(field, text, complaints.into_iter().flatten().collect());
}

pub(super) fn cidr(text: &str, field: &str, errors: &mut Errors) {
    if parse_cidr(text).is_none() {
        errors.invalid(field, text, NOT_A_CIDR);
    }
}

/// The address of a valid CIDR.
pub(super) fn parse_cidr(text: &str) -> Option<IpAddr> {
    let (address, bits) = text.split_once('/')?;
    let address = parse_ip(address)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let is_number = bits.bytes().all(|byte| byte.is_ascii_digit());
    bits.parse::<u32>().ok().filter(|bits| is_number && *bits <= most)?;
    Some(address)
}

/// Go's old parser: octets may have leading zeros, and are decimal all the same.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let octets: Vec<&str> = text.split('.').collect();
    let fits = |octet: &&str| !octet.is_empty() && octet.bytes().all(|byte| byte.is_ascii_digit());
    if octets.len() != 4 || !octets.iter().all(fits) {
        return None;
    }
    let numbers: Option<Vec<u8>> = octets.iter().map(|octet| octet.parse().ok()).collect();
    let numbers: [u8; 4] = numbers?.try_into().ok()?;
    Some(Ipv4Addr::from(numbers).into())
}

pub(super) fn not_negative(number: i64, field: &str, errors: &mut Errors) {
    if number < 0 {
        errors.invalid(field, number, "must be greater than or equal to 0");
    }
}

fn too_long(text: &str, most: usize) -> Option<String> {
    (text.len() > most).then(|| format!("must be no more than {most} characters"))
}

fn wrong(is_wrong: bool, complaint: &str) -> Option<String> {
    is_wrong.then(|| complaint.to_owned())
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`.
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty()
        && text.bytes().all(|byte| is_inner(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    is_edge(bytes.first()) && is_edge(bytes.last()) && bytes.iter().all(is_inner)
}
