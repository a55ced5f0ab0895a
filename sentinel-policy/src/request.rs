//! What is asked, and what is known beside it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::{DeviceFacts, Mode};

/// Who asks. An attribute that is absent meets no condition, under
/// `conditions` and under `unless` alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The user's name, or `RoleName/session`.
    pub user: &'a str,
    /// The account id.
    pub account: Option<&'a str>,
    /// The principal's ARN.
    pub principal: Option<&'a str>,
    /// The organization id.
    pub organization: Option<&'a str>,
}

impl<'a> Caller<'a> {
    /// A caller of whom only the name is known.
    #[must_use]
    pub const fn new(user: &'a str) -> Self {
        Self { user, account: None, principal: None, organization: None }
    }
}

/// One request for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// The profile that is asked for.
    pub profile: &'a str,
    /// The address the request comes from.
    pub source_ip: Option<IpAddr>,
    /// How it is asked.
    pub mode: Option<Mode>,
    /// The session table in use, when sessions are tracked.
    pub session_table: Option<&'a str>,
    /// What is known of the device.
    pub device: DeviceFacts<'a>,
}

impl<'a> Request<'a> {
    /// A request of which only caller and profile are known.
    #[must_use]
    pub fn new(caller: Caller<'a>, profile: &'a str) -> Self {
        Self {
            caller,
            profile,
            source_ip: None,
            mode: None,
            session_table: None,
            device: DeviceFacts::default(),
        }
    }
}

/// What the broker knows beside the request itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// An approval of this caller for this profile.
    pub approval: Option<Approval>,
}

/// An approval that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The instant from which it counts no longer; none when it has no end.
    pub until: Option<DateTime<Utc>>,
}

impl Facts {
    /// Whether an approval counts at `now`.
    #[must_use]
    pub fn approved_at(&self, now: DateTime<Utc>) -> bool {
        self.approval.is_some_and(|approval| approval.until.is_none_or(|until| now < until))
    }
}
