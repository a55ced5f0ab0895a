//! What operators do: list sessions, revoke, reinstate. Callers list their own.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use sentinel_policy::Operation;
use sentinel_store::{
    AccountId, Block, CallerKey, Causes, Cursor, Event, EventKind, Gate, GateAction, GateChange,
    Listing, ProfileName, Scope, Session, SessionHandle, SessionState, SessionStore, StoreError,
    StoreResultExt,
};
use serde::Serialize;

use crate::arn::is_name;
use crate::broker::AT_ONCE;
use crate::{Broker, Call, Caller, Code, Denial};

/// Which sessions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListSessions {
    /// Whose; none for everybody's, or one's own for who is no operator.
    pub user: Option<CallerKey>,
    /// On which profile.
    pub profile: Option<ProfileName>,
    /// In which state.
    pub state: Option<SessionState>,
    /// Where the page begins.
    pub cursor: Option<Cursor>,
}

/// The answer to `GET /sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionList {
    /// Some of the sessions; there may be more even when this is empty.
    pub sessions: Vec<SessionView>,
    /// The number of rows of this page whose state cannot be told, because they or
    /// their caller's gate are damaged. The log names them.
    #[serde(skip_serializing_if = "is_zero")]
    pub unreadable: usize,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A session as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "named as in the answer; what each holds is in docs/records.md")]
pub struct SessionView {
    pub session: SessionHandle,
    pub user: String,
    pub profile: ProfileName,
    pub account: AccountId,
    pub principal: String,
    pub source_identity: String,
    #[serde(serialize_with = "sentinel_store::rfc3339")]
    pub created: DateTime<Utc>,
    #[serde(serialize_with = "sentinel_store::rfc3339")]
    pub expires: DateTime<Utc>,
    pub state: SessionState,
}

/// Whom a revocation or a reinstatement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The caller of that session, on its profile.
    Session(SessionHandle),
    /// A caller on one profile.
    OnProfile(CallerKey, ProfileName),
    /// A caller as a whole.
    Caller(CallerKey),
}

/// The answer to a revocation or a reinstatement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateView {
    /// Who: the caller key.
    pub user: CallerKey,
    /// On which profile, unless as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// The epoch: sessions of another one are refused.
    pub epoch: u64,
    /// Until when new sessions are refused; absent when until reinstated, or
    /// when nothing blocks them.
    #[serde(
        serialize_with = "sentinel_store::rfc3339_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub blocked_until: Option<DateTime<Utc>>,
    /// After a revocation: whether the caller has a session, or was revoked before.
    /// If neither, the name may be misspelled. `None` if that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}

/// The caller key of a `user` as operators write it: a name or
/// `account/RoleName`. None for anything else.
#[must_use]
pub fn parse_user(text: &str) -> Option<CallerKey> {
    let key = match text.split_once('/') {
        Some((account, role)) => {
            (AccountId::parse(account).is_ok() && is_name(role)).then(|| text.to_owned())
        }
        None => is_name(text).then(|| text.to_ascii_lowercase()),
    };
    CallerKey::parse(&key?).ok()
}

impl Broker {
    /// Sessions: everybody's for operators, one's own for anyone.
    ///
    /// # Errors
    /// `FORBIDDEN` for somebody else's, `NOT_FOUND` without a session table, and
    /// what failing stores mean.
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
                Code::Forbidden,
                "only operators may list the sessions of others; leave `user` out for your own",
            ));
        };
        let failed = |error: StoreError| match (&error, &query.cursor) {
            (StoreError::Conflict(_) | StoreError::NotFound(_), Some(_)) => Denial::new(
                Code::InvalidRequest,
                "`cursor` is not one that this list gave; begin again without it",
            ),
            _ => call.store_failed(&error),
        };
        let page =
            call.ask(store.sessions(&listing, query.cursor.as_ref())).await.map_err(failed)?;
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

    /// The gates of the callers of these sessions, some at a time. Damaged gates are
    /// left out and logged.
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
        for some in callers.chunks(AT_ONCE) {
            let read = some.iter().map(|caller| call.ask(store.gate(caller)));
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

    /// Whether this caller may list beyond their own. Who asks for no one in
    /// particular gets their own when the policy cannot say.
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

    /// Revokes: old sessions are refused from now on, and new ones until an
    /// operator reinstates, or for as long as is said.
    ///
    /// # Errors
    /// `FORBIDDEN` for who is no operator, `NOT_FOUND` for an unknown session or
    /// without a session table, and what failing stores mean. After an error the
    /// revocation may or may not have happened; to repeat it is safe.
    pub async fn revoke(
        &self,
        call: &Call,
        caller: &Caller,
        target: &Target,
        reason: &str,
        length: Option<Duration>,
    ) -> Result<GateView, Denial> {
        let store = self.operator(call, caller, Operation::Revoke).await?;
        let (key, scope) = self.resolve(call, store, target).await?;
        let at = self.now();
        let until = match length {
            None => None,
            Some(length) => Some(
                TimeDelta::from_std(length)
                    .ok()
                    .and_then(|length| at.checked_add_signed(length))
                    .ok_or_else(|| Denial::new(Code::InvalidRequest, "`for_s` is out of range"))?,
            ),
        };
        let by = caller.key.to_string();
        let block = Block { until, by, reason: short(reason).to_owned(), at };
        let event =
            self.change_event(EventKind::Revocation, call, caller, target, (&key, &scope), reason);
        let change = GateChange { scope, action: GateAction::Revoke(block) };
        self.change(call, store, &key, &change, event).await
    }

    /// Lets a revoked caller in again. Old sessions stay dead.
    ///
    /// # Errors
    /// As for [`Broker::revoke`]; and `FORBIDDEN` for oneself.
    pub async fn reinstate(
        &self,
        call: &Call,
        caller: &Caller,
        target: &Target,
        reason: &str,
    ) -> Result<GateView, Denial> {
        let store = self.operator(call, caller, Operation::Reinstate).await?;
        let (key, scope) = self.resolve(call, store, target).await?;
        if key == caller.key {
            return Err(Denial::new(
                Code::Forbidden,
                "nobody reinstates themselves; ask another operator",
            ));
        }
        let event = self.change_event(
            EventKind::Reinstatement,
            call,
            caller,
            target,
            (&key, &scope),
            reason,
        );
        let change = GateChange { scope, action: GateAction::Reinstate };
        self.change(call, store, &key, &change, event).await
    }

    /// The session store, for who may do this as an operator.
    async fn operator(
        &self,
        call: &Call,
        caller: &Caller,
        operation: Operation,
    ) -> Result<&Arc<dyn SessionStore>, Denial> {
        let store = self.tracked_sessions()?;
        self.not_revoked(call, caller).await?;
        if self.may(call, caller, operation).await? {
            Ok(store)
        } else {
            self.record_event(Event {
                by: Some(caller.key.to_string()),
                principal: Some(caller.principal.clone()),
                reason: Some(operation.as_str().to_owned()),
                code: Some(Code::Forbidden.as_str().to_owned()),
                ..self.event(EventKind::OperationRefused, call)
            })?;
            Err(Denial::new(
                Code::Forbidden,
                format!(
                    "only an operator who may `{}` may do this: see `operators` in the main policy \
                     document",
                    operation.as_str()
                ),
            ))
        }
    }

    fn tracked_sessions(&self) -> Result<&Arc<dyn SessionStore>, Denial> {
        self.sessions.as_ref().map(|table| &table.store).ok_or_else(|| {
            Denial::new(
                Code::NotFound,
                "sessions are not tracked here: set SENTINEL_SESSION_TABLE to track them",
            )
        })
    }

    async fn resolve(
        &self,
        call: &Call,
        store: &Arc<dyn SessionStore>,
        target: &Target,
    ) -> Result<(CallerKey, Scope), Denial> {
        match target {
            Target::Caller(caller) => Ok((caller.clone(), Scope::Caller)),
            Target::OnProfile(caller, profile) => {
                Ok((caller.clone(), Scope::Profile(profile.clone())))
            }
            Target::Session(handle) => match call.ask(store.session(handle)).await.optional() {
                Ok(Some((session, _))) if session.handle == *handle => {
                    Ok((session.caller, Scope::Profile(session.profile)))
                }
                Ok(Some(_)) => Err(Denial::unavailable()),
                Ok(None) => Err(Denial::new(Code::NotFound, "there is no such session")),
                Err(error) => Err(call.store_failed(&error)),
            },
        }
    }

    /// Changes a gate and records it. A revocation is done first and recorded
    /// after; a reinstatement is recorded first, since nobody may be let in again
    /// without a trace. Either is recorded as failed where that is known.
    async fn change(
        &self,
        call: &Call,
        store: &Arc<dyn SessionStore>,
        key: &CallerKey,
        change: &GateChange,
        event: Event,
    ) -> Result<GateView, Denial> {
        let lets_in = match change.action {
            GateAction::Revoke(_) => false,
            GateAction::Reinstate => true,
        };
        if lets_in {
            self.record_event(event.clone())?;
        }
        let gate = match call.ask(store.change_gate(key, change)).await {
            Ok(gate) => gate,
            Err(error) => {
                let denial = match error {
                    StoreError::Throttled(_) => Denial::rate_limited(),
                    StoreError::Conflict(_) => full_gate(),
                    StoreError::NotFound(_)
                    | StoreError::Unavailable(_)
                    | StoreError::Refused(_)
                    | StoreError::Corrupt(_) => Denial::unconfirmed(),
                };
                tracing::error!(request_id = call.request_id, cause = %Causes(&error), "no change of a gate");
                let code = Some(denial.code.as_str().to_owned());
                self.record_event(Event { code, ..event })?;
                return Err(denial);
            }
        };
        let state = gate.state(&change.scope);
        let answer = GateView {
            user: key.clone(),
            profile: match &change.scope {
                Scope::Caller => None,
                Scope::Profile(profile) => Some(profile.clone()),
            },
            epoch: state.epoch.0,
            blocked_until: state.block.and_then(|block| block.until),
            known: None,
        };
        if !lets_in {
            let (epoch, blocked_until) = (Some(answer.epoch), answer.blocked_until);
            let event = Event { epoch, blocked_until, ..event };
            self.record_event(event).map_err(|_| Denial::unconfirmed())?;
            return Ok(GateView { known: self.is_known(call, store, &gate).await, ..answer });
        }
        Ok(answer)
    }

    /// Whether the caller of a gate that was just revoked has a session, or was
    /// revoked before. `None` if that cannot be read in time: the revocation is
    /// done, and does not depend on it.
    async fn is_known(
        &self,
        call: &Call,
        store: &Arc<dyn SessionStore>,
        gate: &Gate,
    ) -> Option<bool> {
        const WITHIN: Duration = Duration::from_secs(2);
        let profiles = gate.profiles.values().map(|state| state.epoch.0);
        if profiles.fold(gate.whole.epoch.0, u64::saturating_add) > 1 {
            return Some(true);
        }
        let listing = Listing::Caller(gate.caller.clone());
        let page = call.ask(store.sessions(&listing, None));
        let page = tokio::time::timeout(WITHIN, page).await.ok()?.ok()?;
        if !page.items.is_empty() || !page.unreadable.is_empty() {
            Some(true)
        } else if page.next.is_none() {
            Some(false)
        } else {
            None
        }
    }

    /// What a revocation or reinstatement is recorded as, before it is done.
    fn change_event(
        &self,
        kind: EventKind,
        call: &Call,
        by: &Caller,
        target: &Target,
        (key, scope): (&CallerKey, &Scope),
        reason: &str,
    ) -> Event {
        Event {
            by: Some(by.key.to_string()),
            principal: Some(by.principal.clone()),
            user: Some(key.to_string()),
            profile: match scope {
                Scope::Caller => None,
                Scope::Profile(profile) => Some(profile.to_string()),
            },
            session: match target {
                Target::Session(handle) => Some(handle.to_string()),
                Target::OnProfile(..) | Target::Caller(_) => None,
            },
            reason: Some(reason.to_owned()),
            ..self.event(kind, call)
        }
    }
}

/// The gate holds as many profiles as it can.
fn full_gate() -> Denial {
    Denial::new(
        Code::Conflict,
        format!(
            "this caller was revoked on {} profiles one by one, which is as many as are kept: revoke \
             the caller as a whole, without a profile",
            Gate::MAX_PROFILES
        ),
    )
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The beginning of a reason, for the gate, which must stay small; the record has
/// the whole of it.
fn short(reason: &str) -> &str {
    const MAX_BYTES: usize = 256;
    let end = reason.floor_char_boundary(MAX_BYTES);
    reason.get(..end).unwrap_or_default()
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
