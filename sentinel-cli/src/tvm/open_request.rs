//! The caller's own open request for a profile.

use chrono::{DateTime, Utc};
use sentinel_client::{Client, ClientError, RequestFilter};
use sentinel_wire::{RequestState, RequestView};

/// Maximum number of pages that are read. A caller with more requests than they contain finds the open
/// one with `sentinel requests`.
const PAGES: usize = 20;

/// The request of the caller for that profile that is pending, or approved for a later time. `None` if
/// there is none. A pending one is preferred: there is at most one.
pub(crate) async fn open_request(
    client: &Client,
    profile: &str,
    now: DateTime<Utc>,
) -> Result<Option<RequestView>, ClientError> {
    let caller = client.whoami().await?.caller;
    let filter = RequestFilter::default().with_user(caller).with_profile(profile.to_owned());
    let mut pages = client.requests(filter);
    let mut later: Option<RequestView> = None;
    for _ in 0..PAGES {
        let Some(page) = pages.next().await? else { break };
        for request in page.requests {
            match request.state {
                RequestState::Pending => return Ok(Some(request)),
                RequestState::Approved if request.not_before.is_some_and(|from| now < from) => {
                    later = Some(request);
                }
                RequestState::Approved
                | RequestState::Denied
                | RequestState::Cancelled
                | RequestState::Expired
                | RequestState::Revoked => {}
            }
        }
    }
    Ok(later)
}
