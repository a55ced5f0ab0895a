//! Decisions as CSV.

use sentinel_store::DecisionRecord;
use sentinel_wire::rfc3339;

use crate::page::is_hidden;

/// The first line of the CSV.
pub const CSV_HEADER: &str = "timestamp,user,caller,account,profile,effect,code,rule,policy,\
    policy_version,approval,break_glass,session,access_key_id,source_ip,expiration,request_id\n";

/// A decision as a line of CSV (RFC 4180, with a line feed).
#[must_use]
pub fn csv_line(record: &DecisionRecord) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let effect = serde_json::to_value(record.effect).ok();
    let cells = [
        rfc3339::milliseconds(record.timestamp),
        record.user.clone(),
        record.caller.clone(),
        record.account.clone(),
        record.profile.clone(),
        effect.and_then(|effect| effect.as_str().map(str::to_owned)).unwrap_or_default(),
        record.code.clone(),
        text(&record.rule),
        record.policy.as_ref().map(|policy| policy.name.clone()).unwrap_or_default(),
        record.policy.as_ref().map(|policy| policy.version.clone()).unwrap_or_default(),
        text(&record.approval),
        text(&record.break_glass),
        text(&record.session),
        text(&record.access_key_id),
        text(&record.source_ip),
        record.expiration.map(rfc3339::milliseconds).unwrap_or_default(),
        record.request_id.clone(),
    ];
    let mut line = cells.map(|cell| csv_cell(&cell)).join(",");
    line.push('\n');
    line
}

/// A cell. A text that a spreadsheet would calculate has an apostrophe before it.
fn csv_cell(text: &str) -> String {
    let text: String = text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_not_a_formula() {
        for (text, cell) in [
            ("a", "a"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@x,\"y\"", "\"'@x,\"\"y\"\"\""),
            ("+1", "'+1"),
            (" =1", "' =1"),
            ("a\u{1b}[2J\nb", "a\u{fffd}[2J\u{fffd}b"),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }
}
