//! Whether a grant counts now, by the policy in force.

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_policy::{Policy, ReasonCode, RoleArn};
use sentinel_store::{Grant, ProfileName};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;
use crate::person;

/// A grant that counts.
#[derive(Clone, Debug)]
pub(crate) struct ValidGrant {
    pub(crate) grant: Grant,
    /// When it ends, by the rule in force.
    pub(crate) until: DateTime<Utc>,
    /// Whether it overrides a deny, by the rule in force.
    pub(crate) overrides_deny: bool,
}

impl Broker {
    /// The grants of the caller for the profile that count now.
    pub(crate) async fn valid_grants(
        &self,
        call: &Call,
        caller: &Caller,
        profile: &ProfileName,
        policy: &Policy,
        role: &RoleArn,
        now: DateTime<Utc>,
    ) -> Result<Vec<ValidGrant>, Denial> {
        let Some(store) = &self.grants else { return Ok(Vec::new()) };
        let live = call.bounded(store.live_grants(&caller.key, profile, now)).await;
        let live = live.map_err(|error| self.grant_store_failed(call, &error))?;
        let valid = live.into_iter().filter_map(|grant| {
            let own = grant.holder.caller == caller.key
                && grant.profile == *profile
                && grant.role_arn == role.as_str()
                && grant.generation == self.settings.generation
                && grant.closed.is_none();
            let code: ReasonCode = grant.reason_code.parse().ok().filter(|_| own)?;
            let holder = person::in_policy(&grant.holder);
            let rule = policy.break_glass_rule(&holder, profile.as_str(), code)?;
            let max = TimeDelta::from_std(rule.max_duration).ok();
            let max = max.and_then(|max| grant.created.checked_add_signed(max));
            let until = max.map_or(grant.expires, |max| max.min(grant.expires));
            let overrides_deny = grant.overrides_deny && rule.overrides_deny;
            (now < until).then_some(ValidGrant { grant, until, overrides_deny })
        });
        Ok(valid.collect())
    }

    /// Whether the grant is the same after the session was written.
    pub(crate) async fn is_grant_unchanged(
        &self,
        call: &Call,
        grant: &ValidGrant,
    ) -> Result<bool, Denial> {
        let Some(store) = &self.grants else { return Ok(false) };
        let again = call.bounded(store.grant(&grant.grant.id)).await;
        let again = again.map_err(|error| self.grant_store_failed(call, &error))?;
        Ok(again.revision == grant.grant.revision && again.closed.is_none())
    }
}
