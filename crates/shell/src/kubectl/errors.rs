//! What went wrong, in kubectl's words (`kubectl/pkg/cmd/util/helpers.go`).

use svclab_core::admit::Refusal;

/// Text for stderr, without the line end at its end; the command ends with status 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) String);

pub(crate) type Done<T = ()> = Result<T, Failed>;

/// kubectl's own complaint.
pub(crate) fn error(message: impl std::fmt::Display) -> Failed {
    Failed(format!("error: {message}"))
}

/// A complaint about how a command is used.
pub(crate) fn usage(command: &str, message: &str) -> Failed {
    error(format!("{message}\nSee 'kubectl {command} -h' for help and examples"))
}

/// What the server said. `context` stands before its message where a file is involved:
/// `error when creating "svc.yaml"`.
pub(crate) fn refused(refusal: &Refusal, context: Option<&str>) -> Failed {
    if refusal.reason == "Invalid" {
        return Failed(invalid(refusal));
    }
    let message = match context {
        Some(context) => format!("{context}: {}", refusal.message),
        None => refusal.message.clone(),
    };
    Failed(match refusal.reason.as_str() {
        "" => format!("Error from server: {message}"),
        reason => format!("Error from server ({reason}): {message}"),
    })
}

fn invalid(refusal: &Refusal) -> String {
    let details = refusal.details.as_deref();
    let about = details.map_or("", |it| it.kind.as_str());
    let head = match details.filter(|_| !about.is_empty()) {
        Some(it) => format!("The {} \"{}\" is invalid", it.kind, it.name),
        None => "The request is invalid".to_owned(),
    };
    let mut causes: Vec<String> = Vec::new();
    for cause in &refusal.causes {
        let text = match cause.field.as_str() {
            "" => cause.message.clone(),
            field => format!("{field}: {}", cause.message),
        };
        if !causes.contains(&text) {
            causes.push(text);
        }
    }
    match causes.as_slice() {
        [] if about.is_empty() => format!("{head}: {}", refusal.message),
        [] => head,
        [one] => format!("{head}: {one}"),
        several => {
            let lines: Vec<String> = several.iter().map(|it| format!("* {it}")).collect();
            format!("{head}: \n{}", lines.join("\n"))
        }
    }
}
