//! Lists of requests.

use std::num::NonZeroUsize;

use sentinel_broker::{ErrorCode, ListRequests, OperatorArn, RequestView, parse_user};
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};
use sentinel_store::{Cursor, RequestId, RequestState};

use super::{FORBIDDEN, NOT_FOUND};
use crate::people::{ASK, code, plan, profile};
use crate::world::{Plan, World, call};

/// All pages of a list.
async fn listed(world: &World, user: &str, query: &ListRequests) -> Vec<RequestView> {
    let (mut requests, mut query) = (Vec::new(), query.clone());
    for _ in 0..100 {
        let list = world.broker.list_requests(&call(), &world.caller(user), &query).await.unwrap();
        requests.extend(list.requests);
        let Some(next) = list.next else { return requests };
        query = query.with_cursor(Cursor(next));
    }
    panic!("the list has no end");
}

/// The requester, the profile and the state of each request, sorted.
fn summary(requests: &[RequestView]) -> Vec<(&str, &str, RequestState)> {
    let mut summary: Vec<_> = requests
        .iter()
        .map(|request| (request.user.as_str(), request.profile.as_str(), request.state))
        .collect();
    summary.sort_by_key(|(user, profile, _)| (*user, *profile));
    summary
}

/// Requests of several people, with pages of two.
async fn crowd() -> World {
    let policy = ASK.replace(
        "profiles: [staging], approvers: [\"group:leads\"]",
        "profiles: [staging], approvers: [dave]",
    );
    let world = World::with(&policy, Plan { page_size: NonZeroUsize::new(2).unwrap(), ..plan() });
    for user in ["alice", "erin", "frank", "bob"] {
        world.request(user, "production").await.unwrap();
        world.request(user, "staging").await.unwrap();
    }
    let denied = world.request("gina", "production").await.unwrap();
    world.deny("bob", denied.id).await.unwrap();
    world
}

#[tokio::test]
async fn callers_list_their_own_requests_and_the_pending_ones_that_they_may_decide() {
    use RequestState::{Denied, Pending};
    let world = crowd().await;
    let all = ListRequests::default();
    let bob = listed(&world, "bob", &all).await;
    assert_eq!(
        summary(&bob),
        [
            ("alice", "production", Pending),
            ("bob", "production", Pending),
            ("bob", "staging", Pending),
            ("erin", "production", Pending),
            ("frank", "production", Pending),
        ]
    );
    let erin = listed(&world, "erin", &all).await;
    assert_eq!(summary(&erin), [("erin", "production", Pending), ("erin", "staging", Pending)]);
    assert_eq!(summary(&listed(&world, "gina", &all).await), [("gina", "production", Denied)]);
    assert!(listed(&world, "mallory", &all).await.is_empty());
}

#[tokio::test]
async fn each_request_is_in_a_list_once() {
    let world = crowd().await;
    for (user, number) in [("alice", 5), ("bob", 5), ("dave", 8), ("carol", 8)] {
        let mut ids: Vec<_> =
            listed(&world, user, &ListRequests::default()).await.iter().map(|it| it.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), number, "{user}");
    }
}

#[tokio::test]
async fn lists_are_filtered_by_profile_state_and_caller() {
    use RequestState::{Denied, Pending};
    let world = crowd().await;
    let all = ListRequests::default();
    let staging = all.clone().with_profile(profile("staging"));
    assert_eq!(summary(&listed(&world, "bob", &staging).await), [("bob", "staging", Pending)]);
    let denied = all.clone().with_state(Denied);
    assert_eq!(summary(&listed(&world, "gina", &denied).await), [("gina", "production", Denied)]);
    assert!(listed(&world, "bob", &denied).await.is_empty());
    let own = all.with_user(parse_user("bob").unwrap());
    let own = listed(&world, "bob", &own).await;
    assert_eq!(summary(&own), [("bob", "production", Pending), ("bob", "staging", Pending)]);
}

#[tokio::test]
async fn only_operators_list_the_requests_of_another_caller() {
    let world = crowd().await;
    let ginas = ListRequests::default().with_user(parse_user("gina").unwrap());
    let found = listed(&world, "carol", &ginas).await;
    assert_eq!(summary(&found), [("gina", "production", RequestState::Denied)]);
    for user in ["bob", "mallory"] {
        let refused = world.broker.list_requests(&call(), &world.caller(user), &ginas).await;
        assert_eq!(code(&refused), FORBIDDEN, "{user}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_shows_nothing_of_another_caller() {
    let world = crowd().await;
    let all = ListRequests::default();
    let carol = world.caller("carol");
    let mut cursors =
        vec!["x".to_owned(), "own:x".to_owned(), "others:x".to_owned(), ":".to_owned()];
    for query in [all.clone(), all.clone().with_user(parse_user("alice").unwrap())] {
        let mut query = query;
        while let Some(next) =
            world.broker.list_requests(&call(), &carol, &query).await.unwrap().next
        {
            cursors.extend([next.clone(), format!("own:{next}"), format!("others:{next}")]);
            query = query.with_cursor(Cursor(next));
        }
    }
    let alices = world.broker.list_requests(&call(), &world.caller("alice"), &all).await.unwrap();
    cursors.extend(alices.next);
    assert!(cursors.len() > 10);
    let mut refused = 0;
    for cursor in cursors {
        let query = all.clone().with_cursor(Cursor(cursor.clone()));
        match world.broker.list_requests(&call(), &world.caller("mallory"), &query).await {
            Ok(list) => assert!(list.requests.is_empty(), "{cursor}"),
            Err(denial) => {
                assert_eq!(denial.code, ErrorCode::InvalidRequest, "{cursor}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5);
}

#[tokio::test]
async fn a_list_shows_expired_requests_as_expired_to_their_requester_and_not_to_approvers() {
    let world = crowd().await;
    world.clock.advance(4 * 3600);
    let production = ListRequests::default().with_profile(profile("production"));
    let erin = listed(&world, "erin", &production).await;
    assert_eq!(summary(&erin), [("erin", "production", RequestState::Expired)]);
    let bob = listed(&world, "bob", &production).await;
    assert_eq!(summary(&bob), [("bob", "production", RequestState::Expired)]);
}

#[tokio::test]
async fn configured_operators_list_and_revoke_with_an_invalid_policy_and_approve_nothing() {
    let mut plan = plan();
    let root = "arn:aws:iam::111122223333:user/root-of-trust";
    plan.settings.operators = vec![OperatorArn::parse(root).unwrap()];
    let world = World::with(ASK, plan);
    let approved = world.approved("alice", "production").await.id;
    let pending = world.request("erin", "production").await.unwrap().id;
    world.put("staging", "version: \"1\"\nrules: [{ name: all, effect: allow }]\n");
    world.put("main", "not: [a policy");
    let erins = ListRequests::default().with_user(parse_user("erin").unwrap());
    assert_eq!(listed(&world, "root-of-trust", &erins).await.len(), 1);
    // The list of pending requests has an end as well.
    listed(&world, "root-of-trust", &ListRequests::default()).await;
    let production = ListRequests::default().with_profile(profile("production"));
    assert_eq!(listed(&world, "root-of-trust", &production).await.len(), 1);
    world.show("root-of-trust", pending).await.unwrap();
    for id in [approved, pending] {
        assert_eq!(code(&world.approve("root-of-trust", id).await), FORBIDDEN);
        assert_eq!(code(&world.deny("root-of-trust", id).await), FORBIDDEN);
    }
    let revoked = world.revoke_approval("root-of-trust", approved).await.unwrap();
    assert_eq!(revoked.state, RequestState::Revoked);
    // No other caller can read the request.
    for user in ["bob", "carol", "mallory"] {
        let unknown = RequestId::new(parse_user("alice").unwrap().hash(), [7; 10]);
        assert!(world.show(user, pending).await.is_err());
        assert_eq!(code(&world.show(user, unknown).await), NOT_FOUND);
    }
}

#[tokio::test]
async fn a_list_of_pending_requests_has_those_of_others_too() {
    let world = crowd().await;
    let pending = ListRequests::default().with_state(RequestState::Pending);
    assert_eq!(listed(&world, "bob", &pending).await.len(), 5);
}

/// The main document cannot be used, and another profile has its own document.
#[tokio::test]
async fn operators_of_the_settings_list_requests_with_an_invalid_policy_and_no_one_else_does() {
    let faults = Faults::new();
    let root = "arn:aws:iam::111122223333:user/root-of-trust";
    let mut plan = Plan { hook: faults.clone(), ..plan() };
    plan.settings = plan.settings.with_operators(vec![OperatorArn::parse(root).unwrap()]);
    let world = World::with(ASK, plan);
    world.put("own", OWN);
    world.request("alice", "own").await.unwrap();
    world.put("main", "not: [a policy");
    let all = ListRequests::default();
    let found = listed(&world, "root-of-trust", &all).await;
    assert_eq!(summary(&found), [("alice", "own", RequestState::Pending)]);
    let others = all.with_cursor(Cursor("others:".to_owned()));
    let refused = world.broker.list_requests(&call(), &world.caller("bob"), &others).await;
    assert_eq!(code(&refused), Some(ErrorCode::PolicyError));
    // Another failure is reported, also to operators.
    let read = CallSelector::Operation(StoreOperation::Policy);
    faults.fail(read, Phase::Before, StoreErrorKind::Throttled);
    let refused =
        world.broker.list_requests(&call(), &world.caller("root-of-trust"), &others).await;
    assert_eq!(code(&refused), Some(ErrorCode::RateLimited));
}

/// The document of one profile.
const OWN: &str = r#"
version: "1"
rules:
  - { name: ask, effect: require_approval }
approvals:
  - { name: own, profiles: [own], approvers: [dave] }
"#;
