//! An awk program at work: one record after the other.

use std::collections::BTreeMap;

use super::tree::{Expression, Program, Statement, When};
use crate::programs::text::printf;
use crate::programs::text::regex::{Regex, Syntax};

/// A program goes round its loops at most so often for one record.
const MOST_TURNS: u32 = 100_000;

#[derive(Clone)]
enum Value {
    Number(f64),
    Text(String),
    /// Of the input: a number where it looks like one.
    Input(String),
}

/// What a statement leads to.
#[derive(PartialEq)]
enum Flow {
    On,
    Next,
    Exit,
}

pub(super) struct Awk {
    variables: BTreeMap<String, Value>,
    arrays: BTreeMap<String, BTreeMap<String, Value>>,
    fields: Vec<String>,
    line: String,
    out: String,
    turns: u32,
    pub(super) exit: Option<u8>,
}

impl Awk {
    pub(super) fn new(separator: &str) -> Awk {
        let mut res = Awk {
            variables: BTreeMap::new(),
            arrays: BTreeMap::new(),
            fields: Vec::new(),
            line: String::new(),
            out: String::new(),
            turns: 0,
            exit: None,
        };
        let separator = if separator == "t" { "\t" } else { separator };
        res.set("FS", crate::programs::text::unescaped(separator));
        res.set("OFS", " ".to_owned());
        res.set("ORS", "\n".to_owned());
        res
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), Value::Input(value));
    }

    /// What it has printed since this was asked last.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    pub(super) fn begin(&mut self, program: &Program) {
        self.all(program, |it| matches!(it, When::Begin));
    }

    pub(super) fn end(&mut self, program: &Program) {
        let exit = self.exit.take();
        if exit.is_none() || program.reads() {
            self.all(program, |it| matches!(it, When::End));
        }
        self.exit = self.exit.or(exit);
    }

    pub(super) fn record(&mut self, program: &Program, line: &str) {
        let number = self.variable("NR").number() + 1.0;
        self.variables.insert("NR".to_owned(), Value::Number(number));
        self.variables.insert("FNR".to_owned(), Value::Number(number));
        self.split(line);
        self.all(program, |it| matches!(it, When::Always | When::If(_)));
    }

    fn split(&mut self, line: &str) {
        self.line = line.to_owned();
        let separator = self.variable("FS").text();
        self.fields = pieces(line, &separator);
        let count = self.fields.len() as f64;
        self.variables.insert("NF".to_owned(), Value::Number(count));
    }

    fn all(&mut self, program: &Program, is_due: impl Fn(&When) -> bool) {
        self.turns = 0;
        for rule in program.rules.iter().filter(|it| is_due(&it.when)) {
            if let When::If(condition) = &rule.when
                && !self.value(condition).is_true()
            {
                continue;
            }
            if self.run(&rule.body) != Flow::On {
                return;
            }
        }
    }

    fn run(&mut self, body: &[Statement]) -> Flow {
        for statement in body {
            let flow = self.statement(statement);
            if flow != Flow::On {
                return flow;
            }
        }
        Flow::On
    }

    fn statement(&mut self, statement: &Statement) -> Flow {
        match statement {
            Statement::Print(list) => {
                let text = match list.is_empty() {
                    true => self.line.clone(),
                    false => {
                        let texts: Vec<String> =
                            list.iter().map(|it| self.value(it).text()).collect();
                        texts.join(&self.variable("OFS").text())
                    }
                };
                self.out.push_str(&text);
                let end = self.variable("ORS").text();
                self.out.push_str(&end);
            }
            Statement::Printf(list) => {
                let words: Vec<String> = list.iter().map(|it| self.value(it).text()).collect();
                if let Some((format, values)) = words.split_first() {
                    self.out.push_str(&printf::once(format, values));
                }
            }
            Statement::Do(expression) => _ = self.value(expression),
            Statement::If { condition, then, otherwise } => {
                let body = if self.value(condition).is_true() { then } else { otherwise };
                return self.run(body);
            }
            Statement::Each { name, array, body } => {
                let keys: Vec<String> = self
                    .arrays
                    .get(array)
                    .map(|it| it.keys().cloned().collect())
                    .unwrap_or_default();
                for key in keys {
                    self.variables.insert(name.clone(), Value::Input(key));
                    let flow = self.run(body);
                    if flow != Flow::On {
                        return flow;
                    }
                }
            }
            Statement::While { condition, step, body } => {
                while self.turns < MOST_TURNS && self.value(condition).is_true() {
                    self.turns += 1;
                    let flow = self.run(body);
                    if flow != Flow::On {
                        return flow;
                    }
                    if let Some(step) = step {
                        self.value(step);
                    }
                }
            }
            Statement::Delete(name, key) => {
                let key = key.as_ref().map(|it| self.value(it).text());
                let array = self.arrays.entry(name.clone()).or_default();
                match key {
                    Some(key) => _ = array.remove(&key),
                    None => array.clear(),
                }
            }
            Statement::Next => return Flow::Next,
            Statement::Exit(code) => {
                let code = code.as_ref().map_or(0.0, |it| self.value(it).number());
                self.exit = Some((code as i64).rem_euclid(256) as u8);
                return Flow::Exit;
            }
        }
        Flow::On
    }

    fn variable(&self, name: &str) -> Value {
        self.variables.get(name).cloned().unwrap_or(Value::Input(String::new()))
    }

    fn field(&self, number: f64) -> Value {
        let text = match number as i64 {
            0 => Some(&self.line),
            number => usize::try_from(number - 1).ok().and_then(|it| self.fields.get(it)),
        };
        Value::Input(text.cloned().unwrap_or_default())
    }

    fn value(&mut self, expression: &Expression) -> Value {
        let flag = |is: bool| Value::Number(f64::from(u8::from(is)));
        match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Regex(regex) => flag(regex.is_match(&self.line)),
            Expression::Field(number) => {
                let number = self.value(number).number();
                self.field(number)
            }
            Expression::Name(name) => self.variable(name),
            Expression::Element(array, key) => {
                let key = self.value(key).text();
                let found = self.arrays.get(array).and_then(|it| it.get(&key));
                found.cloned().unwrap_or(Value::Input(String::new()))
            }
            Expression::In(key, array) => {
                let key = self.value(key).text();
                flag(self.arrays.get(array).is_some_and(|it| it.contains_key(&key)))
            }
            Expression::Assign(place, sign, value) => {
                let new = self.value(value);
                let new = match sign {
                    '=' => new,
                    sign => {
                        let old = self.value(place).number();
                        Value::Number(calculated(old, *sign, new.number()))
                    }
                };
                self.assign(place, new.clone());
                new
            }
            Expression::Step(place, before, by) => {
                let old = self.value(place).number();
                self.assign(place, Value::Number(old + by));
                Value::Number(if *before { old + by } else { old })
            }
            Expression::Not(inner) => flag(!self.value(inner).is_true()),
            Expression::Minus(inner) => Value::Number(-self.value(inner).number()),
            Expression::Binary(left, sign, right) => self.binary(left, sign, right),
            Expression::Match(text, pattern, wanted) => {
                let text = self.value(text).text();
                let found = match &**pattern {
                    Expression::Regex(regex) => regex.is_match(&text),
                    other => {
                        let pattern = self.value(other).text();
                        let regex = Regex::new(&pattern, Syntax::Extended, false);
                        regex.is_ok_and(|it| it.is_match(&text))
                    }
                };
                flag(found == *wanted)
            }
            Expression::Either(condition, first, second) => {
                let chosen = if self.value(condition).is_true() { first } else { second };
                self.value(chosen)
            }
            Expression::Call(name, arguments) => self.call(name, arguments),
        }
    }

    fn binary(&mut self, left: &Expression, sign: &str, right: &Expression) -> Value {
        let flag = |is: bool| Value::Number(f64::from(u8::from(is)));
        let first = self.value(left);
        match sign {
            "&&" => return flag(first.is_true() && self.value(right).is_true()),
            "||" => return flag(first.is_true() || self.value(right).is_true()),
            _ => {}
        }
        let second = self.value(right);
        match sign {
            " " => Value::Text(first.text() + &second.text()),
            "+" | "-" | "*" | "/" | "%" => {
                let sign = sign.chars().next().unwrap_or('+');
                Value::Number(calculated(first.number(), sign, second.number()))
            }
            sign => {
                let order = first.compare(&second);
                flag(match sign {
                    "==" => order.is_eq(),
                    "!=" => order.is_ne(),
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
        }
    }

    fn assign(&mut self, place: &Expression, value: Value) {
        match place {
            Expression::Name(name) => _ = self.variables.insert(name.clone(), value),
            Expression::Element(array, key) => {
                let key = self.value(key).text();
                self.arrays.entry(array.clone()).or_default().insert(key, value);
            }
            Expression::Field(number) => {
                let number = self.value(number).number() as i64;
                let text = value.text();
                match usize::try_from(number - 1) {
                    Ok(at) if at < 1000 => {
                        if self.fields.len() <= at {
                            self.fields.resize(at + 1, String::new());
                        }
                        self.fields[at] = text;
                        self.line = self.fields.join(&self.variable("OFS").text());
                        let count = self.fields.len() as f64;
                        self.variables.insert("NF".to_owned(), Value::Number(count));
                    }
                    _ => self.split(&text),
                }
            }
            _ => {}
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expression]) -> Value {
        let values: Vec<Value> = match (name, arguments) {
            // The array is not a value.
            ("split", [text, ..]) => vec![self.value(text)],
            ("sub" | "gsub", _) => Vec::new(),
            _ => arguments.iter().map(|it| self.value(it)).collect(),
        };
        let text = |at: usize| values.get(at).map(Value::text).unwrap_or_default();
        let number = |at: usize| values.get(at).map_or(0.0, Value::number);
        match name {
            "length" => {
                let text = if arguments.is_empty() { self.line.clone() } else { text(0) };
                Value::Number(text.chars().count() as f64)
            }
            "tolower" => Value::Text(text(0).to_lowercase()),
            "toupper" => Value::Text(text(0).to_uppercase()),
            "int" => Value::Number(number(0).trunc()),
            "sqrt" => Value::Number(number(0).sqrt()),
            "index" => {
                let at = text(0).find(&text(1)).map(|at| text(0)[..at].chars().count() + 1);
                Value::Number(at.unwrap_or(0) as f64)
            }
            "substr" => {
                let start = number(1).max(1.0) as usize;
                let most = values.get(2).map_or(usize::MAX, |it| it.number().max(0.0) as usize);
                Value::Text(text(0).chars().skip(start - 1).take(most).collect())
            }
            "sprintf" => {
                let words: Vec<String> = values.iter().map(Value::text).collect();
                let found = words.split_first().map(|(format, rest)| printf::once(format, rest));
                Value::Text(found.unwrap_or_default())
            }
            "split" => self.split_into(&text(0), arguments),
            "sub" | "gsub" => self.substitute(name == "gsub", arguments),
            _ => Value::Text(String::new()),
        }
    }

    fn split_into(&mut self, text: &str, arguments: &[Expression]) -> Value {
        let Some(Expression::Name(array)) = arguments.get(1) else { return Value::Number(0.0) };
        let separator = match arguments.get(2) {
            Some(it) => self.value(it).text(),
            None => self.variable("FS").text(),
        };
        let pieces = pieces(text, &separator);
        let count = pieces.len() as f64;
        let keyed =
            (1..).zip(pieces).map(|(at, it): (usize, _)| (at.to_string(), Value::Input(it)));
        self.arrays.insert(array.clone(), keyed.collect());
        Value::Number(count)
    }

    fn substitute(&mut self, all: bool, arguments: &[Expression]) -> Value {
        let [pattern, by, rest @ ..] = arguments else { return Value::Number(0.0) };
        let regex = match pattern {
            Expression::Regex(regex) => Some(regex.clone()),
            other => Regex::new(&self.value(other).text(), Syntax::Extended, false).ok(),
        };
        let by = self.value(by).text();
        let whole = Expression::Field(Box::new(Expression::Number(0.0)));
        let place = rest.first().unwrap_or(&whole);
        let text = self.value(place).text();
        let Some(new) =
            regex.and_then(|it| crate::programs::text::sed::substituted(&text, &it, &by, all, 1))
        else {
            return Value::Number(0.0);
        };
        self.assign(place, Value::Input(new));
        Value::Number(1.0)
    }
}

fn pieces(text: &str, separator: &str) -> Vec<String> {
    let owned = |it: &str| it.to_owned();
    let one = separator.chars().count() == 1;
    match separator {
        " " => text.split_whitespace().map(owned).collect(),
        _ if text.is_empty() => Vec::new(),
        "" => text.chars().map(String::from).collect(),
        "|" => text.split('|').map(owned).collect(),
        _ if one => text.split(separator).map(owned).collect(),
        _ => match Regex::new(separator, Syntax::Extended, false) {
            Ok(regex) => split_by(text, &regex),
            Err(_) => text.split(separator).map(owned).collect(),
        },
    }
}

fn split_by(text: &str, regex: &Regex) -> Vec<String> {
    let line: Vec<char> = text.chars().collect();
    let mut res = Vec::new();
    let mut from = 0;
    while let Some((start, end)) = regex.find(&line, from).and_then(|it| it[0]) {
        if end == start {
            break;
        }
        res.push(line[from..start].iter().collect());
        from = end;
    }
    res.push(line[from..].iter().collect());
    res
}

fn calculated(left: f64, sign: char, right: f64) -> f64 {
    match sign {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        '/' if right == 0.0 => 0.0,
        '/' => left / right,
        _ if right == 0.0 => 0.0,
        _ => left % right,
    }
}

impl Value {
    fn number(&self) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::Text(text) | Value::Input(text) => {
                let text = text.trim();
                let part = |(at, c): &(usize, char)| {
                    c.is_ascii_digit() || *c == '.' || *at == 0 && matches!(c, '-' | '+')
                };
                let length = text.char_indices().take_while(part).count();
                text[..length].parse().unwrap_or(0.0)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                format!("{}", *number as i64)
            }
            Value::Number(number) => {
                let text = format!("{number:.6}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            Value::Text(text) | Value::Input(text) => text.clone(),
        }
    }

    fn is_true(&self) -> bool {
        match self {
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Input(text) => match text.trim().parse::<f64>() {
                Ok(number) => number != 0.0,
                Err(_) => !text.is_empty(),
            },
        }
    }

    fn looks_numeric(&self) -> bool {
        match self {
            Value::Number(_) => true,
            Value::Text(_) => false,
            Value::Input(text) => text.is_empty() || text.trim().parse::<f64>().is_ok(),
        }
    }

    fn compare(&self, other: &Value) -> std::cmp::Ordering {
        match self.looks_numeric() && other.looks_numeric() {
            true => self.number().total_cmp(&other.number()),
            false => self.text().cmp(&other.text()),
        }
    }
}
