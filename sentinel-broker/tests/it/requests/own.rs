//! No caller approves their own request, by whatever name.

use sentinel_broker::ErrorCode;
use sentinel_store::RequestState;

use super::{CONFLICT, FORBIDDEN, NOT_FOUND, approvals, state};
use crate::people::{ASK, code, world};
use crate::world::{ACCOUNT, LISTED_ROLE, OTHER_ACCOUNT};

/// alice, who is in the group of approvers, requests as `requester` and approves as `approver`.
async fn approves_own(requester: &str, approver: &str) -> Option<ErrorCode> {
    let world = world(ASK);
    let request = world.request(requester, "production").await.unwrap();
    let refused = code(&world.approve(approver, request.id).await);
    assert_eq!(state(&world.show(requester, request.id).await), RequestState::Pending);
    assert_eq!(code(&world.vend(requester, "production").await), Some(ErrorCode::ApprovalRequired));
    refused
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_a_group() {
    assert_eq!(approves_own("alice", "alice").await, FORBIDDEN);
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_a_session_of_a_listed_role() {
    let session = format!("{LISTED_ROLE}/alice");
    assert_eq!(approves_own("alice", &session).await, FORBIDDEN);
    assert_eq!(approves_own(&session, "alice").await, FORBIDDEN);
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_another_session_name() {
    let policy = approvals(r#"approvers: ["deployer/*"]"#);
    let world = world(&policy);
    let request = world.request("deployer/build-1", "production").await.unwrap();
    let refused = world.approve("deployer/build-2", request.id).await;
    assert_eq!(code(&refused), FORBIDDEN);
}

/// The main document in which the approvers are the sessions of a permission set.
fn permission_set(name: &str) -> String {
    let members = format!(
        "leads: [{{ principals: [\"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_{name}_*/*\"] }}]"
    );
    ASK.replace("leads: [bob, dave, alice]", &members)
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_a_group_of_principals() {
    let world = world(&permission_set("Admins"));
    let (alice, bob) = (format!("{LISTED_ROLE}/alice"), format!("{LISTED_ROLE}/bob"));
    let request = world.request("alice", "production").await.unwrap().id;
    assert_eq!(code(&world.approve(&alice, request).await), FORBIDDEN);
    // bob is an approver only with the permission set.
    assert_eq!(code(&world.approve("bob", request).await), NOT_FOUND);
    assert_eq!(state(&world.approve(&bob, request).await), RequestState::Approved);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn an_approver_is_judged_at_use_by_the_principal_that_approved() {
    let world = world(&permission_set("Admins"));
    let bob = format!("{LISTED_ROLE}/bob");
    let request = world.request("alice", "production").await.unwrap().id;
    world.approve(&bob, request).await.unwrap();
    for (policy, expected) in [
        (permission_set("Other"), Some(ErrorCode::ApprovalRequired)),
        (permission_set("Admins"), None),
        // A rule that names the person counts it as well.
        (ASK.to_owned(), None),
    ] {
        world.put("main", &policy);
        assert_eq!(code(&world.vend("alice", "production").await), expected);
    }
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_in_another_case() {
    let policy = ASK.replace("[bob, dave, alice]", "[bob, dave, alice, Alice, ALICE]");
    for (requester, approver) in [
        ("Alice".to_owned(), "alice".to_owned()),
        ("alice".to_owned(), "ALICE".to_owned()),
        (format!("{LISTED_ROLE}/ALICE"), format!("{LISTED_ROLE}/alice")),
    ] {
        let world = world(&policy);
        let request = world.request(&requester, "production").await.unwrap();
        assert_eq!(code(&world.approve(&approver, request.id).await), FORBIDDEN);
    }
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_from_another_account() {
    let elsewhere = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/alice");
    assert_eq!(approves_own("alice", &elsewhere).await, FORBIDDEN);
    let listed = format!("arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/{LISTED_ROLE}/alice");
    assert_eq!(approves_own(&listed, "alice").await, FORBIDDEN);
}

#[tokio::test]
async fn invariant_4_no_caller_is_the_second_of_two_approvers_of_their_own_request() {
    let world = world(&approvals(r#"approvers: ["group:leads"], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    let once = world.approve("bob", request.id).await.unwrap();
    assert_eq!((once.state, once.missing), (RequestState::Pending, Some(1)));
    for own in ["alice".to_owned(), format!("{LISTED_ROLE}/Alice")] {
        // `Alice` is not an approver either. The message differs, the code does not.
        assert_eq!(code(&world.approve(&own, request.id).await), FORBIDDEN);
    }
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
    assert_eq!(state(&world.approve("dave", request.id).await), RequestState::Approved);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn one_person_is_not_two_approvers_in_another_case_account_or_session() {
    let policy = approvals(r#"approvers: [bob, BOB, "deployer/*"], approvals: 2"#);
    let world = world(&policy);
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    let elsewhere = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/bob");
    for again in ["bob", "BOB", &format!("{LISTED_ROLE}/bob"), &elsewhere] {
        assert_eq!(code(&world.approve(again, request.id).await), CONFLICT, "{again}");
    }
    assert_eq!(state(&world.approve("deployer/one", request.id).await), RequestState::Approved);
}

#[tokio::test]
async fn two_sessions_of_a_role_are_one_approver() {
    let world = world(&approvals(r#"approvers: ["deployer/*"], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    world.approve("deployer/one", request.id).await.unwrap();
    assert_eq!(code(&world.approve("deployer/two", request.id).await), CONFLICT);
}
