//! One call of the broker: what is known of it in addition to what the caller requests, and how it
//! keeps its deadline.

use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sentinel_store::{Causes, StoreError};

use crate::denial::Denial;
use crate::home::Home;

/// Maximum number of concurrent reads of one kind.
pub(crate) const MAX_CONCURRENT_READS: usize = 10;

/// The time that a failed vend may take to mark its session as ended, and a failed opening to close its
/// grant. Both must be done this long before the deadline of their call.
pub(crate) const CLEANUP_BUDGET: Duration = Duration::from_millis(500);

/// What is known of one call in addition to what the caller requests.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The request id. Every answer and every record contains it.
    pub request_id: String,
    /// The account that the service runs in.
    pub home: Home,
    /// The address that the request came from, as the service has verified it. `None` if unknown:
    /// then no rule with a network condition matches.
    pub source_ip: Option<IpAddr>,
    /// The id of the VPC that the request was sent from. API Gateway reports it for private REST
    /// APIs.
    pub source_vpc: Option<String>,
    /// The id of the VPC endpoint that the request was sent through. API Gateway reports it for
    /// private REST APIs.
    pub source_vpce: Option<String>,
    /// When the call must be answered at the latest.
    pub deadline: Instant,
    /// The version of the service. Decision records contain it as `function_version`. `None` if the
    /// service has none.
    pub service_version: Option<String>,
}

/// The deadline of the call passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfTime;

impl Call {
    /// A call from an unknown address, by a service without a version.
    #[must_use]
    pub fn new(request_id: impl Into<String>, home: Home, deadline: Instant) -> Self {
        let request_id = request_id.into();
        Self {
            request_id,
            home,
            source_ip: None,
            source_vpc: None,
            source_vpce: None,
            deadline,
            service_version: None,
        }
    }

    /// The same call from that address.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<IpAddr>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same call from that VPC.
    #[must_use]
    pub fn with_source_vpc(self, vpc: impl Into<Option<String>>) -> Self {
        Self { source_vpc: vpc.into(), ..self }
    }

    /// The same call through that VPC endpoint.
    #[must_use]
    pub fn with_source_vpce(self, endpoint: impl Into<Option<String>>) -> Self {
        Self { source_vpce: endpoint.into(), ..self }
    }

    /// The same call by that version of the service.
    #[must_use]
    pub fn with_service_version(self, version: impl Into<Option<String>>) -> Self {
        Self { service_version: version.into(), ..self }
    }

    /// The output of `future`, if it is ready before the deadline.
    pub(crate) async fn in_time<F: Future>(&self, future: F) -> Result<F::Output, OutOfTime> {
        tokio::time::timeout_at(self.deadline.into(), future).await.map_err(|_| OutOfTime)
    }

    /// The result of a call of a store. A store that does not answer before the deadline is
    /// unavailable.
    pub(crate) async fn bounded<T>(
        &self,
        future: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.in_time(future).await.unwrap_or_else(|OutOfTime| {
            Err(StoreError::Unavailable("no answer before the deadline".into()))
        })
    }

    /// The refusal when the session store failed. The cause goes to the log only.
    pub(crate) fn store_failed(&self, error: &StoreError) -> Denial {
        tracing::warn!(request_id = self.request_id, cause = %Causes(error), "the session store failed");
        Denial::store(error)
    }
}
