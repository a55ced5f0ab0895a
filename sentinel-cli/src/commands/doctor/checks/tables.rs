//! The tables, compared with what `sentinel bootstrap` creates.

use super::super::finding::{Check, Findings};
use super::super::snapshot::{Snapshot, Table};
use super::seen;

const FIX: &str = "sentinel bootstrap";

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    if snapshot.tvm.lacks("SENTINEL_SESSION_TABLE") {
        findings.add(
            Check::SessionsOff,
            &snapshot.tvm.name,
            "SENTINEL_SESSION_TABLE is not set: sessions are not tracked, and nothing can be revoked",
            "create the table (`sentinel bootstrap`), and set the variable in both functions",
        );
    }
    for (name, table) in &snapshot.tables {
        match seen(table, findings) {
            None => {}
            Some(None) => findings.add(Check::TableMissing, name, "the table does not exist", FIX),
            Some(Some(table)) => one(name, table, findings),
        }
    }
}

fn one(name: &str, table: &Table, findings: &mut Findings) {
    let Table { lacks, differs, has_ttl, recovers, protected, other_key, inaccessible, .. } = table;
    for what in differs {
        findings.add(Check::TableKeys, name, what, FIX);
    }
    for what in lacks {
        findings.add(Check::TableIndex, name, format!("it lacks {what}"), FIX);
    }
    for (is_right, check, what) in [
        (*has_ttl, Check::TableTtl, "its items do not expire: time to live is off"),
        (*recovers, Check::TableRecovery, "point-in-time recovery is off"),
        (*protected, Check::TableProtection, "deletion protection is off"),
    ] {
        if !is_right {
            findings.add(check, name, what, FIX);
        }
    }
    if let Some(key) = other_key {
        findings.add(
            Check::TableEncryption,
            name,
            format!("it is not encrypted with `{key}`"),
            format!("sentinel bootstrap --kms-key {key}"),
        );
    }
    if *inaccessible {
        findings.add(
            Check::TableEncryption,
            name,
            "its key is disabled or cannot be used, so that the table cannot be read",
            "enable the KMS key of the table, and allow its use by DynamoDB",
        );
    }
}
