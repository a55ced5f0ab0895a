//! Work on all processors, whose results are taken in the order of its input.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// More threads than this would wait for the one that reads and writes.
const MAX_THREADS: usize = 8;

/// A thread that works, and the queues to and from it. Each holds one entry, so that a slow `take`
/// stops `next`.
struct Worker<T, R> {
    inputs: SyncSender<T>,
    results: Receiver<R>,
}

/// Passes what `next` returns, until that is `None`, to `work` on several threads, and the results to
/// `take` in the same order. The calling thread calls `next` and `take`.
pub(crate) fn in_order<T: Send, R: Send, E>(
    mut next: impl FnMut() -> Result<Option<T>, E>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let work = &work;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (inputs, received) = sync_channel::<T>(1);
                let (finished, results) = sync_channel(1);
                scope.spawn(move || {
                    for input in received {
                        // This fails only if the results are not taken any more.
                        if finished.send(work(input)).is_err() {
                            break;
                        }
                    }
                });
                Worker { inputs, results }
            })
            .collect();
        // The inputs and the results in their order: each belongs to the next worker in turn.
        let mut to = workers.iter().cycle();
        let mut from = workers.iter().cycle();
        let mut waiting = 0;
        loop {
            let input = next()?;
            let ended = input.is_none();
            // One entry in each queue, and one in work.
            while waiting > 0 && (ended || waiting >= 2 * threads) {
                // A worker ends before this one only if it panics, and the scope then panics too.
                let Some(Ok(result)) = from.next().map(|worker| worker.results.recv()) else {
                    return Ok(());
                };
                waiting -= 1;
                take(result)?;
            }
            let Some(input) = input else { return Ok(()) };
            if let Some(worker) = to.next()
                && worker.inputs.send(input).is_err()
            {
                return Ok(());
            }
            waiting += 1;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_inputs() {
        for length in [0_u64, 1, 2, 50] {
            let (mut inputs, mut results) = (0..length, Vec::new());
            let work = |number: u64| {
                thread::sleep(Duration::from_micros((number * 7919) % 500));
                number
            };
            let done = in_order(
                || Ok::<_, ()>(inputs.next()),
                work,
                |number| {
                    results.push(number);
                    Ok(())
                },
            );
            assert_eq!(done, Ok(()));
            assert_eq!(results, (0..length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_failure_ends_the_work() {
        let unread = in_order(|| Err("unread"), |()| (), |()| Ok(()));
        assert_eq!(unread, Err("unread"));
        let mut numbers = 0..;
        let unwritten = in_order(
            || Ok(numbers.next()),
            |number: u64| number,
            |number| if number < 3 { Ok(()) } else { Err("unwritten") },
        );
        assert_eq!(unwritten, Err("unwritten"));
        assert!(numbers.next().is_some_and(|next| next < 100), "nothing more is read");
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let mut numbers = 0..9;
        let work = |number: u32| assert!(number < 4, "an injected fault");
        in_order(|| Ok::<_, ()>(numbers.next()), work, |()| Ok(())).ok();
    }
}
