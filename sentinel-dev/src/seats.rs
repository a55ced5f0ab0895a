//! The places for connections. When all are taken, the connection that has kept the
//! server waiting for the longest time loses its place, so that no client can keep
//! the others out by holding connections open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// A connection that has waited for its client for less than this keeps its
/// place: its request may be on the way.
const GRACE: Duration = Duration::from_millis(250);

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
        Some(Seat { seats: Arc::clone(self), number, close })
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
    /// Returns when another connection takes the place.
    pub async fn lost(&self) {
        self.close.notified().await;
    }

    /// A request has arrived whole: until the guard is dropped, the connection
    /// keeps its place.
    pub fn working(&self) -> Working<'_> {
        self.set(None);
        Working(self)
    }

    fn set(&self, waiting_since: Option<Instant>) {
        if let Some(place) = self.seats.taken().places.get_mut(&self.number) {
            place.waiting_since = waiting_since;
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().places.remove(&self.number);
        self.seats.freed.notify_one();
    }
}
