//! What the AWS backends share: the configuration of their clients, their timeouts and
//! retries, how calls are sent, the mapping of failures, and which paths can be documents.

mod bounded;
mod config;
mod direct;
mod failure;
mod path;
mod timing;

pub use config::{MissingVariable, config, http_client};
pub use direct::{Direct, SdkResult};
pub(crate) use failure::{store_error, unreadable};
pub(crate) use path::{listable, storable};
pub use timing::Timing;
