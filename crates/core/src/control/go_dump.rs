//! A pod template → how Go prints its struct, which is what Deployments hash
//! (`k8s.io/apimachinery/pkg/util/dump.ForHash`, by `spew` with `%#v`).
//!
//! Fields stand in the order of Go's declarations, `go_types.txt`, each with its type; pointers show
//! what they point to; what is not there is `<nil>` or an empty text.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;
use svclab_netfilter::order::Order;

use crate::object::quantity;

const TYPES: &str = include_str!("go_types.txt");

/// `template` as JSON.
pub(super) fn template(template: &Value) -> String {
    let mut dump = Dump(String::with_capacity(8192));
    dump.value("v1.PodTemplateSpec", Some(template), true);
    dump.0
}

struct Dump(String);

impl Dump {
    fn push(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// `typed`: with its type in front; Go leaves it out in lists, maps and behind pointers.
    fn value(&mut self, of_type: &str, value: Option<&Value>, typed: bool) {
        if typed {
            self.push("(");
            self.push(of_type);
            self.push(")");
        }
        if let Some(inner) = of_type.strip_prefix('*') {
            return match value {
                Some(_) if typed => self.value(inner, value, false),
                Some(_) => {
                    self.push("<*>");
                    self.value(inner, value, false);
                }
                None => self.push("<nil>"),
            };
        }
        match of_type {
            "bool" => self.push(if value == Some(&Value::Bool(true)) { "true" } else { "false" }),
            "int32" | "int64" | "uint64" => {
                let number = value.and_then(Value::as_i64).unwrap_or(0);
                self.push(&number.to_string());
            }
            "map[string]string" => self.map("string", value),
            "v1.ResourceList" => self.map("resource.Quantity", value),
            "resource.Quantity" => self.quantity(value),
            "intstr.IntOrString" => self.number_or_text(value),
            list if list.starts_with("[]") => self.list(&list[2..], value),
            name => match fields(name) {
                Some(fields) => self.fields(fields, value),
                None => self.push(value.and_then(Value::as_str).unwrap_or_default()),
            },
        }
    }

    fn list(&mut self, of_type: &str, value: Option<&Value>) {
        let items = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if items.is_empty() {
            return self.push("<nil>");
        }
        for (index, item) in items.iter().enumerate() {
            self.push(if index == 0 { "[" } else { " " });
            self.value(of_type, Some(item), false);
        }
        self.push("]");
    }

    fn map(&mut self, of_type: &str, value: Option<&Value>) {
        let entries = value.and_then(Value::as_object).into_iter().flatten();
        let mut entries: Vec<(&String, &Value)> = entries.collect();
        if entries.is_empty() {
            return self.push("<nil>");
        }
        entries.order_by_key(|it| it.0);
        for (index, (key, value)) in entries.into_iter().enumerate() {
            self.push(if index == 0 { "map[" } else { " " });
            self.push(key);
            self.push(":");
            self.value(of_type, Some(value), false);
        }
        self.push("]");
    }

    fn number_or_text(&mut self, value: Option<&Value>) {
        let (kind, number, text) = match value {
            Some(Value::String(text)) => (1, 0, text.as_str()),
            value => (0, value.and_then(Value::as_i64).unwrap_or(0), ""),
        };
        self.push(&format!(
            "{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"
        ));
    }

    /// A whole number of its smallest unit; the suffix says which family it was written in.
    fn quantity(&mut self, value: Option<&Value>) {
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(number @ Value::Number(_)) => number.to_string(),
            _ => String::new(),
        };
        let thousandths = quantity::thousandths(&text).unwrap_or(0);
        let (number, scale) = match thousandths % 1000 {
            0 => (thousandths / 1000, 0),
            _ => (thousandths, -3),
        };
        let family = if text.ends_with('i') { "BinarySI" } else { "DecimalSI" };
        self.push(&format!(
            "{{i:(resource.int64Amount){{value:(int64){number} scale:(resource.Scale){scale}}} \
             d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){text} \
             Format:(resource.Format){family}}}"
        ));
    }

    fn fields(&mut self, fields: &[Field], value: Option<&Value>) {
        self.push("{");
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.push(" ");
            }
            self.push(field.name);
            self.push(":");
            let inner = match field.json.as_str() {
                "inline" => value,
                "-" => None,
                json => value.and_then(|it| it.get(json)),
            };
            self.value(field.of_type, inner.filter(|it| !it.is_null()), true);
        }
        self.push("}");
    }
}

struct Field {
    name: &'static str,
    of_type: &'static str,
    /// Its name in JSON; `inline`: what is in it stands beside it; `-`: it does not stand there.
    json: String,
}

/// The fields of a struct, in the order of their declaration.
fn fields(name: &str) -> Option<&'static [Field]> {
    static STRUCTS: OnceLock<BTreeMap<&'static str, Vec<Field>>> = OnceLock::new();
    STRUCTS.get_or_init(structs).get(name).map(Vec::as_slice)
}

fn structs() -> BTreeMap<&'static str, Vec<Field>> {
    let mut structs: BTreeMap<&'static str, Vec<Field>> = BTreeMap::new();
    let mut current = "";
    for line in TYPES.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some(name), Some(of_type)) => {
                let json = words.next().map_or_else(|| small(name), str::to_owned);
                structs.entry(current).or_default().push(Field { name, of_type, json });
            }
            (Some(name), None) => {
                current = name;
                structs.entry(current).or_default();
            }
            (None, _) => {}
        }
    }
    structs
}

/// `TerminationMessagePath` → `terminationMessagePath`
fn small(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|it| it.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}
