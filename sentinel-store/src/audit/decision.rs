//! The record of a decision on a request for credentials.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use sentinel_wire::rfc3339;
use serde::{Deserialize, Serialize};

use crate::PolicyPath;

/// The effect of a decision for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a reader must handle every effect")]
pub enum RecordedEffect {
    /// The credentials are about to be returned.
    Allow,
    /// The caller receives no credentials.
    Deny,
    /// The caller receives no credentials without an approval.
    RequireApproval,
}

/// The policy document that was used for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PolicyUsed {
    /// Path of the document.
    pub name: String,
    /// Version of the document in the store.
    pub version: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

impl PolicyUsed {
    /// The document at a path, in that version, with the [digest](crate::PolicyText::digest) of its
    /// text.
    #[must_use]
    pub fn new(path: &PolicyPath, version: impl Into<String>, sha256: &[u8; 32]) -> Self {
        Self {
            name: path.as_str().to_owned(),
            version: version.into(),
            sha256: HEXLOWER.encode(sha256),
        }
    }
}

/// What the policy decided, whatever happened to the request afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PolicyDecision {
    /// The effect that the policy decided.
    pub effect: RecordedEffect,
    /// The longest lifetime that the policy allows, in seconds. `None` if it has no limit.
    pub max_duration_s: Option<u64>,
    /// What the request lacks that the rule requires: `approval`, `server_mode`, `session`.
    pub requires: Vec<Cow<'static, str>>,
    /// When the policy would decide differently. RFC 3339 in UTC, with milliseconds. `None` if it would
    /// not, and unless the effect is `Allow`.
    #[serde(serialize_with = "rfc3339::serialize_option")]
    pub valid_until: Option<DateTime<Utc>>,
}

impl PolicyDecision {
    /// A decision without a limit, to which the request lacks nothing.
    #[must_use]
    pub const fn new(effect: RecordedEffect) -> Self {
        Self { effect, max_duration_s: None, requires: Vec::new(), valid_until: None }
    }

    /// The same decision with the longest lifetime, in seconds.
    #[must_use]
    pub fn with_max_duration_s(self, max_duration_s: impl Into<Option<u64>>) -> Self {
        Self { max_duration_s: max_duration_s.into(), ..self }
    }

    /// The same decision with what the request lacks.
    #[must_use]
    pub fn with_requires(self, requires: impl IntoIterator<Item = &'static str>) -> Self {
        Self { requires: requires.into_iter().map(Cow::Borrowed).collect(), ..self }
    }

    /// The same decision with the time at which the policy would decide differently.
    #[must_use]
    pub fn with_valid_until(self, valid_until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { valid_until: valid_until.into(), ..self }
    }
}

/// The facts about the caller's device that a decision used. A fact that is unknown is null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RecordedDevice {
    /// Whether a device management (MDM) has the device.
    pub mdm_enrolled: Option<bool>,
    /// Whether the device complies with the rules of the device management.
    pub mdm_compliant: Option<bool>,
    /// Whether the disk is encrypted.
    pub disk_encrypted: Option<bool>,
    /// Whether the firewall is enabled.
    pub firewall_enabled: Option<bool>,
    /// The version of the operating system.
    pub os_version: Option<String>,
    /// The operating system: `darwin`, `linux` or `windows`.
    pub os_type: Option<String>,
}

/// The fields that every decision has: the arguments of [`DecisionRecord::new`].
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a decision without one of them is incomplete")]
pub struct DecisionFields {
    /// Time of the decision.
    pub timestamp: DateTime<Utc>,
    /// The caller's name as policies evaluate it.
    pub user: String,
    /// The requested profile.
    pub profile: String,
    /// The effect for the caller.
    pub effect: RecordedEffect,
    /// The code that is returned to the caller: `OK`, or the code of the refusal.
    pub code: String,
    /// The request id that is returned to the caller.
    pub request_id: String,
    /// The caller's AWS account.
    pub account: String,
    /// The ARN of the caller's principal.
    pub principal: String,
    /// The caller key, which identifies one person or service.
    pub caller: String,
    /// How Sentinel runs: `server`.
    pub mode: &'static str,
    /// Time from the start of the vend to this record, in milliseconds.
    pub latency_ms: u64,
}

/// A decision record. Every record has every field in JSON, in this order. A field without a value is
/// null. `docs/records.md` describes each field for readers of the log. It can be read from the lines of
/// this version and of earlier ones.
///
/// ```
/// use chrono::DateTime;
/// use sentinel_store::{DecisionFields, DecisionRecord, RecordedEffect};
///
/// let record = DecisionRecord::new(DecisionFields {
///     timestamp: DateTime::UNIX_EPOCH,
///     user: "alice".to_owned(),
///     profile: "production".to_owned(),
///     effect: RecordedEffect::Deny,
///     code: "POLICY_DENY".to_owned(),
///     request_id: "5f1c".to_owned(),
///     account: "111122223333".to_owned(),
///     principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
///     caller: "alice".to_owned(),
///     mode: "server",
///     latency_ms: 3,
/// })
/// .with_source_ip("192.0.2.1".to_owned());
/// assert_eq!(record.session, None);
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DecisionRecord {
    /// Time of the decision. RFC 3339 in UTC, with milliseconds.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub timestamp: DateTime<Utc>,
    /// The caller's name as policies evaluate it: an IAM user's name, a listed role's session name, or
    /// `RoleName/session`.
    pub user: String,
    /// The requested profile.
    pub profile: String,
    /// The effect for the caller, which is not always the effect of the rule. `Allow` only if
    /// credentials are about to be returned.
    pub effect: RecordedEffect,
    /// The SourceIdentity and RoleSessionName that were sent to STS. `None` if no request to STS was
    /// prepared.
    pub source_identity: Option<String>,
    /// The code that is returned to the caller: `OK`, or the code of the refusal.
    pub code: String,
    /// The name of the rule that matched. `None` if no rule matched, or none was evaluated.
    pub rule: Option<String>,
    /// The index of that rule in the document, from 0.
    pub rule_index: Option<usize>,
    /// The `reason` of that rule.
    pub reason: Option<String>,
    /// The request id that is returned to the caller.
    pub request_id: String,
    /// The handle of the session, which is not secret, or `untracked` for credentials without a session
    /// table. `None` if no session was created.
    pub session: Option<String>,
    /// The caller's AWS account, 12 digits.
    pub account: String,
    /// The ARN of the caller's principal.
    pub principal: String,
    /// The caller key, which identifies one person or service.
    pub caller: String,
    /// The source address of the request, as API Gateway reports it. `None` if it is unknown.
    pub source_ip: Option<String>,
    /// How Sentinel runs: `server`.
    pub mode: Cow<'static, str>,
    /// Lifetime of the credentials from the time of the decision, in seconds. `None` unless credentials
    /// are returned.
    pub duration_s: Option<u64>,
    /// When the credentials expire. RFC 3339 in UTC, with milliseconds. `None` unless credentials are
    /// returned.
    #[serde(serialize_with = "rfc3339::serialize_option")]
    pub expiration: Option<DateTime<Utc>>,
    /// The access key id of the credentials, which is not secret. `None` if no credentials were issued.
    pub access_key_id: Option<String>,
    /// The id of the request to STS. `None` if STS returned none.
    pub sts_request_id: Option<String>,
    /// The id of the approval request whose approval was used. `None` if none was.
    pub approval: Option<String>,
    /// The id of the break-glass grant that was used. `None` if none was.
    pub break_glass: Option<String>,
    /// The document that decided. `None` if no document could be used.
    pub policy: Option<PolicyUsed>,
    /// Whether the document was a cached copy that could not be refreshed.
    pub policy_stale: bool,
    /// Whether credentials were issued and then discarded, because of a revocation or because their
    /// validity had ended.
    pub withheld: bool,
    /// The version of the Lambda function. `None` outside Lambda.
    pub function_version: Option<String>,
    /// Time from the start of the vend to this record, in milliseconds.
    pub latency_ms: u64,
    /// The caller's organization in AWS Organizations. `None` if it is unknown.
    #[serde(default)]
    pub organization: Option<String>,
    /// The VPC that the request was sent from, as API Gateway reports it. `None` if it is unknown.
    #[serde(default)]
    pub source_vpc: Option<String>,
    /// The VPC endpoint that the request was sent through, as API Gateway reports it. `None` if it is
    /// unknown.
    #[serde(default)]
    pub source_vpce: Option<String>,
    /// The name of the session table. `None` without one.
    #[serde(default)]
    pub session_table: Option<String>,
    /// The role whose credentials were requested. `None` if the request was refused before the role was
    /// determined.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// When the approval or the grant that was used ends. RFC 3339 in UTC, with milliseconds. `None` if
    /// none was used.
    #[serde(default, serialize_with = "rfc3339::serialize_option")]
    pub access_until: Option<DateTime<Utc>>,
    /// Whether the grant that was used overrides a denial.
    #[serde(default)]
    pub overrides_deny: bool,
    /// The facts about the caller's device. `None` if none is known.
    #[serde(default)]
    pub device: Option<RecordedDevice>,
    /// What the policy decided. `None` if it was not evaluated.
    #[serde(default)]
    pub decision: Option<PolicyDecision>,
}

impl DecisionRecord {
    /// A decision without any optional field.
    #[must_use]
    pub fn new(fields: DecisionFields) -> Self {
        let DecisionFields {
            timestamp,
            user,
            profile,
            effect,
            code,
            request_id,
            account,
            principal,
            caller,
            mode,
            latency_ms,
        } = fields;
        Self {
            timestamp,
            user,
            profile,
            effect,
            source_identity: None,
            code,
            rule: None,
            rule_index: None,
            reason: None,
            request_id,
            session: None,
            account,
            principal,
            caller,
            source_ip: None,
            mode: Cow::Borrowed(mode),
            duration_s: None,
            expiration: None,
            access_key_id: None,
            sts_request_id: None,
            approval: None,
            break_glass: None,
            policy: None,
            policy_stale: false,
            withheld: false,
            function_version: None,
            latency_ms,
            organization: None,
            source_vpc: None,
            source_vpce: None,
            session_table: None,
            role_arn: None,
            access_until: None,
            overrides_deny: false,
            device: None,
            decision: None,
        }
    }

    /// The same record with the SourceIdentity that was sent to STS.
    #[must_use]
    pub fn with_source_identity(self, source_identity: impl Into<Option<String>>) -> Self {
        Self { source_identity: source_identity.into(), ..self }
    }

    /// The same record with the rule that matched: its name, its index in the document, and its
    /// `reason`.
    #[must_use]
    pub fn with_rule(self, name: String, index: usize, reason: Option<String>) -> Self {
        Self { rule: Some(name), rule_index: Some(index), reason, ..self }
    }

    /// The same record with the handle of the session.
    #[must_use]
    pub fn with_session(self, session: impl Into<Option<String>>) -> Self {
        Self { session: session.into(), ..self }
    }

    /// The same record with the source address of the request.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<String>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same record with the lifetime of the returned credentials, in seconds.
    #[must_use]
    pub fn with_duration_s(self, duration_s: impl Into<Option<u64>>) -> Self {
        Self { duration_s: duration_s.into(), ..self }
    }

    /// The same record with the time at which the returned credentials expire.
    #[must_use]
    pub fn with_expiration(self, expiration: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { expiration: expiration.into(), ..self }
    }

    /// The same record with the access key id of the issued credentials.
    #[must_use]
    pub fn with_access_key_id(self, access_key_id: impl Into<Option<String>>) -> Self {
        Self { access_key_id: access_key_id.into(), ..self }
    }

    /// The same record with the id of the request to STS.
    #[must_use]
    pub fn with_sts_request_id(self, sts_request_id: impl Into<Option<String>>) -> Self {
        Self { sts_request_id: sts_request_id.into(), ..self }
    }

    /// The same record with the id of the approval that was used.
    #[must_use]
    pub fn with_approval(self, approval: impl Into<Option<String>>) -> Self {
        Self { approval: approval.into(), ..self }
    }

    /// The same record with the id of the break-glass grant that was used.
    #[must_use]
    pub fn with_break_glass(self, break_glass: impl Into<Option<String>>) -> Self {
        Self { break_glass: break_glass.into(), ..self }
    }

    /// The same record with the document that decided.
    #[must_use]
    pub fn with_policy(self, policy: impl Into<Option<PolicyUsed>>) -> Self {
        Self { policy: policy.into(), ..self }
    }

    /// The same record, with whether the document could not be refreshed.
    #[must_use]
    pub fn with_policy_stale(self, policy_stale: bool) -> Self {
        Self { policy_stale, ..self }
    }

    /// The same record, with whether issued credentials were discarded.
    #[must_use]
    pub fn with_withheld(self, withheld: bool) -> Self {
        Self { withheld, ..self }
    }

    /// The same record with the version of the Lambda function.
    #[must_use]
    pub fn with_function_version(self, function_version: impl Into<Option<String>>) -> Self {
        Self { function_version: function_version.into(), ..self }
    }

    /// The same record with the caller's organization.
    #[must_use]
    pub fn with_organization(self, organization: impl Into<Option<String>>) -> Self {
        Self { organization: organization.into(), ..self }
    }

    /// The same record with the VPC that the request was sent from.
    #[must_use]
    pub fn with_source_vpc(self, vpc: impl Into<Option<String>>) -> Self {
        Self { source_vpc: vpc.into(), ..self }
    }

    /// The same record with the VPC endpoint that the request was sent through.
    #[must_use]
    pub fn with_source_vpce(self, endpoint: impl Into<Option<String>>) -> Self {
        Self { source_vpce: endpoint.into(), ..self }
    }

    /// The same record with the name of the session table.
    #[must_use]
    pub fn with_session_table(self, table: impl Into<Option<String>>) -> Self {
        Self { session_table: table.into(), ..self }
    }

    /// The same record with the role whose credentials were requested.
    #[must_use]
    pub fn with_role_arn(self, role_arn: impl Into<Option<String>>) -> Self {
        Self { role_arn: role_arn.into(), ..self }
    }

    /// The same record with the end of the approval or the grant that was used.
    #[must_use]
    pub fn with_access_until(self, until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { access_until: until.into(), ..self }
    }

    /// The same record, with whether the grant that was used overrides a denial.
    #[must_use]
    pub fn with_overrides_deny(self, overrides_deny: bool) -> Self {
        Self { overrides_deny, ..self }
    }

    /// The same record with the facts about the caller's device.
    #[must_use]
    pub fn with_device(self, device: impl Into<Option<RecordedDevice>>) -> Self {
        Self { device: device.into(), ..self }
    }

    /// The same record with what the policy decided.
    #[must_use]
    pub fn with_decision(self, decision: impl Into<Option<PolicyDecision>>) -> Self {
        Self { decision: decision.into(), ..self }
    }
}
