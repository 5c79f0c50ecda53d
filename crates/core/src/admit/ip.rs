//! What the server says about addresses that it takes but would write otherwise.
//!
//! `getWarningsForIP` of `pkg/api/service/warnings.go` (1.32), `GetWarningsForIP` of
//! `k8s.io/apimachinery/pkg/util/validation` (from 1.33 on).

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Version, rules};

pub(super) fn ip_warning(field: &str, text: &str, version: Version) -> Option<String> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() && version >= Version::V1_33 => {
            let ip = ip.to_canonical();
            Some(non_standard(field, "IP address", text, &ip.to_string()))
        }
        Ok(IpAddr::V6(ip)) if ip.to_string() != text => {
            Some(not_canonical(field, ["address", "address"], text, &ip.to_string(), version))
        }
        Ok(_) => None,
        Err(_) if version == Version::V1_32 => {
            let reason = parse_error(text);
            Some(format!(
                "{field}: IP address was accepted, but will be invalid in a future Kubernetes \
                 release: {reason}"
            ))
        }
        Err(_) => {
            let ip = rules::parse_ip(text)?;
            Some(non_standard(field, "IP address", text, &ip.to_string()))
        }
    }
}

pub(super) fn cidr_warnings(field: &str, text: &str, version: Version) -> Vec<String> {
    let Some((address, bits)) = text.split_once('/') else { return Vec::new() };
    let Some(net) = rules::parse_ip(address).zip(bits.parse().ok()) else { return Vec::new() };
    let Ok(net) = IpNet::new(net.0, net.1) else { return Vec::new() };
    let (whole, single) = (net.trunc(), format!("{}/{}", net.addr(), net.max_prefix_len()));
    let is_strict = address.parse::<IpAddr>().is_ok();
    let is_canonical = net.addr().is_ipv4() || net.to_string() == text;
    let mut warnings = Vec::new();
    if version >= Version::V1_33 && net.addr() != net.network() {
        warnings.push(format!(
            "{field}: CIDR value \"{text}\" is ambiguous in this context \
             (should be \"{whole}\" or \"{single}\"?)"
        ));
    }
    match (is_strict, is_canonical) {
        (false, _) if version == Version::V1_32 => warnings.push(format!(
            "{field}: IP prefix was accepted, but will be invalid in a future Kubernetes release: \
             netip.ParsePrefix(\"{text}\"): {}",
            parse_error(address)
        )),
        (false, _) => {
            warnings.push(non_standard(field, "CIDR value", text, &whole.to_string()));
        }
        (true, false) => {
            let nouns = ["prefix", "CIDR value"];
            warnings.push(not_canonical(field, nouns, text, &net.to_string(), version));
        }
        (true, true) => {}
    }
    warnings
}

fn non_standard(field: &str, noun: &str, text: &str, instead: &str) -> String {
    format!(
        "{field}: non-standard {noun} \"{text}\" will be considered invalid in a future \
         Kubernetes release: use \"{instead}\""
    )
}

/// The old and the new noun for what is written in IPv6.
fn not_canonical(
    field: &str,
    [old, new]: [&str; 2],
    text: &str,
    instead: &str,
    version: Version,
) -> String {
    if version >= Version::V1_33 {
        return format!(
            "{field}: IPv6 {new} \"{text}\" should be in RFC 5952 canonical format (\"{instead}\")"
        );
    }
    format!(
        "{field}: IPv6 {old} \"{text}\" is not in RFC 5952 canonical format (\"{instead}\"), which \
         may cause controller apply-loops"
    )
}

/// The error of Go's `netip.ParseAddr` for a text that it does not take.
fn parse_error(text: &str) -> String {
    let reason = match text.find(['.', ':', '%']).map(|at| text.as_bytes()[at]) {
        Some(b'.') => ipv4_error(text),
        Some(b'%') => "missing IPv6 address".to_owned(),
        _ => "unable to parse IP".to_owned(),
    };
    format!("ParseAddr(\"{text}\"): {reason}")
}

/// What is wrong first, from left to right.
fn ipv4_error(text: &str) -> String {
    let (mut value, mut digits, mut fields) = (0_u32, 0, 0);
    let mut before = '.';
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        match (c, c.to_digit(10)) {
            (_, Some(_)) if digits == 1 && value == 0 => {
                return "IPv4 field has octet with leading zero".to_owned();
            }
            (_, Some(digit)) => {
                (value, digits) = (value * 10 + digit, digits + 1);
                if value > 255 {
                    return "IPv4 field has value >255".to_owned();
                }
            }
            ('.', _) if before == '.' || rest.len() == 1 => {
                return format!("IPv4 field must have at least one digit (at \"{rest}\")");
            }
            ('.', _) if fields == 3 => return "IPv4 address too long".to_owned(),
            ('.', _) => (value, digits, fields) = (0, 0, fields + 1),
            _ => return format!("unexpected character (at \"{rest}\")"),
        }
        before = c;
    }
    "IPv4 address too short".to_owned()
}
