//! Each route, against the local system.

use std::time::Duration;

use sentinel_client::{Client, ClientError, SessionFilter, VendRequest};
use sentinel_dev::LocalSentinel;
use sentinel_wire::{ErrorCode, ReinstateBody, RevokeBody, SessionList, SessionState};

/// A client of the local system, as one of its callers.
pub(crate) fn client(sentinel: &LocalSentinel, name: &str) -> Client {
    Client::new(sentinel.url().parse().unwrap(), sentinel.credentials(name).unwrap())
}

pub(crate) fn production() -> VendRequest {
    VendRequest::new("production".parse().unwrap())
}

async fn listed(client: &Client, filter: SessionFilter) -> Vec<SessionState> {
    let mut pages = client.sessions(filter);
    let mut states = Vec::new();
    while let Some(SessionList { sessions, .. }) = pages.next().await.unwrap() {
        states.extend(sessions.into_iter().map(|session| session.state));
    }
    states
}

#[tokio::test]
async fn every_route_has_a_typed_method() {
    let sentinel = LocalSentinel::builder().start().unwrap();
    let [alice, carol] = ["alice", "carol"].map(|name| client(&sentinel, name));

    let me = alice.whoami().await.unwrap();
    assert_eq!((me.user.as_str(), me.operator), ("alice", false));
    assert!(carol.whoami().await.unwrap().operator);
    let profiles = alice.profiles().await.unwrap().profiles;
    assert!(profiles.iter().any(|profile| profile.name == "production"), "{profiles:?}");

    let request = production().with_duration(Duration::from_secs(900));
    let vended = alice.vend(&request).await.unwrap();
    assert!(!vended.is_shorter_than(Duration::from_secs(900)));
    assert!(vended.session_id.is_some());

    let filter = SessionFilter::default().with_user("alice".to_owned());
    assert_eq!(listed(&carol, filter.clone()).await, [SessionState::Active]);
    let body = RevokeBody::user("alice", "laptop stolen").with_seconds(3600);
    let gate = carol.revoke(&body).await.unwrap();
    assert_eq!((gate.user.as_str(), gate.epoch, gate.known), ("alice", 1, Some(true)));
    assert!(gate.blocked_until.is_some());
    assert_eq!(listed(&carol, filter.clone()).await, [SessionState::Revoked]);
    let active = filter.with_state(SessionState::Active);
    assert_eq!(listed(&carol, active).await, []);

    let Err(ClientError::Refused(refused)) = alice.vend(&production()).await else {
        panic!("a revoked caller got credentials");
    };
    assert!(refused.is(ErrorCode::SessionRevoked), "{refused}");
    assert!(!refused.request_id.is_empty());

    carol.reinstate(&ReinstateBody::user("alice", "laptop found")).await.unwrap();
    alice.vend(&production()).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_is_not_an_operator_is_refused_by_code() {
    let sentinel = LocalSentinel::builder().start().unwrap();
    let result = client(&sentinel, "bob").revoke(&RevokeBody::user("alice", "no reason")).await;
    let Err(ClientError::Refused(refused)) = result else { panic!("{result:?}") };
    assert_eq!((refused.status, refused.code.as_str()), (403, "FORBIDDEN"));
}
