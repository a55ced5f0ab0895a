//! Listing grants: operators list those of all callers, every other caller lists their own.

use sentinel_policy::Operation;
use sentinel_store::{CallerKey, Cursor, Grant, GrantListing, GrantState, ProfileName, StoreError};
use sentinel_wire::{ErrorCode, GrantList};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;
use crate::list_query::list_query;

/// A request for a page of grants. By default it lists the open grants of all callers if the caller is
/// an operator, and all own grants otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListGrants {
    /// The caller key whose grants are listed, in every state. Only operators may name another than
    /// their own.
    pub user: Option<CallerKey>,
    /// The profile of the grants. `None` for all profiles.
    pub profile: Option<ProfileName>,
    /// The state of the grants. `None` for all states.
    pub state: Option<GrantState>,
    /// The position at which the page begins, from [`GrantList::next`]. `None` for the first page.
    pub cursor: Option<Cursor>,
}

list_query!(ListGrants, GrantState, "grants");

impl Broker {
    /// Lists grants.
    ///
    /// # Errors
    /// `FORBIDDEN` for the grants of another caller, `NOT_FOUND` without a grant store, and what a
    /// failing store means.
    pub async fn list_grants(
        &self,
        call: &Call,
        caller: &Caller,
        query: &ListGrants,
    ) -> Result<GrantList, Denial> {
        let store = self.grant_store()?;
        self.not_revoked(call, caller).await?;
        let own = || GrantListing::Caller(caller.key.clone());
        let (listing, own_only) = match &query.user {
            Some(user) if *user == caller.key => (own(), false),
            Some(user) => {
                if !self.may(call, caller, Operation::ListBreakGlass).await? {
                    let denial = Denial::new(
                        ErrorCode::Forbidden,
                        "only operators may list the grants of another caller; leave `user` out to \
                         list your own",
                    );
                    return Err(self.refuse_operation(call, caller, "list_break_glass", denial));
                }
                (GrantListing::Caller(user.clone()), false)
            }
            None => match self.may(call, caller, Operation::ListBreakGlass).await {
                Ok(true) => (GrantListing::Open { now: self.now() }, false),
                Ok(false) => (own(), false),
                Err(_) => (own(), true),
            },
        };
        let page = call.bounded(store.grants(&listing, query.cursor.as_ref())).await;
        let page = page.map_err(|error| match (&error, &query.cursor) {
            (StoreError::Conflict(_) | StoreError::NotFound(_), Some(_)) => Denial::new(
                ErrorCode::InvalidRequest,
                "`cursor` is not from this list; begin again without it",
            ),
            _ => self.grant_store_failed(call, &error),
        })?;
        for key in &page.unreadable {
            tracing::error!(request_id = call.request_id, key, "failed to read a grant row");
        }
        let now = self.now();
        let wanted = |grant: &&Grant| {
            query.profile.as_ref().is_none_or(|profile| *profile == grant.profile)
                && query.state.is_none_or(|state| state == grant.state(now))
        };
        let grants = page.items.iter().filter(wanted).map(|grant| self.grant_view(grant));
        Ok(GrantList::new(grants.collect())
            .with_unreadable(page.unreadable.len())
            .with_own_only(own_only)
            .with_next(page.next.map(|cursor| cursor.0)))
    }
}
