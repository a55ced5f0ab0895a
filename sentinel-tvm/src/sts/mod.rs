//! Credentials from AWS STS: `AssumeRole`, with everything that identifies the session.
//!
//! Requests go to the region's endpoint, which is the SDK's default. This file contains what is sent,
//! and the timeouts and retries. [`response`] checks the response, and [`failure`] classifies errors.
//!
//! Not here: what a failure means to a client, and what the administrator must check. That is in the
//! broker.

mod failure;
mod response;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{BehaviorVersion, Builder};
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleInputBuilder;
use aws_sdk_sts::operation::assume_role::{AssumeRole as Operation, AssumeRoleInput};
use aws_sdk_sts::types::Tag;
use aws_types::SdkConfig;
use sentinel_broker::{AssumeRole, IssueError, Issued, Issuer};
use sentinel_store::aws::{Direct, Timing};
use sentinel_store::{Clock, SystemClock};

/// Maximum length of an inline session policy, in characters.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const MAX_POLICY: usize = 2048;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Issues credentials through AWS STS.
///
/// ```
/// use aws_types::{SdkConfig, region::Region};
/// use sentinel_tvm::StsIssuer;
///
/// let config = SdkConfig::builder().region(Region::new("eu-west-1")).build();
/// let issuer = StsIssuer::new(&config);
/// ```
#[derive(Clone)]
pub struct StsIssuer {
    config: SdkConfig,
    direct: Direct<Client>,
}

impl StsIssuer {
    /// The timeouts and retries of requests to STS.
    ///
    /// - Connecting takes at most 1 second. The endpoint of a region is a few milliseconds away.
    /// - An attempt takes at most 5 seconds. STS responds in well under a second. The rest is for slow
    ///   responses, and leaves time for a second attempt.
    /// - The operation takes at most 10 seconds, retries and pauses included. The TVM answers within
    ///   25 seconds, and reads the policy and the gate first. The session is written in parallel.
    /// - At most three attempts are made. A retry is safe, since the credentials in a lost response
    ///   reach no caller. More retries do not help: clients that honor `Retry-After` spread the load
    ///   better.
    pub const TIMING: Timing = Timing::new(Duration::from_secs(10))
        .with_connect(Duration::from_secs(1))
        .with_attempt(Duration::from_secs(5))
        .with_attempts(3);

    /// An issuer with the region, credentials, endpoint and HTTP client of that configuration. Its
    /// timeouts and retries are not used.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self::with_config(config.clone(), Self::TIMING)
    }

    /// The same issuer with other timeouts and retries.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self::with_config(self.config, timing)
    }

    fn with_config(config: SdkConfig, timing: Timing) -> Self {
        // The SDK panics if a configuration has no behavior version.
        let behavior = config.behavior_version().unwrap_or_else(BehaviorVersion::latest);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(timing.connect)
            .operation_attempt_timeout(timing.attempt)
            .operation_timeout(timing.operation)
            .build();
        let client = |observer| {
            let builder = Builder::from(&config)
                .behavior_version(behavior)
                .timeout_config(timeouts)
                .retry_config(retries(timing))
                .interceptor(observer);
            Client::from_conf(builder.build())
        };
        let with_retries = |client: &Client, timing| {
            let builder = client.config().to_builder().retry_config(retries(timing));
            Client::from_conf(builder.build())
        };
        let direct = Direct::new(timing, client, with_retries);
        Self { config, direct }
    }
}

fn retries(timing: Timing) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(timing.attempts)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE)
}

#[async_trait]
impl Issuer for StsIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        let refused = |what: &str| IssueError::Refused(what.into());
        let policy = request.session_policy();
        if policy.as_ref().is_some_and(|policy| policy.chars().count() > MAX_POLICY) {
            return Err(refused("the inline session policy is longer than STS accepts"));
        }
        let seconds = i32::try_from(request.seconds)
            .map_err(|_| refused("DurationSeconds is out of range"))?;
        let tags = request.session_tags();
        let transitive = tags.iter().filter(|tag| tag.transitive).map(|tag| tag.key.to_owned());
        let transitive: Vec<_> = transitive.collect();
        let tags = tags.into_iter().map(|tag| Tag::builder().key(tag.key).value(tag.value).build());
        let tags: Result<Vec<_>, _> = tags.collect();
        let tags = tags.map_err(|_| refused("a session tag is incomplete"))?;
        let source_identity = request.source_identity.as_str();
        let input = AssumeRoleInput::builder()
            .role_arn(request.role.as_str())
            .role_session_name(source_identity)
            .source_identity(source_identity)
            .set_tags(Some(tags))
            .set_transitive_tag_keys(Some(transitive))
            .duration_seconds(seconds)
            .set_policy(policy);
        let send = |input: AssumeRoleInputBuilder, client| input.send_with(client);
        let response = self
            .direct
            .call(&Operation::new(), input, AssumeRoleInputBuilder::build, send)
            .await
            .map_err(|error| failure::classify(&error))?;
        response::read(response, request, SystemClock.now())
            .map_err(|invalid| IssueError::Unavailable(invalid.into()))
    }
}

impl fmt::Debug for StsIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsIssuer").finish_non_exhaustive()
    }
}
