//! `test` and `[ … ]`: conditions of files, texts and numbers.

use std::cmp::Ordering;

use crate::process::Process;

/// 0 where the condition holds, 1 where it does not, 2 where it makes no sense.
pub(super) async fn run(process: Process, arguments: Vec<String>) -> u8 {
    verdict(&process, "test", &arguments)
}

pub(super) async fn bracket(process: Process, mut arguments: Vec<String>) -> u8 {
    match arguments.pop() {
        Some(last) if last == "]" => verdict(&process, "[", &arguments),
        _ => wrong(&process, "[", "missing `]'"),
    }
}

fn wrong(process: &Process, name: &str, why: &str) -> u8 {
    process.err(&format!("bash: {name}: {why}\n"));
    2
}

fn verdict(process: &Process, name: &'static str, words: &[String]) -> u8 {
    const UNARY: [&str; 10] = ["!", "-n", "-z", "-e", "-f", "-d", "-s", "-r", "-w", "-x"];
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    match texts.as_slice() {
        [first, _] if !UNARY.contains(first) => {
            return wrong(process, name, &format!("{first}: unary operator expected"));
        }
        [first, sign, _]
            if !BINARY.contains(sign)
                && !matches!(*sign, "-a" | "-o")
                && !matches!(*first, "!" | "(") =>
        {
            return wrong(process, name, &format!("{sign}: binary operator expected"));
        }
        _ => {}
    }
    let mut reader = Reader { process, words, at: 0, depth: 0 };
    match reader.either() {
        Ok(holds) if reader.at == words.len() => u8::from(!holds),
        Ok(_) => wrong(process, name, "too many arguments"),
        Err(why) => wrong(process, name, &why),
    }
}

struct Reader<'a> {
    process: &'a Process,
    words: &'a [String],
    at: usize,
    depth: usize,
}

const MAX_DEPTH: usize = 100;

const BINARY: [&str; 11] = ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "<", ">"];

impl<'a> Reader<'a> {
    fn peek(&self, by: usize) -> Option<&'a str> {
        self.words.get(self.at + by).map(String::as_str)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.peek(0) == Some(word);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<bool, String> {
        let mut res = self.both()?;
        while self.eat("-o") || self.eat("||") {
            res |= self.both()?;
        }
        Ok(res)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut res = self.one()?;
        while self.eat("-a") || self.eat("&&") {
            res &= self.one()?;
        }
        Ok(res)
    }

    fn one(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("too many arguments".to_owned());
        }
        let res = self.condition();
        self.depth -= 1;
        res
    }

    fn condition(&mut self) -> Result<bool, String> {
        let Some(first) = self.peek(0) else { return Ok(false) };
        if let Some(sign) = self.peek(1).filter(|it| BINARY.contains(it))
            && let Some(right) = self.peek(2)
        {
            self.at += 3;
            return self.compare(first, sign, right);
        }
        self.at += 1;
        match (first, self.peek(0)) {
            ("!", Some(_)) => self.one().map(|it| !it),
            ("(", Some(_)) => {
                let res = self.either()?;
                if self.eat(")") { Ok(res) } else { Err("`)' expected".to_owned()) }
            }
            ("-n" | "-z" | "-e" | "-f" | "-d" | "-s" | "-r" | "-w" | "-x", Some(word)) => {
                self.at += 1;
                Ok(is(self.process, first, word))
            }
            (flag, Some(_)) if flag.len() == 2 && flag.starts_with('-') => {
                Err(format!("{flag}: unary operator expected"))
            }
            (word, _) => Ok(!word.is_empty()),
        }
    }

    fn compare(&self, left: &str, sign: &str, right: &str) -> Result<bool, String> {
        let same = || left == right;
        let number = |text: &str| {
            let wrong = || format!("{text}: integer expression expected");
            text.trim().parse::<i64>().map_err(|_| wrong())
        };
        Ok(match sign {
            "=" | "==" => same(),
            "!=" => !same(),
            "<" => left < right,
            ">" => left > right,
            _ => ordered(sign, number(left)?.cmp(&number(right)?)),
        })
    }
}

/// Whether two numbers in this order are as the sign asks.
pub(crate) fn ordered(sign: &str, order: Ordering) -> bool {
    match sign {
        "-eq" => order.is_eq(),
        "-ne" => order.is_ne(),
        "-lt" => order.is_lt(),
        "-le" => order.is_le(),
        "-gt" => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// What a flag asks of a word.
pub(crate) fn is(process: &Process, flag: &str, word: &str) -> bool {
    let path = process.resolve(word);
    let directory = || process.files().is_directory(&path);
    let file = || super::file(process, word);
    match flag {
        "-n" => !word.is_empty(),
        "-z" => word.is_empty(),
        "-d" => directory(),
        "-f" => file().is_some(),
        "-s" => file().is_some_and(|it| !it.is_empty()),
        "-x" => directory(),
        _ => directory() || file().is_some(),
    }
}
