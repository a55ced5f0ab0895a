//! One role belongs to one profile: a profile with its own document cannot get the role of a
//! profile that the main document governs.

use sentinel_broker::{ErrorCode, RoleArnTemplate};

use crate::world::{ACCOUNT, OTHER_ACCOUNT, Plan, World, call};

const OPEN: &str = "version: \"1\"\nrules: [{ name: all, effect: allow }]\n";

/// A main document with those profiles, all of which alice may get.
fn main_with(profiles: &[(&str, Option<&str>)]) -> String {
    let mut text = "version: \"1\"\nprofiles:\n".to_owned();
    for (name, role) in profiles {
        let role = role.map(|role| format!("role_arn: \"{role}\"")).unwrap_or_default();
        text.push_str(&format!("  {name}: {{ {role} }}\n"));
    }
    text.push_str("rules: [{ name: alice, effect: allow, conditions: { users: [alice] } }]\n");
    text
}

fn world(main: &str, template: &str) -> World {
    let mut plan = Plan::default();
    plan.settings.role_arn_template = RoleArnTemplate::parse(template).unwrap();
    World::with(main, plan)
}

async fn code(world: &World, profile: &str) -> Option<ErrorCode> {
    world.vend("alice", profile).await.err().map(|denial| denial.code)
}

#[tokio::test]
async fn a_profiles_own_document_cannot_take_the_role_of_a_profile_of_the_main_document() {
    let default = RoleArnTemplate::DEFAULT;
    let named = |role: &str| format!("arn:aws:iam::{ACCOUNT}:role/{role}");
    for (role, template, taker) in [
        // The main document names the role that results from the template for another profile.
        (Some(named("SentinelProtected-b")), default, "b"),
        (Some(named("Admin")), "arn:aws:iam::{account}:role/{profile}", "Admin"),
        // The template contains the account.
        (Some(named("Admin")), "arn:aws:iam::111122223333:role/{profile}", "Admin"),
        // IAM does not distinguish names by case.
        (Some(named("sentinelprotected-B")), default, "b"),
        (Some(named("Admin")), "arn:aws:iam::{account}:role/{profile}", "ADMIN"),
        // A name belongs to one role in an account, regardless of its path.
        (Some(named("teams/x/SentinelProtected-b")), default, "b"),
        (Some(named("Admin")), "arn:aws:iam::{account}:role/protected/{profile}", "Admin"),
        // An account is in one partition.
        (Some(format!("arn:aws-cn:iam::{ACCOUNT}:role/SentinelProtected-b")), default, "b"),
        // The roles of both profiles result from the template.
        (None, default, "A"),
        (None, "arn:aws:iam::{account}:role/{profile}/x-{profile}-y", "A"),
    ] {
        let world = world(&main_with(&[("a", role.as_deref())]), template);
        world.put(taker, OPEN);
        assert_eq!(code(&world, taker).await, Some(ErrorCode::PolicyError), "{role:?} {template}");
        assert!(world.issuer.requests().is_empty(), "{role:?} {template}");
        // The profile that the role belongs to gets it, and the other profile is not listed.
        assert_eq!(code(&world, "a").await, None, "{role:?} {template}");
        let list = world.broker.profiles(&call(), &world.caller("alice")).await.unwrap();
        assert!(list.profiles.iter().all(|profile| profile.name != taker), "{list:?}");
    }
}

#[tokio::test]
async fn the_main_documents_own_name_is_a_profile_with_a_role() {
    let world = World::new(&main_with(&[("a", None)]));
    world.put("MAIN", OPEN);
    assert_eq!(code(&world, "MAIN").await, Some(ErrorCode::PolicyError));
}

#[tokio::test]
async fn a_profile_that_the_main_document_names_in_a_rule_keeps_its_role() {
    let main = "version: \"1\"\nrules:\n  - { name: a, effect: allow, conditions: { profiles: \
                [production], users: [bob] } }\n";
    let world = World::new(main);
    world.put("Production", OPEN);
    assert_eq!(code(&world, "Production").await, Some(ErrorCode::PolicyError));
}

#[tokio::test]
async fn similar_role_names_are_different_roles() {
    let other_account = "arn:aws:iam::444455556666:role/SentinelProtected-b";
    let other_name = "arn:aws:iam::111122223333:role/SentinelProtected-b/c";
    let world = World::new(&main_with(&[("a", Some(other_account)), ("c", Some(other_name))]));
    world.put("b", OPEN);
    assert_eq!(code(&world, "b").await, None);
    // Two profiles of the main document may share a role: its author decides.
    let shared = "arn:aws:iam::111122223333:role/Shared";
    let world = World::new(&main_with(&[("a", Some(shared)), ("b", Some(shared))]));
    assert_eq!((code(&world, "a").await, code(&world, "b").await), (None, None));
    // If the main document names another role for a profile, the role of the template is free.
    let world = World::new(&main_with(&[("A", Some(shared))]));
    world.put("a", OPEN);
    assert_eq!(code(&world, "a").await, None);
}

#[test]
fn a_template_whose_role_name_has_no_profile_is_refused() {
    for template in [
        "arn:aws:iam::{account}:role/{profile}/Shared",
        "arn:aws:iam::{account}:role/Shared",
        "arn:aws:iam::{account}:role/{profile}/",
    ] {
        assert_eq!(RoleArnTemplate::parse(template), None, "{template}");
    }
}

#[tokio::test]
async fn a_role_whose_session_names_are_users_is_not_vended() {
    let people = format!("arn:aws:iam::{ACCOUNT}:role/dev/AWSReservedSSO_x_0123456789abcdef");
    let world = World::new(&main_with(&[("a", Some(&people)), ("b", None)]));
    assert_eq!(code(&world, "a").await, Some(ErrorCode::CredentialError));
    assert!(world.issuer.requests().is_empty());
    assert_eq!(code(&world, "b").await, None);
}

/// A main document with patterns for two accounts, all of whose profiles alice may get.
fn with_patterns(patterns: &[(&str, &str)], more: &str) -> String {
    let mut text = format!(
        "version: \"1\"\naccounts: {{ home: \"{ACCOUNT}\", other: \"{OTHER_ACCOUNT}\" }}\nprofile_patterns:\n"
    );
    for (profiles, role) in patterns {
        text.push_str(&format!(
            "  - {{ profiles: \"{profiles}\", role_arn: \"arn:aws:iam::{{account}}:role/{role}\" }}\n"
        ));
    }
    text.push_str(more);
    text.push_str("rules: [{ name: alice, effect: allow, conditions: { users: [alice] } }]\n");
    text
}

async fn listed(world: &World) -> Vec<String> {
    let list = world.broker.profiles(&call(), &world.caller("alice")).await.unwrap();
    list.profiles.into_iter().map(|profile| profile.name).collect()
}

#[tokio::test]
async fn a_profile_of_a_pattern_gets_the_role_of_its_account() {
    let patterns = [("{account}-admin", "Admin"), ("read-{account}", "teams/Read")];
    let world = World::new(&with_patterns(&patterns, ""));
    let mut expected = Vec::new();
    for (profile, account, role) in [
        ("home-admin", ACCOUNT, "Admin"),
        ("other-admin", OTHER_ACCOUNT, "Admin"),
        ("read-home", ACCOUNT, "teams/Read"),
        ("read-other", OTHER_ACCOUNT, "teams/Read"),
    ] {
        assert_eq!(code(&world, profile).await, None, "{profile}");
        expected.push(format!("arn:aws:iam::{account}:role/{role}"));
    }
    let roles: Vec<_> =
        world.issuer.requests().iter().map(|request| request.role.as_str().to_owned()).collect();
    assert_eq!(roles, expected);
    for profile in ["third-admin", "home", "444455556666-admin", "account-admin"] {
        assert_eq!(code(&world, profile).await, Some(ErrorCode::PolicyDeny), "{profile}");
    }
    assert_eq!(world.issuer.requests().len(), 4);
    let names = ["home-admin", "main", "other-admin", "read-home", "read-other"];
    assert_eq!(listed(&world).await, names);
}

#[tokio::test]
async fn the_main_document_lists_120_profiles_of_patterns() {
    let mut text = "version: \"1\"\naccounts:\n".to_owned();
    for account in 1..=12 {
        text.push_str(&format!("  team-{account}: \"{account:012}\"\n"));
    }
    text.push_str("profile_patterns:\n");
    for job in 1..=10 {
        text.push_str(&format!(
            "  - {{ profiles: \"{{account}}.{job}\", role_arn: \"arn:aws:iam::{{account}}:role/R{job}\" }}\n"
        ));
    }
    text.push_str(
        "rules: [{ name: alice, effect: allow, conditions: { users: [alice], profiles: [\"team-*\"] } }]\n",
    );
    let plan = Plan::default();
    let settings = plan.settings.with_caller_rate(None);
    let world = World::with(&text, Plan { settings, ..Plan::default() });
    let listed = listed(&world).await;
    assert_eq!(listed.len(), 120);
    for profile in &listed {
        assert_eq!(code(&world, profile).await, None, "{profile}");
    }
    let requests = world.issuer.requests();
    for (profile, request) in listed.iter().zip(&requests) {
        let (account, job) = profile.strip_prefix("team-").unwrap().split_once('.').unwrap();
        assert_eq!(request.role.as_str(), format!("arn:aws:iam::{account:0>12}:role/R{job}"));
    }
}

/// The template assigns a role to `b`. A pattern that names the same role must not reach it, and `b`
/// keeps it.
#[tokio::test]
async fn a_pattern_does_not_reach_the_role_that_the_template_assigns_to_another_profile() {
    for role in ["SentinelProtected-b", "sentinelprotected-B", "teams/SentinelProtected-b"] {
        let world = World::new(&with_patterns(&[("{account}-x", role)], "profiles: { b: {} }\n"));
        assert_eq!(code(&world, "home-x").await, Some(ErrorCode::PolicyError), "{role}");
        assert!(world.issuer.requests().is_empty(), "{role}");
        assert_eq!(code(&world, "b").await, None, "{role}");
        // The role in the other account belongs to no other profile.
        assert_eq!(code(&world, "other-x").await, None, "{role}");
        assert_eq!(listed(&world).await, ["b", "main", "other-x"]);
    }
    // A profile that a rule names is governed by the main document too.
    let main = with_patterns(&[("{account}-x", "SentinelProtected-b")], "")
        .replace("rules: [", "rules: [{ name: b, effect: allow, conditions: { profiles: [b] } }, ");
    assert_eq!(code(&World::new(&main), "home-x").await, Some(ErrorCode::PolicyError));
    // The template would assign that role to `home-x`, and so does the pattern.
    let world = World::new(&with_patterns(&[("{account}-x", "SentinelProtected-home-x")], ""));
    assert_eq!(code(&world, "home-x").await, None);
}

#[tokio::test]
async fn a_profiles_own_document_cannot_take_the_role_of_a_profile_of_a_pattern() {
    let world = World::new(&with_patterns(&[("{account}-x", "SentinelProtected-b")], ""));
    world.put("b", OPEN);
    world.put("home-x", OPEN);
    assert_eq!(code(&world, "b").await, Some(ErrorCode::PolicyError));
    assert!(world.issuer.requests().is_empty());
    // The main document governs the profile of the pattern, whatever its own document contains.
    assert_eq!(code(&world, "home-x").await, None);
    let denial = world.vend("bob", "home-x").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::PolicyDeny);
}

#[tokio::test]
async fn a_profiles_own_document_with_patterns_is_unusable() {
    for section in [
        format!("accounts: {{ home: \"{ACCOUNT}\" }}\n"),
        with_patterns(&[("{account}-x", "Admin")], "").lines().skip(1).take(3).fold(
            String::new(),
            |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            },
        ),
    ] {
        let world = World::new(&main_with(&[("a", None)]));
        world.put("home-x", &OPEN.replace("rules", &format!("{section}rules")));
        assert_eq!(code(&world, "home-x").await, Some(ErrorCode::PolicyError), "{section}");
        assert!(world.issuer.requests().is_empty());
    }
}
