//! A report that an auditor can file: counts, approvals, grants, revocations and refusals.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use chrono::{DateTime, Utc};
use sentinel_store::{DecisionRecord, Event, EventKind, RecordedEffect};
use sentinel_wire::rfc3339;

use crate::Line;
use crate::chain::Verified;
use crate::line::word;
use crate::page::Page;
use crate::trail::without_failed;

/// Decisions by effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// Credentials were returned.
    pub vended: u64,
    /// The caller received no credentials.
    pub denied: u64,
    /// The caller received no credentials without an approval.
    pub approval_required: u64,
}

/// What records of a period contain.
#[derive(Debug, Default)]
pub struct Report {
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    total: Count,
    profiles: BTreeMap<String, Count>,
    people: BTreeMap<(String, String), Count>,
    rules: BTreeMap<(String, String), u64>,
    policies: BTreeMap<(String, String, String), u64>,
    codes: BTreeMap<String, u64>,
    accesses: HashMap<String, Vec<Event>>,
    /// How many vends used an approval or a grant.
    used: HashMap<String, u64>,
    others: Vec<Event>,
    authorizer_refusals: u64,
    unreadable: u64,
    unchained: u64,
}

impl Count {
    const fn add(&mut self, effect: RecordedEffect) {
        let count = match effect {
            RecordedEffect::Allow => &mut self.vended,
            RecordedEffect::Deny => &mut self.denied,
            RecordedEffect::RequireApproval => &mut self.approval_required,
        };
        *count = count.saturating_add(1);
    }
}

impl Report {
    /// A report on what was recorded from `since` on and before `until`.
    #[must_use]
    pub fn new(
        since: impl Into<Option<DateTime<Utc>>>,
        until: impl Into<Option<DateTime<Utc>>>,
    ) -> Self {
        Self { since: since.into(), until: until.into(), ..Self::default() }
    }

    /// Adds records that could not be read, and records that are not part of a chain, so that the page
    /// mentions them.
    pub const fn add_incomplete(&mut self, unreadable: u64, unchained: u64) {
        self.unreadable = self.unreadable.saturating_add(unreadable);
        self.unchained = self.unchained.saturating_add(unchained);
    }

    /// The decisions so far.
    #[must_use]
    pub const fn total(&self) -> Count {
        self.total
    }

    /// Adds a line. Lines outside the period have no effect.
    pub fn add(&mut self, line: Line) {
        let at = match &line {
            Line::Decision(decision) => decision.timestamp,
            Line::Event(event) => event.timestamp,
            Line::Unreadable(_) => {
                self.add_incomplete(1, 0);
                return;
            }
            Line::Other => return,
        };
        if self.since.is_some_and(|since| at < since) || self.until.is_some_and(|until| at >= until)
        {
            return;
        }
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        match line {
            Line::Decision(decision) => self.add_decision(*decision),
            Line::Event(event) => {
                if let Some(id) = event.approval.as_ref().or(event.break_glass.as_ref()) {
                    self.accesses.entry(id.clone()).or_default().push(*event);
                } else if event.event == EventKind::AuthorizerRefusal {
                    self.authorizer_refusals = self.authorizer_refusals.saturating_add(1);
                } else {
                    self.others.push(*event);
                }
            }
            Line::Other | Line::Unreadable(_) => {}
        }
    }

    fn add_decision(&mut self, decision: DecisionRecord) {
        let DecisionRecord { effect, profile, caller, user, rule, policy, code, .. } = decision;
        self.total.add(effect);
        self.profiles.entry(profile.clone()).or_default().add(effect);
        self.people.entry((caller, user)).or_default().add(effect);
        let one_more = |count: &mut u64| *count = count.saturating_add(1);
        if effect == RecordedEffect::Allow {
            let rule = rule.unwrap_or_else(|| "(no rule)".to_owned());
            one_more(self.rules.entry((profile, rule)).or_default());
            for id in decision.approval.into_iter().chain(decision.break_glass) {
                one_more(self.used.entry(id).or_default());
            }
        } else {
            one_more(self.codes.entry(code).or_default());
        }
        if let Some(policy) = policy {
            let key = (policy.name, policy.version, policy.sha256);
            one_more(self.policies.entry(key).or_default());
        }
    }

    /// One HTML page without scripts and without anything that it would load. `source` names where the
    /// records were read.
    #[must_use]
    pub fn html(&self, source: &str, verified: &Verified, now: DateTime<Utc>) -> String {
        let mut page = Page::new();
        page.raw(concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width\">\n",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
            "<title>Access to AWS: audit report</title>\n<style>\n",
            "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}\n",
            "table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}\n",
            "th,td{border-bottom:1px solid #ccc;padding:.25rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\n",
            "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n",
            "p.bad{border-left:4px solid #b00020;padding-left:.6rem}\n",
            "@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}\n",
            "</style>\n</head>\n<body>\n<h1>Access to AWS: audit report</h1>\n",
        ));
        self.summary(&mut page, source, verified, now);
        self.counts(&mut page);
        self.approvals(&mut page);
        self.grants(&mut page);
        self.revocations(&mut page);
        page.raw("</body>\n</html>\n");
        page.into_html()
    }

    fn summary(&self, page: &mut Page, source: &str, verified: &Verified, now: DateTime<Utc>) {
        let time = |at: Option<DateTime<Utc>>| at.map_or_else(String::new, rfc3339::seconds);
        let period = match (self.since, self.until) {
            (None, None) => "everything that was read".to_owned(),
            (since, until) => format!("{} – {}", time(since), time(until)),
        };
        let Count { vended, denied, approval_required } = self.total;
        page.table(
            &["", ""],
            &[],
            [
                ["Period".to_owned(), period],
                [
                    "First and last record".to_owned(),
                    format!("{} – {}", time(self.first), time(self.last)),
                ],
                ["Source".to_owned(), source.to_owned()],
                ["Written".to_owned(), rfc3339::seconds(now)],
                ["Vends".to_owned(), vended.to_string()],
                ["Denials".to_owned(), denied.to_string()],
                ["Approval required".to_owned(), approval_required.to_string()],
                [
                    "Chains of lines".to_owned(),
                    format!("{} with {} lines", verified.chains, verified.lines),
                ],
            ],
        );
        if !verified.faults.is_empty() {
            page.bad(&format!(
                "The chains of lines have {} faults: lines were changed, moved or removed. `sentinel audit \
                 verify` lists them.",
                verified.faults.len()
            ));
        }
        if self.unreadable > 0 {
            page.bad(&format!(
                "{} records could not be read and are missing here.",
                self.unreadable
            ));
        }
        if self.unchained > 0 {
            page.bad(&format!(
                "{} records are not part of a chain: an earlier version wrote them, or their origin is \
                 unknown.",
                self.unchained
            ));
        }
    }

    fn counts(&self, page: &mut Page) {
        let columns = ["Profile", "Vends", "Denials", "Approval required"];
        page.heading("Profiles");
        page.table(
            &columns,
            &[1, 2, 3],
            self.profiles.iter().map(|(profile, count)| {
                [
                    profile.clone(),
                    count.vended.to_string(),
                    count.denied.to_string(),
                    count.approval_required.to_string(),
                ]
            }),
        );
        page.heading("People and services");
        let columns = ["Caller", "Name in policies", "Vends", "Denials", "Approval required"];
        page.table(
            &columns,
            &[2, 3, 4],
            self.people.iter().map(|((caller, user), count)| {
                [
                    caller.clone(),
                    user.clone(),
                    count.vended.to_string(),
                    count.denied.to_string(),
                    count.approval_required.to_string(),
                ]
            }),
        );
        page.heading("Rules that allowed");
        page.table(
            &["Profile", "Rule", "Vends"],
            &[2],
            self.rules
                .iter()
                .map(|((profile, rule), count)| [profile.clone(), rule.clone(), count.to_string()]),
        );
        page.heading("Reasons of refusals");
        page.table(
            &["Code", "Decisions"],
            &[1],
            self.codes.iter().map(|(code, count)| [code.clone(), count.to_string()]),
        );
        page.heading("Policy documents");
        page.table(
            &["Document", "Version", "SHA-256", "Decisions"],
            &[3],
            self.policies.iter().map(|((name, version, digest), count)| {
                [name.clone(), version.clone(), digest.clone(), count.to_string()]
            }),
        );
    }

    /// The events of approvals or of grants by id, in the order of the first event.
    fn histories(&self, of_grants: bool) -> Vec<(&str, Vec<&Event>)> {
        let mut histories: Vec<(&str, Vec<&Event>)> = self
            .accesses
            .iter()
            .filter(|(_, events)| {
                events.iter().any(|event| event.break_glass.is_some() == of_grants)
            })
            .map(|(id, events)| {
                let mut events: Vec<_> = events.iter().collect();
                events.sort_by_key(|event| event.timestamp);
                events.dedup();
                (id.as_str(), without_failed(&events))
            })
            .collect();
        histories.sort_by_key(|(id, events)| (events.first().map(|event| event.timestamp), *id));
        histories
    }

    fn approvals(&self, page: &mut Page) {
        page.heading("Approvals");
        let columns = ["Request", "Requester", "Profile", "Justification", "History", "Vends"];
        page.table(
            &columns,
            &[5],
            self.histories(false).iter().map(|(id, events)| self.access_row(id, events)),
        );
    }

    fn grants(&self, page: &mut Page) {
        page.heading("Break-glass grants");
        let histories = self.histories(true);
        let unreviewed = histories
            .iter()
            .filter(|(_, events)| {
                events.iter().any(|event| event.event == EventKind::BreakGlassOpened)
            })
            .filter(|(_, events)| !events.iter().any(|event| is_review(event)))
            .count();
        if unreviewed > 0 {
            page.bad(&format!("{unreviewed} grants have no review in this period."));
        }
        let columns = ["Grant", "Holder", "Profile", "Justification", "History", "Vends"];
        page.table(
            &columns,
            &[5],
            histories.iter().map(|(id, events)| self.access_row(id, events)),
        );
    }

    fn access_row(&self, id: &str, events: &[&Event]) -> [String; 6] {
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let first = events.first();
        let opening = events.iter().find(|event| {
            matches!(event.event, EventKind::RequestCreated | EventKind::BreakGlassOpened)
        });
        let mut why = within_a_line(&text(opening.and_then(|event| event.reason.as_ref())));
        for extra in opening.iter().flat_map(|event| event.ticket.iter().chain(&event.reason_code))
        {
            write!(why, " [{}]", within_a_line(extra)).ok();
        }
        let mut history = Vec::new();
        for event in events {
            let mut step = format!("{} {}", rfc3339::seconds(event.timestamp), word(event.event));
            if let Some(by) = &event.by {
                write!(step, " by {}", within_a_line(by)).ok();
            }
            if !matches!(event.event, EventKind::RequestCreated | EventKind::BreakGlassOpened)
                && let Some(comment) = &event.reason
            {
                write!(step, ": {}", within_a_line(comment)).ok();
            }
            if let Some(code) = &event.code {
                write!(step, " (failed: {})", within_a_line(code)).ok();
            }
            history.push(step);
        }
        [
            id.to_owned(),
            text(first.and_then(|event| event.user.as_ref())),
            text(first.and_then(|event| event.profile.as_ref())),
            why,
            history.join("\n"),
            self.used.get(id).copied().unwrap_or_default().to_string(),
        ]
    }

    fn revocations(&self, page: &mut Page) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let row = |event: &&Event| {
            [
                rfc3339::seconds(event.timestamp),
                word(event.event),
                text(&event.by),
                text(&event.user),
                event.profile.clone().unwrap_or_default(),
                text(&event.reason),
                text(&event.code),
            ]
        };
        let mut others: Vec<&Event> = self.others.iter().collect();
        others.sort_by_key(|event| event.timestamp);
        others.dedup();
        let is_operation = |event: &&&Event| {
            matches!(event.event, EventKind::Revocation | EventKind::Reinstatement)
        };
        let columns = ["Time", "Event", "By", "Concerns", "Profile", "Reason", "Failed with"];
        page.heading("Revocations and reinstatements");
        page.table(&columns, &[], others.iter().filter(is_operation).map(row));
        page.heading("Refused operations and identities");
        page.table(&columns, &[], others.iter().filter(|event| !is_operation(event)).map(row));
        page.heading("Sessions that the authorizer refused");
        page.table(&["Number"], &[0], [[self.authorizer_refusals.to_string()]]);
    }
}

/// Whether an event is a review that succeeded.
fn is_review(event: &Event) -> bool {
    event.event == EventKind::BreakGlassReviewed && event.code.is_none()
}

/// A text of a person within a line of the history: without line feeds, which would begin a line that looks
/// like another event.
fn within_a_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ⏎ ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn text_of_a_caller_is_not_html() {
        let mut report = Report::new(None, None);
        let event = Event::new(EventKind::RequestCreated, DateTime::UNIX_EPOCH)
            .with_approval("r-1".to_owned())
            .with_reason("<script>alert('\u{202e}\"&\")</script>\nsecond".to_owned());
        report.add(Line::Event(Box::new(event)));
        let page =
            report.html("<b>", &crate::Chains::default().verify(false), DateTime::UNIX_EPOCH);
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains("<b>"));
        assert!(page.contains(
            "&lt;script&gt;alert(&#39;\u{fffd}&quot;&amp;&quot;)&lt;/script&gt; ⏎ second"
        ));
    }

    #[test]
    fn a_comment_is_not_another_line_of_the_history() {
        let mut report = Report::new(None, None);
        let event = Event::new(EventKind::BreakGlassClosed, DateTime::UNIX_EPOCH)
            .with_break_glass("g-1".to_owned())
            .with_reason("done\n2026-11-29T23:55:00Z break glass reviewed by carol".to_owned());
        report.add(Line::Event(Box::new(event)));
        let page = report.html("x", &crate::Chains::default().verify(false), DateTime::UNIX_EPOCH);
        assert!(!page.contains("<br>") && page.contains("done ⏎ 2026-11-29"), "{page}");
    }

    #[test]
    fn a_failed_review_is_not_a_review() {
        let mut report = Report::new(None, None);
        for (kind, code) in [
            (EventKind::BreakGlassOpened, None),
            (EventKind::BreakGlassReviewed, None),
            (EventKind::BreakGlassReviewed, Some("STORE_UNAVAILABLE".to_owned())),
        ] {
            let event = Event::new(kind, DateTime::UNIX_EPOCH)
                .with_break_glass("g-1".to_owned())
                .with_request_id(format!("{kind:?}"))
                .with_code(code);
            report.add(Line::Event(Box::new(event)));
        }
        let page = report.html("x", &crate::Chains::default().verify(false), DateTime::UNIX_EPOCH);
        assert!(page.contains("1 grants have no review"), "{page}");
    }

    #[test]
    fn every_kind_of_event_has_a_place() {
        let mut report = Report::new(None, None);
        for (number, kind) in EventKind::ALL.into_iter().enumerate() {
            let event = Event::new(kind, DateTime::UNIX_EPOCH);
            let event = match word(kind) {
                name if name.starts_with("request ") => event.with_approval(format!("r-{number}")),
                name if name.starts_with("break glass ")
                    && kind != EventKind::BreakGlassRefused =>
                {
                    event.with_break_glass(format!("g-{number}"))
                }
                _ => event,
            };
            report.add(Line::Event(Box::new(event)));
        }
        let page =
            report.html("test", &crate::Chains::default().verify(false), DateTime::UNIX_EPOCH);
        let kinds: BTreeSet<_> = EventKind::ALL.into_iter().map(word).collect();
        for kind in kinds.iter().filter(|kind| *kind != "authorizer refusal") {
            assert!(page.contains(kind.as_str()), "{kind}");
        }
    }
}
