//! `kubectl edit`: the object in the page's editor, and what was changed there sent.

use svclab_core::admit::Patch;
use svclab_core::object::Object;
use svclab_core::print::yaml;
use svclab_core::read;

use super::change::{heard, merge_patch};
use super::errors::{Done, error, refused};
use super::output::name;
use super::targets::{self, NOTHING};
use super::{Kubectl, all_failed};
use crate::job::Draft;

const HEAD: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,\n# and an empty file will abort the edit. If an error occurs while saving this file will be\n# reopened with the relevant failures.\n#\n";

pub(super) async fn run(kubectl: &Kubectl) -> Done {
    let found = targets::objects(kubectl, &kubectl.flags.arguments, NOTHING)?;
    let mut failures = found.failures;
    for (object, _) in &found.objects {
        failures.extend(edit(kubectl, object).await.err());
    }
    all_failed(failures)
}

async fn edit(kubectl: &Kubectl, object: &Object) -> Done {
    let before = kubectl.shown(object);
    let text = format!("{HEAD}{}", yaml(&before));
    let draft = Draft { name: name(object), text: text.clone() };
    let edited = kubectl.process.edit(draft).await.unwrap_or_else(|| text.clone());
    let read = read::read(&edited);
    let after = match (read.documents.first(), read.diagnostics.first()) {
        (_, Some(wrong)) => return Err(error(&wrong.problem)),
        (Some(document), None) => document.value(),
        (None, None) => before.clone(),
    };
    let patch = merge_patch(&before, &after);
    if patch.as_object().is_none_or(|it| it.is_empty()) {
        kubectl.err("Edit cancelled, no changes made.\n");
        return Ok(());
    }
    let answer = kubectl.client.patch(object.key(), (Patch::Merge, patch), true);
    heard(kubectl, answer).map_err(|it| refused(&it, None))?;
    kubectl.out(&format!("{} edited\n", name(object)));
    Ok(())
}
