//! The text of an awk program → its rules.

use super::tree::{Expression, Program, Rule, Statement, When};
use crate::programs::text::regex::{Regex, Syntax};

/// What could not be read.
type Wrong = String;
/// Parentheses and braces inside each other.
const MOST_DEPTH: usize = 60;

/// # Errors
///
/// The part of the program that makes no sense.
pub(super) fn program(text: &str) -> Result<Program, Wrong> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    let mut rules = Vec::new();
    loop {
        reader.skip_ends();
        if reader.peek().is_none() {
            return Ok(Program { rules });
        }
        rules.push(reader.rule()?);
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r')) {
            self.at += 1;
        }
    }

    fn skip_ends(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n' | ';')) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(index, c)| self.chars.get(self.at + index) == Some(&c))
    }

    fn eat(&mut self, text: &str) -> bool {
        self.skip_blanks();
        let is = self.starts(text);
        if is {
            self.at += text.chars().count();
        }
        is
    }

    fn need(&mut self, text: &str) -> Result<(), Wrong> {
        self.skip_space();
        if self.eat(text) { Ok(()) } else { Err(self.near()) }
    }

    fn near(&self) -> Wrong {
        let rest: String = self.chars.iter().skip(self.at).take(20).collect();
        if rest.is_empty() { "end of program".to_owned() } else { rest }
    }

    fn word(&self) -> String {
        let rest = self.chars.iter().skip(self.at);
        rest.take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect()
    }

    fn eat_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let is = self.word() == word;
        if is {
            self.at += word.len();
        }
        is
    }

    fn name(&mut self) -> Option<String> {
        self.skip_blanks();
        let word = self.word();
        let good = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        good.then(|| {
            self.at += word.len();
            word
        })
    }

    fn rule(&mut self) -> Result<Rule, Wrong> {
        let when = match () {
            () if self.eat_word("BEGIN") => When::Begin,
            () if self.eat_word("END") => When::End,
            () if self.peek() == Some('{') => When::Always,
            () => When::If(self.expression()?),
        };
        self.skip_blanks();
        let body = match self.peek() {
            Some('{') => self.block()?,
            _ => vec![Statement::Print(Vec::new())],
        };
        Ok(Rule { when, body })
    }

    fn block(&mut self) -> Result<Vec<Statement>, Wrong> {
        self.deeper()?;
        self.need("{")?;
        let mut res = Vec::new();
        loop {
            self.skip_ends();
            if self.eat("}") {
                self.depth -= 1;
                return Ok(res);
            }
            if self.peek().is_none() {
                return Err(self.near());
            }
            res.push(self.statement()?);
        }
    }

    fn deeper(&mut self) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > MOST_DEPTH { Err(self.near()) } else { Ok(()) }
    }

    /// A block, or one statement.
    fn body(&mut self) -> Result<Vec<Statement>, Wrong> {
        self.skip_space();
        match self.peek() {
            Some('{') => self.block(),
            _ => {
                self.deeper()?;
                let body = vec![self.statement()?];
                self.depth -= 1;
                Ok(body)
            }
        }
    }

    fn statement(&mut self) -> Result<Statement, Wrong> {
        if self.eat_word("print") {
            return Ok(Statement::Print(self.list()?));
        }
        if self.eat_word("printf") {
            return Ok(Statement::Printf(self.list()?));
        }
        if self.eat_word("next") {
            return Ok(Statement::Next);
        }
        if self.eat_word("exit") {
            let code = if self.at_end() { None } else { Some(self.expression()?) };
            return Ok(Statement::Exit(code));
        }
        if self.eat_word("delete") {
            let name = self.name().ok_or_else(|| self.near())?;
            let key = if self.eat("[") {
                let key = self.expression()?;
                self.need("]")?;
                Some(key)
            } else {
                None
            };
            return Ok(Statement::Delete(name, key));
        }
        if self.eat_word("if") {
            return self.condition();
        }
        if self.eat_word("while") {
            self.need("(")?;
            let condition = self.expression()?;
            self.need(")")?;
            return Ok(Statement::While { condition, step: None, body: self.body()? });
        }
        if self.eat_word("for") {
            return self.each();
        }
        Ok(Statement::Do(self.expression()?))
    }

    fn condition(&mut self) -> Result<Statement, Wrong> {
        self.need("(")?;
        let condition = self.expression()?;
        self.need(")")?;
        let then = self.body()?;
        let before = self.at;
        self.skip_ends();
        let otherwise = if self.eat_word("else") {
            self.body()?
        } else {
            self.at = before;
            Vec::new()
        };
        Ok(Statement::If { condition, then, otherwise })
    }

    fn each(&mut self) -> Result<Statement, Wrong> {
        self.need("(")?;
        let before = self.at;
        if let Some(name) = self.name()
            && self.eat_word("in")
            && let Some(array) = self.name()
            && self.eat(")")
        {
            return Ok(Statement::Each { name, array, body: self.body()? });
        }
        self.at = before;
        let start = self.expression()?;
        self.need(";")?;
        let condition = self.expression()?;
        self.need(";")?;
        let step = Some(self.expression()?);
        self.need(")")?;
        let again = Statement::While { condition, step, body: self.body()? };
        let then = vec![Statement::Do(start), again];
        Ok(Statement::If { condition: Expression::Number(1.0), then, otherwise: Vec::new() })
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        matches!(self.peek(), None | Some(';' | '}' | '\n' | '|' | '>'))
    }

    fn list(&mut self) -> Result<Vec<Expression>, Wrong> {
        let mut res = Vec::new();
        if self.at_end() {
            return Ok(res);
        }
        loop {
            res.push(self.expression()?);
            if !self.eat(",") {
                return Ok(res);
            }
            self.skip_space();
        }
    }

    fn expression(&mut self) -> Result<Expression, Wrong> {
        self.deeper()?;
        let left = self.choice()?;
        let is_place =
            matches!(left, Expression::Name(_) | Expression::Field(_) | Expression::Element(..));
        self.skip_blanks();
        let signs = [("+=", '+'), ("-=", '-'), ("*=", '*'), ("/=", '/'), ("%=", '%')];
        let sign = signs.iter().find(|it| is_place && self.starts(it.0));
        let res = if let Some((text, sign)) = sign {
            self.at += text.len();
            Expression::Assign(Box::new(left), *sign, Box::new(self.expression()?))
        } else if is_place && self.peek() == Some('=') && !self.starts("==") {
            self.at += 1;
            Expression::Assign(Box::new(left), '=', Box::new(self.expression()?))
        } else {
            left
        };
        self.depth -= 1;
        Ok(res)
    }

    fn choice(&mut self) -> Result<Expression, Wrong> {
        let condition = self.or()?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let first = self.expression()?;
        self.need(":")?;
        let second = self.expression()?;
        Ok(Expression::Either(Box::new(condition), Box::new(first), Box::new(second)))
    }

    fn or(&mut self) -> Result<Expression, Wrong> {
        let mut left = self.and()?;
        while self.eat("||") {
            left = Expression::Binary(Box::new(left), "||", Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Wrong> {
        let mut left = self.comparison()?;
        while self.eat("&&") {
            left = Expression::Binary(Box::new(left), "&&", Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, Wrong> {
        let left = self.joined()?;
        self.skip_blanks();
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.eat(sign) {
                return Ok(Expression::Binary(Box::new(left), sign, Box::new(self.joined()?)));
            }
        }
        if self.eat("!~") {
            return Ok(Expression::Match(Box::new(left), Box::new(self.joined()?), false));
        }
        if self.eat("~") {
            return Ok(Expression::Match(Box::new(left), Box::new(self.joined()?), true));
        }
        if self.eat_word("in") {
            let array = self.name().ok_or_else(|| self.near())?;
            return Ok(Expression::In(Box::new(left), array));
        }
        Ok(left)
    }

    /// Texts side by side.
    fn joined(&mut self) -> Result<Expression, Wrong> {
        let mut left = self.sum()?;
        loop {
            self.skip_blanks();
            let goes_on =
                self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || "\"$(_".contains(c))
                    && self.word() != "in";
            if !goes_on {
                return Ok(left);
            }
            left = Expression::Binary(Box::new(left), " ", Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Result<Expression, Wrong> {
        let mut left = self.product()?;
        loop {
            self.skip_blanks();
            let sign = ["+", "-"].into_iter().find(|it| self.starts(it));
            let Some(sign) = sign.filter(|it| !self.starts(&format!("{it}="))) else {
                return Ok(left);
            };
            self.at += 1;
            left = Expression::Binary(Box::new(left), sign, Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, Wrong> {
        let mut left = self.unary()?;
        loop {
            self.skip_blanks();
            let sign = ["*", "/", "%"].into_iter().find(|it| self.starts(it));
            let Some(sign) = sign.filter(|it| !self.starts(&format!("{it}="))) else {
                return Ok(left);
            };
            self.at += 1;
            left = Expression::Binary(Box::new(left), sign, Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expression, Wrong> {
        self.deeper()?;
        self.skip_blanks();
        let res = if self.starts("++") || self.starts("--") {
            let by = if self.starts("++") { 1.0 } else { -1.0 };
            self.at += 2;
            Expression::Step(Box::new(self.unary()?), true, by)
        } else if self.starts("!") && !self.starts("!~") {
            self.at += 1;
            Expression::Not(Box::new(self.unary()?))
        } else if self.eat("-") {
            Expression::Minus(Box::new(self.unary()?))
        } else if self.eat("+") {
            self.unary()?
        } else {
            self.stepped()?
        };
        self.depth -= 1;
        Ok(res)
    }

    fn stepped(&mut self) -> Result<Expression, Wrong> {
        let atom = self.atom()?;
        let is_place =
            matches!(atom, Expression::Name(_) | Expression::Field(_) | Expression::Element(..));
        for (sign, by) in [("++", 1.0), ("--", -1.0)] {
            if is_place && self.starts(sign) {
                self.at += 2;
                return Ok(Expression::Step(Box::new(atom), false, by));
            }
        }
        Ok(atom)
    }

    fn atom(&mut self) -> Result<Expression, Wrong> {
        self.skip_blanks();
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.need(")")?;
                Ok(inner)
            }
            Some('$') => {
                self.at += 1;
                self.deeper()?;
                let field = self.atom()?;
                self.depth -= 1;
                Ok(Expression::Field(Box::new(field)))
            }
            Some('"') => {
                self.at += 1;
                Ok(Expression::Text(self.until('"')?))
            }
            Some('/') => {
                self.at += 1;
                let text = self.pattern()?;
                let regex = Regex::new(&text, Syntax::Extended, false).map_err(str::to_owned)?;
                Ok(Expression::Regex(regex))
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let rest = self.chars.iter().skip(self.at);
                let digits: String =
                    rest.take_while(|c| c.is_ascii_digit() || **c == '.').collect();
                let number = digits.parse().map_err(|_| self.near())?;
                self.at += digits.len();
                Ok(Expression::Number(number))
            }
            _ => self.named(),
        }
    }

    fn named(&mut self) -> Result<Expression, Wrong> {
        let name = self.name().ok_or_else(|| self.near())?;
        if self.starts("(") {
            self.at += 1;
            self.skip_space();
            let arguments = if self.starts(")") { Vec::new() } else { self.list()? };
            self.need(")")?;
            return Ok(Expression::Call(name, arguments));
        }
        if self.starts("[") {
            self.at += 1;
            let key = self.expression()?;
            self.need("]")?;
            return Ok(Expression::Element(name, Box::new(key)));
        }
        match name.as_str() {
            "length" => Ok(Expression::Call(name, Vec::new())),
            _ => Ok(Expression::Name(name)),
        }
    }

    fn until(&mut self, end: char) -> Result<String, Wrong> {
        let mut res = String::new();
        loop {
            let Some(c) = self.peek() else { return Err(self.near()) };
            self.at += 1;
            match c {
                c if c == end => return Ok(super::super::unescaped(&res)),
                '\\' if self.peek() == Some(end) => {
                    res.push(end);
                    self.at += 1;
                }
                '\\' => {
                    res.push(c);
                    res.extend(self.peek());
                    self.at += 1;
                }
                c => res.push(c),
            }
        }
    }

    fn pattern(&mut self) -> Result<String, Wrong> {
        let mut res = String::new();
        loop {
            let Some(c) = self.peek() else { return Err(self.near()) };
            self.at += 1;
            match c {
                '/' => return Ok(res),
                '\\' if self.peek() == Some('/') => {
                    res.push('/');
                    self.at += 1;
                }
                c => res.push(c),
            }
        }
    }
}
