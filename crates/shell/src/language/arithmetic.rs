//! `$((…))`: whole numbers, variables, assignments.

use crate::session::Session;

use super::parse::is_name;

/// The value; variables that are assigned change the session.
pub(super) fn evaluate(text: &str, session: &mut Session) -> Result<i64, String> {
    let mut reader = Reader { text, chars: text.chars().collect(), at: 0, depth: 0, session };
    reader.blanks();
    if reader.at == reader.chars.len() {
        return Ok(0);
    }
    let value = reader.assignment()?;
    reader.blanks();
    if reader.at < reader.chars.len() { Err(reader.error()) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    chars: Vec<char>,
    at: usize,
    depth: usize,
    session: &'a mut Session,
}

/// Weakest first; the operators of a row bind alike.
const LEVELS: [&[&str]; 6] =
    [&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

const ASSIGNMENTS: [&str; 6] = ["+=", "-=", "*=", "/=", "%=", "="];

const MAX_DEPTH: usize = 100;

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, sign: &str) -> bool {
        self.blanks();
        let found = self.looks_at(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn looks_at(&self, sign: &str) -> bool {
        sign.chars().enumerate().all(|(by, c)| self.chars.get(self.at + by) == Some(&c))
    }

    fn error(&self) -> String {
        let rest: String = self.chars.iter().skip(self.at).collect();
        let text = self.text.trim();
        format!("{text}: syntax error: operand expected (error token is \"{rest}\")")
    }

    fn assignment(&mut self) -> Result<i64, String> {
        let start = self.at;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("expression recursion level exceeded".to_owned());
        }
        let res = self.assigned(start);
        self.depth -= 1;
        res
    }

    fn assigned(&mut self, start: usize) -> Result<i64, String> {
        if let Some(name) = self.name() {
            self.blanks();
            let sign = ASSIGNMENTS.into_iter().find(|it| self.looks_at(it));
            if let Some(sign) = sign.filter(|_| !self.looks_at("==")) {
                self.at += sign.len();
                let right = self.assignment()?;
                let left = self.variable(&name);
                let value = if sign == "=" { right } else { apply(&sign[..1], left, right)? };
                self.session.variables.insert(name, value.to_string());
                return Ok(value);
            }
        }
        self.at = start;
        self.level(0)
    }

    fn name(&mut self) -> Option<String> {
        self.blanks();
        let rest = self.chars.iter().skip(self.at);
        let name: String = rest.take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        if !is_name(&name) {
            return None;
        }
        self.at += name.len();
        Some(name)
    }

    fn variable(&self, name: &str) -> i64 {
        self.session.variables.get(name).and_then(|it| it.trim().parse().ok()).unwrap_or(0)
    }

    fn level(&mut self, level: usize) -> Result<i64, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        loop {
            self.blanks();
            let Some(sign) = signs.iter().find(|sign| self.looks_at(sign)) else { return Ok(left) };
            self.at += sign.len();
            let right = self.level(level + 1)?;
            left = apply(sign, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<i64, String> {
        for (sign, by) in [("++", 1), ("--", -1)] {
            if self.eat(sign) {
                let name = self.name().ok_or_else(|| self.error())?;
                return Ok(self.step(&name, by));
            }
        }
        if self.eat("-") {
            return self.deeper().map(i64::wrapping_neg);
        }
        if self.eat("!") {
            return self.deeper().map(|it| i64::from(it == 0));
        }
        if self.eat("+") {
            return self.deeper();
        }
        self.operand()
    }

    fn deeper(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("expression recursion level exceeded".to_owned());
        }
        let res = self.unary();
        self.depth -= 1;
        res
    }

    fn step(&mut self, name: &str, by: i64) -> i64 {
        let value = self.variable(name).wrapping_add(by);
        self.session.variables.insert(name.to_owned(), value.to_string());
        value
    }

    fn operand(&mut self) -> Result<i64, String> {
        if self.eat("(") {
            let value = self.assignment()?;
            return if self.eat(")") { Ok(value) } else { Err(self.error()) };
        }
        if let Some(name) = self.name() {
            for (sign, by) in [("++", 1), ("--", -1)] {
                if self.eat(sign) {
                    return Ok(self.step(&name, by).wrapping_sub(by));
                }
            }
            return Ok(self.variable(&name));
        }
        let rest = self.chars.iter().skip(self.at);
        let digits: String = rest.take_while(|c| c.is_ascii_digit()).collect();
        let value = digits.parse().map_err(|_| self.error())?;
        self.at += digits.len();
        Ok(value)
    }
}

fn apply(sign: &str, left: i64, right: i64) -> Result<i64, String> {
    Ok(match sign {
        "||" => i64::from(left != 0 || right != 0),
        "&&" => i64::from(left != 0 && right != 0),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" | "%" if right == 0 => return Err("division by 0".to_owned()),
        "/" => left.wrapping_div(right),
        _ => left.wrapping_rem(right),
    })
}
