//! Whether the credentials that AWS issued are those that Sentinel recorded.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sentinel_store::DecisionRecord;
use serde::Serialize;

use crate::cloudtrail::AssumeRole;

/// Joins the events of CloudTrail with the records of decisions, by the request id of STS and by the
/// access key id.
#[derive(Debug, Default)]
pub struct Reconciliation {
    events: Vec<AssumeRole>,
    /// The same record in two exports is there once.
    issued: HashSet<Issued>,
}

/// What a record contains of issued credentials.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Issued {
    at: DateTime<Utc>,
    role_arn: Option<String>,
    sts_request_id: Option<String>,
    access_key_id: Option<String>,
    source_identity: Option<String>,
    request_id: String,
    user: String,
    profile: String,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reconciled {
    /// The number of events of protected roles that have a record.
    pub matched: usize,
    /// What does not agree, in the order of time.
    pub differences: Vec<Difference>,
}

/// What does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// The time of the event, or of the record without an event.
    #[serde(serialize_with = "sentinel_wire::rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// The role.
    pub role_arn: Option<String>,
    /// The access key id of the credentials.
    pub access_key_id: Option<String>,
    /// The request id of STS.
    pub sts_request_id: Option<String>,
    /// The source identity of the credentials.
    pub source_identity: Option<String>,
    /// For an event, the ARN of the caller and CloudTrail's id of the event.
    pub by: Option<String>,
    /// CloudTrail's id of the event.
    pub event_id: Option<String>,
    /// For a record, the user.
    pub user: Option<String>,
    /// For a record, the profile.
    pub profile: Option<String>,
    /// For a record, the request id.
    pub request_id: Option<String>,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a reader must handle every kind")]
pub enum DifferenceKind {
    /// Credentials of a protected role were issued, and no record has them: Sentinel was bypassed, or a
    /// record was removed.
    EventWithoutRecord,
    /// A record has credentials that no event has: the events are incomplete, or the record was invented.
    RecordWithoutEvent,
    /// The credentials have another source identity than their record, or none.
    ForeignSourceIdentity,
    /// The credentials are those of another role than their record has.
    ForeignRole,
}

impl Reconciliation {
    /// Adds an event.
    pub fn add_event(&mut self, event: AssumeRole) {
        self.events.push(event);
    }

    /// Adds a record. It has no effect if no credentials were issued.
    pub fn add_record(&mut self, record: DecisionRecord) {
        if record.access_key_id.is_none() && record.sts_request_id.is_none() {
            return;
        }
        self.issued.insert(Issued {
            at: record.timestamp,
            role_arn: record.role_arn,
            sts_request_id: record.sts_request_id,
            access_key_id: record.access_key_id,
            source_identity: record.source_identity,
            request_id: record.request_id,
            user: record.user,
            profile: record.profile,
        });
    }

    /// What does not agree. Events are those of the protected roles: the roles of the records, and those
    /// for which `is_protected` is true. Events and records between `since` and `until` are compared.
    #[must_use]
    pub fn reconcile(
        self,
        is_protected: impl Fn(&str) -> bool,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Reconciled {
        let Self { events, issued } = self;
        let mut issued: Vec<Issued> = issued.into_iter().collect();
        issued.sort_by(|a, b| (a.at, &a.request_id).cmp(&(b.at, &b.request_id)));
        let inside = |at: DateTime<Utc>| {
            since.is_none_or(|since| since <= at) && until.is_none_or(|until| at < until)
        };
        let roles: HashSet<String> =
            issued.iter().filter_map(|record| record.role_arn.as_deref().map(role_key)).collect();
        let mut by_key: HashMap<&str, usize> = HashMap::new();
        let mut by_request: HashMap<&str, usize> = HashMap::new();
        for (index, record) in issued.iter().enumerate() {
            if let Some(id) = &record.access_key_id {
                by_key.entry(id).or_insert(index);
            }
            if let Some(id) = &record.sts_request_id {
                by_request.entry(id).or_insert(index);
            }
        }
        let mut known = HashSet::new();
        let mut seen = HashSet::new();
        let mut differences = Vec::new();
        for event in &events {
            // A trail of several regions, or two exports, can have the same event twice.
            if !event.event_id.is_empty() && !seen.insert(event.event_id.as_str()) {
                continue;
            }
            // The key identifies the credentials; a request id alone only if the event has no key.
            let record = match &event.access_key_id {
                Some(id) => by_key.get(id.as_str()).copied().or_else(|| {
                    let index = *by_request.get(event.request_id.as_deref()?)?;
                    issued.get(index)?.access_key_id.is_none().then_some(index)
                }),
                None => by_request.get(event.request_id.as_deref().unwrap_or_default()).copied(),
            };
            let record = record.and_then(|index| Some((index, issued.get(index)?)));
            match record {
                Some((index, record)) => {
                    known.insert(index);
                    if !inside(event.at) {
                        continue;
                    }
                    let mut differs = |kind| {
                        differences.push(Difference {
                            user: Some(record.user.clone()),
                            profile: Some(record.profile.clone()),
                            request_id: Some(record.request_id.clone()),
                            ..Difference::of_event(kind, event)
                        });
                    };
                    if event.source_identity != record.source_identity {
                        differs(DifferenceKind::ForeignSourceIdentity);
                    }
                    // A record of an earlier version has no role.
                    if let Some(role) = &record.role_arn
                        && event.role_arn.as_deref().map(role_key) != Some(role_key(role))
                    {
                        differs(DifferenceKind::ForeignRole);
                    }
                }
                None if !inside(event.at) => {}
                // Credentials of an unknown role may be those of a protected one.
                None if event
                    .role_arn
                    .as_deref()
                    .is_none_or(|role| roles.contains(&role_key(role)) || is_protected(role)) =>
                {
                    differences
                        .push(Difference::of_event(DifferenceKind::EventWithoutRecord, event));
                }
                None => {}
            }
        }
        for (index, record) in issued.iter().enumerate() {
            if !known.contains(&index) && inside(record.at) {
                let kind = DifferenceKind::RecordWithoutEvent;
                differences.push(Difference::of_record(kind, record));
            }
        }
        differences.sort_by_key(|difference| (difference.at, difference.kind));
        Reconciled { matched: known.len(), differences }
    }
}

/// What identifies a role: its ARN in lower case and without a path. The names of roles are unique in an
/// account whatever their case and path. Another text is only in lower case.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
///
/// ```
/// use sentinel_audit::role_key;
///
/// let arn = "arn:aws:iam::111122223333:role/team/Deploy";
/// assert_eq!(role_key(arn), "arn:aws:iam::111122223333:role/deploy");
/// ```
#[must_use]
pub fn role_key(arn: &str) -> String {
    let Some((account, role)) = arn.split_once(":role/") else { return arn.to_ascii_lowercase() };
    let name = role.rsplit('/').next().unwrap_or(role);
    format!("{account}:role/{name}").to_ascii_lowercase()
}

impl Difference {
    fn of_event(kind: DifferenceKind, event: &AssumeRole) -> Self {
        Self {
            kind,
            at: event.at,
            role_arn: event.role_arn.clone(),
            access_key_id: event.access_key_id.clone(),
            sts_request_id: event.request_id.clone(),
            source_identity: event.source_identity.clone(),
            by: event.by.clone(),
            event_id: Some(event.event_id.clone()),
            user: None,
            profile: None,
            request_id: None,
        }
    }

    fn of_record(kind: DifferenceKind, record: &Issued) -> Self {
        Self {
            kind,
            at: record.at,
            role_arn: record.role_arn.clone(),
            access_key_id: record.access_key_id.clone(),
            sts_request_id: record.sts_request_id.clone(),
            source_identity: record.source_identity.clone(),
            by: None,
            event_id: None,
            user: Some(record.user.clone()),
            profile: Some(record.profile.clone()),
            request_id: Some(record.request_id.clone()),
        }
    }
}
