//! Text as the page shows it. What a person typed is quoted, and every character that a reader would
//! not see is written out, so that the browser never receives one.

use sentinel_wire::quoted;
use serde_json::Value;

/// The keys of text that people type.
const TYPED: [&str; 4] = ["reason", "ticket", "comment", "justification"];

/// The same value, in which text is as the page shows it.
pub(crate) fn shown(value: Value) -> Value {
    of(value, false)
}

fn of(value: Value, is_typed: bool) -> Value {
    match value {
        Value::String(text) if is_typed => quoted(&text).into(),
        Value::String(text) => visible(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| of(item, is_typed)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| {
                let is_typed = TYPED.contains(&key.as_str());
                (key, of(value, is_typed))
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// The text with hidden characters written out.
pub(crate) fn visible(text: &str) -> String {
    sentinel_wire::visible(text, |_| false)
}

/// The same for text of several lines.
pub(crate) fn visible_lines(text: &str) -> String {
    sentinel_wire::visible(text, |char| matches!(char, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_hidden_character_is_left_at_any_depth() {
        let hostile = "a\u{202e}b\u{1b}\n\"";
        let value = json!({
            "user": hostile,
            "reason": hostile,
            "decided": [{ "comment": hostile, "by": hostile }],
            "n": 1,
        });
        assert_eq!(
            shown(value),
            json!({
                "user": "a\\u{202e}b\\u{1b}\\u{a}\"",
                "reason": "\"a\\u{202e}b\\u{1b}\\n\\\"\"",
                "decided": [{
                    "comment": "\"a\\u{202e}b\\u{1b}\\n\\\"\"",
                    "by": "a\\u{202e}b\\u{1b}\\u{a}\"",
                }],
                "n": 1,
            })
        );
    }

    #[test]
    fn the_text_of_a_policy_keeps_its_lines() {
        assert_eq!(visible_lines("a:\n\t- b\u{200b}"), "a:\n\t- b\\u{200b}");
    }
}
