//! Records as they are written, for pages that show them as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::response::Body;
use crate::shown::shown;

/// The number of records that a page receives when it connects.
const RECENT: usize = 200;
/// Maximum number of pages that receive records.
const MAX_READERS: usize = 16;
/// Interval between comments that keep a connection in use.
const BEAT: Duration = Duration::from_secs(15);

/// The latest records. Clones share them. Writing never waits: a page that reads slowly misses records.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    recent: Mutex<Recent>,
    /// Notifies readers of a change of `recent`.
    changed: watch::Sender<()>,
    readers: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Recent {
    /// The number of the next record.
    next: u64,
    lines: VecDeque<String>,
    is_closed: bool,
}

impl Default for Feed {
    fn default() -> Self {
        let readers = Arc::new(Semaphore::new(MAX_READERS));
        let (changed, _) = watch::channel(());
        Self(Arc::new(Inner { recent: Mutex::default(), changed, readers }))
    }
}

impl Feed {
    /// A feed without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record.
    pub fn push(&self, record: Value) {
        let line = shown(record).to_string();
        let mut recent = self.recent();
        if recent.lines.len() >= RECENT {
            recent.lines.pop_front();
        }
        recent.lines.push_back(line);
        recent.next = recent.next.saturating_add(1);
        self.0.changed.send_replace(());
    }

    /// Ends the responses that contain records as they happen.
    pub(crate) fn close(&self) {
        self.recent().is_closed = true;
        self.0.changed.send_replace(());
    }

    /// The recent records and those that follow, as events. `None` if there are too many readers.
    pub(crate) fn events(&self) -> Option<Body> {
        let place = Arc::clone(&self.0.readers).try_acquire_owned().ok()?;
        let reader = Reader {
            feed: self.clone(),
            changes: self.0.changed.subscribe(),
            next: 0,
            _place: place,
        };
        let frames = stream::unfold(reader, |mut reader| async move {
            let text = reader.read().await?;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from(text))), reader))
        });
        Some(StreamBody::new(frames).boxed_unsync())
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // A panic between two changes leaves a wrong number at most.
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page that receives records.
struct Reader {
    feed: Feed,
    changes: watch::Receiver<()>,
    /// The number of the record that it receives next.
    next: u64,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next events, or a comment after a while without one. `None` at the end.
    async fn read(&mut self) -> Option<String> {
        loop {
            // Marked as seen before the records are read, so that none is missed in between.
            self.changes.borrow_and_update();
            let is_closed = {
                let recent = self.feed.recent();
                if self.next < recent.next {
                    let first = recent.next.saturating_sub(recent.lines.len() as u64);
                    let skip = usize::try_from(self.next.saturating_sub(first)).unwrap_or(0);
                    let events: String = recent
                        .lines
                        .iter()
                        .skip(skip)
                        .map(|line| format!("data: {line}\n\n"))
                        .collect();
                    self.next = recent.next;
                    return Some(events);
                }
                recent.is_closed
            };
            if is_closed {
                return None;
            }
            if timeout(BEAT, self.changes.changed()).await.is_err() {
                return Some(": no record\n\n".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn next(body: &mut Body) -> Option<String> {
        let frame = body.frame().await?.unwrap().into_data().unwrap();
        Some(String::from_utf8(frame.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_reader_receives_recent_and_later_records_until_the_end() {
        let feed = Feed::new();
        feed.push(json!({ "n": 1, "user": "a\u{202e}" }));
        let mut events = feed.events().unwrap();
        let first = next(&mut events).await.unwrap();
        assert_eq!(first, "data: {\"n\":1,\"user\":\"a\\\\u{202e}\"}\n\n");
        feed.push(json!({ "n": 2 }));
        feed.push(json!({ "n": 3 }));
        assert_eq!(next(&mut events).await.unwrap(), "data: {\"n\":2}\n\ndata: {\"n\":3}\n\n");
        feed.close();
        assert_eq!(next(&mut events).await, None);
    }

    #[tokio::test]
    async fn a_slow_reader_misses_records_and_keeps_no_memory() {
        let feed = Feed::new();
        let mut events = feed.events().unwrap();
        for n in 0..RECENT + 10 {
            feed.push(json!({ "n": n }));
        }
        let received = next(&mut events).await.unwrap();
        assert_eq!(received.matches("data: ").count(), RECENT);
        assert!(received.starts_with("data: {\"n\":10}"), "{received}");
    }

    #[test]
    fn the_number_of_readers_is_limited() {
        let feed = Feed::new();
        let readers: Vec<Body> = std::iter::from_fn(|| feed.events()).collect();
        assert_eq!(readers.len(), MAX_READERS);
        drop(readers);
        assert!(feed.events().is_some());
    }
}
