//! Which profiles would have the role of another profile after a push. The TVM refuses such a
//! profile (`POLICY_ERROR`). The push reports this before a caller is affected.

use clap::Args;
use sentinel_broker::{GovernedRoles, Home, RoleArnTemplate};
use sentinel_policy::{CheckedPolicy, Limits, Policy};
use sentinel_store::{PolicyPath, ProfileName};

use super::Stores;
use super::stores::Found;
use crate::aws::{Policies, caller};
use crate::output::Failure;

/// How the TVM names the roles of profiles.
#[derive(Debug, Args)]
pub(super) struct Roles {
    /// Role of profiles without `role_arn`, as configured for the TVM
    #[arg(
        long,
        env = "SENTINEL_ROLE_ARN_TEMPLATE",
        value_name = "ARN",
        default_value = RoleArnTemplate::DEFAULT,
        value_parser = template,
        help_heading = "Policies"
    )]
    role_arn_template: RoleArnTemplate,
}

fn template(text: &str) -> Result<RoleArnTemplate, String> {
    RoleArnTemplate::parse(text)
        .ok_or_else(|| "a template is a role's ARN with `{profile}` in the role's name".to_owned())
}

/// A profile whose role belongs to another profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The document of the push that causes it.
    pub(super) by: PolicyPath,
    /// The profile that would have the role.
    profile: String,
    /// The profile that the main document governs, and that the role belongs to.
    owner: String,
    /// Whether a pattern of the main document describes the profile. Otherwise it has its own document.
    by_pattern: bool,
}

impl Taken {
    /// Names the profiles, and what to do.
    pub(super) fn explain(&self) -> String {
        let Self { by, profile, owner, by_pattern } = self;
        if *by_pattern {
            return format!(
                "`{by}` is not written: a profile pattern would give `{profile}` the role of `{owner}`, \
                 which results from the template of the TVM; limit the pattern with `accounts`, or set \
                 another `role_arn` for `{owner}`"
            );
        }
        format!(
            "`{by}` is not written: profile `{profile}`, which has its own document, would have \
             the role of `{owner}`, which the main document governs; rename `{profile}`, or set \
             another `role_arn` for `{owner}`"
        )
    }
}

/// The main document, and the profiles whose roles it decides about.
struct Main {
    policy: Policy,
    roles: GovernedRoles,
}

impl Main {
    /// `None` if the text is not a policy: nothing is vended then.
    fn read(text: &[u8], path: &PolicyPath) -> Option<Self> {
        let policy = CheckedPolicy::parse(text, &Limits::default()).ok()?.compile();
        let roles = GovernedRoles::of(&policy, path);
        Some(Self { policy, roles })
    }
}

impl Roles {
    /// The profiles that would have the role of another profile because of this
    /// push, by their own document or by the main one. Profiles that have this
    /// problem without the push are omitted.
    pub(super) async fn taken(
        &self,
        pushed: &[(&PolicyPath, &[u8])],
        stores: &Stores,
        policies: &Policies,
        home: &Home,
    ) -> Result<Vec<Taken>, Failure> {
        let path = policies.main();
        let text = |found: Found| match (found.ssm, found.table) {
            (Some(text), None) | (None, Some(text)) => Some(text.text),
            (None, None) | (Some(_), Some(_)) => None,
        };
        let before = text(stores.find(&path).await?).and_then(|text| Main::read(&text, &path));
        let new = pushed.iter().find(|(pushed, _)| **pushed == path);
        let after = match new {
            Some((_, text)) => Main::read(text, &path),
            None => None,
        };
        let Some(main) = after.as_ref().or(before.as_ref()) else { return Ok(Vec::new()) };
        let owner = |main: &Main, name: &str| {
            let profile = ProfileName::parse(name).ok()?;
            let governed = name == path.name() || main.policy.names_profile(name);
            let owner = main.roles.owner(&self.role_arn_template, home, &profile);
            owner.filter(|_| !governed).map(str::to_owned)
        };
        let taken = |by: &PolicyPath, profile: &str| {
            let owner = owner(main, profile)?;
            Some(Taken { by: by.clone(), profile: profile.to_owned(), owner, by_pattern: false })
        };
        let mut found: Vec<_> =
            pushed.iter().filter_map(|(path, _)| taken(path, path.name())).collect();
        if after.is_some() {
            let is_new = |name: &str| {
                before.as_ref().is_none_or(|before| owner(before, name).is_none())
                    && !pushed.iter().any(|(path, _)| path.name() == name)
            };
            let mut stored: Vec<_> = stores.names(&policies.root()).await?;
            stored.dedup_by(|one, other| one.0 == other.0);
            let stored = stored.iter().map(|(name, _)| name.as_str()).filter(|name| is_new(name));
            found.extend(stored.filter_map(|name| taken(&path, name)));
            let reached = |main: &Main, name: &str| {
                let profile = main.policy.profile(name).filter(|profile| profile.from_pattern)?;
                let role = &profile.role_arn.as_ref()?.value;
                main.roles.filled(&self.role_arn_template, home, role).map(str::to_owned)
            };
            let names = main.policy.checked().profiles().keys();
            found.extend(names.filter_map(|name| {
                let owner = reached(main, name)?;
                let is_new = before.as_ref().is_none_or(|before| reached(before, name).is_none());
                let (by, profile) = (path.clone(), name.clone());
                is_new.then_some(Taken { by, profile, owner, by_pattern: true })
            }));
        }
        Ok(found)
    }
}

/// The assumed location of the TVM: the account of the administrator who pushes.
pub(super) async fn home(config: &aws_config::SdkConfig) -> Result<Home, Failure> {
    let caller = caller(config).await?;
    Ok(Home::new(caller.partition(), caller.account.clone()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use sentinel_store::{AccountId, PolicyWriter};

    use super::super::memory::Memory;
    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        roles: Roles,
        #[command(flatten)]
        policies: Policies,
    }

    const OPEN: &[u8] = b"version: \"1\"\nrules: [{ name: all, effect: allow }]\n";
    const ADMIN: &str = "arn:aws:iam::111122223333:role/SentinelProtected-b";

    fn main_with(profile: &str, role: &str) -> Vec<u8> {
        format!(
            "version: \"1\"\nprofiles: {{ {profile}: {{ {role} }} }}\nrules: [{{ name: all, \
             effect: allow }}]\n"
        )
        .into_bytes()
    }

    fn admin() -> Vec<u8> {
        main_with("a", &format!("role_arn: \"{ADMIN}\""))
    }

    /// The refusals of a push over the stored documents: the document, the profile,
    /// and the owner of the role.
    async fn refused(
        stored: &[(&str, &[u8])],
        pushed: &[(&str, &[u8])],
    ) -> Vec<(String, String, String)> {
        let options = Options::parse_from(["test"]);
        let ssm = Arc::new(Memory::default());
        for (name, text) in stored {
            ssm.put(&options.policies.path(name), text, None).await.unwrap();
        }
        let stores = Stores::new(ssm, None);
        let home = Home::new("aws", AccountId::parse("111122223333").unwrap());
        let pushed: Vec<_> =
            pushed.iter().map(|(name, text)| (options.policies.path(name), *text)).collect();
        let pushed: Vec<_> = pushed.iter().map(|(path, text)| (path, *text)).collect();
        let taken = options.roles.taken(&pushed, &stores, &options.policies, &home).await;
        let taken = taken.unwrap().into_iter();
        taken.map(|it| (it.by.name().to_owned(), it.profile, it.owner)).collect()
    }

    fn row(by: &str, profile: &str, owner: &str) -> (String, String, String) {
        (by.to_owned(), profile.to_owned(), owner.to_owned())
    }

    #[tokio::test]
    async fn a_profiles_own_document_that_would_take_a_role_is_refused() {
        let main = admin();
        let taken = [row("b", "b", "a")];
        assert_eq!(refused(&[("main", &main)], &[("b", OPEN)]).await, taken);
        // The main document is part of the same push.
        assert_eq!(refused(&[], &[("main", &main), ("b", OPEN)]).await, taken);
        assert_eq!(refused(&[("main", OPEN)], &[("b", OPEN), ("main", &main)]).await, taken);
        // The names differ only in case.
        assert_eq!(refused(&[("main", &main)], &[("B", OPEN)]).await, [row("B", "B", "a")]);
        let main = main_with("b", "");
        assert_eq!(refused(&[("main", &main)], &[("B", OPEN)]).await, [row("B", "B", "b")]);
    }

    #[tokio::test]
    async fn a_main_document_that_would_take_the_role_of_a_stored_profile_is_refused() {
        let main = admin();
        let taken = [row("main", "b", "a")];
        assert_eq!(refused(&[("main", OPEN), ("b", OPEN)], &[("main", &main)]).await, taken);
        assert_eq!(refused(&[("b", OPEN), ("c", OPEN)], &[("main", &main)]).await, taken);
        // The problem exists already: the push may remove a caller's access, and
        // must not be delayed.
        assert_eq!(refused(&[("main", &main), ("b", OPEN)], &[("main", &main)]).await, []);
    }

    /// A main document whose rules name `b`, with a pattern that assigns the role of `b` to `x-admin`.
    fn with_pattern(section: &str) -> Vec<u8> {
        format!(
            "version: \"1\"\n{section}accounts: {{ x: \"111122223333\" }}\nprofile_patterns:\n  \
             - {{ profiles: \"{{account}}-admin\", role_arn: \
             \"arn:aws:iam::{{account}}:role/sentinelprotected-B\" }}\nrules:\n  \
             - {{ name: b, effect: allow, conditions: {{ profiles: [b] }} }}\n"
        )
        .into_bytes()
    }

    #[tokio::test]
    async fn a_main_document_whose_pattern_would_reach_the_role_of_another_profile_is_refused() {
        let main = with_pattern("");
        let taken = [row("main", "x-admin", "b")];
        assert_eq!(refused(&[], &[("main", &main)]).await, taken);
        assert_eq!(refused(&[("main", OPEN)], &[("main", &main)]).await, taken);
        // The problem exists already.
        assert_eq!(refused(&[("main", &main)], &[("main", &main)]).await, []);
        // The other profile has another role.
        let main =
            with_pattern("profiles: { b: { role_arn: \"arn:aws:iam::111122223333:role/B\" } }\n");
        assert_eq!(refused(&[], &[("main", &main)]).await, []);
        // A profile with its own document would have the role of the pattern's profile.
        assert_eq!(refused(&[("main", &main)], &[("B", OPEN)]).await, [row("B", "B", "x-admin")]);
    }

    #[tokio::test]
    async fn a_push_that_takes_no_role_is_not_refused() {
        let main = admin();
        assert_eq!(refused(&[("main", &main)], &[("c", OPEN)]).await, []);
        // The main document governs the profile, so that its own document decides nothing.
        assert_eq!(refused(&[("main", &main)], &[("a", OPEN)]).await, []);
        let other =
            main_with("a", "role_arn: \"arn:aws:iam::444455556666:role/SentinelProtected-b\"");
        assert_eq!(refused(&[("main", &other)], &[("b", OPEN)]).await, []);
        // Without a main document that is a policy, nothing is vended.
        assert_eq!(refused(&[], &[("b", OPEN)]).await, []);
        assert_eq!(refused(&[("main", b"rules: [")], &[("b", OPEN)]).await, []);
        // The pushed main document releases the role.
        assert_eq!(refused(&[("main", &main)], &[("main", OPEN), ("b", OPEN)]).await, []);
    }
}
