//! One role belongs to one profile: a profile with its own document cannot get the role of a
//! profile that the main document governs.

use sentinel_broker::{ErrorCode, RoleArnTemplate};

use crate::world::{ACCOUNT, Plan, World, call};

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
