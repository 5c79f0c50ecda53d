//! Files → objects and settings.

use std::io::Read;
use std::path::Path;

use svclab_core::object::{Object, Objects};
use svclab_core::proxy::Settings;
use svclab_core::read::{self, Document, Severity};

use crate::failure::{Failure, place};

/// The objects of several state files; one that comes again takes the place of the first.
pub(crate) fn objects(files: &[impl AsRef<Path>]) -> Result<Objects, Failure> {
    let mut res = Objects::new();
    for file in files {
        let text = text(file.as_ref())?;
        for object in objects_of(file.as_ref(), &text)? {
            res.insert(object);
        }
    }
    Ok(res)
}

/// `-` is standard input.
pub(crate) fn text(file: &Path) -> Result<String, Failure> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let bytes = bytes.map_err(|error| Failure::unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let at = place(&String::from_utf8_lossy(good), good.len());
        Failure::at(file, at, "the text is not UTF-8")
    })
}

fn objects_of(file: &Path, text: &str) -> Result<Vec<Object>, Failure> {
    let read = read::read(text);
    if let Some(it) = read.diagnostics.iter().find(|it| it.severity == Severity::Error) {
        return Err(Failure::at(file, place(text, it.span.start), &it.problem));
    }
    let objects = read.documents.iter().map(|it| object(file, text, it));
    objects.filter_map(Result::transpose).collect()
}

/// `None` for a kind the lab does not know: a state may come from any cluster. Fields it does not
/// know are passed over as well.
fn object(file: &Path, text: &str, document: &Document) -> Result<Option<Object>, Failure> {
    let failure =
        |byte: usize, problem: &read::Problem| Failure::at(file, place(text, byte), problem);
    let kind = match document.kind() {
        Ok(kind) => kind,
        Err(it) if matches!(it.problem, read::Problem::NoMatch { .. }) => return Ok(None),
        Err(it) => return Err(failure(it.span.start, &it.problem)),
    };
    let (mut object, _unknown) = read::decode_lenient(kind, &document.value())
        .map_err(|it| failure(document.place_of(&it.path).start, &it.problem))?;
    if kind.is_namespaced() && object.meta().namespace.is_empty() {
        "default".clone_into(&mut object.meta_mut().namespace);
    }
    Ok(Some(object))
}

pub(crate) fn settings(file: &Path) -> Result<Settings, Failure> {
    serde_json::from_str(&text(file)?).map_err(|error| {
        let place = (error.line().max(1), error.column().max(1));
        let message = error.to_string();
        let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        Failure::at(file, place, what)
    })
}
