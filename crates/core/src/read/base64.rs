//! Bytes as Go reads them from JSON: base64 (`encoding/base64`, `StdEncoding`).

use data_encoding::BASE64;

/// The text as Go writes the bytes again; otherwise where it is wrong (`CorruptInputError`).
pub(super) fn canonical(text: &str) -> Result<String, String> {
    match decoded(text.as_bytes()) {
        Ok(bytes) => Ok(BASE64.encode(&bytes)),
        Err(at) => Err(format!("illegal base64 data at input byte {at}")),
    }
}

/// Line ends count for nothing; bits that are left over may be any. Err: the place of the mistake.
fn decoded(text: &[u8]) -> Result<Vec<u8>, usize> {
    let is_line_end = |it: u8| it == b'\n' || it == b'\r';
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut digits) = (0_u32, 0);
    let mut rest = text.iter().copied().enumerate().filter(|(_, it)| !is_line_end(*it));
    while let Some((at, byte)) = rest.next() {
        if let Some(digit) = digit(byte) {
            (bits, digits) = (bits << 6 | digit, digits + 1);
            if digits == 4 {
                bytes.extend([(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
                (bits, digits) = (0, 0);
            }
            continue;
        }
        match (byte, digits) {
            (b'=', 3) => bytes.extend([(bits >> 10) as u8, (bits >> 2) as u8]),
            (b'=', 2) => match rest.next() {
                Some((_, b'=')) => bytes.push((bits >> 4) as u8),
                Some((at, _)) => return Err(at - 1),
                None => return Err(text.len()),
            },
            _ => return Err(at),
        }
        return rest.next().map_or(Ok(bytes), |(at, _)| Err(at));
    }
    // Go counts back from the end as if there were no line ends.
    if digits == 0 { Ok(bytes) } else { Err(text.len().saturating_sub(digits)) }
}

fn digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(digit.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, usize>) {
        let expected = expected.map(str::to_owned);
        let expected = expected.map_err(|at| format!("illegal base64 data at input byte {at}"));
        assert_eq!(canonical(text), expected, "{text:?}");
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        check("", Ok(""));
        check("aGVsbG8=", Ok("aGVsbG8="));
        check("aGVs\nbG8=\n", Ok("aGVsbG8="));
        check("aGVsbG9=", Ok("aGVsbG8="));
        // Recorded: the secret `admin`, a variable that nobody has filled in, a comment in front.
        check("admin", Err(4));
        check("${PASSWORD_B64}", Err(0));
        check("APIKEY_BASE64", Err(6));
        check("cd_user", Err(2));
        check("b'dGVzdA=='", Err(1));
        check("aGVsbG8", Err(4));
        check("aGVsbG8==", Err(8));
        check("aGVsbA=", Err(7));
        check("=", Err(0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let text = BASE64.encode(&bytes);
            prop_assert_eq!(decoded(text.as_bytes()), Ok(bytes));
        }
    }
}
