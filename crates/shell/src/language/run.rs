//! What a line says → commands carried out.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::ast::*;
use super::expand::{fields, pattern_text, text};
use super::variables::Array;
use super::{arithmetic, condition, declare, pipeline};
use crate::jobs::Jobs;
use crate::pipe::{Input, Output};
use crate::process::Process;
use crate::programs;

/// How commands go on after one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next(u8),
    /// `break`, out of so many loops.
    Break(u32),
    Continue(u32),
    Return(u8),
    Exit(u8),
}

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Functions that call each other, at most.
pub(crate) const MAX_CALLS: usize = 60;

/// A list in a shell of its own → its status.
pub(super) async fn subshell(process: Process, list: &List) -> u8 {
    let flow = run_list(&process, list).await;
    let status = process.session().status;
    match flow {
        Flow::Exit(status) | Flow::Return(status) | Flow::Next(status) => status,
        Flow::Break(_) | Flow::Continue(_) => status,
    }
}

pub(super) fn run_list<'a>(process: &'a Process, list: &'a List) -> Later<'a, Flow> {
    Box::pin(async move {
        let mut status = process.session().status;
        for (at, item) in list.0.iter().enumerate() {
            let runs = match item.after {
                After::Anything => true,
                After::Success => status == 0,
                After::Failure => status != 0,
            };
            if !runs {
                continue;
            }
            // Only the last of a chain of `&&` and `||` is what `set -e` looks at.
            let is_last = list.0.get(at + 1).is_none_or(|it| it.after == After::Anything);
            let lenient = !is_last || item.pipeline.negated;
            process.session_mut().state.lenient += usize::from(lenient);
            let flow = run_pipeline(process, &item.pipeline).await;
            process.session_mut().state.lenient -= usize::from(lenient);
            match flow {
                Flow::Next(found) => status = found,
                flow => return flow,
            }
            let mut session = process.session_mut();
            session.status = status;
            let state = &session.state;
            if status != 0 && !lenient && state.options.errexit && state.lenient == 0 {
                return Flow::Exit(status);
            }
        }
        Flow::Next(if list.0.is_empty() { 0 } else { status })
    })
}

async fn run_pipeline(process: &Process, pipeline: &Pipeline) -> Flow {
    let flow = match pipeline.commands.as_slice() {
        [command] => run_command(process, command).await,
        commands => {
            let tasks = pipeline::connect(process, commands.len());
            let stages: Vec<Later<'_, u8>> = tasks
                .iter()
                .zip(commands)
                .map(|(process, command)| -> Later<'_, u8> {
                    Box::pin(stage(process.clone(), command))
                })
                .collect();
            let all = pipeline::join(&tasks, stages).await;
            let mut session = process.session_mut();
            session.set_array("PIPESTATUS", Array::of(all.iter().map(u8::to_string)));
            let last = all.last().copied().unwrap_or(0);
            let failed = all.iter().rev().copied().find(|it| *it != 0);
            let fails = session.state.options.pipefail;
            Flow::Next(failed.filter(|_| fails).unwrap_or(last))
        }
    };
    match flow {
        Flow::Next(status) if pipeline.negated => Flow::Next(u8::from(status == 0)),
        flow => flow,
    }
}

async fn stage(process: Process, command: &Command) -> u8 {
    match run_command(&process, command).await {
        Flow::Next(status) | Flow::Exit(status) | Flow::Return(status) => status,
        Flow::Break(_) | Flow::Continue(_) => 0,
    }
}

fn run_command<'a>(process: &'a Process, command: &'a Command) -> Later<'a, Flow> {
    Box::pin(async move {
        process.breathe().await;
        programs::disk::refresh(process);
        let flow = carry_out(process, command).await;
        programs::disk::save(process);
        flow
    })
}

fn carry_out<'a>(process: &'a Process, command: &'a Command) -> Later<'a, Flow> {
    Box::pin(async move {
        let mut inner = process.clone();
        for redirect in &command.redirects {
            if let Err(message) = apply(&mut inner, redirect).await {
                return failed(process, &message);
            }
        }
        match &command.what {
            What::Simple { assignments, words } => simple(&inner, assignments, words).await,
            What::Group(list) => run_list(&inner, list).await,
            What::Background(list, text) => {
                background(&inner, list.clone(), text).await;
                Flow::Next(0)
            }
            What::Subshell(list) => Flow::Next(subshell(inner.subshell(), list).await),
            What::Arithmetic(word) => arithmetic_command(&inner, word).await,
            What::Test(condition) => match condition::holds(&inner, condition).await {
                Ok(holds) => Flow::Next(u8::from(!holds)),
                Err(message) => {
                    process.err(&format!("bash: {message}\n"));
                    Flow::Next(2)
                }
            },
            What::Case { word, arms } => choose(&inner, word, arms).await,
            What::Count { head, body } => count(&inner, head, body).await,
            What::If { branches, otherwise } => {
                for (condition, body) in branches {
                    match ask(&inner, condition).await {
                        Flow::Next(0) => return run_list(&inner, body).await,
                        Flow::Next(_) => {}
                        flow => return flow,
                    }
                }
                match otherwise {
                    Some(body) => run_list(&inner, body).await,
                    None => Flow::Next(0),
                }
            }
            What::While { negated, condition, body } => {
                repeat(&inner, *negated, condition, body).await
            }
            What::For { name, words, body } => each(&inner, name, words.as_deref(), body).await,
            What::Function { name, body } => {
                programs::define(process, name, body.clone());
                Flow::Next(0)
            }
        }
    })
}

/// Starts a list beside the line; a terminal's shell says how it is called.
async fn background(process: &Process, list: Rc<List>, text: &str) {
    let inner = process.reading(String::new()).subshell();
    // Its shell keeps it; it does not keep its shell.
    inner.session_mut().jobs = Jobs::default();
    let task = Box::pin(async move { subshell(inner, &list).await });
    let jobs = process.session().jobs.clone();
    let (number, id) = jobs.start(process.stage.clone(), text.to_owned(), task);
    process.session_mut().variables.insert("!".to_owned(), id.to_string());
    if process.session().calls == 0 {
        process.err(&format!("[{number}] {id}\n"));
    }
    // It begins before what stands behind it does anything.
    poll_fn(|context| {
        jobs.poll(context);
        Poll::Ready(())
    })
    .await;
}

/// What is said of a word that cannot be expanded. Without a variable that has to be there, nothing
/// of the line or function goes on.
fn failed(process: &Process, message: &str) -> Flow {
    process.err(&format!("bash: {message}\n"));
    let misses = std::mem::take(&mut process.session_mut().state.misses);
    if misses { Flow::Return(127) } else { Flow::Next(1) }
}

/// A list that is a condition.
async fn ask(process: &Process, list: &List) -> Flow {
    process.session_mut().state.lenient += 1;
    let flow = run_list(process, list).await;
    process.session_mut().state.lenient -= 1;
    flow
}

async fn choose(process: &Process, word: &Word, arms: &[Arm]) -> Flow {
    let word = match text(process, word).await {
        Ok(word) => word,
        Err(message) => return failed(process, &message),
    };
    let (mut falls, mut status) = (false, 0);
    for arm in arms {
        let mut fits = falls;
        for pattern in &arm.patterns {
            match pattern_text(process, pattern).await {
                Ok(pattern) => fits |= super::pattern::matches(&pattern, &word),
                Err(message) => return failed(process, &message),
            }
        }
        if !fits {
            continue;
        }
        match run_list(process, &arm.body).await {
            Flow::Next(found) => status = found,
            flow => return flow,
        }
        match arm.then {
            Then::Ends => break,
            Then::Falls => falls = true,
            Then::Tries => falls = false,
        }
    }
    Flow::Next(status)
}

async fn count(process: &Process, head: &[Word; 3], body: &List) -> Flow {
    let [first, test, step] = head;
    let value = async |word: &Word| {
        let expression = text(process, word).await?;
        let is_empty = expression.trim().is_empty();
        let value = arithmetic::evaluate(&expression, &mut process.session_mut())?;
        Ok::<bool, String>(is_empty || value != 0)
    };
    let mut status = 0;
    let mut next = value(first).await;
    loop {
        process.breathe().await;
        let holds = match next {
            Ok(_) => value(test).await,
            failed => failed,
        };
        match holds {
            Ok(true) => {}
            Ok(false) => return Flow::Next(status),
            Err(message) => return failed(process, &format!("((: {message}")),
        }
        match after_turn(run_list(process, body).await) {
            Turn::Next(found) => status = found,
            Turn::Leave(flow) => return flow,
        }
        next = value(step).await;
    }
}

async fn arithmetic_command(process: &Process, word: &Word) -> Flow {
    let value = match text(process, word).await {
        Ok(expression) => arithmetic::evaluate(&expression, &mut process.session_mut()),
        Err(message) => Err(message),
    };
    match value {
        Ok(value) => Flow::Next(u8::from(value == 0)),
        Err(message) => failed(process, &format!("((: {message}")),
    }
}

async fn repeat(process: &Process, negated: bool, condition: &List, body: &List) -> Flow {
    let mut status = 0;
    loop {
        process.breathe().await;
        match ask(process, condition).await {
            Flow::Next(found) if (found == 0) != negated => {}
            Flow::Next(_) => return Flow::Next(status),
            flow => return flow,
        }
        match after_turn(run_list(process, body).await) {
            Turn::Next(found) => status = found,
            Turn::Leave(flow) => return flow,
        }
    }
}

async fn each(process: &Process, name: &str, words: Option<&[Word]>, body: &List) -> Flow {
    let values = match words {
        Some(words) => fields(process, words).await,
        None => Ok(process.session().arguments.clone()),
    };
    let values = match values {
        Ok(values) => values,
        Err(message) => return failed(process, &message),
    };
    let mut status = 0;
    for value in values {
        if let Err(message) = process.session_mut().set(name, value) {
            return failed(process, &message);
        }
        match after_turn(run_list(process, body).await) {
            Turn::Next(found) => status = found,
            Turn::Leave(flow) => return flow,
        }
    }
    Flow::Next(status)
}

enum Turn {
    Next(u8),
    Leave(Flow),
}

/// What a loop does after its body.
fn after_turn(flow: Flow) -> Turn {
    match flow {
        Flow::Next(status) => Turn::Next(status),
        Flow::Break(levels) if levels > 1 => Turn::Leave(Flow::Break(levels - 1)),
        Flow::Break(_) => Turn::Leave(Flow::Next(0)),
        Flow::Continue(levels) if levels > 1 => Turn::Leave(Flow::Continue(levels - 1)),
        Flow::Continue(_) => Turn::Next(0),
        flow => Turn::Leave(flow),
    }
}

async fn simple(process: &Process, assignments: &[Assignment], words: &[Word]) -> Flow {
    let words = match fields(process, words).await {
        Ok(words) => words,
        Err(message) => return failed(process, &message),
    };
    let declares = words.first().is_some_and(|it| declare::is(it));
    if declares {
        return declare::run(process, &words, assignments).await;
    }
    let before: Vec<(String, Option<String>)> = {
        let session = process.session();
        let old = |it: &Assignment| (it.name.clone(), session.variables.get(&it.name).cloned());
        assignments.iter().map(old).collect()
    };
    for assignment in assignments {
        if let Err(message) = declare::assign(process, assignment).await {
            process.err(&format!("bash: {message}\n"));
            return Flow::Return(1);
        }
    }
    if words.is_empty() {
        let is_command = |part: &Part| matches!(part, Part::Command { .. });
        let by_substitution = assignments.iter().any(|it| match &it.value {
            Assigned::One(word) => word.0.iter().any(is_command),
            Assigned::Many(_) => false,
        });
        return Flow::Next(if by_substitution { process.session().status } else { 0 });
    }
    let flow = call(process, words).await;
    for (name, old) in before {
        let variables = &mut process.session_mut().variables;
        match old {
            Some(old) => _ = variables.insert(name, old),
            None => _ = variables.remove(&name),
        }
    }
    flow
}

async fn call(process: &Process, words: Vec<String>) -> Flow {
    let body = words.first().and_then(|name| programs::function(process, name));
    let Some(body) = body else { return programs::call(process, words).await };
    if !programs::enter(process, MAX_CALLS) {
        let name = words.first().map_or("", String::as_str);
        return failed(process, &format!("{name}: maximum function nesting level exceeded"));
    }
    let arguments = words.into_iter().skip(1).collect();
    let before = std::mem::replace(&mut process.session_mut().arguments, arguments);
    process.session_mut().state.scopes.push(Default::default());
    let flow = run_list(process, &body).await;
    process.session_mut().leave_scope();
    process.session_mut().arguments = before;
    programs::leave(process);
    match flow {
        Flow::Return(status) => Flow::Next(status),
        flow => flow,
    }
}

async fn apply(process: &mut Process, redirect: &Redirect) -> Result<(), String> {
    let to = match &redirect.to {
        Target::Read(word) => {
            let path = text(process, word).await?;
            let found = programs::file(process, &path);
            let found = found.ok_or_else(|| format!("{path}: No such file or directory"))?;
            process.stdin = Input::text(found);
            return Ok(());
        }
        Target::Document(slot) => {
            let word = slot.get().cloned().unwrap_or_default();
            process.stdin = Input::text(text(process, &word).await?);
            return Ok(());
        }
        Target::Text(word) => {
            let found = text(process, word).await?;
            process.stdin = Input::text(format!("{found}\n"));
            return Ok(());
        }
        Target::Same(Descriptor::Err) => process.stderr.clone(),
        Target::Same(_) => process.stdout.clone(),
        Target::Write(word) => opened(process, &text(process, word).await?, false)?,
        Target::Append(word) => opened(process, &text(process, word).await?, true)?,
    };
    match redirect.from {
        Descriptor::In => {}
        Descriptor::Out => process.stdout = to,
        Descriptor::Err => process.stderr = to,
        Descriptor::Both => {
            process.stdout = to.clone();
            process.stderr = to;
        }
    }
    Ok(())
}

fn opened(process: &Process, path: &str, append: bool) -> Result<Output, String> {
    let full = process.resolve(path);
    match full.as_str() {
        "/dev/null" => return Ok(Output::Nowhere),
        "/dev/stdout" => return Ok(process.stdout.clone()),
        "/dev/stderr" => return Ok(process.stderr.clone()),
        _ => {}
    }
    let there = programs::disk::is_in_directory(process, &full);
    let mut files = process.files_mut();
    if files.is_directory(&full) {
        return Err(format!("{path}: Is a directory"));
    }
    if !there {
        return Err(format!("{path}: No such file or directory"));
    }
    if !append || files.get(&full).is_none() {
        files.put(full.clone(), "");
    }
    drop(files);
    Ok(process.to_file(full))
}
