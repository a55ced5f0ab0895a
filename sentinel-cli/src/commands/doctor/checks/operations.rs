//! Logs and alarms.

use super::super::finding::{Check, Findings};
use super::super::snapshot::{Alarm, Deployed, Snapshot};
use super::{list, seen, unread};

/// The alarms that `deploy/` creates.
pub(in super::super) const ALARMS: [&str; 10] = [
    "sentinel-error-rate",
    "sentinel-latency",
    "sentinel-concurrency",
    "sentinel-tvm-crashes",
    "sentinel-tvm-throttles",
    "sentinel-authorizer-crashes",
    "sentinel-authorizer-throttles",
    "sentinel-authorizer-refusals",
    "sentinel-stale-policy",
    "sentinel-break-glass",
];

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    for (name, group) in &snapshot.logs {
        match seen(group, findings) {
            None => {}
            Some(None) => findings.add(
                Check::LogGroupMissing,
                name,
                "the log group does not exist, and the execution role cannot create it: records are lost",
                format!("aws logs create-log-group --log-group-name {name}"),
            ),
            Some(Some(group)) if group.retention_days.is_none() => findings.add(
                Check::LogRetention,
                name,
                "it has no retention period: records, with names of people, are kept forever",
                format!(
                    "aws logs put-retention-policy --log-group-name {name} --retention-in-days 365"
                ),
            ),
            Some(Some(_)) => {}
        }
    }
    for deployed in [&snapshot.tvm, &snapshot.authorizer] {
        format(deployed, findings);
    }
    match &snapshot.alarms {
        Err(error) => unread(error, findings),
        Ok(found) => alarms(found, findings),
    }
}

fn format(deployed: &Deployed, findings: &mut Findings) {
    let Ok(Some(function)) = &deployed.function else { return };
    if let Some(format) = function.log_format.as_deref().filter(|format| *format != "Text") {
        let name = &deployed.name;
        findings.add(
            Check::LogFormat,
            name,
            format!(
                "its log format is `{format}`: Lambda wraps each record, and queries do not find it"
            ),
            format!(
                "aws lambda update-function-configuration --function-name {name} --logging-config \
                 LogFormat=Text"
            ),
        );
    }
}

fn alarms(found: &[Alarm], findings: &mut Findings) {
    let exists = |name: &&str| found.iter().any(|alarm| alarm.name == **name);
    let missing: Vec<&str> = ALARMS.iter().copied().filter(|name| !exists(name)).collect();
    if !missing.is_empty() {
        findings.add(
            Check::AlarmMissing,
            "alarms",
            format!("these alarms do not exist: {}", list(missing)),
            "docs/deployment.md#alarms; deploy/ creates all of them",
        );
    }
    let ours = || found.iter().filter(|alarm| ALARMS.contains(&alarm.name.as_str()));
    let disabled: Vec<&str> =
        ours().filter(|alarm| !alarm.enabled).map(|alarm| alarm.name.as_str()).collect();
    if !disabled.is_empty() {
        findings.add(
            Check::AlarmDisabled,
            "alarms",
            format!("the actions of these alarms are disabled: {}", list(disabled.iter().copied())),
            format!("aws cloudwatch enable-alarm-actions --alarm-names {}", disabled.join(" ")),
        );
    }
    let silent: Vec<&str> = ours()
        .filter(|alarm| alarm.enabled && !alarm.has_action)
        .map(|alarm| alarm.name.as_str())
        .collect();
    if !silent.is_empty() {
        findings.add(
            Check::AlarmSilent,
            "alarms",
            format!("these alarms have no action: {}", list(silent)),
            "deploy/README.md#parameters: `AlarmTopicArn`, `alarm_topic_arns`",
        );
    }
}
