//! Routes in addition to those of the system, such as the pages of a console.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;

/// Serves the requests under one path of the server. They are not verified, and no event is created
/// from them.
#[async_trait]
pub trait Mount: fmt::Debug + Send + Sync {
    /// Responds to a complete request from that address. The server's limits for requests apply.
    async fn serve(
        &self,
        request: &hyper::Request<Vec<u8>>,
        peer: IpAddr,
    ) -> hyper::Response<UnsyncBoxBody<Bytes, Infallible>>;
}

/// A mount and its path, without a slash at the end.
#[derive(Clone, Debug)]
pub(crate) struct Mounted {
    pub(crate) path: &'static str,
    pub(crate) mount: Arc<dyn Mount>,
}

impl Mounted {
    /// Whether the path is its own, or is under it.
    pub(crate) fn serves(&self, path: &str) -> bool {
        path.strip_prefix(self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
