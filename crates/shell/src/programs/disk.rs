//! What is on a machine's disk: programs that change it, and the lab's own files of a container.

use svclab_core::key::{Kind, ObjectKey};
use svclab_core::lab::Action;

use super::here;
use super::options::{Line, Options};
use crate::process::Process;
use crate::session::{Files, Place};

/// The container that the shell is in, with its pod.
fn container(process: &Process) -> Option<(ObjectKey, String)> {
    if !matches!(process.session().place, Place::Pod { .. }) || !process.has_own_disk() {
        return None;
    }
    let place = process.session().place.clone();
    let Place::Pod { namespace, name, container } = place else { return None };
    let pod = ObjectKey::new(Kind::Pod, namespace, name);
    let first = || {
        let lab = process.lab();
        let pod = lab.objects().get(&pod)?.as_pod()?;
        pod.spec.containers.first().map(|it| it.name.clone())
    };
    let container = container.or_else(first)?;
    Some((pod, container))
}

/// Finds what others, or the container's own program, have written meanwhile.
pub(crate) fn refresh(process: &Process) {
    if process.files().is_changed() {
        return;
    }
    if let Some((pod, container)) = container(process) {
        let files = process.lab().files_of(&pod, &container);
        *process.files_mut() = Files::of_container(files);
    }
}

/// Tells the lab what was written in a container, for its probes and for others to find.
pub(crate) fn save(process: &Process) {
    if !process.files().is_changed() {
        return;
    }
    let Some((pod, container)) = container(process) else { return };
    let Some(new) = process.files_mut().take_changed() else { return };
    let old = process.lab().files_of(&pod, &container);
    let write = |path: &String, text: Option<String>| {
        let (pod, container, path) = (pod.clone(), container.clone(), path.clone());
        process.act(Action::WriteFile { pod, container, path, text });
    };
    for (path, text) in new.iter().filter(|(path, text)| old.get(*path) != Some(*text)) {
        write(path, Some(text.clone()));
    }
    for path in old.keys().filter(|it| !new.contains_key(*it)) {
        write(path, None);
    }
}

/// Reads a tool's options; without an operand it says so.
fn read(
    process: &Process,
    tool: &str,
    letters: &'static str,
    words: &[String],
) -> Result<Line, u8> {
    let spec = Options { letters, names: &[("recursive", 'r'), ("force", 'f')], valued: "" };
    let line = spec.read(words).map_err(|wrong| {
        process.err(&wrong.gnu(tool));
        1
    })?;
    if line.operands.is_empty() && !line.has('f') {
        process
            .err(&format!("{tool}: missing operand\nTry '{tool} --help' for more information.\n"));
        return Err(1);
    }
    Ok(line)
}

/// What GNU's tools and BusyBox's say, which differ in this (`|`): `cannot`, `can't`.
fn complain(process: &Process, text: &str) {
    let not = if here::is_busybox(process) { "'t " } else { "not " };
    process.err(&text.replacen('|', not, 1));
}

/// `rm [-rf] FILE…`
pub(super) async fn rm(process: Process, words: Vec<String>) -> u8 {
    let line = match read(&process, "rm", "rRfiv", &words) {
        Ok(line) => line,
        Err(status) => return status,
    };
    let mut status = 0;
    for path in &line.operands {
        let full = process.resolve(path);
        let is_directory = process.files().is_directory(&full);
        let what = match (process.files_mut().remove(&full), is_directory) {
            (true, _) => continue,
            (_, true) if line.has('r') || line.has('R') => {
                remove_below(&process, &full);
                continue;
            }
            (_, true) => "Is a directory",
            (_, false) if line.has('f') => continue,
            (_, false) => "No such file or directory",
        };
        complain(&process, &format!("rm: can|remove '{path}': {what}\n"));
        status = 1;
    }
    status
}

fn remove_below(process: &Process, directory: &str) {
    let below: Vec<String> =
        process.files().below(directory).map(|(rest, _)| format!("{directory}/{rest}")).collect();
    below.iter().for_each(|it| _ = process.files_mut().remove(it));
}

/// `touch FILE…`
pub(super) async fn touch(process: Process, words: Vec<String>) -> u8 {
    let line = match read(&process, "touch", "acmd:t:r:", &words) {
        Ok(line) => line,
        Err(status) => return status,
    };
    let mut status = 0;
    for path in &line.operands {
        let full = process.resolve(path);
        if process.files().is_directory(&full) || super::file(&process, path).is_some() {
            continue;
        }
        if !is_in_directory(&process, &full) {
            let what = "No such file or directory";
            match here::is_busybox(&process) {
                true => process.err(&format!("touch: {path}: {what}\n")),
                false => process.err(&format!("touch: cannot touch '{path}': {what}\n")),
            }
            status = 1;
            continue;
        }
        process.files_mut().put(full, "");
    }
    status
}

/// Whether there is a directory for the file.
pub(crate) fn is_in_directory(process: &Process, full: &str) -> bool {
    let directory = full.rsplit_once('/').map_or("", |it| it.0);
    process.files().is_directory(if directory.is_empty() { "/" } else { directory })
}

/// `mkdir [-p] DIRECTORY…`
pub(super) async fn mkdir(process: Process, words: Vec<String>) -> u8 {
    let line = match read(&process, "mkdir", "pm:v", &words) {
        Ok(line) => line,
        Err(status) => return status,
    };
    let mut status = 0;
    for path in &line.operands {
        let full = process.resolve(path);
        let is_there = process.files().is_directory(&full) || process.files().get(&full).is_some();
        let what = match is_there {
            true if line.has('p') => continue,
            true => "File exists",
            false if line.has('p') || is_in_directory(&process, &full) => {
                process.files_mut().put(full + "/", "");
                continue;
            }
            false => "No such file or directory",
        };
        complain(&process, &format!("mkdir: can|create directory '{path}': {what}\n"));
        status = 1;
    }
    status
}

/// `cp FILE… TO`
pub(super) async fn cp(process: Process, words: Vec<String>) -> u8 {
    copy(&process, "cp", &words)
}

/// `mv FILE… TO`
pub(super) async fn mv(process: Process, words: Vec<String>) -> u8 {
    copy(&process, "mv", &words)
}

fn copy(process: &Process, tool: &str, words: &[String]) -> u8 {
    let line = match read(process, tool, "afirRpvn", words) {
        Ok(line) => line,
        Err(status) => return status,
    };
    let Some((to, from)) = line.operands.split_last().filter(|it| !it.1.is_empty()) else {
        let only = line.operands.first().map_or("", String::as_str);
        process.err(&format!("{tool}: missing destination file operand after '{only}'\n"));
        return 1;
    };
    let target = process.resolve(to);
    let mut status = 0;
    for path in from {
        let Some(text) = super::file(process, path) else {
            complain(process, &format!("{tool}: can|stat '{path}': No such file or directory\n"));
            status = 1;
            continue;
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        let into = process.files().is_directory(&target);
        let target = if into { format!("{target}/{name}") } else { target.clone() };
        if tool == "mv" {
            let full = process.resolve(path);
            process.files_mut().remove(&full);
        }
        process.files_mut().put(target, text);
    }
    status
}
