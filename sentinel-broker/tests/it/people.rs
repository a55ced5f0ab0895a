//! What people do with requests and grants, in one call each: for the tests of both, and of vends by
//! them.

use std::time::Duration;

use sentinel_broker::{
    CreateRequest, Denial, ErrorCode, GrantView, OpenGrant, RequestView, Revoke, Target, parse_user,
};
use sentinel_policy::ReasonCode;
use sentinel_store::{
    AccountId, EventKind, GrantId, Listing, ProfileName, RequestId, Session, SessionStore,
};

use crate::world::{ACCOUNT, OTHER_ACCOUNT, Plan, World, call};

/// A main document with approvals. alice is one of the approvers.
pub(crate) const ASK: &str = r#"
version: "1"
groups:
  leads: [bob, dave, alice]
rules:
  - { name: open, effect: allow, conditions: { profiles: [sandbox] } }
  - { name: closed, effect: deny, conditions: { profiles: [vault] } }
  - { name: vault, effect: allow, conditions: { profiles: [vault], users: [unknown] } }
  - { name: ask, effect: require_approval, conditions: { profiles: [production, staging] } }
approvals:
  - { name: leads, profiles: [production], approvers: ["group:leads"], max_duration: 2h, deadline: 4h }
  - { name: staging-leads, profiles: [staging], approvers: ["group:leads"] }
operators:
  - name: ops
    users: [carol]
    may: [list_sessions, revoke, reinstate, list_requests, revoke_approval, list_break_glass,
          close_break_glass, review_break_glass]
"#;

/// A justification of sufficient length.
pub(crate) const WHY: &str = "the database does not accept connections";

pub(crate) fn profile(name: &str) -> ProfileName {
    ProfileName::parse(name).unwrap()
}

/// A plan in which a change of the policy has effect immediately, and another account is trusted.
pub(crate) fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.settings =
        plan.settings.with_policy_ages(Duration::ZERO, Duration::ZERO).with_trusted_accounts(
            [ACCOUNT, OTHER_ACCOUNT].map(|it| AccountId::parse(it).unwrap()).to_vec(),
        );
    plan
}

pub(crate) fn world(main: &str) -> World {
    World::with(main, plan())
}

/// The code of a refusal.
pub(crate) fn code<T>(result: &Result<T, Denial>) -> Option<ErrorCode> {
    result.as_ref().err().map(|denial| denial.code)
}

/// The result of an operation on a request.
pub(crate) type Requested = Result<RequestView, Denial>;
/// The result of an operation on a grant.
pub(crate) type Granted = Result<GrantView, Denial>;

impl World {
    pub(crate) async fn create(&self, user: &str, create: &CreateRequest) -> Requested {
        self.broker.create_request(&call(), &self.caller(user), create).await
    }

    /// Requests an approval of the maximum length.
    pub(crate) async fn request(&self, user: &str, name: &str) -> Requested {
        self.create(user, &CreateRequest::new(profile(name), "deploy")).await
    }

    pub(crate) async fn approve(&self, user: &str, id: RequestId) -> Requested {
        self.broker.approve_request(&call(), &self.caller(user), &id, None).await
    }

    pub(crate) async fn deny(&self, user: &str, id: RequestId) -> Requested {
        self.broker.deny_request(&call(), &self.caller(user), &id, None).await
    }

    pub(crate) async fn cancel(&self, user: &str, id: RequestId) -> Requested {
        self.broker.cancel_request(&call(), &self.caller(user), &id, None).await
    }

    pub(crate) async fn revoke_approval(&self, user: &str, id: RequestId) -> Requested {
        self.broker.revoke_request(&call(), &self.caller(user), &id, None).await
    }

    pub(crate) async fn show(&self, user: &str, id: RequestId) -> Requested {
        self.broker.show_request(&call(), &self.caller(user), &id).await
    }

    /// A request of that user that bob has approved.
    pub(crate) async fn approved(&self, user: &str, name: &str) -> RequestView {
        let request = self.request(user, name).await.unwrap();
        self.approve("bob", request.id).await.unwrap()
    }

    pub(crate) async fn open_for(&self, user: &str, open: &OpenGrant) -> Granted {
        self.broker.open_grant(&call(), &self.caller(user), open).await
    }

    /// Opens a grant of the maximum length for an incident.
    pub(crate) async fn open(&self, user: &str, name: &str) -> Granted {
        self.open_for(user, &OpenGrant::new(profile(name), ReasonCode::Incident, WHY)).await
    }

    pub(crate) async fn close(&self, user: &str, id: GrantId) -> Granted {
        self.broker.close_grant(&call(), &self.caller(user), &id, None).await
    }

    pub(crate) async fn review(&self, user: &str, id: GrantId) -> Granted {
        self.broker.review_grant(&call(), &self.caller(user), &id, Some("fine")).await
    }

    /// carol revokes a user as a whole.
    pub(crate) async fn revoke_user(&self, user: &str) {
        let revoke = Revoke::new(Target::Caller(parse_user(user).unwrap()), "lost laptop");
        self.broker.revoke(&call(), &self.caller("carol"), &revoke).await.unwrap();
    }

    /// carol reinstates a user as a whole.
    pub(crate) async fn reinstate_user(&self, user: &str) {
        let target = Target::Caller(parse_user(user).unwrap());
        let reinstate = sentinel_broker::Reinstate::new(target, "found it");
        self.broker.reinstate(&call(), &self.caller("carol"), &reinstate).await.unwrap();
    }

    /// All sessions of a user.
    pub(crate) async fn sessions_of(&self, user: &str) -> Vec<Session> {
        let listing = Listing::Caller(parse_user(user).unwrap());
        self.sessions.sessions(&listing, None).await.unwrap().items
    }

    /// The kinds of the events so far.
    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        self.events().iter().map(|event| event.event).collect()
    }
}
