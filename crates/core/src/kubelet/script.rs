//! What a command line does: words → files it makes, ports it opens, and how it ends.
//!
//! Only as much shell as manifests for practice use: `sleep`, `echo`, `exit`, `touch`, `rm`, `cat`,
//! `test`, `trap`, `exec`, `sh -c`, lists with `;`, `&&` and `||`, output into files, endless
//! loops, and the small servers of `nc`, `python -m http.server` and `httpd`.
//! A command that the lab does not know is left to the caller.

use std::collections::BTreeMap;

use crate::time::Duration;

/// A loop in a script goes on for ever; so does everything that takes longer than this.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);
/// Commands that do their work and end at once with success.
const QUICK: [&str; 30] = [
    "true", ":", "echo", "printf", "export", "set", "cd", "mkdir", "chmod", "chown", "cp", "mv",
    "ln", "date", "hostname", "env", "printenv", "ls", "id", "whoami", "pwd", "uname", "wget",
    "curl", "nslookup", "dig", "grep", "sed", "kill", "sync",
];

/// One way through a command line.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Course {
    /// Files made (true) and removed (false), with the time since the start, in order.
    pub files: Vec<(Duration, String, bool)>,
    /// When and with which code it ends by itself.
    pub ends: Option<(Duration, i32)>,
    /// The ports that its own server opens; None where it serves what the manifest says.
    pub ports: Option<Vec<u16>>,
    pub on_term: OnTerm,
    /// It came to a command that the lab does not know.
    pub unknown: bool,
    /// When it came to its server or to what the lab does not know.
    pub serves_after: Duration,
}

/// What the first process of a container does when it is sent SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum OnTerm {
    /// Nothing: the kernel drops a signal that the first process has no handler for.
    #[default]
    Ignores,
    /// Ends with this code.
    Ends(i32),
}

/// How far a script has come.
enum Flow {
    Goes(i32),
    Exits(i32),
    Stays,
}

struct Shell {
    now: Duration,
    course: Course,
    there: BTreeMap<String, bool>,
}

/// What the process started with these words does.
pub(super) fn course(words: &[String]) -> Course {
    let mut shell =
        Shell { now: Duration::ZERO, course: Course::default(), there: BTreeMap::new() };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match shell.command(&words) {
        Flow::Goes(code) | Flow::Exits(code) if shell.now < FOR_EVER => {
            shell.course.ends = Some((shell.now, code));
        }
        _ => {}
    }
    shell.course
}

impl Shell {
    fn command(&mut self, words: &[&str]) -> Flow {
        let Some((first, rest)) = words.split_first() else { return Flow::Goes(0) };
        let name = first.rsplit('/').next().unwrap_or(first);
        match name {
            _ if is_shell(name) => self.shell(rest),
            "exec" | "busybox" | "tini" | "dumb-init" | "sudo" | "nohup" | "!" => {
                let rest: Vec<&str> =
                    rest.iter().copied().skip_while(|it| it.starts_with('-')).collect();
                match self.command(&rest) {
                    Flow::Goes(code) if name == "exec" => Flow::Exits(code),
                    Flow::Goes(code) if name == "!" => Flow::Goes(i32::from(code == 0)),
                    flow => flow,
                }
            }
            "sleep" => self.sleep(rest),
            "exit" => {
                let code = rest.first().and_then(|it| it.parse::<u8>().ok());
                Flow::Exits(code.unwrap_or_default().into())
            }
            "false" => Flow::Goes(1),
            "touch" | "rm" => {
                let files = rest.iter().filter(|it| !it.starts_with('-'));
                files.for_each(|file| self.file(file, name == "touch"));
                Flow::Goes(0)
            }
            "cat" | "test" | "[" | "stat" => self.looks(rest),
            "tail" if rest.iter().any(|it| *it == "-f" || *it == "-F") => Flow::Stays,
            "tail" => Flow::Goes(0),
            "ping" if !rest.contains(&"-c") => Flow::Stays,
            "ping" => Flow::Goes(0),
            "while" | "until" | "for" | "yes" | "watch" | "pause" => Flow::Stays,
            "trap" => self.trap(rest),
            "nc" | "ncat" | "netcat" if rest.iter().any(|it| is_flag(it, 'l')) => self.serve(
                after(rest, |it| is_flag(it, 'p')).or_else(|| rest.iter().rev().find_map(port)),
            ),
            "nc" | "ncat" | "netcat" => Flow::Goes(0),
            "httpd" if rest.contains(&"-p") => self.serve(after(rest, |it| it == "-p")),
            "python" | "python3" if rest.contains(&"http.server") => {
                self.serve(Some(after(rest, |it| it == "http.server").unwrap_or(8000)))
            }
            _ if QUICK.contains(&name) => Flow::Goes(0),
            _ => self.leave_to_caller(),
        }
    }

    fn leave_to_caller(&mut self) -> Flow {
        self.course.unknown = true;
        self.course.serves_after = self.now;
        Flow::Stays
    }

    /// `sh -c "…"`; a shell that is given nothing has nothing to read and ends.
    fn shell(&mut self, words: &[&str]) -> Flow {
        let script = words.iter().position(|it| is_flag(it, 'c')).and_then(|at| words.get(at + 1));
        match (script, words.first()) {
            (Some(script), _) => match self.script(script) {
                Flow::Exits(code) => Flow::Goes(code),
                flow => flow,
            },
            (None, None) => Flow::Goes(0),
            (None, Some(_)) => self.leave_to_caller(),
        }
    }

    /// A list of commands, each joined to the one before by `;`, `&&`, `||` or `&`.
    fn script(&mut self, text: &str) -> Flow {
        let mut code = 0;
        for (joint, text) in commands(text) {
            let runs = match joint {
                Joint::Then => true,
                Joint::And => code == 0,
                Joint::Or => code != 0,
            };
            if !runs {
                continue;
            }
            let (words, files) = words(&text);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let skipped = words.iter().take_while(|it| matches!(**it, "do" | "then" | "{" | "if"));
            let words = &words[skipped.count()..];
            files.iter().for_each(|file| self.file(file, true));
            match self.command(words) {
                Flow::Goes(new) => code = new,
                flow => return flow,
            }
        }
        Flow::Goes(code)
    }

    fn sleep(&mut self, words: &[&str]) -> Flow {
        for word in words {
            let Some(time) = span(word) else { return Flow::Goes(1) };
            self.now = Duration::from_micros(self.now.as_micros().saturating_add(time.as_micros()));
        }
        if self.now < FOR_EVER { Flow::Goes(0) } else { Flow::Stays }
    }

    fn file(&mut self, name: &str, there: bool) {
        if name != "/dev/null" {
            self.course.files.push((self.now, name.to_owned(), there));
            self.there.insert(name.to_owned(), there);
        }
    }

    /// A command that succeeds where the file it names is there; files of the image are.
    fn looks(&mut self, words: &[&str]) -> Flow {
        let file = words.iter().rev().find(|it| it.starts_with('/'));
        let gone = file.is_some_and(|it| it.starts_with("/tmp/") && !self.is_there(it));
        Flow::Goes(i32::from(gone))
    }

    fn is_there(&self, file: &str) -> bool {
        self.there.get(file).copied().unwrap_or(false)
    }

    /// `trap '' TERM` ignores the signal; any other handler is taken to end the script.
    fn trap(&mut self, words: &[&str]) -> Flow {
        let is_term = |it: &str| matches!(it, "TERM" | "SIGTERM" | "15");
        if words.iter().skip(1).any(|it| is_term(it)) {
            let handler = words.first().copied().unwrap_or_default();
            let code = handler.rsplit("exit ").next().and_then(|it| it.trim().parse::<u8>().ok());
            self.course.on_term = match handler {
                "" | "-" => OnTerm::Ignores,
                _ => OnTerm::Ends(code.unwrap_or_default().into()),
            };
        }
        Flow::Goes(0)
    }

    fn serve(&mut self, port: Option<u16>) -> Flow {
        self.course.ports = Some(port.into_iter().collect());
        self.course.serves_after = self.now;
        Flow::Stays
    }
}

#[derive(Clone, Copy)]
enum Joint {
    Then,
    And,
    Or,
}

/// The commands of a script with what joins each to the one before; quotes hold together.
fn commands(text: &str) -> Vec<(Joint, String)> {
    let mut res = vec![(Joint::Then, String::new())];
    let mut quote = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, ';' | '\n') => {
                res.push((Joint::Then, String::new()));
                continue;
            }
            (None, '&' | '|') => {
                let double = letters.next_if_eq(&letter).is_some();
                let joint = match letter {
                    '&' if double => Joint::And,
                    '|' if double => Joint::Or,
                    _ => Joint::Then,
                };
                res.push((joint, String::new()));
                continue;
            }
            _ => {}
        }
        if let Some((_, command)) = res.last_mut() {
            command.push(letter);
        }
    }
    res.retain(|(_, command)| !command.trim().is_empty());
    res
}

/// A command's words without quotes, and the files that its output goes to.
fn words(text: &str) -> (Vec<String>, Vec<String>) {
    let mut all: Vec<String> = Vec::new();
    let (mut word, mut quote, mut is_word) = (String::new(), None, false);
    for letter in text.chars().chain([' ']) {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => (quote, is_word) = (Some(letter), true),
            (None, ' ' | '\t') if is_word => {
                all.push(std::mem::take(&mut word));
                is_word = false;
            }
            (None, ' ' | '\t') => {}
            _ => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    let (mut words, mut files) = (Vec::new(), Vec::new());
    let mut left = all.into_iter();
    while let Some(word) = left.next() {
        match word.trim_start_matches(|it: char| it.is_ascii_digit()).strip_prefix('>') {
            Some(file) => {
                let file = file.trim_start_matches('>');
                let file = if file.is_empty() { left.next() } else { Some(file.to_owned()) };
                files.extend(file.filter(|it| !it.starts_with('&')));
            }
            None => words.push(word),
        }
    }
    (words, files)
}

/// A shell by its name or path.
pub(super) fn is_shell(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh")
}

/// One of the letters of a word like `-lp`.
fn is_flag(word: &str, letter: char) -> bool {
    word.strip_prefix('-').is_some_and(|it| !it.starts_with('-') && it.contains(letter))
}

fn after(words: &[&str], is_before: impl Fn(&str) -> bool) -> Option<u16> {
    let at = words.iter().position(|it| is_before(it))?;
    words.get(at + 1).and_then(port)
}

/// `8080`, `:8080` or `0.0.0.0:8080`.
fn port(word: &&str) -> Option<u16> {
    word.rsplit(':').next().and_then(|it| it.parse().ok()).filter(|it| *it > 0)
}

/// How long `sleep` sleeps: `5`, `0.5`, `2m`, `infinity`. None where it would not know.
pub(super) fn span(word: &str) -> Option<Duration> {
    if matches!(word, "infinity" | "inf") {
        return Some(FOR_EVER);
    }
    let (number, unit) = match word.char_indices().next_back()? {
        (at, 's') => (&word[..at], 1.0),
        (at, 'm') => (&word[..at], 60.0),
        (at, 'h') => (&word[..at], 3600.0),
        (at, 'd') => (&word[..at], 86_400.0),
        _ => (word, 1.0),
    };
    let seconds = number.parse::<f64>().ok().filter(|it| it.is_finite() && *it >= 0.0)? * unit;
    // A cast of a float stays within the integer's range.
    Some(Duration::from_micros((seconds * 1e6) as u64).min(FOR_EVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Course {
        course(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    /// When it ends, in milliseconds, and with which code.
    #[track_caller]
    fn check(words: &[&str], ends: Option<(u64, i32)>) {
        let got = run(words).ends.map(|(at, code)| (at.as_micros() / 1000, code));
        assert_eq!(got, ends, "{words:?}");
    }

    #[test]
    fn commands_end_as_in_a_shell() {
        check(&["sleep", "5"], Some((5000, 0)));
        check(&["sleep", "infinity"], None);
        check(&["/bin/sleep", "1.5"], Some((1500, 0)));
        check(&["false"], Some((0, 1)));
        check(&["sh", "-c", "exit 3"], Some((0, 3)));
        check(&["sh", "-c", "echo hi; sleep 2 && exit 4"], Some((2000, 4)));
        check(&["sh", "-c", "false || sleep 1"], Some((1000, 0)));
        check(&["sh", "-c", "false && sleep 1"], Some((0, 1)));
        check(&["sh", "-ec", "while true; do echo a; sleep 5; done"], None);
        check(&["bash", "-c", "exec sleep 2m; exit 1"], Some((120_000, 0)));
        check(&["sh"], Some((0, 0)));
        check(&["tail", "-f", "/dev/null"], None);
        check(&["sh", "-c", "touch /tmp/a; rm /tmp/a; cat /tmp/a"], Some((0, 1)));
        check(&[], Some((0, 0)));
    }

    #[test]
    fn files_come_and_go() {
        let course = run(&["sh", "-c", "touch /tmp/ok; sleep 30; rm -f /tmp/ok; echo a > /tmp/b"]);
        let files: Vec<(u64, &str, bool)> =
            course.files.iter().map(|it| (it.0.as_secs(), it.1.as_str(), it.2)).collect();
        assert_eq!(files, [(0, "/tmp/ok", true), (30, "/tmp/ok", false), (30, "/tmp/b", true)]);
    }

    #[track_caller]
    fn check_ports(words: &[&str], ports: Option<&[u16]>) {
        assert_eq!(run(words).ports.as_deref(), ports, "{words:?}");
    }

    #[test]
    fn small_servers_say_their_port() {
        check_ports(&["nc", "-lk", "-p", "8080"], Some(&[8080]));
        check_ports(&["nc", "-l", "9000"], Some(&[9000]));
        check_ports(&["python3", "-m", "http.server", "8000"], Some(&[8000]));
        check_ports(&["python3", "-m", "http.server"], Some(&[8000]));
        check_ports(&["httpd", "-f", "-p", "8081"], Some(&[8081]));
        check_ports(&["sh", "-c", "echo up && exec nc -lp 70"], Some(&[70]));
        check_ports(&["sleep", "1"], None);
    }

    #[test]
    fn signals_are_handled_where_a_trap_says_so() {
        assert_eq!(run(&["sleep", "5"]).on_term, OnTerm::Ignores);
        let with = |trap: &str| run(&["sh", "-c", &format!("{trap}; sleep 9")]).on_term;
        assert_eq!(with("trap 'exit 0' TERM"), OnTerm::Ends(0));
        assert_eq!(with("trap \"exit 7\" SIGTERM"), OnTerm::Ends(7));
        assert_eq!(with("trap '' TERM"), OnTerm::Ignores);
        assert_eq!(with("trap 'rm a' EXIT"), OnTerm::Ignores);
    }

    #[test]
    fn what_the_lab_does_not_know_is_said() {
        assert!(run(&["/app/server", "--port", "1"]).unknown);
        assert!(run(&["sh", "-c", "npm start"]).unknown);
        assert!(!run(&["sleep", "1"]).unknown);
    }

    proptest::proptest! {
        #[test]
        fn any_words_have_a_course(words in proptest::collection::vec(".{0,30}", 0..5)) {
            course(&words);
            let script: Vec<String> = ["sh", "-c"].map(str::to_owned).into_iter().chain(words).collect();
            course(&script);
        }
    }
}
