//! Which profiles a caller is told of.

use crate::world::{World, call};

const MAIN: &str = r#"
version: "1"
rules:
  - { name: never, effect: deny, conditions: { users: [mallory] } }
  - { name: prod, effect: allow, conditions: { profiles: [production], users: [alice] } }
  - { name: stage, effect: require_approval, conditions: { profiles: [staging] } }
"#;

async fn names(world: &World, user: &str) -> Vec<(String, String)> {
    let list = world.broker.profiles(&call(), &world.caller(user)).await.unwrap();
    assert_eq!(list.root, "/sentinel/policies");
    list.profiles.into_iter().map(|profile| (profile.name, profile.policy_path)).collect()
}

#[tokio::test]
async fn a_caller_sees_what_some_circumstance_would_give_them() {
    let world = World::new(MAIN);
    world.put("dev", "version: \"1\"\nrules: [{ name: all, effect: allow }]\n");
    world.put("broken", "rules: [");
    let main = "/sentinel/policies/main".to_owned();
    let dev = ("dev".to_owned(), "/sentinel/policies/dev".to_owned());
    assert_eq!(
        names(&world, "alice").await,
        [
            dev.clone(),
            ("production".to_owned(), main.clone()),
            ("staging".to_owned(), main.clone())
        ]
    );
    assert_eq!(names(&world, "bob").await, [dev.clone(), ("staging".to_owned(), main)]);
    assert_eq!(names(&world, "mallory").await, [dev]);
}
