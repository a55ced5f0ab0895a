//! Listing requests: the caller's own, and those that the caller may decide.

use futures_util::future::join_all;
use sentinel_policy::Operation;
use sentinel_store::{
    AccessRequest, CallerKey, Cursor, ProfileName, RequestId, RequestListing, RequestPage,
    RequestState, StoreError,
};
use sentinel_wire::{ErrorCode, RequestList, RequestView};

use super::is_approver;
use crate::broker::Broker;
use crate::call::{Call, MAX_CONCURRENT_READS};
use crate::denial::Denial;
use crate::identity::Caller;
use crate::list_query::list_query;

/// A request for a page of approval requests. By default it lists the caller's own, and the pending
/// ones that the caller may decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListRequests {
    /// The caller key whose requests are listed. Only operators may name another than their own.
    /// `None` for the caller's own and those that the caller may decide.
    pub user: Option<CallerKey>,
    /// The profile of the requests. `None` for all profiles.
    pub profile: Option<ProfileName>,
    /// The state of the requests. `None` for all states.
    pub state: Option<RequestState>,
    /// The position at which the page begins, from [`RequestList::next`]. `None` for the first page.
    pub cursor: Option<Cursor>,
}

list_query!(ListRequests, RequestState, "approval requests");

/// The two parts of a list, and the word with which the cursors of each begin.
const OWN: &str = "own";
const OTHERS: &str = "others";

impl Broker {
    /// A request that the caller may see.
    ///
    /// # Errors
    /// `NOT_FOUND` for every other caller, and what a failing store means.
    pub async fn show_request(
        &self,
        call: &Call,
        caller: &Caller,
        id: &RequestId,
    ) -> Result<RequestView, Denial> {
        let seen = self.see(call, caller, id).await?;
        Ok(self.request_view(call, &seen.request, seen.governing.as_ref()))
    }

    /// Lists the caller's own requests, then the pending ones that the caller may decide.
    ///
    /// # Errors
    /// `FORBIDDEN` for the requests of another caller, `NOT_FOUND` without a request store, and what a
    /// failing store means.
    pub async fn list_requests(
        &self,
        call: &Call,
        caller: &Caller,
        query: &ListRequests,
    ) -> Result<RequestList, Denial> {
        self.request_store()?;
        self.not_revoked(call, caller).await?;
        if let Some(user) = query.user.as_ref().filter(|user| **user != caller.key) {
            if !self.may(call, caller, Operation::ListRequests).await? {
                let denial = Denial::new(
                    ErrorCode::Forbidden,
                    "only operators may list the requests of another caller; leave `user` out to list \
                     your own and those that you may decide",
                );
                return Err(self.refuse_operation(call, caller, "list_requests", denial));
            }
            let page = self.request_page(call, query, user, query.cursor.clone()).await?;
            return self.requests_shown(call, caller, query, page).await;
        }
        let (part, cursor) = match &query.cursor {
            None => (OWN, None),
            Some(Cursor(text)) => match text.split_once(':') {
                Some((OWN, cursor)) => (OWN, Some(Cursor(cursor.to_owned()))),
                Some((OTHERS, "")) => (OTHERS, None),
                Some((OTHERS, cursor)) => (OTHERS, Some(Cursor(cursor.to_owned()))),
                Some(_) | None => return Err(foreign_cursor()),
            },
        };
        let only_own =
            query.user.is_some() || query.state.is_some_and(|state| state != RequestState::Pending);
        if part == OWN {
            let mut page = self.request_page(call, query, &caller.key, cursor).await?;
            page.next = match page.next {
                Some(Cursor(next)) => Some(Cursor(format!("{OWN}:{next}"))),
                None if only_own => None,
                None => Some(Cursor(format!("{OTHERS}:"))),
            };
            return self.requests_shown(call, caller, query, page).await;
        }
        let profiles = self.decidable(call, caller, query.profile.as_ref()).await?;
        if profiles.is_empty() {
            return Ok(RequestList::new(Vec::new()));
        }
        let listing = RequestListing::Pending { profiles, now: self.now() };
        let mut page = self.request_rows(call, &listing, cursor).await?;
        page.items.retain(|request| request.requester.caller != caller.key);
        page.next = page.next.map(|Cursor(next)| Cursor(format!("{OTHERS}:{next}")));
        self.requests_shown(call, caller, query, page).await
    }

    async fn request_page(
        &self,
        call: &Call,
        query: &ListRequests,
        user: &CallerKey,
        cursor: Option<Cursor>,
    ) -> Result<RequestPage, Denial> {
        let listing = RequestListing::Caller(user.clone());
        let mut page = self.request_rows(call, &listing, cursor).await?;
        page.items.retain(|request| {
            query.profile.as_ref().is_none_or(|profile| *profile == request.profile)
        });
        Ok(page)
    }

    async fn request_rows(
        &self,
        call: &Call,
        listing: &RequestListing,
        cursor: Option<Cursor>,
    ) -> Result<RequestPage, Denial> {
        let store = self.request_store()?;
        let page = call.bounded(store.requests(listing, cursor.as_ref())).await;
        page.map_err(|error| match (&error, &cursor) {
            (StoreError::Conflict(_) | StoreError::NotFound(_), Some(_)) => foreign_cursor(),
            _ => self.request_store_failed(call, &error),
        })
    }

    /// The requests of a page, as this caller sees them.
    async fn requests_shown(
        &self,
        call: &Call,
        caller: &Caller,
        query: &ListRequests,
        page: RequestPage,
    ) -> Result<RequestList, Denial> {
        for key in &page.unreadable {
            tracing::error!(request_id = call.request_id, key, "failed to read a request row");
        }
        let now = self.now();
        let wanted =
            |request: &AccessRequest| query.state.is_none_or(|state| state == request.state(now));
        let mut requests = Vec::new();
        for request in page.items.iter().filter(|request| wanted(request)) {
            let governing = self.policies.governing(call, caller, &request.profile).await.ok();
            requests.push(self.request_view(call, request, governing.as_ref()));
        }
        Ok(RequestList::new(requests)
            .with_unreadable(page.unreadable.len())
            .with_next(page.next.map(|cursor| cursor.0)))
    }

    /// The profiles whose pending requests the caller may see: those whose approvals rule names the
    /// caller, and all for operators.
    async fn decidable(
        &self,
        call: &Call,
        caller: &Caller,
        only: Option<&ProfileName>,
    ) -> Result<Vec<ProfileName>, Denial> {
        let everything = self.may_as_operator(call, caller, Operation::ListRequests).await;
        let candidates = match only {
            Some(profile) => vec![profile.clone()],
            None => match self.governed_profiles(call).await {
                Ok(governed) => governed,
                // Operators of the settings list whatever the state of the policy. The profiles that
                // only the main document names are unknown while it cannot be used.
                Err(denial) if everything && denial.code == ErrorCode::PolicyError => {
                    self.listed_profiles(call).await?
                }
                Err(denial) => return Err(denial),
            },
        };
        if everything {
            return Ok(candidates);
        }
        let mut decidable = Vec::new();
        for some in candidates.chunks(MAX_CONCURRENT_READS) {
            let read = some.iter().map(|profile| self.policies.governing(call, caller, profile));
            for (profile, governing) in some.iter().zip(join_all(read).await) {
                // A profile whose document cannot be used has no approvers now.
                if governing.is_ok_and(|governing| is_approver(&governing, caller, profile)) {
                    decidable.push(profile.clone());
                }
            }
        }
        Ok(decidable)
    }

    /// The profiles with the names of documents under the root.
    async fn listed_profiles(&self, call: &Call) -> Result<Vec<ProfileName>, Denial> {
        let (names, _) = self.policies.names(call).await?;
        tracing::warn!(
            request_id = call.request_id,
            "the main policy document cannot be used: a list omits the profiles that only it names"
        );
        Ok(names.iter().filter_map(|name| ProfileName::parse(name).ok()).collect())
    }
}

fn foreign_cursor() -> Denial {
    Denial::new(ErrorCode::InvalidRequest, "`cursor` is not from this list; begin again without it")
}
