//! Where a panic ends: it becomes an error, and the process continues.
//!
//! A request that panics must still be answered and recorded, and a sink that panics has not
//! written its record. The panic's message is not part of the error: the panic hook has written it
//! to stderr, and it may quote a secret that must not reach an answer or a record.
//!
//! Not here: what the caller does then. A caller must not use what the panic may have left half
//! changed.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

/// A panic was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a panic was caught")]
#[non_exhaustive]
pub struct Panicked;

/// Calls `function`.
///
/// # Errors
/// [`Panicked`] if it panics.
pub fn catch_panic<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|_| Panicked)
}

/// Waits for `future`, which is moved to the heap: it is the state of a whole request, and within
/// another future it would be copied with it.
///
/// # Errors
/// [`Panicked`] if it panics. It is not polled again.
pub fn catch_panic_of<F: Future>(future: F) -> impl Future<Output = Result<F::Output, Panicked>> {
    let mut future = Box::pin(future);
    poll_fn(move |context| match catch_panic(|| future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_a_value_is_returned() {
        assert_eq!(catch_panic(|| 1), Ok(1));
        assert_eq!(catch_panic(|| -> u8 { panic!("injected") }), Err(Panicked));
    }
}
