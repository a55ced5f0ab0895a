//! The one pipeline from a request to credentials.
//!
//! Before the writes: the governing document beside the caller's gate, then the
//! decision. The writes: session and AssumeRole go out together, and when the
//! session's write is acknowledged, the gate is read again beside AssumeRole. A
//! revocation writes the gate first and lists sessions after, so either this
//! re-read sees the revocation, or the list sees this session.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sentinel_policy::{Facts, Mode, Request, RoleArn, Verdict};
use sentinel_store::{
    self as store, AccountId, Causes, DecisionRecord, Gate, PolicyUsed, ProfileName, Record,
    Session, SessionHandle, SessionId, SessionSecret, SessionStore, StoreError,
};
use tokio::time::Instant;

use crate::lifetime::{Bounds, Lifetime};
use crate::policies::Governing;
use crate::{
    AssumeRole, Broker, Call, Caller, Cap, Code, Credentials, Denial, IssueError, SessionTable,
    SourceIdentity, random,
};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vend {
    /// Which profile.
    pub profile: ProfileName,
    /// For how long.
    pub duration: Option<Duration>,
}

/// Credentials that may leave: the session that covers them is recorded, and so
/// is the decision.
#[derive(Clone, Debug)]
pub struct Vended {
    /// The credentials, with their true expiration.
    pub credentials: Credentials,
    /// The session id, where sessions are tracked.
    pub session: Option<SessionId>,
    /// What bounded their life.
    pub cap: Cap,
}

/// How long a vend that failed may still take to mark its session as ended:
/// kept free before the deadline of the call.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A session that is about to be written, and where.
struct Tracked {
    store: Arc<dyn SessionStore>,
    session: Session,
    secret: SessionSecret,
}

/// What the record says of credentials that were issued: nothing secret.
struct IssuedRecord {
    access_key_id: String,
    expiration: DateTime<Utc>,
    request_id: Option<String>,
}

/// What has become known of a vend so far: what its record will say.
struct Progress<'a> {
    call: &'a Call,
    caller: &'a Caller,
    vend: &'a Vend,
    now: DateTime<Utc>,
    started: Instant,
    rule: Option<(String, usize, Option<String>)>,
    policy: Option<PolicyUsed>,
    policy_stale: bool,
    tracked: Option<Tracked>,
    source_identity: Option<SourceIdentity>,
    lifetime: Option<Lifetime>,
    issued: Option<IssuedRecord>,
    withheld: bool,
}

impl Broker {
    /// Vends, or refuses. Either way exactly one decision record is written
    /// before this returns.
    ///
    /// # Errors
    /// Every refusal: see [`Code`].
    pub async fn vend(&self, call: &Call, caller: &Caller, vend: &Vend) -> Result<Vended, Denial> {
        let deadline = call.deadline;
        let call = &Call {
            deadline: deadline.checked_sub(LAST_WORDS).unwrap_or(deadline),
            ..call.clone()
        };
        let mut progress = Progress {
            call,
            caller,
            vend,
            now: self.now(),
            started: Instant::now(),
            rule: None,
            policy: None,
            policy_stale: false,
            tracked: None,
            source_identity: None,
            lifetime: None,
            issued: None,
            withheld: false,
        };
        let pipeline = AssertUnwindSafe(self.decide_and_issue(&mut progress));
        let outcome = pipeline.catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(request_id = call.request_id, "a panic was caught");
            Err(Denial::internal())
        });
        let code = outcome.as_ref().err().map(|denial| denial.code);
        // What was not recorded does not leave.
        let outcome = self.record(&progress.record(code)).and(outcome);
        if outcome.is_err() {
            self.end(progress.tracked.as_ref(), deadline).await;
        }
        outcome
    }

    async fn decide_and_issue(&self, progress: &mut Progress<'_>) -> Result<Vended, Denial> {
        let Progress { call, caller, vend, now, .. } = *progress;
        let (governing, gate) =
            tokio::join!(self.policies.governing(call, caller, &vend.profile), async {
                match &self.sessions {
                    Some(table) => call.ask(table.store.gate(&caller.key)).await.map(Some),
                    None => Ok(None),
                }
            });
        let governing = governing?;
        progress.policy = Some(governing.document.used.clone());
        progress.policy_stale = governing.document.stale;
        let gate = gate.map_err(|error| call.store_failed(&error))?;
        if gate.as_ref().is_some_and(|gate| gate.blocked_on(&vend.profile, now).is_some()) {
            return Err(Denial::revoked());
        }

        let policy = &governing.document.policy;
        let request = self.request(call, caller, vend);
        let facts = Facts::default();
        let decision = policy.decide(&request, &facts, now);
        progress.rule = decision
            .rule
            .map(|rule| (rule.name.to_owned(), rule.index, rule.reason.map(str::to_owned)));
        match decision.verdict {
            Verdict::Allow => {}
            Verdict::Deny => return Err(Denial::policy_deny()),
            Verdict::RequireApproval => {
                return Err(Denial::new(
                    Code::ApprovalRequired,
                    "this profile needs an approval first: ask those who approve it, then try again",
                ));
            }
        }
        let lifetime = Lifetime::new(
            &Bounds {
                asked: vend.duration,
                policy: decision.max_duration,
                maximum: self.settings.max_duration,
                valid_until: policy.valid_until(&request, &facts, now),
            },
            now,
        );
        progress.lifetime = Some(lifetime);
        let role = self.role(call, vend, &governing)?;
        self.issue(progress, gate, role, lifetime).await
    }

    fn request<'a>(&'a self, call: &'a Call, caller: &'a Caller, vend: &'a Vend) -> Request<'a> {
        Request {
            source_ip: call.source_ip,
            source_vpc: call.source_vpc.as_deref(),
            source_vpce: call.source_vpce.as_deref(),
            mode: Some(Mode::Server),
            session_table: self.sessions.as_ref().map(|table| table.name.as_str()),
            ..Request::new(caller.in_policy(), vend.profile.as_str())
        }
    }

    fn role(&self, call: &Call, vend: &Vend, governing: &Governing) -> Result<RoleArn, Denial> {
        let named = governing.document.policy.profile(vend.profile.as_str());
        let role = named
            .filter(|_| governing.is_main)
            .and_then(|profile| profile.role_arn.as_ref().map(|role| role.value.clone()))
            .or_else(|| self.settings.role_arn_template.fill(&call.home, &vend.profile));
        let Some(role) = role else {
            tracing::error!(profile = %vend.profile, "the role's ARN would be no ARN");
            return Err(Denial::credential_error());
        };
        // Sessions of such a role are users, whatever their names look like.
        let sets_users = AccountId::parse(role.account()).is_ok_and(|account| {
            self.settings.session_name_roles.iter().any(|entry| entry.names(&account, role.name()))
        });
        if sets_users {
            tracing::error!(
                profile = %vend.profile,
                role = role.as_str(),
                "the role is in SENTINEL_SESSION_NAME_ROLES, so that its session names are users: \
                 give the profile another role"
            );
            return Err(Denial::credential_error());
        }
        Ok(role)
    }

    async fn issue(
        &self,
        progress: &mut Progress<'_>,
        gate: Option<Gate>,
        role: RoleArn,
        lifetime: Lifetime,
    ) -> Result<Vended, Denial> {
        let Progress { call, caller, .. } = *progress;
        let handle = SessionHandle::new(caller.key.hash(), self.random()?);
        let source_identity = self.settings.source_identity.of_session(&caller.key, &handle);
        progress.source_identity = Some(source_identity.clone());
        let tracked = match (&self.sessions, gate) {
            (Some(SessionTable { store, .. }), Some(gate)) => {
                let secret = SessionSecret::new(self.random()?);
                let session =
                    self.session(progress, handle, &source_identity, &secret, &gate, lifetime.end);
                Some(Tracked { store: Arc::clone(store), session, secret })
            }
            (None, _) | (_, None) => None,
        };
        let request = AssumeRole {
            role,
            source_identity,
            session_tag: match &tracked {
                Some(tracked) => tracked.session.handle.to_string(),
                None => call.request_id.clone(),
            },
            seconds: lifetime.seconds,
            end: lifetime.inline.then_some(lifetime.end),
        };
        if self.now() >= lifetime.end {
            return Err(Denial::policy_deny());
        }

        // Together; the first to fail ends both: what an abandoned AssumeRole
        // issues is issued to nobody.
        let issuing = async {
            let issued = call.in_time(self.issuer.assume_role(&request)).await;
            let issued = issued.unwrap_or_else(|_| {
                Err(IssueError::Unavailable("no answer before the deadline".into()))
            });
            issued.map_err(|error| issue_failed(call, &request, &error))
        };
        progress.tracked = tracked;
        let tracking = track(call, progress.tracked.as_ref(), self.clock.as_ref());
        let (issued, unchanged) = tokio::try_join!(issuing, tracking)?;
        let expiration = issued.credentials.expiration.min(lifetime.end);
        progress.issued = Some(IssuedRecord {
            access_key_id: issued.credentials.access_key_id.clone(),
            expiration,
            request_id: issued.request_id,
        });
        if !unchanged {
            progress.withheld = true;
            return Err(Denial::revoked());
        }
        if self.now() >= expiration {
            progress.withheld = true;
            return Err(Denial::policy_deny());
        }
        let credentials = Credentials { expiration, ..issued.credentials };
        let session = progress.tracked.as_ref().map(|tracked| {
            let (handle, secret) = (tracked.session.handle, tracked.secret.clone());
            match &self.settings.session_keys {
                Some(keys) => keys.issue(handle, secret),
                None => SessionId::new(handle, secret),
            }
        });
        Ok(Vended { credentials, session, cap: lifetime.cap })
    }

    fn session(
        &self,
        progress: &Progress<'_>,
        handle: SessionHandle,
        source_identity: &SourceIdentity,
        secret: &SessionSecret,
        gate: &Gate,
        expires: DateTime<Utc>,
    ) -> Session {
        let Progress { call, caller, vend, now, .. } = *progress;
        Session {
            handle,
            secret_digest: secret.digest(),
            caller: caller.key.clone(),
            user: caller.user.clone(),
            profile: vend.profile.clone(),
            account: caller.account.clone(),
            principal: caller.principal.clone(),
            source_identity: source_identity.to_string(),
            request_id: call.request_id.clone(),
            created: now,
            expires,
            epochs: gate.epochs(&vend.profile),
            generation: self.settings.generation,
            ended: None,
        }
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Denial> {
        random::bytes(self.random.as_ref()).map_err(|error| {
            tracing::error!(cause = %Causes(&error), "no session can be made");
            Denial::unavailable()
        })
    }

    /// Marks the session of a failed vend as ended. Best effort: nobody has its
    /// secret. One that is not there yet is written as ended, since its first
    /// write may be under way still: it then finds this one, and fails.
    async fn end(&self, tracked: Option<&Tracked>, deadline: Instant) {
        let Some(Tracked { store, session, .. }) = tracked else { return };
        let at = self.now();
        let ending = async {
            match store.end_session(&session.handle, at).await {
                Err(StoreError::NotFound) => {}
                answer => return answer,
            }
            let ended = Session { ended: Some(at), ..session.clone() };
            match store.create_session(&ended).await {
                Err(StoreError::Conflict) => store.end_session(&session.handle, at).await,
                answer => answer,
            }
        };
        let by = deadline.min(Instant::now() + LAST_WORDS);
        let ending = tokio::time::timeout_at(by, ending).await;
        match ending {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(session = %session.handle, cause = %Causes(&error), "could not be marked ended");
            }
            Err(_) => {
                tracing::warn!(session = %session.handle, "could not be marked ended in time")
            }
        }
    }
}

/// Writes the session, then reads the gate again: whether the vend is still
/// good.
async fn track(
    call: &Call,
    tracked: Option<&Tracked>,
    clock: &dyn sentinel_store::Clock,
) -> Result<bool, Denial> {
    let Some(Tracked { store, session, .. }) = tracked else { return Ok(true) };
    call.ask(store.create_session(session)).await.map_err(|error| call.store_failed(&error))?;
    let gate =
        call.ask(store.gate(&session.caller)).await.map_err(|error| call.store_failed(&error))?;
    Ok(gate.epochs(&session.profile) == session.epochs
        && gate.blocked_on(&session.profile, clock.now()).is_none())
}

fn issue_failed(call: &Call, request: &AssumeRole, error: &IssueError) -> Denial {
    match error {
        IssueError::Throttled(_) => {
            tracing::warn!(request_id = call.request_id, cause = %Causes(error), "AssumeRole was throttled");
            Denial::rate_limited()
        }
        IssueError::Refused(_) => {
            tracing::error!(
                request_id = call.request_id,
                role = request.role.as_str(),
                source_identity = request.source_identity.as_str(),
                cause = %Causes(error),
                "AssumeRole was refused: check that the role exists, that its trust policy allows \
                 sts:AssumeRole, sts:SetSourceIdentity and sts:TagSession to this function's role, \
                 and that this function's own session has no source identity"
            );
            Denial::credential_error()
        }
        IssueError::Unavailable(_) => {
            tracing::error!(request_id = call.request_id, cause = %Causes(error), "AssumeRole failed");
            Denial::credential_error()
        }
    }
}

impl Progress<'_> {
    /// The record: `allow` only when credentials are about to leave.
    fn record(&self, code: Option<Code>) -> Record {
        let Self { call, caller, vend, .. } = self;
        let effect = match code {
            None => store::Verdict::Allow,
            Some(Code::ApprovalRequired) => store::Verdict::RequireApproval,
            Some(_) => store::Verdict::Deny,
        };
        let vended = self.issued.as_ref().filter(|_| code.is_none());
        let (rule, rule_index, reason) = match self.rule.clone() {
            Some((name, index, reason)) => (Some(name), Some(index), reason),
            None => (None, None, None),
        };
        let lifetime = self.lifetime.filter(|_| code.is_none());
        let session = match (&self.tracked, vended) {
            (Some(tracked), _) => Some(tracked.session.handle.to_string()),
            (None, Some(_)) => Some("untracked".to_owned()),
            (None, None) => None,
        };
        Record::Decision(Box::new(DecisionRecord {
            timestamp: self.now,
            user: caller.user.clone(),
            profile: vend.profile.to_string(),
            effect,
            source_identity: self.source_identity.as_ref().map(ToString::to_string),
            code: code.map_or("OK", Code::as_str).to_owned(),
            rule,
            rule_index,
            reason,
            request_id: call.request_id.clone(),
            session,
            account: caller.account.to_string(),
            principal: caller.principal.clone(),
            caller: caller.key.to_string(),
            source_ip: call.source_ip.map(|address| address.to_string()),
            mode: Mode::Server.as_str(),
            duration_s: lifetime
                .and_then(|lifetime| (lifetime.end - self.now).to_std().ok())
                .map(|length| length.as_secs()),
            expiration: vended.map(|issued| issued.expiration),
            access_key_id: self.issued.as_ref().map(|issued| issued.access_key_id.clone()),
            sts_request_id: self.issued.as_ref().and_then(|issued| issued.request_id.clone()),
            approval: None,
            break_glass: None,
            policy: self.policy.clone(),
            policy_stale: self.policy_stale,
            withheld: self.withheld,
            function_version: call.function_version.clone(),
            latency_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }))
    }
}
