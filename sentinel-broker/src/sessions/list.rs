//! Listing sessions: operators list all, every other caller lists their own.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sentinel_policy::Operation;
use sentinel_store::{
    AccountId, CallerKey, Causes, Cursor, Gate, Listing, ProfileName, Session, SessionHandle,
    SessionState, SessionStore, StoreError,
};
use serde::Serialize;

use crate::broker::{Broker, MAX_CONCURRENT_READS};
use crate::call::Call;
use crate::denial::{Denial, DenialCode};
use crate::identity::Caller;

/// A request for a page of sessions. By default it lists all sessions that the caller may list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListSessions {
    /// The caller key whose sessions are listed. `None` for all callers if the caller is an operator,
    /// and for the caller's own sessions otherwise.
    pub user: Option<CallerKey>,
    /// The profile of the sessions. `None` for all profiles.
    pub profile: Option<ProfileName>,
    /// The state of the sessions. `None` for all states.
    pub state: Option<SessionState>,
    /// The position at which the page begins, from [`SessionList::next`]. `None` for the first page.
    pub cursor: Option<Cursor>,
}

impl ListSessions {
    /// The same request, for the sessions of one caller key.
    #[must_use]
    pub fn with_user(self, user: impl Into<Option<CallerKey>>) -> Self {
        Self { user: user.into(), ..self }
    }

    /// The same request, for the sessions on one profile.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<Option<ProfileName>>) -> Self {
        Self { profile: profile.into(), ..self }
    }

    /// The same request, for the sessions in one state.
    #[must_use]
    pub fn with_state(self, state: impl Into<Option<SessionState>>) -> Self {
        Self { state: state.into(), ..self }
    }

    /// The same request, for the page that begins there.
    #[must_use]
    pub fn with_cursor(self, cursor: impl Into<Option<Cursor>>) -> Self {
        Self { cursor: cursor.into(), ..self }
    }
}

/// A page of sessions: the response to `GET /sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionList {
    /// The sessions of this page. It can be empty although more pages follow.
    pub sessions: Vec<SessionView>,
    /// The number of rows of this page whose state is unknown, because the row or the caller's gate
    /// is damaged. The log names them.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable: usize,
    /// The position at which the next page begins. `None` if this is the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A session, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionView {
    /// The handle: the public name of the session, without its secret.
    pub session: SessionHandle,
    /// The user that the session was vended to, as policies see it.
    pub user: String,
    /// The profile.
    pub profile: ProfileName,
    /// The account id of the user. The role of the profile can be in another account.
    pub account: AccountId,
    /// The ARN that the user signed the request with.
    pub principal: String,
    /// The SourceIdentity and RoleSessionName of the credentials.
    pub source_identity: String,
    /// The time of the vend.
    #[serde(serialize_with = "sentinel_store::rfc3339")]
    pub created: DateTime<Utc>,
    /// The time at which the credentials stop working.
    #[serde(serialize_with = "sentinel_store::rfc3339")]
    pub expires: DateTime<Utc>,
    /// The state now.
    pub state: SessionState,
}

impl Broker {
    /// Lists sessions. Operators list all sessions, every other caller lists their own.
    ///
    /// # Errors
    /// `FORBIDDEN` for the sessions of another caller, `NOT_FOUND` without a session table, and what
    /// a failing store means.
    pub async fn list_sessions(
        &self,
        call: &Call,
        caller: &Caller,
        query: &ListSessions,
    ) -> Result<SessionList, Denial> {
        let store = self.tracked_sessions()?;
        self.not_revoked(call, caller).await?;
        let own = query.user.as_ref() == Some(&caller.key);
        let listing = if own {
            Listing::Caller(caller.key.clone())
        } else if self.may_list(call, caller, query).await? {
            query.user.clone().map_or(Listing::All, Listing::Caller)
        } else if query.user.is_none() {
            Listing::Caller(caller.key.clone())
        } else {
            return Err(Denial::new(
                DenialCode::Forbidden,
                "only operators may list the sessions of others; leave `user` out to list your own",
            ));
        };
        let failed = |error: StoreError| match (&error, &query.cursor) {
            (StoreError::Conflict(_) | StoreError::NotFound(_), Some(_)) => Denial::new(
                DenialCode::InvalidRequest,
                "`cursor` is not from this list; begin again without it",
            ),
            _ => call.store_failed(&error),
        };
        let page =
            call.bounded(store.sessions(&listing, query.cursor.as_ref())).await.map_err(failed)?;
        for key in &page.unreadable {
            tracing::error!(request_id = call.request_id, key, "failed to read a session row");
        }
        let mut unreadable = page.unreadable.len();
        let wanted = |profile: &ProfileName| query.profile.as_ref().is_none_or(|it| it == profile);
        let listed: Vec<Session> =
            page.items.into_iter().filter(|session| wanted(&session.profile)).collect();
        let gates = self.gates(call, store, &listed).await?;
        let now = self.now();
        let mut sessions = Vec::new();
        for session in listed {
            let Some(gate) = gates.get(&session.caller) else {
                unreadable += 1;
                continue;
            };
            let state = session.state(gate, self.settings.generation, now);
            if query.state.is_none_or(|wanted| wanted == state) {
                sessions.push(view(session, state));
            }
        }
        Ok(SessionList { sessions, unreadable, next: page.next.map(|cursor| cursor.0) })
    }

    /// The gates of the callers of these sessions. At most [`MAX_CONCURRENT_READS`] are read at a
    /// time. Damaged gates are left out and logged.
    async fn gates(
        &self,
        call: &Call,
        store: &Arc<dyn SessionStore>,
        sessions: &[Session],
    ) -> Result<HashMap<CallerKey, Gate>, Denial> {
        let callers: BTreeSet<&CallerKey> =
            sessions.iter().map(|session| &session.caller).collect();
        let callers: Vec<&CallerKey> = callers.into_iter().collect();
        let mut gates = HashMap::new();
        for some in callers.chunks(MAX_CONCURRENT_READS) {
            let read = some.iter().map(|caller| call.bounded(store.gate(caller)));
            for (caller, gate) in some.iter().zip(join_all(read).await) {
                match gate {
                    Ok(gate) => {
                        gates.insert((*caller).clone(), gate);
                    }
                    Err(error @ StoreError::Corrupt(_)) => {
                        let (request_id, cause) = (&call.request_id, Causes(&error));
                        tracing::error!(request_id, %caller, %cause, "failed to read a gate");
                    }
                    Err(
                        error @ (StoreError::NotFound(_)
                        | StoreError::Conflict(_)
                        | StoreError::Throttled(_)
                        | StoreError::Unavailable(_)
                        | StoreError::Refused(_)),
                    ) => return Err(call.store_failed(&error)),
                }
            }
        }
        Ok(gates)
    }

    /// Whether this caller may list the sessions of others. If the policy cannot be read, a request
    /// that names no user lists the caller's own sessions.
    async fn may_list(
        &self,
        call: &Call,
        caller: &Caller,
        query: &ListSessions,
    ) -> Result<bool, Denial> {
        match self.may(call, caller, Operation::ListSessions).await {
            Err(_) if query.user.is_none() => Ok(false),
            other => other,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn view(session: Session, state: SessionState) -> SessionView {
    SessionView {
        session: session.handle,
        user: session.user,
        profile: session.profile,
        account: session.account,
        principal: session.principal,
        source_identity: session.source_identity,
        created: session.created,
        expires: session.expires,
        state,
    }
}
