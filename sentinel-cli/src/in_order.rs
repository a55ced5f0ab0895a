//! Work on all processors, whose results are taken in the order of its input.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

/// More threads than this would wait for those that read and write.
const MAX_THREADS: usize = 8;

/// What a worker sends.
enum Message<R> {
    /// A result of its input.
    Result(R),
    /// There are no further results of this input.
    End,
}

/// The queues to and from a thread that works. Each holds one entry, so that a slow `take` stops `next`.
struct Worker<T, R> {
    inputs: SyncSender<T>,
    results: Receiver<Message<R>>,
}

/// Passes what `next` returns, until that is `None`, to `work` on several threads, and the results to
/// `take` in the same order, as soon as they are known. `work` passes each result of its input to a
/// function, and ends if that returns `Break`.
///
/// The calling thread calls `take`. Without further threads, it does everything.
pub(crate) fn in_order<T: Send, R: Send, E: Send>(
    next: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T, &mut dyn FnMut(R) -> ControlFlow<()>) + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    in_order_on(threads, next, work, take)
}

fn in_order_on<T: Send, R: Send, E: Send>(
    threads: usize,
    mut next: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T, &mut dyn FnMut(R) -> ControlFlow<()>) + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let work = &work;
    thread::scope(|scope| {
        let mut workers = Vec::new();
        if threads > 1 {
            // The system can refuse further threads.
            workers.extend((0..threads).map_while(|_| Worker::start(scope, work)));
        }
        let (inputs, results): (Vec<_>, Vec<_>) =
            workers.into_iter().map(|worker| (worker.inputs, worker.results)).unzip();
        if results.len() < threads.max(2) {
            drop((inputs, results));
            return alone(&mut next, work, &mut take);
        }
        let reader = scope.spawn(move || distribute(&mut next, &inputs));
        // If it fails, the other threads end with their next input or result.
        take_all(&results, &mut take)?;
        joined(reader)
    })
}

impl<T: Send, R: Send> Worker<T, R> {
    /// `None` if there can be no further thread.
    fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        work: &'scope (impl Fn(T, &mut dyn FnMut(R) -> ControlFlow<()>) + Sync),
    ) -> Option<Self>
    where
        T: 'scope,
        R: 'scope,
    {
        let (inputs, received) = sync_channel::<T>(1);
        let (finished, results) = sync_channel(1);
        let run = move || {
            for input in received {
                let mut gone = false;
                work(input, &mut |result| {
                    gone = finished.send(Message::Result(result)).is_err();
                    if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                if gone || finished.send(Message::End).is_err() {
                    break;
                }
            }
        };
        Builder::new().spawn_scoped(scope, run).ok()?;
        Some(Self { inputs, results })
    }
}

/// Sends each input to the next worker in turn.
fn distribute<T, E>(
    next: &mut impl FnMut() -> Result<Option<T>, E>,
    workers: &[SyncSender<T>],
) -> Result<(), E> {
    for worker in workers.iter().cycle() {
        let Some(input) = next()? else { break };
        if worker.send(input).is_err() {
            break;
        }
    }
    Ok(())
}

/// Takes the results of each worker in turn, until one has no further input.
fn take_all<R, E>(
    workers: &[Receiver<Message<R>>],
    take: &mut impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    for worker in workers.iter().cycle() {
        loop {
            match worker.recv() {
                Ok(Message::Result(result)) => take(result)?,
                Ok(Message::End) => break,
                Err(_) => return Ok(()),
            }
        }
    }
    Ok(())
}

fn joined<E>(reader: ScopedJoinHandle<'_, Result<(), E>>) -> Result<(), E> {
    reader.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn alone<T, R, E>(
    next: &mut impl FnMut() -> Result<Option<T>, E>,
    work: &impl Fn(T, &mut dyn FnMut(R) -> ControlFlow<()>),
    take: &mut impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(input) = next()? {
        let mut taken = Ok(());
        work(input, &mut |result| {
            taken = take(result);
            if taken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        taken?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Emits the number twice, after a time that differs.
    fn twice(number: u64, emit: &mut dyn FnMut(u64) -> ControlFlow<()>) {
        thread::sleep(Duration::from_micros((number * 7919) % 500));
        if emit(number).is_continue() {
            let _ = emit(number);
        }
    }

    #[test]
    fn results_are_in_the_order_of_the_inputs() {
        for (threads, length) in [(1, 50), (2, 50), (4, 0), (4, 1), (4, 2), (4, 50)] {
            let (mut inputs, mut results) = (0..length, Vec::new());
            let done = in_order_on(
                threads,
                || Ok::<_, ()>(inputs.next()),
                twice,
                |number| {
                    results.push(number);
                    Ok(())
                },
            );
            assert_eq!(done, Ok(()));
            let expected: Vec<_> = (0..length).flat_map(|number| [number, number]).collect();
            assert_eq!(results, expected, "{threads} threads");
        }
    }

    #[test]
    fn what_was_read_before_a_failure_is_taken() {
        for threads in [1, 2, 4] {
            let (mut inputs, mut results) = (0..9, Vec::new());
            let next = || inputs.next().map(Some).ok_or("unread");
            let unread = in_order_on(threads, next, twice, |number| {
                results.push(number);
                Ok(())
            });
            assert_eq!((unread, results.len()), (Err("unread"), 18));
        }
    }

    #[test]
    fn a_failure_to_take_ends_the_work() {
        for threads in [1, 2, 4] {
            let mut numbers = 0..;
            let take = |number| if number < 3 { Ok(()) } else { Err("unwritten") };
            let unwritten = in_order_on(threads, || Ok(numbers.next()), twice, take);
            assert_eq!(unwritten, Err("unwritten"));
            assert!(numbers.next().is_some_and(|next| next < 100), "nothing more is read");
        }
    }

    #[test]
    fn a_result_is_taken_before_the_next_input_is_known() {
        let (taken, wait) = std::sync::mpsc::channel();
        let mut numbers = 0..5_u64;
        let next = move || {
            let number = numbers.next();
            if number.is_some_and(|number| number > 0) {
                // The result of the number before.
                wait.recv_timeout(Duration::from_secs(60)).map_err(|_| "no result")?;
            }
            Ok::<_, &str>(number)
        };
        let work = |number, emit: &mut dyn FnMut(u64) -> ControlFlow<()>| {
            let _ = emit(number);
        };
        let take = |number| {
            // Nothing waits for the last one.
            taken.send(number).ok();
            Ok(())
        };
        assert_eq!(in_order_on(4, next, work, take), Ok(()));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let mut numbers = 0..9;
        let work = |number: u32, _: &mut dyn FnMut(()) -> ControlFlow<()>| {
            assert!(number < 4, "an injected fault");
        };
        in_order_on(2, || Ok::<_, ()>(numbers.next()), work, |()| Ok(())).ok();
    }
}
