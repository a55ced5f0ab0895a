//! Waiting for the decision on a request: polling, with progress on stderr. The request does not depend
//! on this process. If the process ends, the request remains pending.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use sentinel_client::{Client, ClientError};
use sentinel_wire::{ErrorCode, RequestId, RequestState, RequestView};

use super::Arguments;
use crate::output::{Failure, Screen, length, progress};
use crate::signals::EndSignals;
use crate::tvm::{Connection, missing};

/// The intervals between reads: short at first, because an approver may be waiting too. After that,
/// twelve reads per minute, a fifth of the default of `SENTINEL_CALLER_RATE`.
const INTERVALS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
/// The longest interval, while the TVM cannot be reached.
const LONGEST: Duration = Duration::from_secs(30);
/// Without a terminal, a line is written in this interval, and whenever something changes.
const LINE_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long a TVM that cannot be reached is tried after the deadline of the request.
const AFTER_DEADLINE: TimeDelta = TimeDelta::minutes(5);

/// A wait for the decision on a request.
pub(super) struct Waiting<'a> {
    connection: &'a Connection,
    timeout: Option<Duration>,
    begin: Instant,
    screen: &'a Screen,
    /// Whether the progress is a line on a terminal that is replaced.
    is_terminal: bool,
}

/// What the last line without a terminal stated, and when it was written.
struct Reported {
    at: Instant,
    missing: Option<u32>,
}

/// Why the wait ends without a decision.
enum End {
    Interrupted,
    TimedOut,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(arguments: &'a Arguments, screen: &'a Screen) -> Self {
        Self {
            connection: &arguments.connection,
            timeout: arguments.wait_timeout,
            begin: Instant::now(),
            screen,
            is_terminal: progress::is_possible(),
        }
    }

    /// Reads the request until it is decided.
    pub(super) async fn until_decided(&self, request: RequestView) -> Result<RequestView, Failure> {
        let id = request.id;
        self.screen.note(&format!("waiting for a decision on `{id}`"));
        let signals = EndSignals::receive()?;
        let ended = async {
            tokio::select! {
                () = signals.received() => End::Interrupted,
                () = self.timed_out() => End::TimedOut,
            }
        };
        let decided = tokio::select! {
            biased;
            decided = self.poll(request) => decided,
            end = ended => Err(self.ended(&end, &id)),
        };
        progress::clear();
        decided
    }

    async fn poll(&self, mut request: RequestView) -> Result<RequestView, Failure> {
        let mut client = self.connection.open().await?.client;
        let mut reported = None;
        let mut intervals = INTERVALS.into_iter();
        let mut interval = Duration::ZERO;
        let mut is_away = false;
        let mut signed_again = false;
        loop {
            self.report(&request, is_away, &mut reported);
            interval = match (is_away, intervals.next()) {
                (false, Some(next)) => next,
                (false, None) => INTERVALS.last().copied().unwrap_or(LONGEST),
                (true, _) => (interval * 2).min(LONGEST),
            };
            self.sleep(interval, &request, is_away).await;
            match client.request(&request.id).await {
                Ok(read) => {
                    if is_away {
                        self.screen.note("the TVM responds again");
                        // Begins with the short intervals again.
                        intervals = INTERVALS.into_iter();
                    }
                    (is_away, signed_again) = (false, false);
                    if read.state != RequestState::Pending {
                        return Ok(read);
                    }
                    request = read;
                }
                Err(error) if error.is_transient() => {
                    if AFTER_DEADLINE < Utc::now() - request.deadline {
                        return Err(error.into());
                    }
                    let retry_after = error.retry_after().unwrap_or(INTERVALS[0]);
                    if !is_away {
                        self.screen.warn(&format!(
                            "{}; this command continues to wait",
                            Failure::from(error)
                        ));
                        interval = retry_after;
                    }
                    is_away = true;
                }
                // The credentials may have expired during the wait, and been renewed elsewhere.
                Err(error) if !signed_again && is_about_credentials(&error) => {
                    client = self.renewed(error).await?;
                    signed_again = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A client with the caller's credentials of now.
    async fn renewed(&self, error: ClientError) -> Result<Client, Failure> {
        match self.connection.open().await {
            Ok(tvm) => Ok(tvm.client),
            Err(_) => Err(error.into()),
        }
    }

    /// Waits for the next read, and keeps the line on the terminal up to date.
    async fn sleep(&self, interval: Duration, request: &RequestView, is_away: bool) {
        let end = tokio::time::Instant::now() + interval;
        while self.is_terminal && tokio::time::Instant::now() + Duration::from_secs(1) < end {
            tokio::time::sleep(Duration::from_secs(1)).await;
            progress::show(&self.line(request, is_away));
        }
        tokio::time::sleep_until(end).await;
    }

    /// Shows the progress: in place of the last line on a terminal, else as a new line if something
    /// changed or time has passed.
    fn report(&self, request: &RequestView, is_away: bool, reported: &mut Option<Reported>) {
        if self.is_terminal {
            progress::show(&self.line(request, is_away));
            return;
        }
        let is_old =
            |last: &Reported| last.missing != request.missing || LINE_EVERY <= last.at.elapsed();
        if reported.as_ref().is_none_or(is_old) {
            self.screen.note(&self.line(request, is_away));
            *reported = Some(Reported { at: Instant::now(), missing: request.missing });
        }
    }

    fn line(&self, request: &RequestView, is_away: bool) -> String {
        let elapsed = TimeDelta::from_std(self.begin.elapsed()).unwrap_or(TimeDelta::MAX);
        let state = if is_away {
            "the TVM fails or cannot be reached".to_owned()
        } else {
            missing(request)
        };
        format!(
            "{state}: {} elapsed, {} until the deadline",
            length(elapsed),
            length(request.deadline - Utc::now())
        )
    }

    async fn timed_out(&self) {
        match self.timeout {
            Some(timeout) => tokio::time::sleep(timeout.saturating_sub(self.begin.elapsed())).await,
            None => std::future::pending().await,
        }
    }

    fn ended(&self, end: &End, id: &RequestId) -> Failure {
        let why = match end {
            End::Interrupted => "interrupted".to_owned(),
            End::TimedOut => {
                let timeout = self.timeout.and_then(|timeout| TimeDelta::from_std(timeout).ok());
                format!("not decided within {}", length(timeout.unwrap_or_default()))
            }
        };
        let options = self.connection.repeated();
        Failure::other(format!(
            "{why}: the request remains pending; cancel it with `sentinel cancel {id}{options}`, or see \
             it with `sentinel requests show {id}{options}`"
        ))
    }
}

/// Whether other credentials may be accepted.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other error depends on the credentials")]
fn is_about_credentials(error: &ClientError) -> bool {
    match error {
        ClientError::Refused(response) => {
            response.is(ErrorCode::IamAuthRequired) || !response.is_of_sentinel()
        }
        ClientError::Credentials(_) => true,
        _ => false,
    }
}
