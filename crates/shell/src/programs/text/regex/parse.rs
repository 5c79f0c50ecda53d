//! A pattern of grep → what it says.

use super::{MOST_DEPTH, MOST_REPEATS, Node, Place, Set, Syntax};

/// Reads a pattern from its start.
pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) syntax: Syntax,
    pub(super) groups: usize,
    pub(super) depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Whether this special character stands here, as the syntax spells it.
    fn special(&self, c: char) -> bool {
        match self.syntax {
            Syntax::Fixed => false,
            Syntax::Extended => self.peek() == Some(c),
            Syntax::Basic => self.peek() == Some('\\') && self.chars.get(self.at + 1) == Some(&c),
        }
    }

    fn eat(&mut self, c: char) -> bool {
        let is = self.special(c);
        if is {
            self.at += if self.syntax == Syntax::Basic { 2 } else { 1 };
        }
        is
    }

    pub(super) fn either(&mut self) -> Result<Node, &'static str> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err("Regular expression too big");
        }
        let mut nodes = vec![self.joined()?];
        while self.eat('|') {
            nodes.push(self.joined()?);
        }
        self.depth -= 1;
        Ok(match nodes.len() {
            1 => nodes.remove(0),
            _ => Node::Either(nodes),
        })
    }

    fn joined(&mut self) -> Result<Node, &'static str> {
        let mut nodes = Vec::new();
        while self.peek().is_some() && !self.special('|') && !(self.special(')') && self.depth > 1)
        {
            let is_first = nodes.is_empty();
            let node = self.atom(is_first)?;
            let repeatable = !matches!(node, Node::Is(Place::LineStart));
            nodes.push(if repeatable { self.repeated(node)? } else { node });
        }
        Ok(if nodes.is_empty() { Node::Empty } else { Node::Joined(nodes) })
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, &'static str> {
        loop {
            let (least, most) = if self.syntax != Syntax::Fixed && self.peek() == Some('*') {
                self.at += 1;
                (0, None)
            } else if self.eat('+') {
                (1, None)
            } else if self.eat('?') {
                (0, Some(1))
            } else if self.special('{') {
                match self.counts()? {
                    Some(counts) => counts,
                    None => return Ok(node),
                }
            } else {
                return Ok(node);
            };
            node = Node::Repeat { node: Box::new(node), least, most };
        }
    }

    /// `{2}`, `{2,}`, `{2,5}`; None where it is no count but a brace.
    fn counts(&mut self) -> Result<Option<(usize, Option<usize>)>, &'static str> {
        let start = self.at;
        self.eat('{');
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_digit() || *c == ',') {
            text.push(c);
            self.at += 1;
        }
        if !self.eat('}') || text.is_empty() {
            self.at = start;
            return if self.syntax == Syntax::Basic { Err("Unmatched { or \\{") } else { Ok(None) };
        }
        let number = |it: &str| it.parse::<usize>().ok().filter(|it| *it <= MOST_REPEATS);
        let counts = match text.split_once(',') {
            None => number(&text).map(|it| (it, Some(it))),
            Some((least, "")) => number(least).map(|it| (it, None)),
            Some((least, most)) => {
                let least = if least.is_empty() { Some(0) } else { number(least) };
                least.zip(number(most)).filter(|(a, b)| a <= b).map(|(a, b)| (a, Some(b)))
            }
        };
        counts.map(Some).ok_or("Invalid content of \\{\\}")
    }

    fn atom(&mut self, is_first: bool) -> Result<Node, &'static str> {
        if self.eat('(') {
            self.groups += 1;
            let number = self.groups;
            let inner = self.either()?;
            return match self.eat(')') {
                true => Ok(Node::Group(Box::new(inner), number)),
                false => Err("Unmatched ( or \\("),
            };
        }
        let Some(c) = self.peek() else { return Ok(Node::Empty) };
        self.at += 1;
        if self.syntax == Syntax::Fixed {
            return Ok(literal(c));
        }
        let ends = self.peek().is_none() || self.special('|') || self.special(')');
        Ok(match c {
            '^' if is_first || self.syntax == Syntax::Extended => Node::Is(Place::LineStart),
            '$' if ends || self.syntax == Syntax::Extended => Node::Is(Place::LineEnd),
            '.' => Node::Set(Set { ranges: Vec::new(), negated: true }),
            '[' => Node::Set(self.bracket()?),
            '\\' => return self.escaped(),
            c => literal(c),
        })
    }

    fn escaped(&mut self) -> Result<Node, &'static str> {
        let Some(c) = self.peek() else { return Err("Trailing backslash") };
        self.at += 1;
        let class = |name: &str, negated| Node::Set(Set { ranges: named(name), negated });
        Ok(match c {
            'b' => Node::Is(Place::WordEdge),
            'B' => Node::Is(Place::NoWordEdge),
            '<' => Node::Is(Place::WordStart),
            '>' => Node::Is(Place::WordEnd),
            'w' | 'W' => class("word", c == 'W'),
            's' | 'S' => class("space", c == 'S'),
            'd' | 'D' => class("digit", c == 'D'),
            'n' => literal('\n'),
            't' => literal('\t'),
            '1'..='9' => return Err("Invalid back reference"),
            c => literal(c),
        })
    }

    fn bracket(&mut self) -> Result<Set, &'static str> {
        const OPEN: &str = "Unmatched [, [^, [:, [., or [=";
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let start = self.at;
        let mut ranges = Vec::new();
        loop {
            let c = self.peek().ok_or(OPEN)?;
            if c == ']' && self.at > start {
                self.at += 1;
                return Ok(Set { ranges, negated });
            }
            if c == '[' && self.chars.get(self.at + 1) == Some(&':') {
                let rest: String = self.chars.iter().skip(self.at + 2).collect();
                let (name, _) = rest.split_once(":]").ok_or(OPEN)?;
                ranges.extend(named(name));
                self.at += name.chars().count() + 4;
                continue;
            }
            self.at += 1;
            let last = match (self.peek(), self.chars.get(self.at + 1)) {
                (Some('-'), Some(last)) if *last != ']' => {
                    self.at += 2;
                    *last
                }
                _ => c,
            };
            if last < c {
                return Err("Invalid range end");
            }
            ranges.push((c, last));
        }
    }
}

fn literal(c: char) -> Node {
    Node::Set(Set { ranges: vec![(c, c)], negated: false })
}

/// What `[:digit:]` and the like hold.
fn named(name: &str) -> Vec<(char, char)> {
    match name {
        "digit" => vec![('0', '9')],
        "lower" => vec![('a', 'z')],
        "upper" => vec![('A', 'Z')],
        "alpha" => vec![('a', 'z'), ('A', 'Z')],
        "alnum" => vec![('a', 'z'), ('A', 'Z'), ('0', '9')],
        "word" => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
        "space" => vec![(' ', ' '), ('\t', '\r')],
        "blank" => vec![(' ', ' '), ('\t', '\t')],
        "xdigit" => vec![('a', 'f'), ('A', 'F'), ('0', '9')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        _ => Vec::new(),
    }
}
