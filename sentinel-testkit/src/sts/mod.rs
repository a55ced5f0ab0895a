//! A strict stand-in for STS, over HTTP. It refuses every request that AWS documents as refused,
//! and also the cases that the documentation leaves open.
//!
//! It implements the AWS Query protocol for AssumeRole and GetCallerIdentity, verifies signatures,
//! checks every parameter against its limit, and evaluates the caller's policies and the role's
//! trust policy. It is *not* STS: the README lists what is missing.

mod authorize;
mod journal;
mod limits;
mod operations;
mod packed;
mod policy;
mod wire;
mod world;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{TimeDelta, Utc};
use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use sentinel_sigv4::{CredentialScope, Presented, Received, SecretKey, SignatureError, verify};
use sentinel_store::Secret;

pub use journal::JournalEntry;
pub use policy::allows;
pub use world::{Role, Setup, SetupError, StsCaller};

use crate::server::{Reply, Server};
use policy::{Document, Kind};
use serde_json::Value;
use wire::{Error, Form};
use world::{Principal, World};

/// A running stand-in. It ends when this value is dropped.
#[derive(Debug)]
pub struct StandIn {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    world: Mutex<World>,
    journal: Mutex<Vec<JournalEntry>>,
}

/// Why the stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The setup is invalid.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// It cannot listen.
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[from] io::Error),
}

impl StandIn {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// If IAM would refuse a document of the setup, or no port is available.
    pub async fn start(setup: &Setup) -> Result<Self, StartError> {
        let state = Arc::new(State {
            world: Mutex::new(World::new(setup)?),
            journal: Mutex::new(Vec::new()),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let state = Arc::clone(&shared);
            async move { Reply::Answer(serve(&state, request).await) }
        })
        .await?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// All requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<JournalEntry> {
        lock(&self.state.journal).clone()
    }

    /// Whether a principal, named by its access key, can perform an action of any service on a
    /// resource: its own policies and its session policy allow it, and none of these service control
    /// policies denies it. They are in addition to one that allows everything. Conditions see the
    /// time and the principal with its session tags, and nothing of the action's own keys.
    ///
    /// # Errors
    /// If the key is unknown, or a document is invalid.
    pub fn allows(
        &self,
        access_key_id: &str,
        action: &str,
        resource: &str,
        service_control_policies: &[Value],
    ) -> Result<bool, String> {
        let read = |document| Document::read(document, Kind::Identity);
        let documents: Result<Vec<_>, _> = service_control_policies.iter().map(read).collect();
        let world = lock(&self.state.world);
        let caller = world.principal(access_key_id).ok_or("the access key is unknown")?;
        Ok(authorize::allows(caller, &documents?, (action, resource), Utc::now()))
    }

    /// Lets time pass for credentials: each expires earlier by this duration.
    pub fn pass(&self, time: TimeDelta) {
        lock(&self.state.world).pass(time);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(state: &State, request: Request<Incoming>) -> hyper::Response<crate::server::Body> {
    let mut id = [0; 16];
    let random = getrandom::fill(&mut id);
    let request_id = HEXLOWER.encode(&id);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let at = Utc::now();
    let mut entry = JournalEntry {
        at,
        operation: None,
        caller: None,
        parameters: Default::default(),
        status: 200,
        code: None,
        request_id: request_id.clone(),
    };
    let result = (|| {
        let unread = |_| Error::new(400, "IncompleteSignature", "the body did not come".to_owned());
        let body = body.map_err(unread)?;
        random.map_err(|_| Error::new(500, "InternalFailure", "no randomness".to_owned()))?;
        let mut world = lock(&state.world);
        let received = Received {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body: &body,
        };
        let scope = CredentialScope { region: &world.region, service: "sts" };
        let caller = verify(&received, scope, at, |shown| find(&world, shown, at))
            .map_err(|refusal| refused(&refusal))?;
        entry.caller = Some(caller.arn.clone());
        let parameters = if parts.method == "POST" { &body[..] } else { received.query.as_bytes() };
        let form = Form::parse(parameters)?;
        entry.operation = form.get("Action").map(str::to_owned);
        entry.parameters = form.shown();
        operations::perform(&mut world, &caller, &form, at)
    })();
    if let Err(error) = &result {
        entry.status = error.status;
        entry.code = Some(error.code.to_owned());
    }
    lock(&state.journal).push(entry);
    wire::answer(&result, &request_id)
}

/// The secret of an access key, and its principal.
fn find(
    world: &World,
    shown: Presented<'_>,
    now: chrono::DateTime<Utc>,
) -> Result<(SecretKey, Principal), SignatureError> {
    let principal = world.principal(shown.access_key_id).ok_or(SignatureError::UnknownKey)?;
    if principal.token != shown.token.map(Secret::new) {
        return Err(SignatureError::UnknownKey);
    }
    if principal.expires.is_some_and(|expires| now >= expires) {
        return Err(SignatureError::Expired);
    }
    Ok((SecretKey::new(principal.secret.reveal()), principal.clone()))
}

/// The error code that STS uses for this problem with a signature.
fn refused(refusal: &SignatureError) -> Error {
    let (status, code, message) = refusal.as_sts();
    Error { status, code, message }
}
