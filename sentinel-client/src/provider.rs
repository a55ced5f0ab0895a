//! Credentials of a profile for the AWS SDK.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use chrono::{DateTime, Utc};
use sentinel_wire::ProfileName;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Client, ClientError, VendRequest, VendedCredentials};

/// Maximum time of a request, if there are no valid credentials to use meanwhile.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum time of a request whose caller could use the current credentials, by default.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed refresh, if the TVM names none.
const PAUSE: Duration = Duration::from_secs(10);

/// Provides the AWS SDK with credentials of one profile. Clones share the credentials.
///
/// - Credentials are requested when they are needed first, and again when a third of their lifetime
///   is left.
/// - Concurrent callers share one request and its result. During a refresh, they use the current
///   credentials without waiting.
/// - If the TVM cannot be reached or fails, the current credentials are used until they expire, and
///   the next request waits for `Retry-After`, or ten seconds. If the TVM refuses, they are discarded:
///   a refusal is a decision.
///
/// The identity cache of the AWS SDK would keep credentials until seconds before they expire. Turn it
/// off, as the example does, so that refreshes and refusals take effect when they happen.
#[derive(Clone)]
pub struct ProfileCredentials {
    client: Client,
    request: VendRequest,
    refresh_timeout: Duration,
    state: Arc<State>,
}

/// A result that concurrent callers share.
type Shared = Result<VendedCredentials, Arc<ClientError>>;

#[derive(Default)]
struct State {
    current: RwLock<Option<VendedCredentials>>,
    /// Locked during a request.
    last: Mutex<Option<Last>>,
}

/// The last request.
struct Last {
    finished: Instant,
    /// When the next request may be sent while the current credentials are valid.
    next: Instant,
    result: Shared,
}

impl State {
    fn current(&self) -> Option<VendedCredentials> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, vended: Option<VendedCredentials>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = vended;
    }
}

impl Client {
    /// Credentials of a profile for the AWS SDK, which are requested when they are needed and again
    /// before they expire.
    #[must_use]
    pub fn credentials(&self, profile: ProfileName) -> ProfileCredentials {
        ProfileCredentials::new(self.clone(), VendRequest::new(profile))
    }
}

impl ProfileCredentials {
    /// Credentials as requested.
    #[must_use]
    pub fn new(client: Client, request: VendRequest) -> Self {
        Self { client, request, refresh_timeout: REFRESH_TIMEOUT, state: Arc::default() }
    }

    /// The same credentials, with another maximum time of a request that is sent while the current
    /// credentials are still valid (default: 5 s). The caller that sends it waits for it. A program
    /// whose callers do not wait can allow the time that a slow signer takes.
    #[must_use]
    pub fn with_refresh_timeout(self, refresh_timeout: Duration) -> Self {
        Self { refresh_timeout, ..self }
    }

    /// The current credentials, with their session id. They are requested if there are none or they
    /// are not fresh.
    ///
    /// # Errors
    /// If the TVM refuses, or cannot be reached and there are no credentials that are still valid.
    /// The error is shared with the callers that waited for the same request.
    pub async fn vended(&self) -> Result<VendedCredentials, Arc<ClientError>> {
        self.vended_at(Utc::now).await
    }

    /// Discards the current credentials, so that the next use requests new ones. It is for a session
    /// that an API behind the authorizer refuses, for example after a revocation and a reinstatement.
    pub fn discard(&self) {
        self.state.replace(None);
    }

    async fn vended_at(&self, now: impl Fn() -> DateTime<Utc>) -> Shared {
        let current = || self.state.current().and_then(|vended| vended.not_expired(now()).ok());
        let fresh = || current().filter(|vended| vended.is_fresh(now()));
        if let Some(vended) = fresh() {
            return Ok(vended);
        }
        let arrived = Instant::now();
        let mut last = match (self.state.last.try_lock(), current()) {
            (Ok(last), _) => last,
            // Another caller refreshes them.
            (Err(_), Some(vended)) => return Ok(vended),
            (Err(_), None) => self.state.last.lock().await,
        };
        // The result of a request that this caller waited for is its result.
        if let Some(last) = last.as_ref().filter(|last| last.finished >= arrived) {
            return last.result.clone();
        }
        if let Some(vended) = fresh() {
            return Ok(vended);
        }
        let current = current();
        if let (Some(last), Some(vended)) = (last.as_ref(), &current)
            && Instant::now() < last.next
        {
            return Ok(vended.clone());
        }
        let (result, pause) = self.request(current, &now).await;
        let (finished, result) = (Instant::now(), result.map_err(Arc::new));
        *last = Some(Last { finished, next: finished + pause, result: result.clone() });
        result
    }

    /// Sends a request. Returns its result, and the pause before the next one.
    async fn request(
        &self,
        current: Option<VendedCredentials>,
        now: impl Fn() -> DateTime<Utc>,
    ) -> (Result<VendedCredentials, ClientError>, Duration) {
        let timeout = if current.is_some() { self.refresh_timeout } else { TIMEOUT };
        let vend = async { self.client.vend_at(&self.request, now()).await?.not_expired(now()) };
        let result = tokio::time::timeout(timeout, vend).await.unwrap_or_else(|_| {
            Err(ClientError::Unreachable {
                address: self.client.address(),
                source: "timed out".into(),
            })
        });
        let error = match result {
            Ok(vended) => {
                self.state.replace(Some(vended.clone()));
                return (Ok(vended), Duration::ZERO);
            }
            Err(error) => error,
        };
        if matches!(&error, ClientError::Refused(response) if response.is_of_sentinel()) {
            self.state.replace(None);
            return (Err(error), Duration::ZERO);
        }
        let Some(vended) = current else { return (Err(error), Duration::ZERO) };
        tracing::warn!(
            profile = %self.request.profile,
            error = &error as &dyn std::error::Error,
            "failed to refresh credentials; the current ones are used until they expire"
        );
        (Ok(vended), error.retry_after().unwrap_or(PAUSE))
    }
}

impl fmt::Debug for ProfileCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileCredentials").field("request", &self.request).finish_non_exhaustive()
    }
}

impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self.vended().await {
                Ok(vended) => Ok(Credentials::from(&vended)),
                Err(error) => Err(CredentialsError::provider_error(error)),
            }
        })
    }

    /// The current credentials, if the AWS SDK stops waiting for a request and they are still valid.
    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        let current = self.state.current()?.not_expired(Utc::now()).ok()?;
        Some(Credentials::from(&current))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use async_trait::async_trait;
    use chrono::TimeDelta;
    use sentinel_wire::{ErrorBody, rfc3339};
    use serde_json::json;

    use super::*;
    use crate::{HttpRequest, HttpResponse, Transport};

    /// A TVM whose responses are given. Without a further one, it cannot be reached.
    #[derive(Clone, Debug, Default)]
    struct Scripted {
        responses: Arc<std::sync::Mutex<VecDeque<HttpResponse>>>,
        requests: Arc<std::sync::Mutex<usize>>,
    }

    #[async_trait]
    impl Transport for Scripted {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse, ClientError> {
            tokio::task::yield_now().await;
            *self.requests.lock().unwrap() += 1;
            self.responses.lock().unwrap().pop_front().ok_or_else(|| ClientError::Unreachable {
                address: self.address(),
                source: "no route to host".into(),
            })
        }

        fn address(&self) -> String {
            "the script".to_owned()
        }
    }

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn minutes(minutes: i64) -> DateTime<Utc> {
        start() + TimeDelta::minutes(minutes)
    }

    impl Scripted {
        fn then(self, response: HttpResponse) -> Self {
            self.responses.lock().unwrap().push_back(response);
            self
        }

        /// Credentials that are valid until that time.
        fn then_vend(self, id: &str, until: DateTime<Utc>) -> Self {
            let body = json!({
                "AccessKeyId": id,
                "SecretAccessKey": "s",
                "Token": "t",
                "Expiration": rfc3339::seconds(until),
            });
            self.then(HttpResponse::json(200, body.to_string()))
        }

        fn then_error(self, status: u16, code: &str) -> Self {
            let body = serde_json::to_vec(&ErrorBody::new(code, "m", "r-1")).unwrap();
            self.then(HttpResponse::json(status, body))
        }

        fn requests(&self) -> usize {
            *self.requests.lock().unwrap()
        }

        fn credentials(&self) -> ProfileCredentials {
            Client::with_transport(self.clone()).credentials("production".parse().unwrap())
        }
    }

    async fn id(credentials: &ProfileCredentials, now: DateTime<Utc>) -> Result<String, String> {
        match credentials.vended_at(|| now).await {
            Ok(vended) => Ok(vended.credentials.access_key_id),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn credentials_are_requested_again_when_a_third_of_their_lifetime_is_left() {
        let tvm =
            Scripted::default().then_vend("ASIA1", minutes(60)).then_vend("ASIA2", minutes(99));
        let credentials = tvm.credentials();
        for (minute, expected) in [(0, "ASIA1"), (39, "ASIA1"), (40, "ASIA2"), (41, "ASIA2")] {
            assert_eq!(id(&credentials, minutes(minute)).await.unwrap(), expected, "{minute}");
        }
        assert_eq!(tvm.requests(), 2);
    }

    #[tokio::test]
    async fn current_credentials_are_used_until_they_expire_while_the_tvm_cannot_be_reached() {
        let tvm = Scripted::default().then_vend("ASIA1", minutes(60));
        let credentials = tvm.credentials();
        id(&credentials, start()).await.unwrap();
        for minute in [40, 41, 59] {
            assert_eq!(id(&credentials, minutes(minute)).await.unwrap(), "ASIA1", "{minute}");
        }
        assert_eq!(tvm.requests(), 2, "a failed refresh is not repeated immediately");
        assert!(id(&credentials, minutes(60)).await.is_err());
        assert_eq!(tvm.requests(), 3);
    }

    #[tokio::test]
    async fn only_a_refusal_of_sentinel_discards_the_current_credentials() {
        for (status, code, is_kept) in [
            (403, "SESSION_REVOKED", false),
            (403, "POLICY_DENY", false),
            (429, "RATE_LIMITED", true),
            (503, "STORE_UNAVAILABLE", true),
            (403, "HTTP 403", true),
            (400, "INVALID_REQUEST", true),
        ] {
            let tvm = Scripted::default().then_vend("ASIA1", minutes(60)).then_error(status, code);
            let credentials = tvm.credentials();
            id(&credentials, start()).await.unwrap();
            let refreshed = id(&credentials, minutes(45)).await;
            assert_eq!(refreshed.is_ok(), is_kept, "{code}");
            // The TVM cannot be reached any more.
            assert_eq!(id(&credentials, minutes(46)).await.is_ok(), is_kept, "{code}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_shared_by_concurrent_callers_and_requested_again_later() {
        let tvm =
            Scripted::default().then_error(403, "SESSION_REVOKED").then_vend("ASIA1", minutes(60));
        let credentials = tvm.credentials();
        let callers = (0..20).map(|_| id(&credentials, start()));
        let results = futures_util::future::join_all(callers).await;
        assert!(results.iter().all(Result::is_err));
        assert_eq!(tvm.requests(), 1);
        assert_eq!(id(&credentials, start()).await.unwrap(), "ASIA1");
    }

    #[tokio::test]
    async fn discarded_and_expired_credentials_are_not_used() {
        let tvm = Scripted::default()
            .then_vend("ASIA1", minutes(60))
            .then_vend("ASIA2", minutes(60))
            .then_vend("ASIA3", minutes(-1));
        let credentials = tvm.credentials();
        assert_eq!(id(&credentials, start()).await.unwrap(), "ASIA1");
        credentials.discard();
        assert_eq!(id(&credentials, start()).await.unwrap(), "ASIA2");
        credentials.discard();
        let error = id(&credentials, start()).await.unwrap_err();
        assert!(error.contains("expired at"), "{error}");
    }

    /// A TVM that vends an hour, and is away for a minute from the first request of each refresh on.
    #[derive(Clone, Debug)]
    struct AwayAtRefresh {
        begin: Instant,
        away: Arc<std::sync::Mutex<Option<Instant>>>,
        vends: Arc<std::sync::Mutex<usize>>,
    }

    impl AwayAtRefresh {
        fn now(&self) -> DateTime<Utc> {
            start() + TimeDelta::from_std(self.begin.elapsed()).unwrap()
        }
    }

    #[async_trait]
    impl Transport for AwayAtRefresh {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse, ClientError> {
            tokio::task::yield_now().await;
            let (mut away, mut vends) = (self.away.lock().unwrap(), self.vends.lock().unwrap());
            if *vends > 0
                && away.get_or_insert_with(Instant::now).elapsed() < Duration::from_secs(60)
            {
                let source = "connection refused".into();
                return Err(ClientError::Unreachable { address: self.address(), source });
            }
            *away = None;
            *vends += 1;
            let body = json!({
                "AccessKeyId": format!("ASIA{vends}"),
                "SecretAccessKey": "s",
                "Token": "t",
                "Expiration": rfc3339::seconds(self.now() + TimeDelta::hours(1)),
            });
            Ok(HttpResponse::json(200, body.to_string()))
        }

        fn address(&self) -> String {
            "the script".to_owned()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sixteen_hours_of_callers_have_valid_credentials_from_one_request_per_refresh() {
        let tvm =
            AwayAtRefresh { begin: Instant::now(), away: Arc::default(), vends: Arc::default() };
        let credentials =
            Client::with_transport(tvm.clone()).credentials("production".parse().unwrap());
        for _ in 0..16 * 120 {
            let callers = (0..20).map(|_| credentials.vended_at(|| tvm.now()));
            for vended in futures_util::future::join_all(callers).await {
                let vended = vended.unwrap();
                assert!(vended.credentials.expiration > tvm.now(), "{vended:?}");
            }
            tokio::time::advance(Duration::from_secs(30)).await;
        }
        // Each 41 minutes: two thirds of an hour, and the minute without the TVM.
        assert_eq!(*tvm.vends.lock().unwrap(), 1 + 16 * 60 / 41);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_takes_no_longer_than_allowed() {
        let tvm = Scripted::default().then_vend("ASIA1", minutes(60));
        let credentials = tvm.credentials();
        id(&credentials, start()).await.unwrap();
        let hanging = Client::with_transport(Hanging);
        for seconds in [5, 30] {
            let credentials = ProfileCredentials { client: hanging.clone(), ..credentials.clone() };
            let credentials = credentials.with_refresh_timeout(Duration::from_secs(seconds));
            *credentials.state.last.lock().await = None;
            let sent = Instant::now();
            assert_eq!(id(&credentials, minutes(45)).await.unwrap(), "ASIA1");
            assert_eq!(sent.elapsed().as_secs(), seconds);
        }
    }

    #[derive(Debug)]
    struct Hanging;

    #[async_trait]
    impl Transport for Hanging {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse, ClientError> {
            std::future::pending().await
        }

        fn address(&self) -> String {
            "nowhere".to_owned()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_signer_that_hangs_does_not_hold_other_callers() {
        let credentials =
            Client::with_transport(Hanging).credentials("production".parse().unwrap());
        assert!(id(&credentials, start()).await.unwrap_err().contains("nowhere"));
    }
}
