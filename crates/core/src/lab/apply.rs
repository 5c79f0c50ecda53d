//! Manifests → objects: `kubectl apply`.

use super::log::{Change, Happening};
use super::{Applied, Lab, Reply, three_way};
use crate::admit;
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
            let (object, diagnostics) = document.decode();
            let broken = diagnostics.iter().any(|it| it.severity == Severity::Error);
            reply.diagnostics.extend(diagnostics);
            if let Some(object) = object.filter(|_| !broken) {
                self.apply_document(document, &object, &mut reply);
            }
        }
        reply.diagnostics.sort_by_key(|it| it.span.start);
        reply
    }

    fn apply_document(&mut self, document: &Document, object: &Object, reply: &mut Reply) {
        let mut wanted = document.value();
        let mut key = object.key();
        if key.kind.is_namespaced() && key.namespace.is_empty() {
            key.namespace = "default".into();
            wanted["metadata"]["namespace"] = "default".into();
        }
        let old = self.objects.get(&key).cloned();
        let live = old.as_ref().map(Object::to_value);
        let merged = three_way::merge(live.as_ref(), &wanted);
        self.sources.insert(key.clone(), document.span.clone());
        if live.as_ref() == Some(&merged) {
            reply.applied.push(Applied { key, change: Change::Unchanged });
            return;
        }
        match read::decode(key.kind, &merged) {
            Ok(object) => self.admit(document, (key, old), object, reply),
            Err(mistakes) => reply
                .diagnostics
                .extend(mistakes.into_iter().map(|it| document.diagnostic(&it.path, it.problem))),
        }
    }

    fn admit(
        &mut self,
        document: &Document,
        (key, old): (ObjectKey, Option<Object>),
        object: Object,
        reply: &mut Reply,
    ) {
        let (objects, settings) = (&self.objects, &self.settings);
        let admitted = match &old {
            Some(old) => admit::update(objects, old, object, &mut self.rng, settings),
            None => admit::create(objects, object, &mut self.rng, settings),
        };
        match admitted {
            Ok(admitted) => {
                let warnings = admitted.warnings.into_iter();
                reply.diagnostics.extend(warnings.map(|message| warned(document, message)));
                let change = if old.is_some() { Change::Configured } else { Change::Created };
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

/// One diagnostic for each cause that names a field, else one for the whole document.
fn refused(document: &Document, refusal: admit::Refusal) -> Vec<Diagnostic> {
    let whole = |message: String| {
        document.diagnostic("", Problem::Refused { field: String::new(), message })
    };
    if refusal.causes.is_empty() {
        return vec![whole(refusal.message)];
    }
    let causes = refusal.causes.into_iter().map(|cause| {
        let path = cause.field.clone();
        document.diagnostic(&path, Problem::Refused { field: cause.field, message: cause.message })
    });
    causes.collect()
}
