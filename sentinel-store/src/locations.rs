//! How messages name the records of each kind.

use crate::{
    CallerKey, GrantId, GrantListing, Listing, Location, PolicyPath, ProfileName, RequestId,
    RequestListing, SessionHandle,
};

impl Location {
    /// The gate of a caller.
    #[must_use]
    pub fn gate(self, caller: &CallerKey) -> Self {
        self.key(format_args!("gate of `{caller}`"))
    }

    /// A session, by its handle.
    #[must_use]
    pub fn session(self, handle: &SessionHandle) -> Self {
        self.key(format_args!("session `{handle}`"))
    }

    /// A list of sessions.
    #[must_use]
    pub fn sessions(self, listing: &Listing) -> Self {
        match listing {
            Listing::Caller(caller) => self.key(format_args!("sessions of `{caller}`")),
            Listing::All => self.key("all sessions"),
        }
    }

    /// The count of the vends of a caller.
    #[must_use]
    pub fn vend_count(self, caller: &CallerKey) -> Self {
        self.key(format_args!("vend count of `{caller}`"))
    }

    /// An approval request.
    #[must_use]
    pub fn request(self, id: &RequestId) -> Self {
        self.key(format_args!("request `{id}`"))
    }

    /// A list of approval requests.
    #[must_use]
    pub fn requests(self, listing: &RequestListing) -> Self {
        match listing {
            RequestListing::Caller(caller) => self.key(format_args!("requests of `{caller}`")),
            RequestListing::Pending { .. } => self.key("pending requests"),
        }
    }

    /// The requests of a caller for a profile.
    #[must_use]
    pub fn request_list(self, caller: &CallerKey, profile: &ProfileName) -> Self {
        self.key(format_args!("requests of `{caller}` for `{profile}`"))
    }

    /// A break-glass grant.
    #[must_use]
    pub fn grant(self, id: &GrantId) -> Self {
        self.key(format_args!("grant `{id}`"))
    }

    /// A list of break-glass grants.
    #[must_use]
    pub fn grants(self, listing: &GrantListing) -> Self {
        match listing {
            GrantListing::Caller(caller) => self.key(format_args!("grants of `{caller}`")),
            GrantListing::Open { .. } => self.key("open grants"),
        }
    }

    /// The grants of a caller for a profile.
    #[must_use]
    pub fn grant_list(self, caller: &CallerKey, profile: &ProfileName) -> Self {
        self.key(format_args!("grants of `{caller}` for `{profile}`"))
    }

    /// A policy document.
    #[must_use]
    pub fn policy(self, path: &PolicyPath) -> Self {
        self.key(format_args!("policy `{path}`"))
    }

    /// The list of the documents under a root.
    #[must_use]
    pub fn policies(self, root: &PolicyPath) -> Self {
        self.key(format_args!("policies under `{root}`"))
    }

    /// The history of a policy document.
    #[must_use]
    pub fn history(self, path: &PolicyPath) -> Self {
        self.key(format_args!("history of `{path}`"))
    }
}
