//! Stores that break their contract: they return a record other than the requested one.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_broker::{ErrorCode, Revoke, Target};
use sentinel_store::memory::MemorySessions;
use sentinel_store::{
    AccessRequest, CallerKey, Counted, Cursor, Gate, GateChange, Grant, GrantId, GrantListing,
    GrantPage, GrantStore, Listing, Opening, OpeningLimits, ProfileName, RateWindow, RequestAction,
    RequestId, RequestListing, RequestPage, RequestStore, Session, SessionHandle, SessionPage,
    SessionStore, StoreError,
};

use crate::people::{ASK, code, plan, world};
use crate::world::{ALICE, Plan, World, call};

const NEEDED: Option<ErrorCode> = Some(ErrorCode::ApprovalRequired);

/// Returns one record, whichever is requested.
#[derive(Debug)]
struct Always<T>(T);

fn refused<T>() -> Result<T, StoreError> {
    Err(StoreError::Refused("not part of the test".into()))
}

#[async_trait]
impl RequestStore for Always<AccessRequest> {
    async fn create_request(&self, _: &AccessRequest) -> Result<(), StoreError> {
        refused()
    }

    async fn request(&self, _: &RequestId) -> Result<AccessRequest, StoreError> {
        Ok(self.0.clone())
    }

    async fn replace_request(&self, _: &AccessRequest) -> Result<(), StoreError> {
        refused()
    }

    async fn live_requests(
        &self,
        _: &CallerKey,
        _: &ProfileName,
        _: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        Ok(vec![self.0.clone()])
    }

    async fn requests(
        &self,
        _: &RequestListing,
        _: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        refused()
    }
}

#[async_trait]
impl GrantStore for Always<Grant> {
    async fn open_grant(&self, _: &Grant, _: &OpeningLimits) -> Result<Opening, StoreError> {
        refused()
    }

    async fn grant(&self, _: &GrantId) -> Result<Grant, StoreError> {
        Ok(self.0.clone())
    }

    async fn replace_grant(&self, _: &Grant) -> Result<(), StoreError> {
        refused()
    }

    async fn live_grants(
        &self,
        _: &CallerKey,
        _: &ProfileName,
        _: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        Ok(vec![self.0.clone()])
    }

    async fn grants(&self, _: &GrantListing, _: Option<&Cursor>) -> Result<GrantPage, StoreError> {
        refused()
    }
}

#[async_trait]
impl SessionStore for Always<(Arc<MemorySessions>, Session)> {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        self.0.0.gate(caller).await
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        self.0.0.change_gate(caller, change).await
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        self.0.0.create_session(session).await
    }

    async fn end_session(&self, _: &SessionHandle, _: DateTime<Utc>) -> Result<(), StoreError> {
        refused()
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        self.0.0.count_vend(caller, window, limit).await
    }

    async fn session(&self, _: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        let session = &self.0.1;
        Ok((session.clone(), self.gate(&session.caller).await?))
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        self.0.0.sessions(listing, cursor).await
    }
}

/// The main document with a break-glass rule for two profiles.
fn breaks_glass() -> String {
    format!(
        "{ASK}break_glass:\n  - {{ name: b, profiles: [production, staging], users: [alice, erin], \
         reason_codes: [incident] }}\n"
    )
}

#[tokio::test]
async fn an_approval_of_another_caller_or_profile_does_not_count_if_the_store_returns_it() {
    let first = world(ASK);
    let approved = first.approved("alice", "production").await;
    let record = first.requests.request(&approved.id).await.unwrap();
    // What the policy and the template determine is the same for both profiles.
    let mut for_staging = record.clone();
    for_staging.role_arn = for_staging.role_arn.replace("production", "staging");
    for (record, user, profile, expected) in [
        (&record, "alice", "production", None),
        (&record, "erin", "production", NEEDED),
        (&for_staging, "alice", "staging", NEEDED),
    ] {
        let other_requests: Arc<dyn RequestStore> = Arc::new(Always(record.clone()));
        let world = World::with(ASK, Plan { other_requests: Some(other_requests), ..plan() });
        let vended = world.vend(user, profile).await;
        assert_eq!(code(&vended), expected, "{user} {profile}");
    }
}

#[tokio::test]
async fn a_grant_of_another_caller_or_profile_does_not_count_if_the_store_returns_it() {
    let first = world(&breaks_glass());
    let opened = first.open("alice", "production").await.unwrap();
    let record = first.grants.grant(&opened.id).await.unwrap();
    let mut for_staging = record.clone();
    for_staging.role_arn = for_staging.role_arn.replace("production", "staging");
    for (record, user, profile, expected) in [
        (&record, "alice", "production", None),
        (&record, "erin", "production", NEEDED),
        (&for_staging, "alice", "staging", NEEDED),
    ] {
        let other_grants: Arc<dyn GrantStore> = Arc::new(Always(record.clone()));
        let plan = Plan { other_grants: Some(other_grants), ..plan() };
        let world = World::with(&breaks_glass(), plan);
        let vended = world.vend(user, profile).await;
        assert_eq!(code(&vended), expected, "{user} {profile}");
    }
}

#[tokio::test]
async fn revoking_a_session_revokes_no_one_if_the_store_returns_another_session() {
    let policy = ALICE.replace("users: [alice]", "users: [alice, bob]");
    let first = World::new(&policy);
    let alices = first.vend("alice", "production").await.unwrap().session.unwrap();
    let bobs = first.vend("bob", "production").await.unwrap().session.unwrap();
    let (bobs, _) = first.sessions.session(&bobs.handle).await.unwrap();
    let sessions = Arc::new(MemorySessions::new());
    let other_sessions: Arc<dyn SessionStore> = Arc::new(Always((sessions.clone(), bobs)));
    let world =
        World::with(&policy, Plan { other_sessions: Some(other_sessions), ..Plan::default() });
    let revoke = Revoke::new(Target::Session(alices.handle), "lost laptop");
    let refused = world.broker.revoke(&call(), &world.caller("carol"), &revoke).await;
    assert_eq!(code(&refused), Some(ErrorCode::StoreUnavailable));
    for user in ["alice", "bob"] {
        assert_eq!(code(&world.vend(user, "production").await), None, "{user}");
    }
}

/// The record of an approved request, with decisions that the service itself does not write.
#[tokio::test]
async fn what_is_not_an_approval_by_another_person_that_the_rule_names_does_not_count() {
    let two = ASK.replace("max_duration: 2h", "approvals: 2, max_duration: 2h");
    let world = world(&two);
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    world.approve("dave", request.id).await.unwrap();
    let record = world.requests.request(&request.id).await.unwrap();
    let vends = async |change: &dyn Fn(&mut AccessRequest)| {
        let mut changed = record.clone();
        change(&mut changed);
        world.requests.plant_request(request.id, changed);
        code(&world.vend("alice", "production").await)
    };
    assert_eq!(vends(&|_| {}).await, None);
    let denied = |record: &mut AccessRequest| record.decided[0].action = RequestAction::Deny;
    assert_eq!(vends(&denied).await, NEEDED);
    // alice is one of the approvers that the rule names.
    let by_herself = |record: &mut AccessRequest| record.decided[0].by = record.requester.clone();
    assert_eq!(vends(&by_herself).await, NEEDED);
    let by_a_stranger = |record: &mut AccessRequest| record.decided[0].by.user = "erin".to_owned();
    assert_eq!(vends(&by_a_stranger).await, NEEDED);
    let twice_by_one = |record: &mut AccessRequest| {
        record.decided[0] = record.decided[1].clone();
    };
    assert_eq!(vends(&twice_by_one).await, NEEDED);
}
