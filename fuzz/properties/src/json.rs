//! JSON values made from bytes, and changes of a given value.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Number, Value};

/// Maximum depth of a value that replaces another.
const DEPTH: usize = 2;

/// Replaces, removes or repeats up to four parts of a value.
pub(crate) fn change(u: &mut Unstructured<'_>, of: &mut Value, words: &[&str]) -> Result<()> {
    for _ in 0..u.int_in_range(0..=4)? {
        let mut places = Vec::new();
        pointers(of, String::new(), &mut places);
        let place = u.choose(&places)?.clone();
        match u.int_in_range(0..=4_u8)? {
            0 => remove(of, &place),
            1 => {
                // Another part of the value at this place.
                let from = u.choose(&places)?;
                let part = of.pointer(from).cloned().unwrap_or_default();
                replace(of, &place, part);
            }
            2 => {
                if let Some(Value::Object(map)) = of.pointer_mut(&place) {
                    map.insert(text(u, words)?, value(u, words, DEPTH)?);
                }
            }
            _ => replace(of, &place, value(u, words, DEPTH)?),
        }
    }
    Ok(())
}

fn replace(of: &mut Value, place: &str, by: Value) {
    // Copies of copies could grow without bound.
    if by.to_string().len() < 16_384
        && let Some(part) = of.pointer_mut(place)
    {
        *part = by;
    }
}

fn remove(of: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else { return };
    match of.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Ok(index) = key.parse::<usize>() {
                items.remove(index);
            }
        }
        Some(_) | None => {}
    }
}

/// A value of at most that depth.
fn value(u: &mut Unstructured<'_>, words: &[&str], depth: usize) -> Result<Value> {
    Ok(match u.int_in_range(0..=if depth == 0 { 4 } else { 6 })? {
        0 => Value::Null,
        1 => Value::Bool(u.arbitrary()?),
        2 => Value::Number(Number::from(u.arbitrary::<i64>()?)),
        3 | 4 => Value::String(text(u, words)?),
        5 => {
            let items = (0..u.int_in_range(0..=4)?).map(|_| value(u, words, depth - 1));
            Value::Array(items.collect::<Result<_>>()?)
        }
        _ => {
            let mut map = Map::new();
            for _ in 0..u.int_in_range(0..=5)? {
                map.insert(text(u, words)?, value(u, words, depth - 1)?);
            }
            Value::Object(map)
        }
    })
}

/// One of the words, or any text.
fn text(u: &mut Unstructured<'_>, words: &[&str]) -> Result<String> {
    if u.int_in_range(0..=7_u8)? == 7 {
        return Ok(u.arbitrary::<&str>()?.to_owned());
    }
    Ok((*u.choose(words)?).to_owned())
}

/// The JSON pointers of every part.
fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{key}"), into);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    into.push(at);
}
