//! How long an AWS client waits, and how often it tries: set on purpose, since
//! the SDK's own defaults wait for ever on a service that does not answer.

use std::time::Duration;

use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

/// The times of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For one attempt, from its start to the end of its answer.
    pub attempt: Duration,
    /// For all attempts of one call and the pauses between them.
    pub operation: Duration,
    /// How many attempts at most.
    pub attempts: u32,
}

impl Timing {
    /// For DynamoDB, which answers in a few milliseconds. The authorizer answers
    /// within 4 s and makes two calls at the same time: the whole call fits into
    /// that, and so does a second attempt after one that hung.
    pub const DYNAMODB: Self = Self {
        connect: Duration::from_secs(1),
        attempt: Duration::from_millis(1500),
        operation: Duration::from_secs(3),
        attempts: 3,
    };

    /// For SSM, which may ask KMS, and is asked once per document and minute.
    pub const SSM: Self = Self {
        connect: Duration::from_secs(1),
        attempt: Duration::from_secs(2),
        operation: Duration::from_secs(6),
        attempts: 3,
    };

    pub(crate) fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }

    /// Throttling, 5xx, time-outs and broken connections are tried again; what
    /// the service says no to is not. The SDK's first pause, up to a second,
    /// would be most of the time there is.
    pub(crate) fn retries(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.attempts)
            .with_initial_backoff(Duration::from_millis(100))
            .with_max_backoff(Duration::from_millis(800))
    }
}
