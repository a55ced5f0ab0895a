//! Passes each notice about a request or a grant to a command, as `deploy/` passes them to an event
//! bus: once a change is written, and when the time of a request, a grant or a review is over.
//!
//! No response waits for the command. A notice is lost if the server stops before the command ran,
//! and times that end while no server runs, or that began before this one, cause no notice.

use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_store::redb::{RedbGrants, RedbRequests};
use sentinel_store::{
    AccessRequest, CallerKey, Causes, Cursor, Grant, GrantId, GrantListing, GrantPage, GrantState,
    GrantStore, Notice, Opening, OpeningLimits, ProfileName, RequestId, RequestListing,
    RequestPage, RequestState, RequestStatus, RequestStore, StoreError,
};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Maximum number of notices that wait for the command. Further ones are dropped.
const WAITING: usize = 1000;

/// Maximum time that the command may take for one notice.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends notices to the command.
#[derive(Clone, Debug)]
pub(crate) struct Notices(Sender<Notice>);

impl Notices {
    pub(crate) fn new() -> (Self, Receiver<Notice>) {
        let (sender, receiver) = channel(WAITING);
        (Self(sender), receiver)
    }

    fn send(&self, notice: Option<Notice>) {
        let Some(notice) = notice else { return };
        if self.0.try_send(notice).is_err() {
            tracing::warn!("a notice is lost: too many wait for the notify command");
        }
    }

    /// Waits until a time, also across a change of the system's clock. Returns whether it was reached
    /// while the server ran: nothing holds the database open after its end.
    async fn until(&self, end: DateTime<Utc>) -> bool {
        const LONGEST: Duration = Duration::from_secs(60);
        while let Ok(left) = (end - Utc::now()).to_std()
            && !left.is_zero()
        {
            if tokio::time::timeout(left.min(LONGEST), self.0.closed()).await.is_ok() {
                return false;
            }
        }
        true
    }
}

/// Runs the command for each notice, one after the other.
pub(crate) async fn run(command: String, mut notices: Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        let what = notice.kind.detail_type();
        match tokio::time::timeout(TIMEOUT, pass(&command, &notice)).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::warn!(notice = what, %cause, "the notify command failed"),
            Err(_) => tracing::warn!(notice = what, "the notify command took too long"),
        }
    }
}

/// Runs the command in a shell, with the event on its standard input. Its output goes to the log of
/// the server, since the server's own output is records.
async fn pass(command: &str, notice: &Notice) -> Result<(), String> {
    let mut event = notice.event_json().map_err(|error| error.to_string())?;
    event.push('\n');
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input closes it.
        drop(stdin.write_all(event.as_bytes()).await);
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

/// The requests of a store, with notices.
#[derive(Clone, Debug)]
pub(crate) struct NotifiedRequests {
    pub(crate) requests: RedbRequests,
    pub(crate) notices: Notices,
}

impl NotifiedRequests {
    /// Sends the notice that a request expired, if it does.
    async fn expire(self, id: RequestId, deadline: DateTime<Utc>) {
        if !self.notices.until(deadline).await {
            return;
        }
        match self.requests.request(&id).await {
            Ok(request) if request.state(Utc::now()) == RequestState::Expired => {
                self.notices.send(Some(Notice::of_expired_request(&request)));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(cause = %Causes(&error), "cannot tell whether a request expired")
            }
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl RequestStore for NotifiedRequests {
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
        self.requests.create_request(request).await?;
        self.notices.send(Notice::of_request(request));
        if request.status == RequestStatus::Pending {
            tokio::spawn(self.clone().expire(request.id, request.deadline));
        }
        Ok(())
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        self.requests.request(id).await
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        self.requests.replace_request(next).await?;
        self.notices.send(Notice::of_request(next));
        Ok(())
    }

    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        self.requests.live_requests(caller, profile, now).await
    }

    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        self.requests.requests(listing, cursor).await
    }
}

/// The grants of a store, with notices.
#[derive(Clone, Debug)]
pub(crate) struct NotifiedGrants {
    pub(crate) grants: RedbGrants,
    pub(crate) notices: Notices,
}

impl NotifiedGrants {
    /// Sends the notices that a grant ended and that its review is overdue, if so.
    async fn expire(self, grant: Grant) {
        if !self.notices.until(grant.expires).await {
            return;
        }
        self.send_if(&grant.id, |grant| {
            (grant.state(Utc::now()) == GrantState::Expired)
                .then(|| Notice::of_expired_grant(grant))
        })
        .await;
        let Some(due) = grant.review_due else { return };
        if self.notices.until(due).await {
            self.send_if(&grant.id, |grant| {
                Notice::of_overdue_review(grant).filter(|_| grant.needs_review())
            })
            .await;
        }
    }

    async fn send_if(&self, id: &GrantId, notice: impl FnOnce(&Grant) -> Option<Notice>) {
        match self.grants.grant(id).await {
            Ok(grant) => self.notices.send(notice(&grant)),
            Err(error) => {
                tracing::warn!(cause = %Causes(&error), "cannot tell whether a grant ended")
            }
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl GrantStore for NotifiedGrants {
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError> {
        let opening = self.grants.open_grant(grant, limits).await?;
        match opening {
            Opening::Opened => {
                self.notices.send(Some(Notice::of_grant(grant)));
                tokio::spawn(self.clone().expire(grant.clone()));
            }
            Opening::Refused(_) => {}
        }
        Ok(opening)
    }

    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
        self.grants.grant(id).await
    }

    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
        self.grants.replace_grant(next).await?;
        self.notices.send(Some(Notice::of_grant(next)));
        Ok(())
    }

    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        self.grants.live_grants(caller, profile, now).await
    }

    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        self.grants.grants(listing, cursor).await
    }
}
