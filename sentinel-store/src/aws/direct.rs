//! Sends the first attempt of a call without the orchestrator of the SDK, which takes several times
//! as long as everything else that a call does on this side.
//!
//! The SDK serializes the request and reads the response, resolves the endpoint and the
//! credentials, and signs. What is left out are its plugins, interceptors and spans, which it sets
//! up again for each call. A client sends its first call with the SDK, and the endpoint, the scope of
//! the signature and the connector of that call are used from then on.
//!
//! Not here: retries. Unless the service has accepted or refused the first attempt, the SDK makes the
//! others, with its own rules for what may be repeated, pauses and corrections of the clock.

use std::{
    error::Error as StdError,
    fmt::{self, Debug},
    future::Future,
    mem,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::AuthSchemeId,
        http::{HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpConnector},
        identity::{
            Identity, IdentityCacheLocation, ResolveCachedIdentity, ResolveIdentity,
            SharedIdentityResolver,
        },
        interceptors::{
            Intercept, SharedInterceptor,
            context::{
                BeforeTransmitInterceptorContextRef, Error, Input, InterceptorContext, Output,
            },
            dyn_dispatch_hint,
        },
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        result::SdkError,
        runtime_components::{GetIdentityResolver, RuntimeComponents},
        runtime_plugin::RuntimePlugin,
        ser_de::{
            DeserializeResponse, SerializeRequest, SharedRequestSerializer,
            SharedResponseDeserializer,
        },
    },
};
use aws_smithy_types::{
    DateTime,
    body::SdkBody,
    config_bag::ConfigBag,
    date_time::Format,
    error::{metadata::ProvideErrorMetadata, operation::BuildError},
    retry::ProvideErrorKind,
    timeout::TimeoutConfig,
};
use http::{HeaderValue, Uri};
use http_body_util::BodyExt;

use super::Timing;

/// The scheme of signatures, as the SDK names it.
const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");

/// The product in the `User-Agent` header, which CloudTrail records.
const USER_AGENT: &str = concat!("sentinel/", env!("CARGO_PKG_VERSION"));

/// Statuses that the SDK retries, whatever the error code.
const FAILING: [u16; 4] = [500, 502, 503, 504];

/// Error codes of a request whose signature has another time than the service.
const SKEWED: [&str; 5] = [
    "AccessDeniedException",
    "AuthFailure",
    "InvalidSignatureException",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// Minimum difference of the clocks for which the SDK corrects the time of a signature.
const SKEW: Duration = Duration::from_secs(4 * 60);

/// Maximum pause before the second attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// The result of a call of the SDK.
pub type SdkResult<O, E> = Result<O, SdkError<E, HttpResponse>>;

/// A client `C` of an AWS service, whose calls are sent with [`Direct::call`].
#[derive(Clone)]
pub struct Direct<C> {
    client: C,
    timing: Timing,
    shared: Arc<Shared>,
    /// The client for the attempts after the first one. It is made when it is needed.
    retrying: Arc<OnceLock<C>>,
    with_retries: fn(&C, Timing) -> C,
}

#[derive(Default)]
struct Shared {
    /// How the SDK sent the first call of the client. `None` if it did not sign with SigV4.
    route: OnceLock<Option<Route>>,
    /// Whether the clock of this machine is wrong. The SDK corrects its signatures.
    skewed: AtomicBool,
}

/// Where requests are sent, and how they are signed.
struct Route {
    uri: Uri,
    region: String,
    service: String,
    connector: SharedHttpConnector,
    identities: SharedIdentityResolver,
    components: RuntimeComponents,
}

impl<C> Direct<C> {
    /// The client that `client` makes with an interceptor, which observes how the SDK sends the first
    /// call. It has these timeouts and retries, and `with_retries` makes the same client with the retries of
    /// another timing.
    #[must_use]
    pub fn new(
        timing: Timing,
        client: impl FnOnce(SharedInterceptor) -> C,
        with_retries: fn(&C, Timing) -> C,
    ) -> Self {
        let shared = Arc::default();
        let observer = SharedInterceptor::new(Observer(Arc::downgrade(&shared)));
        Self { client: client(observer), timing, shared, retrying: Arc::default(), with_retries }
    }

    /// The client, for calls that are not direct.
    #[must_use]
    pub const fn client(&self) -> &C {
        &self.client
    }

    /// Sends the call of `operation` whose input is built by `build`. `through_sdk` sends the attempts
    /// that are left with a client that makes no more: all of them if no call was sent yet.
    ///
    /// The timeouts and the number of attempts hold for the whole call.
    ///
    /// # Errors
    /// As the SDK returns them.
    pub async fn call<'c, B, I, O, E, F>(
        &'c self,
        operation: &impl RuntimePlugin,
        input: B,
        build: impl FnOnce(B) -> Result<I, BuildError>,
        through_sdk: impl FnOnce(B, &'c C) -> F,
    ) -> SdkResult<O, E>
    where
        B: Clone,
        I: Debug + Send + Sync + 'static,
        O: Debug + Send + Sync + 'static,
        E: ProvideErrorKind + ProvideErrorMetadata + StdError + Send + Sync + 'static,
        F: Future<Output = SdkResult<O, E>>,
    {
        let route = self.shared.route.get().and_then(Option::as_ref);
        let usable = self.timing.attempts > 1 && !self.shared.skewed.load(Ordering::Relaxed);
        let Some(route) = route.filter(|_| usable) else {
            return through_sdk(input, &self.client).await;
        };
        let Ok(built) = build(input.clone()) else {
            // The SDK builds it too, and returns the error.
            return through_sdk(input, &self.client).await;
        };
        let begun = Instant::now();
        let attempt = route.send(operation, built);
        if let Ok(Some(result)) = tokio::time::timeout(self.timing.attempt, attempt).await
            && self.is_final(&result, route.now())
        {
            return result;
        }
        tokio::time::sleep(pause()).await;
        let left = self.timing.operation.saturating_sub(begun.elapsed());
        let rest = through_sdk(input, self.retrying());
        match tokio::time::timeout(left, rest).await {
            Ok(result) => result,
            Err(elapsed) => Err(SdkError::timeout_error(elapsed)),
        }
    }

    fn retrying(&self) -> &C {
        let timing = self.timing.with_attempts(self.timing.attempts.saturating_sub(1));
        self.retrying.get_or_init(|| (self.with_retries)(&self.client, timing))
    }

    /// Whether the SDK would not repeat a call with that result.
    fn is_final<O, E>(&self, result: &SdkResult<O, E>, now: SystemTime) -> bool
    where
        E: ProvideErrorKind + ProvideErrorMetadata,
    {
        let answer = match result {
            Ok(_) => return true,
            Err(SdkError::ServiceError(answer)) => answer,
            Err(_) => return false,
        };
        let code = ProvideErrorMetadata::code(answer.err()).unwrap_or_default();
        if SKEWED.contains(&code) && is_skewed(answer.raw(), now) {
            self.shared.skewed.store(true, Ordering::Relaxed);
            return false;
        }
        !FAILING.contains(&answer.raw().status().as_u16())
            && !THROTTLING_ERRORS.contains(&code)
            && !TRANSIENT_ERRORS.contains(&code)
            && answer.err().retryable_error_kind().is_none()
    }
}

impl<C> Debug for Direct<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").finish_non_exhaustive()
    }
}

impl Route {
    /// Sends one attempt. `None` if it cannot be sent like this.
    async fn send<I, O, E>(
        &self,
        operation: &impl RuntimePlugin,
        input: I,
    ) -> Option<SdkResult<O, E>>
    where
        I: Debug + Send + Sync + 'static,
        O: Debug + Send + Sync + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let layer = operation.config()?;
        let serializer = layer.load::<SharedRequestSerializer>()?;
        let deserializer = layer.load::<SharedResponseDeserializer>()?;
        let mut config = ConfigBag::base();
        let mut request = serializer.serialize_input(Input::erase(input), &mut config).ok()?;
        request.set_uri(self.uri.clone()).ok()?;
        let identity = self.identity(&config).await.ok()?;
        self.sign(&mut request, &identity).ok()?;
        // CloudTrail records it. It is not signed, as in requests of the SDK.
        request.headers_mut().insert("user-agent", USER_AGENT);
        let mut response = self.connector.call(request).await.ok()?;
        let body = mem::replace(response.body_mut(), SdkBody::taken());
        let body = body.collect().await.ok()?.to_bytes();
        *response.body_mut() = SdkBody::from(body);
        let output = deserializer.deserialize_nonstreaming_with_config(&response, &config);
        match output {
            Ok(output) => output.downcast::<O>().ok().map(Ok),
            Err(error) => failed(error, response),
        }
    }

    async fn identity(&self, config: &ConfigBag) -> Result<Identity, BoxError> {
        if let IdentityCacheLocation::RuntimeComponents = self.identities.cache_location() {
            let (cache, identities) = (self.components.identity_cache(), self.identities.clone());
            cache.resolve_cached_identity(identities, &self.components, config).await
        } else {
            self.identities.resolve_identity(&self.components, config).await
        }
    }

    fn now(&self) -> SystemTime {
        self.components.time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }

    fn sign(&self, request: &mut HttpRequest, identity: &Identity) -> Result<(), BoxError> {
        let params = aws_sigv4::sign::v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(&self.service)
            .time(self.now())
            .settings(SigningSettings::default())
            .build()?;
        let params = SigningParams::V4(params);
        let body = request.body().bytes().ok_or("the body is not in memory")?;
        let signable = SignableRequest::new(
            request.method(),
            request.uri(),
            request.headers().iter(),
            SignableBody::Bytes(body),
        )?;
        let (headers, _) = sign(signable, &params)?.into_parts().0.into_parts();
        for header in headers {
            let mut value = HeaderValue::from_str(header.value())?;
            value.set_sensitive(header.sensitive());
            request.headers_mut().insert(header.name(), value);
        }
        Ok(())
    }
}

/// The error of the SDK for a response with an error. `None` if it is an error of another type.
fn failed<O, E>(error: OrchestratorError<Error>, response: HttpResponse) -> Option<SdkResult<O, E>>
where
    E: StdError + Send + Sync + 'static,
{
    if !error.is_operation_error() {
        return None;
    }
    // The SDK makes an owned error only of a context that has passed through the phases of a call.
    let mut context = InterceptorContext::new(Input::erase(()));
    context.enter_serialization_phase();
    drop(context.take_input());
    context.set_request(HttpRequest::empty());
    context.enter_before_transmit_phase();
    context.enter_transmit_phase();
    drop(context.take_request());
    context.set_response(response);
    context.enter_before_deserialization_phase();
    context.enter_deserialization_phase();
    context.set_output_or_error(Err::<Output, _>(error));
    context.enter_after_deserialization_phase();
    let mut found = None;
    let error = context.finalize().err()?;
    let error = error.map_service_error(|error| found = error.downcast::<E>().ok());
    match (error, found) {
        (SdkError::ServiceError(answer), Some(error)) => {
            Some(Err(SdkError::service_error(error, answer.into_raw())))
        }
        (_, _) => None,
    }
}

/// Whether the service has another time than this machine.
fn is_skewed(response: &HttpResponse, now: SystemTime) -> bool {
    let date = response.headers().get("date");
    let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
    let date = date.and_then(|date| SystemTime::try_from(date).ok());
    date.is_some_and(|date| {
        let difference = date.duration_since(now).or_else(|_| now.duration_since(date));
        difference.is_ok_and(|difference| difference > SKEW)
    })
}

/// Observes how the SDK sends a call. The route that it stores contains the client's components, and these
/// contain the observer: a strong reference would keep all of them forever.
#[derive(Clone)]
struct Observer(Weak<Shared>);

impl Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Observer {
    fn name(&self) -> &'static str {
        "Direct"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(shared) = self.0.upgrade() {
            shared.route.get_or_init(|| Route::of(context.request(), components, config));
        }
        Ok(())
    }
}

impl Route {
    /// The route of a signed request. `None` if it is not signed with SigV4 in its headers.
    fn of(
        request: &HttpRequest,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Option<Self> {
        let signature = request.headers().get("authorization")?;
        let (_, scope) = signature.strip_prefix("AWS4-HMAC-SHA256 Credential=")?.split_once('/')?;
        let (scope, _) = scope.split_once(',')?;
        let [_date, region, service, "aws4_request"] = *scope.split('/').collect::<Vec<_>>() else {
            return None;
        };
        // The same settings as those of the SDK, so that both use the same connections.
        let timeouts = config.load::<TimeoutConfig>()?;
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(timeouts.connect_timeout());
        settings.set_read_timeout(timeouts.read_timeout());
        Some(Self {
            uri: request.uri().parse().ok()?,
            region: region.to_owned(),
            service: service.to_owned(),
            connector: components.http_client()?.http_connector(&settings.build(), components),
            identities: components.identity_resolver(SIGV4)?,
            components: components.clone(),
        })
    }
}

/// A random pause before the second attempt.
fn pause() -> Duration {
    let mut random = [u8::MAX];
    // Without randomness, the pause is the longest.
    getrandom::fill(&mut random).ok();
    let [random] = random;
    PAUSE * u32::from(random) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::{error::ErrorMetadata, retry::ErrorKind};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused(ErrorMetadata);

    impl ProvideErrorMetadata for Refused {
        fn meta(&self) -> &ErrorMetadata {
            &self.0
        }
    }

    impl ProvideErrorKind for Refused {
        fn retryable_error_kind(&self) -> Option<ErrorKind> {
            None
        }

        fn code(&self) -> Option<&str> {
            self.0.code()
        }
    }

    /// A response with an error, and with the date of an hour later than 1970.
    #[expect(clippy::result_large_err, reason = "the error is the SDK's")]
    fn refused(status: u16, code: &str) -> SdkResult<(), Refused> {
        let response = http::Response::builder()
            .status(status)
            .header("date", "Thu, 01 Jan 1970 01:00:00 GMT")
            .body(SdkBody::empty())
            .unwrap();
        let error = Refused(ErrorMetadata::builder().code(code).build());
        Err(SdkError::service_error(error, response.try_into().unwrap()))
    }

    fn direct() -> Direct<()> {
        Direct::new(Timing::DYNAMODB, |_| (), |(), _| ())
    }

    fn minutes(minutes: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(minutes * 60)
    }

    #[test]
    fn the_sdk_repeats_what_it_would_have_repeated() {
        let direct = direct();
        let is_final = |status, code| direct.is_final(&refused(status, code), minutes(60));
        assert!(direct.is_final(&Ok::<(), SdkError<Refused, _>>(()), minutes(60)));
        for (status, code) in [
            (400, "ConditionalCheckFailedException"),
            (400, "AccessDeniedException"),
            (403, "ExpiredToken"),
            (400, "ValidationException"),
            (404, ""),
        ] {
            assert!(is_final(status, code), "{status} {code}");
        }
        for (status, code) in [
            (500, "InternalServerError"),
            (503, ""),
            (400, "ThrottlingException"),
            (400, "ProvisionedThroughputExceededException"),
            (400, "RequestTimeout"),
        ] {
            assert!(!is_final(status, code), "{status} {code}");
        }
        let lost = SdkError::timeout_error("no response");
        assert!(!direct.is_final(&Err::<(), SdkError<Refused, _>>(lost), minutes(60)));
    }

    #[test]
    fn the_sdk_makes_every_call_of_a_machine_whose_clock_is_wrong() {
        for now in [minutes(55), minutes(65)] {
            let direct = direct();
            assert!(direct.is_final(&refused(400, "ResourceNotFoundException"), now));
            assert!(!direct.shared.skewed.load(Ordering::Relaxed));
            assert!(!direct.is_final(&refused(403, "SignatureDoesNotMatch"), now));
            assert!(direct.shared.skewed.load(Ordering::Relaxed));
        }
    }
}
