//! Numbers and addresses → their text, without the detour of `fmt`: rules are printed, and their
//! chains named, by the hundred thousand.

use std::fmt::{self, Write};
use std::net::IpAddr;

/// A text of at most [`Short::ROOM`] bytes of ASCII; what does not fit is an error of [`fmt::Write`].
#[derive(Debug, Clone)]
pub struct Short {
    bytes: [u8; Short::ROOM],
    len: usize,
}

impl Short {
    /// Any address in brackets with its port fits in.
    pub const ROOM: usize = 64;

    pub fn new() -> Short {
        Short { bytes: [0; Short::ROOM], len: 0 }
    }

    /// None where it does not fit.
    pub fn of(write: impl FnOnce(&mut Short) -> fmt::Result) -> Option<Short> {
        let mut res = Short::new();
        write(&mut res).ok().map(|()| res)
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    pub fn write_number(&mut self, number: u64) -> fmt::Result {
        self.write_digits(number, 1)
    }

    /// With zeros in front where it has fewer digits.
    pub fn write_digits(&mut self, mut number: u64, least: usize) -> fmt::Result {
        let digits = number.checked_ilog10().map_or(1, |it| it as usize + 1);
        for place in self.more(digits.max(least))?.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        Ok(())
    }

    /// As its `Display`.
    pub fn write_ip(&mut self, ip: IpAddr) -> fmt::Result {
        let IpAddr::V4(ip) = ip else { return write!(self, "{ip}") };
        let [first, rest @ ..] = ip.octets();
        self.write_number(first.into())?;
        rest.into_iter().try_for_each(|octet| {
            self.write_char('.')?;
            self.write_number(octet.into())
        })
    }

    /// As the `Display` of a `SocketAddr`.
    pub fn write_socket(&mut self, ip: IpAddr, port: u16) -> fmt::Result {
        if ip.is_ipv6() {
            write!(self, "[{ip}]")?;
        } else {
            self.write_ip(ip)?;
        }
        self.write_char(':')?;
        self.write_number(port.into())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        self.more(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Room for so many bytes more.
    fn more(&mut self, len: usize) -> Result<&mut [u8], fmt::Error> {
        let start = self.len;
        let res = self.bytes.get_mut(start..start.saturating_add(len)).ok_or(fmt::Error)?;
        self.len = start + len;
        Ok(res)
    }
}

impl Default for Short {
    fn default() -> Short {
        Short::new()
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.is_ascii() {
            return Err(fmt::Error);
        }
        self.write_bytes(text.as_bytes())
    }

    fn write_char(&mut self, char: char) -> fmt::Result {
        let byte = u8::try_from(char).ok().filter(u8::is_ascii).ok_or(fmt::Error)?;
        self.more(1)?.fill(byte);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;

    fn short(write: impl FnOnce(&mut Short) -> fmt::Result) -> String {
        Short::of(write).expect("there is room").as_str().to_owned()
    }

    proptest! {
        #[test]
        fn it_writes_what_display_prints(number: u64, ip: IpAddr, port: u16, least in 0usize..20) {
            prop_assert_eq!(short(|it| it.write_number(number)), number.to_string());
            prop_assert_eq!(
                short(|it| it.write_digits(number, least)),
                format!("{number:0least$}", least = least.max(1))
            );
            prop_assert_eq!(short(|it| it.write_ip(ip)), ip.to_string());
            let socket = SocketAddr::new(ip, port).to_string();
            prop_assert_eq!(short(|it| it.write_socket(ip, port)), socket);
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut res = Short::new();
        assert_eq!(res.write_str(&"x".repeat(60)), Ok(()));
        assert_eq!(res.write_str("12345"), Err(fmt::Error));
        assert_eq!(res.as_str(), "x".repeat(60));
    }
}
