//! `-l` and `--field-selector` (`apimachinery/pkg/labels`, `pkg/fields`).

use serde_json::Value;
use svclab_core::object::Labels;

use super::resources::Resource;

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In { key: String, values: Vec<String>, negated: bool },
    Exists { key: String, negated: bool },
}

/// All conditions of `-l`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<LabelSelector, String> {
        let mut reader = Reader { tokens: tokens(text), at: 0 };
        reader.selector().map(LabelSelector)
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|it| match it {
            Requirement::In { key, values, negated } => {
                labels.get(key).is_some_and(|it| values.contains(it)) != *negated
            }
            Requirement::Exists { key, negated } => labels.contains_key(key) != *negated,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 8] = ["==", "!=", "=", "!", "(", ")", ",", ">"];

fn tokens(text: &str) -> Vec<Token> {
    let mut res = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { break };
        if let Some(sign) = SIGNS.into_iter().find(|it| rest.starts_with(it)) {
            res.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let ends = |c: char| c.is_whitespace() || "=!(),><".contains(c);
            let end = rest.find(ends).unwrap_or(rest.len()).max(first.len_utf8());
            res.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    res.push(Token::End);
    res
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut res = Vec::new();
        loop {
            match self.peek() {
                Token::End => return Ok(res),
                Token::Word(_) | Token::Sign("!") => res.push(self.requirement()?),
                other => {
                    let found = show(other);
                    return Err(format!(
                        "found '{found}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            match self.next() {
                Token::End => return Ok(res),
                Token::Sign(",") => match self.peek() {
                    Token::Word(_) | Token::Sign("!") => {}
                    other => {
                        return Err(format!(
                            "found '{}', expected: identifier after ','",
                            show(other)
                        ));
                    }
                },
                other => {
                    return Err(format!(
                        "found '{}', expected: ',' or 'end of string'",
                        show(&other)
                    ));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let wrong = |why: String| format!("unable to parse requirement: {why}");
        let negated = *self.peek() == Token::Sign("!");
        if negated {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(wrong(format!("found '{}', expected: identifier", show(&other)))),
        };
        if let Some(problem) = bad_key(&key) {
            return Err(wrong(problem));
        }
        if negated || matches!(self.peek(), Token::End | Token::Sign(",")) {
            return Ok(Requirement::Exists { key, negated });
        }
        match self.next() {
            Token::Sign(sign @ ("=" | "==" | "!=")) => {
                let value = match self.peek() {
                    Token::Word(_) => show(&self.next()),
                    _ => String::new(),
                };
                if let Some(problem) = bad_value(&key, &value) {
                    return Err(wrong(problem));
                }
                Ok(Requirement::In { key, values: vec![value], negated: sign == "!=" })
            }
            Token::Word(word) if word == "in" || word == "notin" => {
                let values = self.values().map_err(wrong)?;
                Ok(Requirement::In { key, values, negated: word == "notin" })
            }
            other => Err(wrong(format!(
                "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                show(&other)
            ))),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Sign("(") => {}
            other => return Err(format!("found '{}' expected: '('", show(&other))),
        }
        let mut res = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => res.push(word),
                Token::Sign(")") => return Ok(vec![String::new()]),
                other => {
                    return Err(format!(
                        "found '{}', expected: ',', ')' or identifier",
                        show(&other)
                    ));
                }
            }
            match self.next() {
                Token::Sign(")") => {
                    res.sort_unstable();
                    return Ok(res);
                }
                Token::Sign(",") => {}
                other => return Err(format!("found '{}', expected: ',' or ')'", show(&other))),
            }
        }
    }
}

fn show(token: &Token) -> String {
    match token {
        Token::Word(word) => word.clone(),
        Token::Sign(sign) => (*sign).to_owned(),
        Token::End => String::new(),
    }
}

/// What a label's value may not be, in the API's words.
pub(crate) const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const NAME_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Longest name or value of a label.
const LONGEST: usize = 63;

/// Why a text may not be a label's value.
pub(crate) fn value_problem(value: &str) -> Option<String> {
    if value.len() > LONGEST {
        return Some(format!("must be no more than {LONGEST} bytes"));
    }
    (!value.is_empty() && !is_qualified(value)).then(|| VALUE_RULE.to_owned())
}

/// Why a text may not be a label's key.
pub(crate) fn key_problem(key: &str) -> Option<String> {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > LONGEST {
        return Some(format!("name part must be no more than {LONGEST} bytes"));
    }
    (!is_qualified(name)).then(|| NAME_RULE.to_owned())
}

fn is_qualified(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inner)
}

fn bad_key(key: &str) -> Option<String> {
    key_problem(key).map(|why| format!("<nil>: Invalid value: \"{key}\": {why}"))
}

fn bad_value(key: &str, value: &str) -> Option<String> {
    value_problem(value).map(|why| format!("values[0][{key}]: Invalid value: \"{value}\": {why}"))
}

/// The conditions of `--field-selector`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FieldSelector(Vec<(String, String, bool)>);

impl FieldSelector {
    /// `resource` says which fields there are.
    pub(crate) fn parse(text: &str, resource: &Resource) -> Result<FieldSelector, String> {
        let mut res = Vec::new();
        for part in text.split(',').filter(|it| !it.is_empty()) {
            let invalid = || format!("invalid selector: '{text}'; can't understand '{part}'");
            let (left, value, negated) = if let Some((left, right)) = part.split_once("!=") {
                (left, right, true)
            } else if let Some((left, right)) = part.split_once("==") {
                (left, right, false)
            } else {
                let (left, right) = part.split_once('=').ok_or_else(invalid)?;
                (left, right, false)
            };
            if !is_selectable(left, resource) {
                return Err(format!("field label not supported: {left}"));
            }
            res.push((left.to_owned(), value.to_owned(), negated));
        }
        Ok(FieldSelector(res))
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, value, negated)| (found(object, field) == *value) != *negated)
    }
}

fn found(object: &Value, field: &str) -> String {
    let pointer = format!("/{}", field.replace('.', "/"));
    match object.pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if field == "spec.unschedulable" => "false".to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn is_selectable(field: &str, resource: &Resource) -> bool {
    let own: &[&str] = match resource.kind {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "Node" => &["spec.unschedulable"],
        "Namespace" => &["status.phase"],
        "Service" => &["spec.clusterIP", "spec.type"],
        "Secret" => &["type"],
        "ReplicaSet" => &["status.replicas"],
        _ => &[],
    };
    let namespaced = resource.namespaced && field == "metadata.namespace";
    field == "metadata.name" || namespaced || own.contains(&field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(
            LabelSelector::parse(selector).unwrap().matches(&labels),
            expected,
            "{selector}"
        );
    }

    #[test]
    fn labels_are_chosen_as_kubectl_chooses_them() {
        let web = [("app", "web"), ("tier", "front")];
        check("app=web,tier!=back", &web, true);
        check("app==db", &web, false);
        check("app in (web, db),!old", &web, true);
        check("app notin (web)", &web, false);
        check("tier", &web, true);
        check("", &web, true);
    }

    #[test]
    fn a_wrong_selector_says_where() {
        let error = |text: &str| LabelSelector::parse(text).unwrap_err();
        assert_eq!(error("=x"), "found '=', expected: !, identifier, or 'end of string'");
        assert_eq!(
            error("app in (a"),
            "unable to parse requirement: found '', expected: ',' or ')'"
        );
    }
}
