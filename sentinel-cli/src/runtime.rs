//! The async runtime of commands that send requests and end.

use crate::output::{Failure, progress};

/// Runs a future to completion, and shows on a terminal that it takes long.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    block_on_quietly(progress::during(work))
}

/// Runs a future to completion. It shows its progress itself.
pub(crate) fn block_on_quietly<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start", error))?;
    let result = runtime.block_on(work);
    // The end of the command does not wait for what it no longer needs, such as a lookup of a name.
    runtime.shutdown_background();
    result
}
