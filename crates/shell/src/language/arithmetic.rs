//! `$((…))`: whole numbers, variables, assignments.

use crate::session::Session;

use super::parse::is_name;

/// The value; variables that are assigned change the session.
pub(crate) fn evaluate(text: &str, session: &mut Session) -> Result<i64, String> {
    let mut reader = Reader { text, chars: text.chars().collect(), at: 0, depth: 0, session };
    reader.blanks();
    if reader.at == reader.chars.len() {
        return Ok(0);
    }
    let value = reader.sequence()?;
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
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
/// Signs that begin with another one's.
const LONGER: [&str; 4] = ["||", "&&", "<<", ">>"];

const ASSIGNMENTS: [&str; 11] = ["<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "="];

const MAX_DEPTH: usize = 100;
/// How much deeper a variable's own expression is, and the longest one that is looked at: there are
/// three levels of them at most.
const NESTED: usize = 33;
const LONGEST: usize = 200;

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

    /// `a, b`: the value is the last one's.
    fn sequence(&mut self) -> Result<i64, String> {
        let mut value = self.assignment()?;
        while self.eat(",") {
            value = self.assignment()?;
        }
        Ok(value)
    }

    /// `a ? b : c`
    fn chosen(&mut self) -> Result<i64, String> {
        let value = self.level(0)?;
        if !self.eat("?") {
            return Ok(value);
        }
        let yes = self.assignment()?;
        if !self.eat(":") {
            let text = self.text.trim();
            let rest: String = self.chars.iter().skip(self.at).collect();
            return Err(format!(
                "{text}: `:' expected for conditional expression (error token is \"{rest}\")"
            ));
        }
        let no = self.assignment()?;
        Ok(if value != 0 { yes } else { no })
    }

    fn assigned(&mut self, start: usize) -> Result<i64, String> {
        if let Some(name) = self.name() {
            self.blanks();
            let sign = ASSIGNMENTS.into_iter().find(|it| self.looks_at(it));
            if let Some(sign) = sign.filter(|_| !self.looks_at("==")) {
                self.at += sign.len();
                let right = self.assignment()?;
                let left = self.variable(&name);
                let value = match sign.strip_suffix('=').unwrap_or_default() {
                    "" => right,
                    sign => self.apply(sign, left, right)?,
                };
                self.store(name, value)?;
                return Ok(value);
            }
        }
        self.at = start;
        self.chosen()
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

    /// The index behind an array's name.
    fn index(&mut self) -> Result<Option<i64>, String> {
        if !self.looks_at("[") {
            return Ok(None);
        }
        self.at += 1;
        let index = self.assignment()?;
        if self.eat("]") { Ok(Some(index)) } else { Err(self.error()) }
    }

    fn element(&self, name: &str, index: i64) -> i64 {
        let array = self.session.state.arrays.get(name);
        let value = array.and_then(|it| it.items.get(&(index, String::new())));
        value.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
    }

    /// A variable that holds an expression has that one's value.
    fn variable(&mut self, name: &str) -> i64 {
        let Some(text) = self.session.variable(name).cloned() else { return 0 };
        match text.trim().parse() {
            Ok(value) => value,
            Err(_) if self.depth + NESTED > MAX_DEPTH || text.len() > LONGEST => 0,
            Err(_) => {
                let chars = text.chars().collect();
                let (depth, session) = (self.depth + NESTED, &mut *self.session);
                let mut reader = Reader { text: &text, chars, at: 0, depth, session };
                reader.sequence().unwrap_or(0)
            }
        }
    }

    fn store(&mut self, name: String, value: i64) -> Result<(), String> {
        self.session.set(&name, value.to_string())
    }

    fn level(&mut self, level: usize) -> Result<i64, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        loop {
            self.blanks();
            let is_longer = LONGER.iter().any(|it| self.looks_at(it));
            let fits = |sign: &&&str| self.looks_at(sign) && (sign.len() > 1 || !is_longer);
            let Some(sign) = signs.iter().find(fits) else { return Ok(left) };
            let assigns = ASSIGNMENTS.iter().any(|it| it.len() > 1 && self.looks_at(it));
            if assigns || *sign == "*" && self.looks_at("**") {
                return Ok(left);
            }
            self.at += sign.len();
            let right = self.level(level + 1)?;
            left = self.apply(sign, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<i64, String> {
        for (sign, by) in [("++", 1), ("--", -1)] {
            if self.eat(sign) {
                let name = self.name().ok_or_else(|| self.error())?;
                return self.step(&name, by);
            }
        }
        if self.eat("-") {
            return self.deeper().map(i64::wrapping_neg);
        }
        if self.eat("!") {
            return self.deeper().map(|it| i64::from(it == 0));
        }
        if self.eat("~") {
            return self.deeper().map(|it| !it);
        }
        if self.eat("+") {
            return self.deeper();
        }
        self.power()
    }

    fn power(&mut self) -> Result<i64, String> {
        let base = self.operand()?;
        if !self.eat("**") {
            return Ok(base);
        }
        let exponent = self.deeper()?;
        match u64::try_from(exponent) {
            Ok(exponent) => Ok(power(base, exponent)),
            Err(_) => Err(format!(
                "{}: exponent less than 0 (error token is \"{exponent}\")",
                self.text.trim()
            )),
        }
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

    fn step(&mut self, name: &str, by: i64) -> Result<i64, String> {
        let value = self.variable(name).wrapping_add(by);
        self.store(name.to_owned(), value)?;
        Ok(value)
    }

    fn operand(&mut self) -> Result<i64, String> {
        if self.eat("(") {
            let value = self.sequence()?;
            return if self.eat(")") { Ok(value) } else { Err(self.error()) };
        }
        if let Some(name) = self.name() {
            for (sign, by) in [("++", 1), ("--", -1)] {
                if self.eat(sign) {
                    return self.step(&name, by).map(|it| it.wrapping_sub(by));
                }
            }
            return match self.index()? {
                Some(index) => Ok(self.element(&name, index)),
                None => Ok(self.variable(&name)),
            };
        }
        self.number()
    }

    /// `12`, `0x1f`, `017`, `2#101`
    fn number(&mut self) -> Result<i64, String> {
        let rest = self.chars.iter().skip(self.at);
        let word: String = rest.take_while(|c| c.is_ascii_alphanumeric() || **c == '#').collect();
        let (digits, base) = match word.split_once('#') {
            Some((base, digits)) => (digits, base.parse().unwrap_or(0)),
            None => match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
                Some(digits) => (digits, 16),
                None if word.len() > 1 && word.starts_with('0') => (&word[1..], 8),
                None => (word.as_str(), 10),
            },
        };
        if word.is_empty() || !(2..=36).contains(&base) {
            return Err(self.error());
        }
        let value = i64::from_str_radix(digits, base)
            .map_err(|_| format!("{word}: value too great for base (error token is \"{word}\")"))?;
        self.at += word.len();
        Ok(value)
    }

    fn apply(&self, sign: &str, left: i64, right: i64) -> Result<i64, String> {
        if matches!(sign, "/" | "%") && right == 0 {
            let text = self.text.trim();
            return Err(format!("{text}: division by 0 (error token is \"0\")"));
        }
        Ok(apply(sign, left, right))
    }
}

fn power(base: i64, exponent: u64) -> i64 {
    let (mut res, mut square, mut left) = (1_i64, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            res = res.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        left >>= 1;
    }
    res
}

fn apply(sign: &str, left: i64, right: i64) -> i64 {
    match sign {
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
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        // As the processor does: only the last six bits of the distance count.
        "<<" => left.wrapping_shl((right & 63) as u32),
        ">>" => left.wrapping_shr((right & 63) as u32),
        "/" => left.checked_div(right).unwrap_or(left),
        _ => left.checked_rem(right).unwrap_or(0),
    }
}
