//! The records of creating and deciding requests.

use sentinel_store::EventKind;

use super::{AUTOMATIC, approvals};
use crate::people::{ASK, world};

#[tokio::test]
async fn every_change_of_a_request_has_exactly_one_event_with_its_ids() {
    let world = world(&approvals(r#"approvers: [bob, dave], approvals: 2"#));
    let denied = world.request("alice", "production").await.unwrap().id;
    world.deny("bob", denied).await.unwrap();
    let cancelled = world.request("alice", "production").await.unwrap().id;
    world.cancel("alice", cancelled).await.unwrap();
    let revoked = world.request("alice", "production").await.unwrap().id;
    world.approve("bob", revoked).await.unwrap();
    world.approve("dave", revoked).await.unwrap();
    world.revoke_approval("carol", revoked).await.unwrap();
    let events = world.events();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let by = event.by.as_deref().unwrap();
            (event.event, event.approval.as_deref().unwrap(), by, event.state.as_deref())
        })
        .collect();
    let (denied, cancelled, revoked) =
        (denied.to_string(), cancelled.to_string(), revoked.to_string());
    assert_eq!(
        seen,
        [
            (EventKind::RequestCreated, denied.as_str(), "alice", Some("pending")),
            (EventKind::RequestDenied, &denied, "bob", Some("denied")),
            (EventKind::RequestCreated, &cancelled, "alice", Some("pending")),
            (EventKind::RequestCancelled, &cancelled, "alice", Some("cancelled")),
            (EventKind::RequestCreated, &revoked, "alice", Some("pending")),
            (EventKind::RequestApproved, &revoked, "bob", Some("pending")),
            (EventKind::RequestApproved, &revoked, "dave", Some("approved")),
            (EventKind::RequestRevoked, &revoked, "carol", Some("revoked")),
        ]
    );
    for event in events {
        assert_eq!(event.request_id.as_deref(), Some("request-1"));
        assert_eq!(event.user.as_deref(), Some("alice"));
        assert_eq!(event.profile.as_deref(), Some("production"));
        assert_eq!((event.rule.as_deref(), event.code), (Some("leads"), None));
        assert!(event.principal.is_some() && event.account.is_some() && event.role_arn.is_some());
    }
}

#[tokio::test]
async fn an_automatic_approval_has_one_event_with_its_end() {
    let world = world(&approvals(AUTOMATIC));
    let request = world.request("alice", "production").await.unwrap();
    let events = world.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (event.event, event.state.as_deref()),
        (EventKind::RequestApproved, Some("approved"))
    );
    assert_eq!(event.valid_until, request.valid_until);
    assert_eq!(event.approval, Some(request.id.to_string()));
    assert!(event.policy.is_some());
}

#[tokio::test]
async fn a_refused_decision_has_one_event_with_its_code() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    world.approve("alice", request).await.unwrap_err();
    world.cancel("bob", request).await.unwrap_err();
    let events = world.events().split_off(1);
    assert!(events.iter().all(|event| event.approval == Some(request.to_string())), "{events:?}");
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.event, event.by.as_deref().unwrap(), event.code.as_deref().unwrap()))
        .collect();
    let refused = EventKind::OperationRefused;
    assert_eq!(seen, [(refused, "alice", "FORBIDDEN"), (refused, "bob", "FORBIDDEN")]);
}
