//! The places for connections. When all are taken, the connection that has kept the
//! server waiting for the longest time loses its place, so that no client can keep
//! the others out by holding connections open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// A connection that has waited for its client for less than this keeps its
/// place: its request may be on the way. On a loaded machine, a program may run only
/// some hundred milliseconds after its connection was made; the SDKs wait for at least
/// a second.
const GRACE: Duration = Duration::from_millis(500);

/// The places for the connections of a server.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let seats = sentinel_dev::Seats::new(1);
/// let waiting = seats.take(|| {}).await;
/// // The client of the first connection has sent nothing for a while, so a second one takes its place.
/// let second = seats.take(|| {}).await;
/// waiting.lost().await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Seats {
    count: usize,
    taken: Mutex<Taken>,
    /// A place may have become free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    last: u64,
    places: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    /// Since when the server waits for the client: to send a request, or to read
    /// a response. `None` while it works on a request.
    waiting_since: Option<Instant>,
    close: Arc<Notify>,
}

/// The place of a connection, until dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    number: u64,
    close: Arc<Notify>,
    working: AtomicBool,
}

/// A request that the server works on, until dropped.
#[derive(Debug)]
pub struct Working<'a>(&'a Seat);

impl Seats {
    /// That many places, all free.
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { count, taken: Mutex::default(), freed: Notify::new() })
    }

    /// Takes a place, from another connection if necessary. `full` is called each
    /// time that no place is free.
    pub async fn take(self: &Arc<Self>, mut full: impl FnMut()) -> Seat {
        loop {
            if let Some(seat) = self.free() {
                return seat;
            }
            full();
            if !self.close_longest_waiting() {
                // The wait also ends when the grace of a connection does.
                drop(timeout(GRACE / 5, self.freed.notified()).await);
            }
        }
    }

    fn free(self: &Arc<Self>) -> Option<Seat> {
        let mut taken = self.taken();
        if taken.places.len() >= self.count {
            return None;
        }
        taken.last += 1;
        let (number, close) = (taken.last, Arc::new(Notify::new()));
        let place = Place { waiting_since: Some(Instant::now()), close: Arc::clone(&close) };
        taken.places.insert(number, place);
        Some(Seat { seats: Arc::clone(self), number, close, working: AtomicBool::new(false) })
    }

    fn close_longest_waiting(&self) -> bool {
        let mut taken = self.taken();
        let waiting = taken.places.iter().filter_map(|(number, place)| {
            let since = place.waiting_since?;
            (since.elapsed() >= GRACE).then_some((since, *number))
        });
        let Some((_, number)) = waiting.min() else { return false };
        if let Some(place) = taken.places.remove(&number) {
            place.close.notify_one();
        }
        true
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Each change is one insertion, removal or assignment.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Returns when another connection has taken the place, and no request is worked on:
    /// one that arrived at the last moment is answered.
    pub async fn lost(&self) {
        loop {
            self.close.notified().await;
            if !self.working.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// A request has arrived whole: until the guard is dropped, the connection
    /// keeps its place.
    pub fn working(&self) -> Working<'_> {
        self.working.store(true, Ordering::SeqCst);
        self.set(None);
        Working(self)
    }

    /// Returns whether the connection still has its place.
    fn set(&self, waiting_since: Option<Instant>) -> bool {
        let mut taken = self.seats.taken();
        let place = taken.places.get_mut(&self.number);
        place.map(|place| place.waiting_since = waiting_since).is_some()
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let seat = self.0;
        seat.working.store(false, Ordering::SeqCst);
        if !seat.set(Some(Instant::now())) {
            seat.close.notify_one();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().places.remove(&self.number);
        self.seats.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_lost(seat: &Seat) -> bool {
        let mut lost = std::pin::pin!(seat.lost());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        lost.as_mut().poll(&mut context).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_arrives_when_the_place_was_taken_is_answered() {
        let seats = Seats::new(1);
        let first = seats.take(|| {}).await;
        let second = seats.take(|| {}).await;
        let working = first.working();
        assert!(!is_lost(&first), "its request is worked on");
        drop(working);
        assert!(is_lost(&first), "its request was answered");
        assert!(!is_lost(&second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_works_or_waits_only_briefly_keeps_its_place() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(|| {}).await, seats.take(|| {}).await);
        let working = first.working();
        tokio::time::advance(GRACE * 2).await;
        let third = seats.take(|| {}).await;
        assert!(!is_lost(&first), "it works");
        assert!(is_lost(&second), "it has waited for its client");
        drop(working);
        let begun = Instant::now();
        let _fourth = seats.take(|| {}).await;
        assert!(begun.elapsed() >= GRACE, "each of the two had just begun to wait");
        assert!(is_lost(&first) != is_lost(&third));
    }
}
