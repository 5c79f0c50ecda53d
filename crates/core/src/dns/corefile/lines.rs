//! Caddy's syntax: text → server blocks of lines of words.

use std::collections::BTreeMap;

use super::PATH;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerBlock {
    pub(super) keys: Vec<Word>,
    pub(super) lines: Vec<Line>,
}

/// A directive or property with its arguments, and the lines in its braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: Vec<Word>,
    pub(super) block: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// From 1.
    pub(super) line: usize,
}

impl Line {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", |it| &it.text)
    }

    pub(super) fn number(&self) -> usize {
        self.words.first().map_or(0, |it| it.line)
    }

    pub(super) fn arguments(&self) -> Vec<&str> {
        self.words.iter().skip(1).map(|it| it.text.as_str()).collect()
    }

    /// Caddy's `ArgErr`, after the last word of the line.
    pub(super) fn wrong_count(&self) -> String {
        let last = self.words.last().map_or("", |it| &it.text);
        self.error(&format!("Wrong argument count or unexpected line ending after '{last}'"))
    }

    /// Caddy's `Errf`.
    pub(super) fn error(&self, message: &str) -> String {
        during_parsing(self.number(), message)
    }
}

fn during_parsing(line: usize, message: &str) -> String {
    format!("{PATH}:{line} - Error during parsing: {message}")
}

/// How deep a snippet may import another.
const MAX_IMPORTS: usize = 8;

pub(super) fn blocks(text: &str) -> Result<Vec<ServerBlock>, String> {
    let words = words(text);
    let mut parser = Parser { words: &words, at: 0 };
    let mut snippets = BTreeMap::new();
    let mut res = Vec::new();
    while parser.at < words.len() {
        let mut block = parser.server_block()?;
        match block.keys.as_slice() {
            [key] if key.text.starts_with('(') && key.text.ends_with(')') => {
                let name = key.text[1..key.text.len() - 1].to_owned();
                snippets.insert(name, block.lines);
            }
            _ => {
                block.lines = imported(block.lines, &snippets, 0)?;
                res.push(block);
            }
        }
    }
    Ok(res)
}

/// The lines with those of snippets in the place of `import NAME`.
fn imported(
    lines: Vec<Line>,
    snippets: &BTreeMap<String, Vec<Line>>,
    depth: usize,
) -> Result<Vec<Line>, String> {
    let mut res = Vec::new();
    for mut line in lines {
        if line.name() == "import" {
            let arguments = line.arguments();
            let [name] = arguments[..] else { return Err(line.wrong_count()) };
            let found = snippets.get(name).filter(|_| depth < MAX_IMPORTS);
            let missing = || line.error(&format!("File to import not found: {name}"));
            res.extend(imported(found.ok_or_else(missing)?.clone(), snippets, depth + 1)?);
        } else {
            line.block = imported(line.block, snippets, depth)?;
            res.push(line);
        }
    }
    Ok(res)
}

struct Parser<'a> {
    words: &'a [Word],
    at: usize,
}

/// Braces inside each other; Caddy has no bound, a stack has.
const MAX_DEPTH: usize = 32;

impl Parser<'_> {
    fn server_block(&mut self) -> Result<ServerBlock, String> {
        let keys = self.keys()?;
        let braces = self.peek().is_some_and(|it| it.text == "{");
        if braces {
            self.at += 1;
        }
        let mut lines = Vec::new();
        loop {
            match self.peek() {
                Some(word) if word.text == "}" => {
                    self.at += 1;
                    break;
                }
                Some(_) => lines.push(self.line(0)?),
                None if braces => return Err(self.unclosed()),
                None => break,
            }
        }
        Ok(ServerBlock { keys, lines })
    }

    fn keys(&mut self) -> Result<Vec<Word>, String> {
        let mut res: Vec<Word> = Vec::new();
        let mut another = false;
        while let Some(word) = self.peek() {
            let new_line = res.last().is_some_and(|it| it.line != word.line);
            if word.text == "{" && another {
                let message = "Expected another address but had '{' - check for extra comma";
                return Err(during_parsing(word.line, message));
            }
            if word.text == "{" || new_line && !another {
                break;
            }
            another = word.text.ends_with(',');
            let text = word.text.trim_end_matches(',').to_owned();
            res.push(Word { text, line: word.line });
            self.at += 1;
        }
        if another { Err(self.end_of_file()) } else { Ok(res) }
    }

    fn line(&mut self, depth: usize) -> Result<Line, String> {
        let mut line = Line { words: Vec::new(), block: Vec::new() };
        while let Some(word) = self.peek() {
            if line.words.last().is_some_and(|it| it.line != word.line) {
                break;
            }
            match word.text.as_str() {
                "{" if depth < MAX_DEPTH => {
                    self.at += 1;
                    self.block(&mut line, depth)?;
                    break;
                }
                "}" => {
                    let message = "Unexpected '}' because no matching opening brace";
                    return Err(during_parsing(word.line, message));
                }
                _ => line.words.push(word.clone()),
            }
            self.at += 1;
        }
        Ok(line)
    }

    fn block(&mut self, line: &mut Line, depth: usize) -> Result<(), String> {
        loop {
            match self.peek() {
                Some(word) if word.text == "}" => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => line.block.push(self.line(depth + 1)?),
                None => return Err(self.end_of_file()),
            }
        }
    }

    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn last_line(&self) -> usize {
        self.words.last().map_or(0, |it| it.line)
    }

    fn end_of_file(&self) -> String {
        during_parsing(self.last_line(), "Unexpected EOF")
    }

    fn unclosed(&self) -> String {
        let last = self.words.last().map_or("", |it| &it.text);
        let line = self.last_line();
        format!("{PATH}:{line} - Syntax error: Unexpected token '{last}', expecting '}}'")
    }
}

/// Words between blanks; `"…"` is one word, `#` before a word begins a comment.
fn words(text: &str) -> Vec<Word> {
    let mut res = Vec::new();
    let mut letters = text.chars().peekable();
    let (mut word, mut start, mut line) = (String::new(), 1, 1);
    while let Some(letter) = letters.next() {
        match letter {
            '#' if word.is_empty() => while letters.next_if(|it| *it != '\n').is_some() {},
            '"' if word.is_empty() => {
                let start = line;
                while let Some(letter) = letters.next().filter(|it| *it != '"') {
                    let quote = letter == '\\' && letters.peek() == Some(&'"');
                    line += usize::from(letter == '\n');
                    word.push(if quote { letters.next().unwrap_or('"') } else { letter });
                }
                res.push(Word { text: std::mem::take(&mut word), line: start });
            }
            _ if letter.is_whitespace() => {
                if !word.is_empty() {
                    res.push(Word { text: std::mem::take(&mut word), line: start });
                }
                line += usize::from(letter == '\n');
            }
            _ => {
                if word.is_empty() {
                    start = line;
                }
                word.push(letter);
            }
        }
    }
    if !word.is_empty() {
        res.push(Word { text: word, line: start });
    }
    res
}
