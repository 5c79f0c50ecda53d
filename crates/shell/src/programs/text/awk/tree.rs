//! What an awk program says.

use crate::programs::text::regex::Regex;

pub(super) struct Program {
    pub(super) rules: Vec<Rule>,
}

impl Program {
    /// Whether it looks at its input at all.
    pub(super) fn reads(&self) -> bool {
        self.rules.iter().any(|it| !matches!(it.when, When::Begin))
    }
}

pub(super) struct Rule {
    pub(super) when: When,
    pub(super) body: Vec<Statement>,
}

pub(super) enum When {
    Begin,
    End,
    Always,
    If(Expression),
}

pub(super) enum Statement {
    Print(Vec<Expression>),
    Printf(Vec<Expression>),
    Do(Expression),
    If {
        condition: Expression,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    /// `for (name in array)`
    Each {
        name: String,
        array: String,
        body: Vec<Statement>,
    },
    /// `for (start; condition; step)`, and `while`.
    While {
        condition: Expression,
        step: Option<Expression>,
        body: Vec<Statement>,
    },
    Delete(String, Option<Expression>),
    Next,
    Exit(Option<Expression>),
}

pub(super) enum Expression {
    Number(f64),
    Text(String),
    Regex(Regex),
    Field(Box<Expression>),
    Name(String),
    Element(String, Box<Expression>),
    In(Box<Expression>, String),
    Assign(Box<Expression>, char, Box<Expression>),
    /// Before or after, and by how much.
    Step(Box<Expression>, bool, f64),
    Not(Box<Expression>),
    Minus(Box<Expression>),
    Binary(Box<Expression>, &'static str, Box<Expression>),
    Match(Box<Expression>, Box<Expression>, bool),
    Either(Box<Expression>, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}
