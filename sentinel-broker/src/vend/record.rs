//! What is known of a vend so far, and its decision record.

use chrono::{DateTime, Utc};
use sentinel_policy::{Decision, Mode, Verdict};
use sentinel_store::{
    DecisionFields, DecisionRecord, PolicyDecision, PolicyUsed, Record, RecordedDevice,
    RecordedEffect,
};
use sentinel_wire::ErrorCode;
use tokio::time::Instant;

use super::basis::Basis;
use super::lifetime::Lifetime;
use super::request::Vend;
use super::tracking::Tracked;
use crate::access::Access;
use crate::call::Call;
use crate::devices::OwnedDeviceFacts;
use crate::identity::{Caller, SourceIdentity};

/// What the record contains of the issued credentials: nothing secret.
pub(super) struct IssuedRecord {
    pub(super) access_key_id: String,
    pub(super) expiration: DateTime<Utc>,
    pub(super) request_id: Option<String>,
}

/// What is known of a vend so far. Each step adds to it, so that the record of a failed vend contains
/// everything up to the failure.
pub(super) struct Progress<'a> {
    pub(super) call: &'a Call,
    pub(super) caller: &'a Caller,
    pub(super) vend: &'a Vend,
    /// The time of the decision.
    pub(super) now: DateTime<Utc>,
    started: Instant,
    /// The name of the session table, if there is one.
    session_table: Option<&'a str>,
    /// The matched rule: its name, its index and its reason.
    pub(super) rule: Option<(String, usize, Option<String>)>,
    /// The facts about the caller's device.
    pub(super) device: OwnedDeviceFacts,
    /// What the policy decided.
    pub(super) decision: Option<PolicyDecision>,
    /// What the second decision is based on.
    pub(super) basis: Basis,
    pub(super) policy: Option<PolicyUsed>,
    pub(super) policy_stale: bool,
    pub(super) tracked: Option<Tracked>,
    pub(super) source_identity: Option<SourceIdentity>,
    pub(super) role_arn: Option<String>,
    pub(super) lifetime: Option<Lifetime>,
    pub(super) issued: Option<IssuedRecord>,
    /// Whether credentials were issued and not returned.
    pub(super) withheld: bool,
}

impl<'a> Progress<'a> {
    /// A vend of which nothing is known yet.
    pub(super) fn new(
        call: &'a Call,
        caller: &'a Caller,
        vend: &'a Vend,
        session_table: Option<&'a str>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            call,
            caller,
            vend,
            now,
            started: Instant::now(),
            session_table,
            rule: None,
            device: OwnedDeviceFacts::default(),
            decision: None,
            basis: Basis::default(),
            policy: None,
            policy_stale: false,
            tracked: None,
            source_identity: None,
            role_arn: None,
            lifetime: None,
            issued: None,
            withheld: false,
        }
    }

    /// Keeps what the policy decided, so that the record shows it.
    pub(super) fn decided(&mut self, decision: &Decision<'_>) {
        let effect = match decision.verdict {
            Verdict::Allow => RecordedEffect::Allow,
            Verdict::Deny => RecordedEffect::Deny,
            Verdict::RequireApproval => RecordedEffect::RequireApproval,
        };
        self.decision = Some(
            PolicyDecision::new(effect)
                .with_max_duration_s(decision.max_duration.map(|length| length.as_secs()))
                .with_requires(decision.requires.iter()),
        );
        self.rule = decision
            .rule
            .map(|rule| (rule.name.to_owned(), rule.index, rule.reason.map(str::to_owned)));
    }

    /// The decision record. Its effect is `allow` only if credentials are about to be returned.
    pub(super) fn record(&self, code: Option<ErrorCode>) -> Record {
        let Self { call, caller, vend, .. } = self;
        let effect = match code {
            None => RecordedEffect::Allow,
            Some(ErrorCode::ApprovalRequired) => RecordedEffect::RequireApproval,
            Some(_) => RecordedEffect::Deny,
        };
        let vended = self.issued.as_ref().filter(|_| code.is_none());
        let lifetime = self.lifetime.filter(|_| code.is_none());
        let duration_s = lifetime
            .and_then(|lifetime| (lifetime.end - self.now).to_std().ok())
            .map(|length| length.as_secs());
        let session = match (&self.tracked, vended) {
            (Some(tracked), _) => Some(tracked.session.handle.to_string()),
            (None, Some(_)) => Some("untracked".to_owned()),
            (None, None) => None,
        };
        let facts = self.basis.facts();
        let grant = facts.grant.unwrap_or_default();
        let approval = facts.approval.unwrap_or_default();
        let access_until = approval.until.or(grant.until);
        let (approval, break_glass) = match self.basis.access() {
            Access::Direct => (None, None),
            Access::Approval(id) => (Some(id), None),
            Access::BreakGlass(id) => (None, Some(id)),
        };
        let fields = DecisionFields {
            timestamp: self.now,
            user: caller.user.clone(),
            profile: vend.profile.to_string(),
            effect,
            code: code.map_or("OK", ErrorCode::as_str).to_owned(),
            request_id: call.request_id.clone(),
            account: caller.account.to_string(),
            principal: caller.principal.clone(),
            caller: caller.key.to_string(),
            mode: Mode::Server.as_str(),
            latency_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let mut record = DecisionRecord::new(fields)
            .with_source_identity(self.source_identity.as_ref().map(ToString::to_string))
            .with_session(session)
            .with_source_ip(call.source_ip.map(|address| address.to_string()))
            .with_duration_s(duration_s)
            .with_expiration(vended.map(|issued| issued.expiration))
            .with_access_key_id(self.issued.as_ref().map(|issued| issued.access_key_id.clone()))
            .with_sts_request_id(self.issued.as_ref().and_then(|issued| issued.request_id.clone()))
            .with_approval(approval)
            .with_break_glass(break_glass)
            .with_policy(self.policy.clone())
            .with_policy_stale(self.policy_stale)
            .with_withheld(self.withheld)
            .with_function_version(call.service_version.clone())
            .with_organization(caller.organization.clone())
            .with_source_vpc(call.source_vpc.clone())
            .with_source_vpce(call.source_vpce.clone())
            .with_session_table(self.session_table.map(str::to_owned))
            .with_role_arn(self.role_arn.clone())
            .with_access_until(access_until)
            .with_overrides_deny(grant.overrides_deny)
            .with_device(recorded(&self.device))
            .with_decision(self.decision.clone());
        if let Some((name, index, reason)) = self.rule.clone() {
            record = record.with_rule(name, index, reason);
        }
        Record::Decision(Box::new(record))
    }
}

/// `None` if no fact is known.
fn recorded(facts: &OwnedDeviceFacts) -> Option<RecordedDevice> {
    let mut device = RecordedDevice::default();
    device.mdm_enrolled = facts.mdm_enrolled;
    device.mdm_compliant = facts.mdm_compliant;
    device.disk_encrypted = facts.disk_encrypted;
    device.firewall_enabled = facts.firewall_enabled;
    device.os_version.clone_from(&facts.os_version);
    device.os_type.clone_from(&facts.os_type);
    (device != RecordedDevice::default()).then_some(device)
}
