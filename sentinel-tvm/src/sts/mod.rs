//! Credentials from AWS STS: `AssumeRole`, with every stamp.
//!
//! The region's own end point is asked, which is the SDK's way. Here is what is
//! sent, and in what time; [`answer`] looks at what came back, and [`refusal`]
//! says what an error means. What a refusal means to a client, and what to
//! check then, is the broker's.

mod answer;
mod refusal;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{BehaviorVersion, Builder};
use aws_sdk_sts::types::Tag;
use aws_types::SdkConfig;
use sentinel_broker::{AssumeRole, IssueError, Issued, Issuer};
use sentinel_store::{Clock, SystemClock};

/// The session tag that names the session.
const SESSION_TAG: &str = "SentinelSession";

/// The longest inline session policy that STS takes, in characters.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const MAX_POLICY: usize = 2048;

/// A region's end point is a few milliseconds away; whoever is not there in a
/// second is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// STS answers in well under a second. Five leave room for its slow moments and
/// for a second attempt within the whole.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(5);
/// The whole, retries and pauses too: the TVM answers within 25 seconds, of
/// which the policy and the gate may have taken some, and beside this the
/// session is written.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A lost answer costs nothing: what it held was issued to nobody. So a failed
/// or throttled attempt is made again, but twice at most: a client that is told
/// `Retry-After` spreads the load better than this function does.
const ATTEMPTS: u32 = 3;
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
    client: Client,
}

impl StsIssuer {
    /// An issuer with the region, credentials, end point and HTTP client of
    /// that configuration. Its time-outs and retries are the issuer's own.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .operation_attempt_timeout(ATTEMPT_WITHIN)
            .operation_timeout(ANSWER_WITHIN)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE);
        // The SDK panics where a configuration names none.
        let behavior = config.behavior_version().unwrap_or_else(BehaviorVersion::latest);
        let config = Builder::from(config)
            .behavior_version(behavior)
            .timeout_config(timeouts)
            .retry_config(retries);
        Self { client: Client::from_conf(config.build()) }
    }
}

#[async_trait]
impl Issuer for StsIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        let refused = |what: &str| IssueError::Refused(what.into());
        let policy = request.session_policy();
        if policy.as_ref().is_some_and(|policy| policy.chars().count() > MAX_POLICY) {
            return Err(refused("the inline session policy is longer than STS takes"));
        }
        let seconds = i32::try_from(request.seconds)
            .map_err(|_| refused("DurationSeconds is out of range"))?;
        let tag = Tag::builder().key(SESSION_TAG).value(&request.session_tag).build();
        let tag = tag.map_err(|_| refused("the session tag is incomplete"))?;
        let stamp = request.source_identity.as_str();
        let answer = self
            .client
            .assume_role()
            .role_arn(request.role.as_str())
            .role_session_name(stamp)
            .source_identity(stamp)
            .tags(tag)
            .duration_seconds(seconds)
            .set_policy(policy)
            .send()
            .await
            .map_err(|error| refusal::meaning(&error))?;
        answer::read(answer, request, SystemClock.now())
            .map_err(|wrong| IssueError::Unavailable(wrong.into()))
    }
}

impl fmt::Debug for StsIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsIssuer").finish_non_exhaustive()
    }
}
