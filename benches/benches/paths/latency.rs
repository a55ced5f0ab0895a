//! Backends of which each call takes a simulated time.

use std::sync::Arc;

use async_trait::async_trait;
use sentinel_benches::latency::{Latencies, Service};
use sentinel_benches::world::Backends;
use sentinel_broker::{AssumeRole, IssueError, Issued, Issuer};
use sentinel_store::StoreError;
use sentinel_store::conformance::{
    Hook, HookedPolicies, HookedSessions, Phase, StoreCall, StoreOperation,
};

/// The same backends, of which each call takes a time.
pub(crate) fn delayed(latencies: &Latencies, backends: Backends) -> Backends {
    let Backends { policies, sessions, issuer } = backends;
    let hook = |service| Arc::new(Slow { service, latencies: latencies.clone() });
    Backends {
        policies: Arc::new(HookedPolicies::new(policies, hook(Service::Ssm))),
        sessions: Arc::new(HookedSessions::new(sessions, hook(Service::DynamoDb))),
        issuer: Arc::new(SlowIssuer { inner: issuer, latencies: latencies.clone() }),
    }
}

#[derive(Debug)]
struct Slow {
    service: Service,
    latencies: Latencies,
}

#[async_trait]
impl Hook for Slow {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        StoreCall::new(operation, 0)
    }

    async fn at(&self, _: StoreCall, phase: Phase) -> Result<(), StoreError> {
        if phase == Phase::Before {
            self.latencies.wait(self.service).await;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SlowIssuer {
    inner: Arc<dyn Issuer>,
    latencies: Latencies,
}

#[async_trait]
impl Issuer for SlowIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        self.latencies.wait(Service::Sts).await;
        self.inner.assume_role(request).await
    }
}
