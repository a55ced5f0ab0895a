//! What a vend is based on: the policy alone, an approval, or a break-glass grant.
//!
//! Approvals and grants are read only if the first decision requires them. The second decision is made
//! at the same time with the facts, and after the session was written the one that was used is read
//! again.

use chrono::{DateTime, Utc};
use sentinel_policy::{ActiveGrant, Approval, Decision, Facts, Verdict};
use sentinel_store::ProfileName;

use crate::access::Access;
use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::grants::ValidGrant;
use crate::identity::Caller;
use crate::policies::Governing;
use crate::requests::ValidApproval;

/// What a vend is based on.
#[derive(Clone, Debug, Default)]
pub(super) enum Basis {
    /// The policy alone.
    #[default]
    Policy,
    /// An approval.
    Approval(Box<ValidApproval>),
    /// A break-glass grant.
    Grant(Box<ValidGrant>),
}

impl Basis {
    /// The facts for the second decision.
    pub(super) fn facts(&self) -> Facts {
        match self {
            Self::Policy => Facts::default(),
            Self::Approval(valid) => {
                Facts::default().with_approval(Approval::new().with_until(valid.until))
            }
            Self::Grant(valid) => Facts::default().with_grant(
                ActiveGrant::new()
                    .with_until(valid.until)
                    .with_overrides_deny(valid.overrides_deny),
            ),
        }
    }

    /// The same for the session tags and the record, with the id of the approval request or the grant.
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Policy => Access::Direct,
            Self::Approval(valid) => Access::Approval(valid.request.id.to_string()),
            Self::Grant(valid) => Access::BreakGlass(valid.grant.id.to_string()),
        }
    }
}

impl Broker {
    /// What the caller has that can change the first decision. An approval is preferred to a grant,
    /// and of several ones the one that ends last.
    pub(super) async fn basis(
        &self,
        call: &Call,
        caller: &Caller,
        profile: &ProfileName,
        governing: &Governing,
        first: &Decision<'_>,
        now: DateTime<Utc>,
    ) -> Result<Basis, Denial> {
        let policy = &governing.document.policy;
        let (approval_rule, deny) = match first.verdict {
            Verdict::Allow => return Ok(Basis::Policy),
            Verdict::RequireApproval => (policy.approval_rule(profile.as_str()), false),
            Verdict::Deny => (None, true),
        };
        let approval_rule = approval_rule.filter(|_| self.requests.is_some());
        let may_break_glass = !self.reason_codes(caller, profile, policy, deny).is_empty();
        if approval_rule.is_none() && !may_break_glass {
            return Ok(Basis::Policy);
        }
        let role = self.role(call, profile, governing)?;
        if let Some(rule) = approval_rule
            && let Some(valid) =
                self.valid_approval(call, caller, profile, rule, &role, now).await?
        {
            return Ok(Basis::Approval(Box::new(valid)));
        }
        if !may_break_glass {
            return Ok(Basis::Policy);
        }
        let valid = self.valid_grants(call, caller, profile, policy, &role, now).await?;
        let usable = valid.into_iter().filter(|valid| valid.overrides_deny || !deny);
        let last = usable.max_by_key(|valid| valid.until);
        Ok(last.map_or(Basis::Policy, |valid| Basis::Grant(Box::new(valid))))
    }

    /// Whether what the vend is based on is the same after the session was written.
    pub(super) async fn is_unchanged(&self, call: &Call, basis: &Basis) -> Result<bool, Denial> {
        match basis {
            Basis::Policy => Ok(true),
            Basis::Approval(valid) => self.is_approval_unchanged(call, valid).await,
            Basis::Grant(valid) => self.is_grant_unchanged(call, valid).await,
        }
    }
}
