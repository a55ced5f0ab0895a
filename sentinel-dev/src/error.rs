//! Why the system does not start.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

/// The system did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file or an argument cannot be used.
    #[error("{what}")]
    Unusable {
        /// The file or the argument, and what is wrong with it.
        what: String,
        /// The cause. `None` if the text names it.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl StartError {
    pub(crate) fn other(what: impl Into<String>) -> Self {
        Self::Unusable { what: what.into(), source: None }
    }

    pub(crate) fn because(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unusable { what: what.into(), source: Some(source.into()) }
    }
}
