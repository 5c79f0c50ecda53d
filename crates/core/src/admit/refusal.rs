//! The server's answer to a request that it does not carry out.

use super::errors::{Cause, Errors};
use crate::key::{Kind, ObjectKey};
use crate::read::{Mistake, cause};

/// The server's answer to a request that it does not carry out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// 422, 409, 404, 400, 403 or 500.
    pub status: u16,
    /// `Invalid`, `AlreadyExists`; a bare error has none.
    pub reason: String,
    pub message: String,
    pub details: Option<Box<Details>>,
    pub causes: Vec<Cause>,
    pub warnings: Vec<String>,
}

/// Which object a refusal is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    pub name: String,
    pub group: String,
    /// `Service` in validation errors, `services` elsewhere.
    pub kind: String,
}

impl Refusal {
    pub(super) fn invalid(kind: Kind, name: &str, errors: Errors) -> Refusal {
        Refusal::invalid_of((kind.name(), kind.group()), name, errors)
    }

    /// The same for a kind that is not stored, such as `Scale`.
    pub(super) fn invalid_of((kind, group): (&str, &str), name: &str, errors: Errors) -> Refusal {
        let causes = errors.causes;
        let mut texts: Vec<String> = Vec::new();
        for cause in &causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let errors = match texts.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let kind_and_group =
            if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let message = format!("{kind_and_group} \"{name}\" is invalid: {errors}");
        let details = Details { name: name.into(), group: group.into(), kind: kind.into() };
        let (reason, details) = ("Invalid".to_owned(), Some(Box::new(details)));
        Refusal { status: 422, reason, message, details, causes, warnings: Vec::new() }
    }

    pub(super) fn about(status: u16, reason: &str, key: &ObjectKey, what: &str) -> Refusal {
        let kind = key.kind;
        let plural = match kind.group() {
            "" => kind.plural().to_owned(),
            group => format!("{}.{group}", kind.plural()),
        };
        let details = Details {
            name: key.name.clone(),
            group: kind.group().into(),
            kind: kind.plural().into(),
        };
        Refusal {
            status,
            reason: reason.to_owned(),
            message: format!("{plural} \"{}\" {what}", key.name),
            details: Some(Box::new(details)),
            ..Refusal::default()
        }
    }

    /// The object that a request names is not there.
    pub fn not_found(key: &ObjectKey) -> Refusal {
        Refusal::about(404, "NotFound", key, "not found")
    }

    /// The object that was read is not the one that is stored any more.
    pub(super) fn conflict(key: &ObjectKey) -> Refusal {
        let changed = "the object has been modified; please apply your changes to the latest version and try again";
        let refusal = Refusal::about(409, "Conflict", key, changed);
        let message = refusal.message.replacen(" the object", ": the object", 1);
        Refusal { message: format!("Operation cannot be fulfilled on {message}"), ..refusal }
    }

    /// The object that is meant is not the one of that name (`storage.NewInvalidObjError`).
    pub(super) fn other_uid(key: &ObjectKey, asked: &str, found: &str) -> Refusal {
        let stored = match key.kind {
            Kind::Service => "services/specs",
            Kind::Endpoints => "services/endpoints",
            Kind::Node => "minions",
            Kind::Ingress => "ingress",
            kind => kind.plural(),
        };
        let slash = if key.namespace.is_empty() { "" } else { "/" };
        let ObjectKey { namespace, name, .. } = key;
        let what = format!(
            ": StorageError: invalid object, Code: 4, Key: /registry/{stored}{slash}{namespace}/{name}, \
             ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: \
             {asked}, UID in object meta: {found}"
        );
        let refusal = Refusal::about(409, "Conflict", key, &what);
        let message = refusal.message.replacen(" : ", ": ", 1);
        Refusal { message: format!("Operation cannot be fulfilled on {message}"), ..refusal }
    }

    /// The object to be deleted is not the one that is meant; the server names its kind here, not
    /// its resource.
    pub(crate) fn not_this_one(key: &ObjectKey, why: &str) -> Refusal {
        let (kind, group) = (key.kind.name(), key.kind.group());
        let dot = if group.is_empty() { "" } else { "." };
        let message =
            format!("Operation cannot be fulfilled on {kind}{dot}{group} \"{}\": {why}", key.name);
        let details =
            Details { name: key.name.clone(), group: group.into(), kind: kind.to_owned() };
        let details = Some(Box::new(details));
        Refusal { details, ..Refusal::plain(409, "Conflict", &message) }
    }

    /// The body cannot be read as an object of its kind.
    pub fn undecodable(kind: Kind, mistakes: &[Mistake]) -> Refusal {
        let (name, cause) = (kind.name(), cause(mistakes));
        let version = kind.api_version().rsplit('/').next().unwrap_or_default();
        Refusal {
            status: 400,
            reason: "BadRequest".to_owned(),
            message: format!(
                "{name} in version \"{version}\" cannot be handled as a {name}: {cause}"
            ),
            ..Refusal::default()
        }
    }

    /// The server has no resource of that kind.
    pub fn no_resource() -> Refusal {
        let message = "the server could not find the requested resource";
        Refusal { details: Some(Box::default()), ..Refusal::plain(404, "NotFound", message) }
    }

    /// A whole collection cannot be replaced or patched: the request names no object.
    pub fn not_allowed() -> Refusal {
        let message = "the server does not allow this method on the requested resource";
        let details = Some(Box::default());
        Refusal { details, ..Refusal::plain(405, "MethodNotAllowed", message) }
    }

    /// The request makes no sense.
    pub fn bad_request(message: &str) -> Refusal {
        Refusal::plain(400, "BadRequest", message)
    }

    pub(super) fn plain(status: u16, reason: &str, message: &str) -> Refusal {
        let (reason, message) = (reason.to_owned(), message.to_owned());
        Refusal { status, reason, message, ..Refusal::default() }
    }

    pub(super) fn internal(text: &str) -> Refusal {
        let cause = Cause { field: String::new(), reason: String::new(), message: text.to_owned() };
        Refusal {
            status: 500,
            reason: "InternalError".to_owned(),
            message: format!("Internal error occurred: {text}"),
            causes: vec![cause],
            ..Refusal::default()
        }
    }

    /// An error that the server passes on as it is.
    pub(super) fn bare(message: String) -> Refusal {
        Refusal { status: 500, message, ..Refusal::default() }
    }
}
