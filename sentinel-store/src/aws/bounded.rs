//! Answers of bounded length: the SDK reads an answer whole before it looks at
//! it, however long it is.

use std::mem;

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The most that is read of an answer, in bytes. The longest true one is a page
/// of DynamoDB, 1 MB of items, of which JSON can make some six times as much.
const LONGEST: usize = 8 * 1024 * 1024;

/// A client whose answers fail when they go on beyond [`LONGEST`].
#[derive(Debug)]
pub(super) struct Bounded<C>(pub(super) C);

impl<C: HttpClient> HttpClient for Bounded<C> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Bounded(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answering = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut answer = answering.await?;
            let body = mem::replace(answer.body_mut(), SdkBody::taken());
            *answer.body_mut() = SdkBody::from_body_1_x(Limited::new(body, LONGEST));
            Ok(answer)
        })
    }
}
