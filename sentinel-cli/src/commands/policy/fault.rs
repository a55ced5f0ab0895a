//! Why a line of a requests file is not a request. The line is parsed a second time
//! to find the reason, so that valid lines have no extra cost.

use serde_json::error::Category;
use serde_json::{Map, Value};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bool,
    Object,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Bool => "true or false",
            Self::Object => "an object",
        }
    }

    fn of(value: &Value) -> (Option<Self>, &'static str) {
        match value {
            Value::String(_) => (Some(Self::Text), "a string"),
            Value::Bool(_) => (Some(Self::Bool), "a boolean"),
            Value::Object(_) => (Some(Self::Object), "an object"),
            Value::Number(_) => (None, "a number"),
            Value::Array(_) => (None, "an array"),
            Value::Null => (None, "null"),
        }
    }
}

const REQUIRED: [&str; 2] = ["user", "profile"];
const FIELDS: [(&str, Kind); 13] = [
    ("user", Kind::Text),
    ("profile", Kind::Text),
    ("at", Kind::Text),
    ("source_ip", Kind::Text),
    ("source_vpc", Kind::Text),
    ("source_vpce", Kind::Text),
    ("account", Kind::Text),
    ("principal", Kind::Text),
    ("organization", Kind::Text),
    ("mode", Kind::Text),
    ("session_table", Kind::Text),
    ("device", Kind::Object),
    ("approved", Kind::Bool),
];
const DEVICE: [(&str, Kind); 6] = [
    ("mdm_enrolled", Kind::Bool),
    ("mdm_compliant", Kind::Bool),
    ("disk_encrypted", Kind::Bool),
    ("firewall_enabled", Kind::Bool),
    ("os_version", Kind::Text),
    ("os_type", Kind::Text),
];

/// The fault of a line that does not start like an object.
pub(super) fn not_an_object(line: &[u8]) -> String {
    if let Some(fault) = not_utf8(line) {
        return fault;
    }
    match serde_json::from_slice::<Value>(line) {
        Ok(value) => format!(
            "not an object but {}: a request is a JSON object with at least `user` and `profile`",
            Kind::of(&value).1
        ),
        Err(error) => not_json(&error),
    }
}

/// The fault of a line that starts like an object but is not a request.
pub(super) fn not_a_request(line: &[u8], error: &serde_json::Error) -> String {
    if let Some(fault) = not_utf8(line) {
        return fault;
    }
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => return not_json(error),
        Category::Data => {}
    }
    let object: Map<String, Value> = match serde_json::from_slice(line) {
        Ok(object) => object,
        // The fault in the data may precede a fault in the syntax.
        Err(error) => return not_json(&error),
    };
    let missing = || {
        let missing = REQUIRED.into_iter().find(|name| !object.contains_key(*name))?;
        Some(format!("missing field `{missing}`"))
    };
    wrong_member(&object, "", &FIELDS)
        .or_else(|| match object.get("device") {
            Some(Value::Object(device)) => wrong_member(device, "device.", &DEVICE),
            _ => None,
        })
        .or_else(missing)
        .unwrap_or_else(|| without_line(error))
}

fn wrong_member(
    object: &Map<String, Value>,
    prefix: &str,
    fields: &[(&str, Kind)],
) -> Option<String> {
    object.iter().find_map(|(name, value)| {
        let Some((_, expected)) = fields.iter().find(|(field, _)| field == name) else {
            let names: Vec<String> = fields.iter().map(|(field, _)| format!("`{field}`")).collect();
            return Some(format!(
                "unknown field `{prefix}{name}`: the fields are {}",
                names.join(", ")
            ));
        };
        let required = prefix.is_empty() && REQUIRED.contains(&name.as_str());
        if value.is_null() && !required {
            return None;
        }
        let (kind, found) = Kind::of(value);
        (kind != Some(*expected))
            .then(|| format!("`{prefix}{name}`: not {} but {found}", expected.as_str()))
    })
}

fn not_utf8(line: &[u8]) -> Option<String> {
    let error = std::str::from_utf8(line).err()?;
    Some(format!("not UTF-8 (byte {})", error.valid_up_to() + 1))
}

fn not_json(error: &serde_json::Error) -> String {
    let fault = without_line(error);
    if fault.starts_with("trailing characters") {
        format!("more than one JSON value on the line: {fault}")
    } else {
        format!("not JSON: {fault}")
    }
}

/// The message of `serde_json`, without its line number, which is always 1.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (column {})", error.column()),
        None => text,
    }
}
