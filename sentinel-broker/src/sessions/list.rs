//! Listing sessions: operators list all, every other caller lists their own.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;
use sentinel_policy::Operation;
use sentinel_store::{
    CallerKey, Causes, Cursor, Gate, Listing, ProfileName, Session, SessionState, SessionStore,
    StoreError,
};
use sentinel_wire::{ErrorCode, SessionList, SessionView};

use crate::broker::Broker;
use crate::call::{Call, MAX_CONCURRENT_READS};
use crate::denial::Denial;
use crate::identity::Caller;
use crate::list_query::list_query;

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

list_query!(ListSessions, SessionState, "sessions");

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
        let own = || Listing::Caller(caller.key.clone());
        let (listing, own_only) = match &query.user {
            Some(user) if *user == caller.key => (own(), false),
            Some(user) => {
                if !self.may(call, caller, Operation::ListSessions).await? {
                    return Err(Denial::new(
                        ErrorCode::Forbidden,
                        "only operators may list the sessions of others; leave `user` out to list your \
                         own",
                    ));
                }
                (Listing::Caller(user.clone()), false)
            }
            None => match self.may(call, caller, Operation::ListSessions).await {
                Ok(true) => (Listing::All, false),
                Ok(false) => (own(), false),
                Err(_) => (own(), true),
            },
        };
        let failed = |error: StoreError| match (&error, &query.cursor) {
            (StoreError::Conflict(_) | StoreError::NotFound(_), Some(_)) => Denial::new(
                ErrorCode::InvalidRequest,
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
        Ok(SessionList::new(sessions)
            .with_unreadable(unreadable)
            .with_own_only(own_only)
            .with_next(page.next.map(|cursor| cursor.0)))
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
}

fn view(session: Session, state: SessionState) -> SessionView {
    let Session { handle, user, profile, account, principal, source_identity, .. } = session;
    SessionView::new(handle, profile, account, state)
        .with_user(user, principal)
        .with_source_identity(source_identity)
        .with_lifetime(session.created, session.expires)
}
