//! Documents of a given size, for measurements of reading, checking and compiling: ordinary ones, and
//! some that were written to cost much.

use std::fmt::Write as _;

use chrono_tz::TZ_VARIANTS;

/// An ordinary document of at most `bytes` bytes: rules with names, patterns, networks and windows
/// in turn, written over several lines with a reason, as people do.
#[must_use]
pub fn ordinary(bytes: usize) -> String {
    let mut text = String::from(
        "version: \"1\"\ngroups:\n  oncall: [alice, bob, \"*@example.com\"]\nrules:\n",
    );
    for i in 0.. {
        let conditions = match i % 4 {
            0 => format!("      users: [user-{i}, \"group:oncall\"]\n"),
            1 => format!("      users: [\"team-{i}-*\"]\n      mode: [server]\n"),
            2 => format!("      users: [user-{i}]\n      source_ip: [10.{}.0.0/16]\n", i % 256),
            _ => "      time:\n        days: [monday, friday]\n        hours: { start: \"09:00\", \
                  end: \"17:00\" }\n        timezone: Europe/Berlin\n"
                .to_owned(),
        };
        let rule = format!(
            "  - name: rule-{i}\n    effect: allow\n    conditions:\n      profiles: \
             [profile-{i}]\n{conditions}    max_duration: 30m\n    reason: Access of team {i}\n"
        );
        if text.len() + rule.len() > bytes {
            break;
        }
        text.push_str(&rule);
    }
    text
}

/// A document that was written to cost much.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// The name in results.
    pub name: &'static str,
    /// The document. At most 1 MiB.
    pub text: String,
}

/// Maximum number of bytes of a document.
const MAX: usize = 1024 * 1024;

/// Documents of up to 1 MiB. Some are refused, and some are legal.
#[must_use]
pub fn hostile() -> Vec<Hostile> {
    let rules = |count: usize, rule: &dyn Fn(usize) -> String| {
        let mut text = String::from("version: \"1\"\nrules:\n");
        for i in 0..count {
            let rule = rule(i);
            if text.len() + rule.len() > MAX {
                break;
            }
            text.push_str(&rule);
        }
        text
    };
    let zone = |i: usize| TZ_VARIANTS.get(i % TZ_VARIANTS.len()).map_or("UTC", |zone| zone.name());
    let mut group = String::from("version: \"1\"\ngroups:\n  g: [");
    for i in 0..1_000 {
        let _ = write!(group, "member-{i}, ");
    }
    group.push_str("last]\nrules:\n");
    for i in 0..990 {
        let _ = writeln!(
            group,
            "  - {{ name: r{i}, effect: allow, conditions: {{ users: [\"group:g\"] }} }}"
        );
    }
    vec![
        Hostile { name: "nested lists", text: "[".repeat(MAX) },
        Hostile { name: "one long text", text: format!("version: \"{}\"", "x".repeat(MAX - 16)) },
        Hostile { name: "aliases", text: format!("a: &a [x]\nb: [{}]", "*a, ".repeat(MAX / 5)) },
        Hostile {
            name: "a mistake in every rule",
            text: rules(10_000, &|i| format!("  - {{ label: r{i}, result: permit }}\n")),
        },
        Hostile {
            name: "a misspelled group in every rule",
            text: rules(10_000, &|i| {
                format!(
                    "  - {{ name: r{i}, effect: allow, conditions: {{ users: [\"group:oncal{i}\"] \
                     }} }}\n"
                )
            }),
        },
        Hostile {
            name: "every zone",
            text: rules(TZ_VARIANTS.len(), &|i| {
                format!(
                    "  - {{ name: r{i}, effect: allow, conditions: {{ time: {{ days: [monday], \
                     timezone: \"{}\" }} }} }}\n",
                    zone(i)
                )
            }),
        },
        Hostile { name: "a group of 1,000 in 990 rules", text: group },
    ]
}
