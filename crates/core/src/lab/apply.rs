//! Manifests → objects: `kubectl apply`.

use serde_json::{Map, Value};
use svclab_netfilter::order::Order;

use super::log::{Change, Happening};
use super::{Applied, Lab, Reply};
use crate::admit::{self, Admitted, Patch, Refusal};
use crate::key::ObjectKey;
use crate::object::Object;
use crate::read::{self, Diagnostic, Document, Problem, Severity};

impl Lab {
    /// Applies each document of `text`; one that is wrong does not stop the others.
    pub(super) fn apply(&mut self, text: &str) -> Reply {
        let read = read::read(text);
        self.sources.clear();
        let mut reply = Reply { diagnostics: read.diagnostics, ..Reply::default() };
        for document in &read.documents {
            match document.key() {
                Ok(key) => self.apply_document(document, key, &mut reply),
                Err(diagnostic) => reply.diagnostics.push(diagnostic),
            }
        }
        reply.diagnostics.order_by_key(|it| it.span.start);
        reply
    }

    fn apply_document(&mut self, document: &Document, key: ObjectKey, reply: &mut Reply) {
        let mut wanted = document.value();
        if key.kind.is_namespaced() {
            wanted["metadata"]["namespace"] = key.namespace.clone().into();
        }
        self.sources.insert(key.clone(), document.span.clone());
        let wanted = admit::annotated(&wanted);
        match self.objects.shared(&key).cloned() {
            Some(live) => {
                let admitted = self.apply_over(&key, &live, &wanted);
                match admitted.transpose() {
                    Some(admitted) => self.applied(document, key, true, admitted, reply),
                    None => reply.applied.push(Applied { key, change: Change::Unchanged }),
                }
            }
            None => match read::decode(key.kind, &wanted) {
                Ok(object) => {
                    let Lab { objects, rng, settings, .. } = self;
                    let admitted = admit::create(objects, object, rng, settings);
                    self.applied(document, key, false, admitted, reply);
                }
                Err(mistakes) => {
                    let diagnostics = mistakes.into_iter().map(|it| document.mistake(it));
                    reply.diagnostics.extend(diagnostics);
                }
            },
        }
    }

    /// The patch that kubectl sends, carried out; `None` if it sends none.
    fn apply_over(
        &mut self,
        key: &ObjectKey,
        live: &Object,
        wanted: &Value,
    ) -> Result<Option<Admitted>, Refusal> {
        let patch = admit::apply_patch(key.kind, wanted, &live.to_value())?;
        if patch.as_object().is_some_and(Map::is_empty) {
            return Ok(None);
        }
        let Lab { objects, rng, settings, .. } = self;
        admit::patch(objects, key, (Patch::Strategic, &patch, true), rng, settings).map(Some)
    }

    fn applied(
        &mut self,
        document: &Document,
        key: ObjectKey,
        was_there: bool,
        admitted: Result<Admitted, Refusal>,
        reply: &mut Reply,
    ) {
        let deprecation = admit::deprecation(key.kind, self.settings.version).map(str::to_owned);
        reply.diagnostics.extend(deprecation.map(|message| warned(document, message)));
        match admitted {
            Ok(admitted) => {
                let warnings = admitted.warnings.into_iter();
                reply.diagnostics.extend(warnings.map(|message| warned(document, message)));
                let change = if was_there { Change::Configured } else { Change::Created };
                let cause = self.note(None, Happening::Applied { key: key.clone(), change });
                self.write(admitted.object, Some(cause));
                reply.applied.push(Applied { key, change });
            }
            Err(refusal) => {
                let message = refusal.message.clone();
                self.note(None, Happening::Refused { name: key.to_string(), message });
                reply.diagnostics.extend(refused(document, refusal));
            }
        }
    }
}

fn warned(document: &Document, message: String) -> Diagnostic {
    let severity = Severity::Warning;
    Diagnostic { severity, ..document.diagnostic("", Problem::Warned { message }) }
}

/// One diagnostic for each field that is invalid, else one for the whole document.
fn refused(document: &Document, refusal: Refusal) -> Vec<Diagnostic> {
    let whole = |message: String| {
        document.diagnostic("", Problem::Refused { field: String::new(), message })
    };
    if refusal.reason != "Invalid" || refusal.causes.is_empty() {
        return vec![whole(refusal.message)];
    }
    let causes = refusal.causes.into_iter().map(|cause| {
        let path = place_in(document, &cause.field);
        document.diagnostic(&path, Problem::Refused { field: cause.field, message: cause.message })
    });
    causes.collect()
}

/// The server calls what kubectl has sent `patch`; the mistake is in the manifest all the same.
fn place_in(document: &Document, field: &str) -> String {
    if field != "patch" {
        return field.to_owned();
    }
    let mistakes = document.kind().ok().map(|kind| read::decode(kind, &document.value()));
    let first = mistakes.and_then(Result::err).and_then(|it| it.into_iter().next());
    first.map(|mistake| mistake.path).unwrap_or_default()
}
