//! The requested state of a table, its actual state, and the difference. This
//! module sends no requests.

use aws_sdk_dynamodb::types::{
    BillingMode, KeySchemaElement, KeyType, PointInTimeRecoveryDescription,
    PointInTimeRecoveryStatus, TableDescription, TimeToLiveDescription, TimeToLiveStatus,
};
use sentinel_store::dynamodb::TableDefinition;

use sentinel_iam::Deployment;

/// A table that must exist.
#[derive(Clone, Debug)]
pub(in crate::commands) struct RequiredTable {
    pub(in crate::commands) name: String,
    /// The purpose of the table.
    pub(in crate::commands) purpose: &'static str,
    pub(in crate::commands) definition: TableDefinition,
    /// ARN of the KMS key that encrypts the table. `None` accepts any key.
    pub(in crate::commands) key: Option<String>,
}

/// The tables of a deployment.
pub(in crate::commands) fn required(deployment: &Deployment) -> Vec<RequiredTable> {
    let Deployment { session_table, approval_table, breakglass_table, policy_table, .. } =
        deployment;
    let tables = [
        (session_table, "sessions", TableDefinition::SESSIONS),
        (approval_table, "approvals", TableDefinition::REQUESTS),
        (breakglass_table, "break_glass", TableDefinition::GRANTS),
    ];
    let policies = policy_table.iter().map(|name| (name, "policies", TableDefinition::POLICIES));
    tables
        .into_iter()
        .chain(policies)
        .map(|(name, purpose, definition)| RequiredTable {
            name: name.clone(),
            purpose,
            definition,
            key: deployment.table_key.clone(),
        })
        .collect()
}

/// The actual state of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Actual {
    /// Partition key and sort key.
    keys: Keys,
    /// The indexes by name.
    indexes: Vec<(String, Keys)>,
    on_demand: bool,
    protected: bool,
    /// The KMS key that encrypts the table. `None` if AWS owns the key.
    key: Option<String>,
    /// The attribute with the time at which an item expires. `None` if items do not
    /// expire.
    ttl: Option<String>,
    recoverable: bool,
    /// What the stream contains. `None` if the table has no stream.
    stream: Option<String>,
}

/// What the stream of a table contains if it has one: each item before and after a change.
const STREAM: &str = "NEW_AND_OLD_IMAGES";

/// The names of a partition key and of a sort key, with their types if these are
/// not strings.
type Keys = (String, Option<String>);

impl Actual {
    pub(in crate::commands) fn new(
        table: &TableDescription,
        ttl: Option<&TimeToLiveDescription>,
        recovery: Option<&PointInTimeRecoveryDescription>,
    ) -> Self {
        let typed = |name: &str| {
            let defined = table
                .attribute_definitions()
                .iter()
                .find(|attribute| attribute.attribute_name() == name);
            match defined.map(|attribute| attribute.attribute_type().as_str()) {
                Some("S") | None => name.to_owned(),
                Some(other) => format!("{name} ({other})"),
            }
        };
        let keys = |schema: &[KeySchemaElement]| {
            let of = |kind: &KeyType| {
                let found = schema.iter().find(|element| element.key_type() == kind);
                found.map(|element| typed(element.attribute_name()))
            };
            (of(&KeyType::Hash).unwrap_or_default(), of(&KeyType::Range))
        };
        let on = |status: Option<&TimeToLiveStatus>| {
            matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        };
        Self {
            keys: keys(table.key_schema()),
            indexes: table
                .global_secondary_indexes()
                .iter()
                .filter_map(|index| {
                    Some((index.index_name()?.to_owned(), keys(index.key_schema())))
                })
                .collect(),
            on_demand: table.billing_mode_summary().and_then(|summary| summary.billing_mode())
                == Some(&BillingMode::PayPerRequest),
            protected: table.deletion_protection_enabled() == Some(true),
            key: table
                .sse_description()
                .and_then(|sse| sse.kms_master_key_arn())
                .map(str::to_owned),
            ttl: ttl
                .filter(|ttl| on(ttl.time_to_live_status()))
                .and_then(|ttl| ttl.attribute_name())
                .map(str::to_owned),
            recoverable: recovery.and_then(|recovery| recovery.point_in_time_recovery_status())
                == Some(&PointInTimeRecoveryStatus::Enabled),
            stream: table
                .stream_specification()
                .filter(|stream| stream.stream_enabled())
                .and_then(|stream| stream.stream_view_type())
                .map(|view| view.as_str().to_owned()),
        }
    }
}

/// A change that AWS can make to a table in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Repair {
    /// The index with that name is added.
    Index(&'static str),
    /// The stream is enabled.
    Stream,
    /// Deletion protection is enabled.
    Protection,
    /// The table is encrypted with that key.
    Encryption(String),
    /// Time to live is enabled on that attribute.
    TimeToLive(&'static str),
    /// Point-in-time recovery is enabled.
    Recovery,
}

impl Repair {
    pub(in crate::commands) fn describe(&self) -> String {
        match self {
            Self::Index(name) => format!("the index `{name}`"),
            Self::Stream => "the stream".to_owned(),
            Self::Protection => "deletion protection".to_owned(),
            Self::Encryption(key) => format!("encryption under {key}"),
            Self::TimeToLive(attribute) => format!("time to live on `{attribute}`"),
            Self::Recovery => "point-in-time recovery".to_owned(),
        }
    }
}

/// The difference between an existing table and the requested one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Difference {
    pub(in crate::commands) repairs: Vec<Repair>,
    /// What AWS cannot change, and what to do about it.
    pub(in crate::commands) refusals: Vec<String>,
    /// Differences that need no change.
    pub(in crate::commands) remarks: Vec<String>,
}

pub(in crate::commands) fn compare(required: &RequiredTable, actual: &Actual) -> Difference {
    let RequiredTable { definition, key, name, .. } = required;
    let mut difference = Difference::default();
    let same = |keys: &Keys, partition: &str, sort: &str| {
        keys.0 == partition && keys.1.as_deref() == Some(sort)
    };
    if !same(&actual.keys, definition.partition_key, definition.sort_key) {
        difference.refusals.push(format!(
            "its keys are {}, not `{}` and `{}`, which cannot be changed: use another name, or \
             delete the table if it is not needed",
            named(&actual.keys),
            definition.partition_key,
            definition.sort_key
        ));
        // The table has another owner.
        return difference;
    }
    if let Some(index) = definition.index {
        match actual.indexes.iter().find(|(name, _)| name == index.name) {
            None => difference.repairs.push(Repair::Index(index.name)),
            Some((_, keys)) if same(keys, index.partition_key, index.sort_key) => {}
            Some((_, keys)) => difference.refusals.push(format!(
                "the keys of its index `{}` are {}, not `{}` and `{}`: delete the index and run \
                 `sentinel bootstrap` again",
                index.name,
                named(keys),
                index.partition_key,
                index.sort_key
            )),
        }
    }
    match &actual.stream {
        None if definition.stream => difference.repairs.push(Repair::Stream),
        Some(view) if definition.stream && view != STREAM => difference.refusals.push(format!(
            "its stream contains {view}, not {STREAM}: if nothing reads it, disable it (`aws dynamodb \
             update-table --table-name {name} --stream-specification StreamEnabled=false`) and run \
             `sentinel bootstrap` again",
        )),
        None | Some(_) => {}
    }
    if !actual.protected {
        difference.repairs.push(Repair::Protection);
    }
    if let Some(key) = key
        && actual.key.as_ref() != Some(key)
    {
        difference.repairs.push(Repair::Encryption(key.clone()));
    }
    match (definition.ttl, &actual.ttl) {
        (None, None) => {}
        (Some(attribute), None) => difference.repairs.push(Repair::TimeToLive(attribute)),
        (Some(attribute), Some(other)) if attribute == other => {}
        (required, Some(other)) => difference.refusals.push(format!(
            "its items expire by the attribute `{other}`{}: disable this (`aws dynamodb \
             update-time-to-live --table-name {name} --time-to-live-specification \
             Enabled=false,AttributeName={other}`), wait an hour, and run `sentinel bootstrap` again",
            required.map(|attribute| format!(", not `{attribute}`")).unwrap_or_default()
        )),
    }
    if !actual.recoverable {
        difference.repairs.push(Repair::Recovery);
    }
    if !actual.on_demand {
        difference.remarks.push(
            "its capacity is provisioned, not on demand: provision enough that it is never throttled"
                .to_owned(),
        );
    }
    difference
}

fn named((partition, sort): &Keys) -> String {
    match sort {
        Some(sort) => format!("`{partition}` and `{sort}`"),
        None => format!("`{partition}` alone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> RequiredTable {
        RequiredTable {
            name: "sentinel-sessions".to_owned(),
            purpose: "sessions",
            definition: TableDefinition::SESSIONS,
            key: None,
        }
    }

    fn keys(partition: &str, sort: Option<&str>) -> Keys {
        (partition.to_owned(), sort.map(str::to_owned))
    }

    fn matching() -> Actual {
        Actual {
            keys: keys("pk", Some("sk")),
            indexes: vec![("by-shard".to_owned(), keys("shard", Some("sk")))],
            on_demand: true,
            protected: true,
            key: None,
            ttl: Some("ttl".to_owned()),
            recoverable: true,
            stream: None,
        }
    }

    fn requests() -> RequiredTable {
        RequiredTable {
            name: "sentinel-approvals".to_owned(),
            purpose: "approvals",
            definition: TableDefinition::REQUESTS,
            key: None,
        }
    }

    /// A table that an earlier version created has neither the index nor the stream.
    #[test]
    fn a_table_without_index_and_stream_is_upgraded_in_place() {
        let earlier = Actual { indexes: Vec::new(), ..matching() };
        let Difference { repairs, refusals, .. } = compare(&requests(), &earlier);
        assert_eq!(repairs, [Repair::Index("by-end"), Repair::Stream]);
        assert!(refusals.is_empty(), "{refusals:?}");
        let index = ("by-end".to_owned(), keys("shard", Some("ends")));
        let upgraded = Actual {
            indexes: vec![index],
            stream: Some("NEW_AND_OLD_IMAGES".to_owned()),
            ..matching()
        };
        assert_eq!(compare(&requests(), &upgraded), Difference::default());
        // A stream with another content may have readers.
        let other = Actual { stream: Some("KEYS_ONLY".to_owned()), ..upgraded };
        let Difference { repairs, refusals, .. } = compare(&requests(), &other);
        assert!(repairs.is_empty());
        assert!(refusals.join("").contains("StreamEnabled=false"), "{refusals:?}");
    }

    #[test]
    fn a_table_that_matches_is_left_unchanged() {
        assert_eq!(compare(&sessions(), &matching()), Difference::default());
        // Any key is accepted if no key is requested.
        let actual = Actual { key: Some("arn:key".to_owned()), ..matching() };
        assert_eq!(compare(&sessions(), &actual), Difference::default());
    }

    #[test]
    fn every_setting_that_aws_can_change_is_repaired() {
        let bare = Actual {
            indexes: Vec::new(),
            protected: false,
            ttl: None,
            recoverable: false,
            ..matching()
        };
        let required = RequiredTable { key: Some("arn:key".to_owned()), ..sessions() };
        let Difference { repairs, refusals, .. } = compare(&required, &bare);
        assert_eq!(
            repairs,
            [
                Repair::Index("by-shard"),
                Repair::Protection,
                Repair::Encryption("arn:key".to_owned()),
                Repair::TimeToLive("ttl"),
                Repair::Recovery
            ]
        );
        assert!(refusals.is_empty());
    }

    #[test]
    fn a_table_with_other_keys_is_not_changed() {
        for other in [keys("id", None), keys("pk", None), keys("pk (N)", Some("sk"))] {
            let actual = Actual { keys: other, protected: false, ..matching() };
            let Difference { repairs, refusals, .. } = compare(&sessions(), &actual);
            assert_eq!((repairs.len(), refusals.len()), (0, 1), "{refusals:?}");
        }
    }

    #[test]
    fn changes_that_aws_cannot_make_are_reported_with_the_remedy() {
        let other_ttl = Actual { ttl: Some("expires".to_owned()), ..matching() };
        let refusal = compare(&sessions(), &other_ttl).refusals.join("");
        assert!(
            refusal.contains("update-time-to-live --table-name sentinel-sessions"),
            "{refusal}"
        );
        let other_index = vec![("by-shard".to_owned(), keys("user", None))];
        let refusals =
            compare(&sessions(), &Actual { indexes: other_index, ..matching() }).refusals;
        assert!(refusals.join("").contains("`user` alone"), "{refusals:?}");
        // A document must never expire.
        let policies = RequiredTable { definition: TableDefinition::POLICIES, ..sessions() };
        assert_eq!(compare(&policies, &matching()).refusals.len(), 1);
        let remarks = compare(&sessions(), &Actual { on_demand: false, ..matching() }).remarks;
        assert_eq!(remarks.len(), 1);
    }
}
