//! `base64`: bytes ⇄ text of 64 characters.

use crate::process::Process;
use crate::programs::options::Options;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters on a line.
const WIDTH: usize = 76;

pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut res = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            (0..3).fold(0, |bits, at| bits << 8 | chunk.get(at).map_or(0, |it| usize::from(*it)));
        for at in 0..4 {
            match at <= chunk.len() {
                true => res.push(char::from(LETTERS[bits >> (18 - 6 * at) & 63])),
                false => res.push('='),
            }
        }
    }
    res
}

/// `None` where that is not base64; white space does not matter.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|it| !it.is_ascii_whitespace()).collect();
    let end = letters.iter().position(|it| *it == b'=').unwrap_or(letters.len());
    let (letters, padding) = letters.split_at(end);
    if padding.iter().any(|it| *it != b'=') || !(letters.len() + padding.len()).is_multiple_of(4) {
        return None;
    }
    let mut res = Vec::new();
    for chunk in letters.chunks(4) {
        let mut bits = 0;
        for letter in chunk {
            bits = bits << 6 | LETTERS.iter().position(|it| it == letter)?;
        }
        bits <<= 6 * (4 - chunk.len());
        let bytes = [bits >> 16, bits >> 8, bits].map(|it| (it & 255) as u8);
        res.extend(bytes.iter().take(chunk.len().saturating_sub(1)));
    }
    Some(res)
}

/// `base64 [-d] [-w COLUMNS] [FILE]`
pub(in crate::programs) async fn run(process: Process, words: Vec<String>) -> u8 {
    let spec = Options {
        letters: "diw:",
        names: &[("decode", 'd'), ("wrap", 'w'), ("ignore-garbage", 'i')],
        valued: "",
    };
    let line = match spec.read(&words) {
        Ok(line) => line,
        Err(wrong) => {
            process.err(&wrong.gnu("base64"));
            return 1;
        }
    };
    let text = match line.operands.first().filter(|it| *it != "-") {
        None => process.read_all().await,
        Some(path) => match crate::programs::file(&process, path) {
            Some(text) => text,
            None => {
                process.err(&format!("base64: {path}: No such file or directory\n"));
                return 1;
            }
        },
    };
    if line.has('d') {
        let Some(bytes) = decoded(&text) else {
            process.err("base64: invalid input\n");
            return 1;
        };
        process.out(&String::from_utf8_lossy(&bytes));
        return 0;
    }
    let width = line.value('w').and_then(|it| it.parse().ok()).unwrap_or(WIDTH);
    let all = encoded(text.as_bytes());
    match width {
        0 => process.out(&all),
        width => {
            for at in (0..all.len()).step_by(width) {
                let end = all.len().min(at.saturating_add(width));
                process.out(&format!("{}\n", all.get(at..end).unwrap_or_default()));
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for (plain, text) in
            [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("admin", "YWRtaW4=")]
        {
            assert_eq!(encoded(plain.as_bytes()), text);
            assert_eq!(decoded(text), Some(plain.into()));
        }
        assert_eq!((decoded("Y"), decoded("Y=Q="), decoded("Ä===")), (None, None, None));
    }
}
