//! The role of a profile.

use sentinel_policy::RoleArn;
use sentinel_store::{AccountId, ProfileName};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::policies::Governing;

impl Broker {
    pub(crate) fn role(
        &self,
        call: &Call,
        profile: &ProfileName,
        governing: &Governing,
    ) -> Result<RoleArn, Denial> {
        if governing.is_main
            && let Some(owner) =
                self.policies.reached_by_pattern(call, &governing.document, profile.as_str())
        {
            tracing::error!(
                request_id = call.request_id,
                %profile,
                owner,
                "a profile pattern assigns the role of another profile, whose role results from \
                 the template: limit the pattern with `accounts`, or give the other profile another role"
            );
            return Err(Denial::policy_error());
        }
        let named = governing.document.policy.profile(profile.as_str());
        let role = named
            .filter(|_| governing.is_main)
            .and_then(|profile| profile.role_arn.as_ref().map(|role| role.value.clone()))
            .or_else(|| self.settings.role_arn_template.fill(&call.home, profile));
        let Some(role) = role else {
            tracing::error!(%profile, "the template results in an invalid role ARN");
            return Err(Denial::credential_error());
        };
        // Sessions of such a role are users, even if their names look like those of vended
        // credentials.
        let sets_users = AccountId::parse(role.account()).is_ok_and(|account| {
            self.settings.session_name_roles.iter().any(|entry| entry.names(&account, role.name()))
        });
        if sets_users {
            tracing::error!(
                %profile,
                role = role.as_str(),
                "the role is in SENTINEL_SESSION_NAME_ROLES, so its session names are users: give the \
                 profile another role"
            );
            return Err(Denial::credential_error());
        }
        Ok(role)
    }
}
