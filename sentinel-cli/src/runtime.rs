//! The async runtime of commands that send requests and end.

use crate::output::Failure;

/// Runs a future to completion.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start", error))?
        .block_on(work)
}
