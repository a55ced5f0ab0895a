//! The timeouts and retries of an AWS client. They are always set, because the SDK's
//! defaults wait forever for a service that does not respond.

use std::time::Duration;

use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

/// The timeouts and retries of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Timeout of a connection, including TLS.
    pub connect: Duration,
    /// Timeout of one attempt, from its start to the end of the response.
    pub attempt: Duration,
    /// Timeout of all attempts of one call and the pauses between them.
    pub operation: Duration,
    /// Maximum number of attempts.
    pub attempts: u32,
}

impl Timing {
    /// For DynamoDB, which responds in a few milliseconds. The authorizer responds within
    /// 4 s and makes two concurrent calls. A whole call fits into that time, with a second
    /// attempt after one that timed out.
    pub const DYNAMODB: Self =
        Self::new(Duration::from_secs(3)).with_attempt(Duration::from_millis(1500));

    /// For SSM, which may call KMS, and is called once per document and minute.
    pub const SSM: Self = Self::new(Duration::from_secs(6)).with_attempt(Duration::from_secs(2));

    /// At most three attempts within `operation`, pauses included. A connection takes at most 1 second.
    #[must_use]
    pub const fn new(operation: Duration) -> Self {
        Self { connect: Duration::from_secs(1), attempt: operation, operation, attempts: 3 }
    }

    /// The same timing with another timeout of a connection.
    #[must_use]
    pub const fn with_connect(self, connect: Duration) -> Self {
        Self { connect, ..self }
    }

    /// The same timing with another timeout of one attempt.
    #[must_use]
    pub const fn with_attempt(self, attempt: Duration) -> Self {
        Self { attempt, ..self }
    }

    /// The same timing with another timeout of all attempts of one call.
    #[must_use]
    pub const fn with_operation(self, operation: Duration) -> Self {
        Self { operation, ..self }
    }

    /// The same timing with another maximum number of attempts.
    #[must_use]
    pub const fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    pub(crate) fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }

    /// Throttling, 5xx, timeouts and broken connections are retried. Requests that the
    /// service refused are not. The SDK's default first pause of up to a second would use
    /// most of the available time.
    pub(crate) fn retries(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.attempts)
            .with_initial_backoff(Duration::from_millis(100))
            .with_max_backoff(Duration::from_millis(800))
    }
}
