//! A request, and the facts that the broker adds to it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::closed_set::closed_set;

closed_set! {
    /// The way in which a caller requests credentials.
    Mode {
        /// Through the TVM, which evaluates the policy.
        Server = "server",
        /// With the command, which evaluates the policy on the caller's machine.
        Cli = "cli",
        /// With the SDKs' `credential_process`, which evaluates the policy on the
        /// caller's machine.
        CredentialProcess = "credential_process",
    }
}

/// The caller. A missing attribute meets no condition, neither under `conditions`
/// nor under `unless`.
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
    /// A caller with only a name.
    #[must_use]
    pub const fn new(user: &'a str) -> Self {
        Self { user, account: None, principal: None, organization: None }
    }
}

/// The facts about the device of a request. A missing fact meets no requirement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceFacts<'a> {
    /// Enrolled in device management.
    pub mdm_enrolled: Option<bool>,
    /// Compliant with device management.
    pub mdm_compliant: Option<bool>,
    /// The disk is encrypted.
    pub disk_encrypted: Option<bool>,
    /// The firewall is on.
    pub firewall_enabled: Option<bool>,
    /// The version of the operating system, as the device reports it.
    pub os_version: Option<&'a str>,
    /// The operating system, `darwin`, `linux` or `windows`.
    pub os_type: Option<&'a str>,
}

/// One request for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The caller.
    pub caller: Caller<'a>,
    /// The profile that is requested.
    pub profile: &'a str,
    /// The address that the request was sent from.
    pub source_ip: Option<IpAddr>,
    /// The id of the VPC that the request was sent from.
    pub source_vpc: Option<&'a str>,
    /// The id of the VPC endpoint that the request was sent through.
    pub source_vpce: Option<&'a str>,
    /// The way in which it was sent.
    pub mode: Option<Mode>,
    /// The session table in use, if sessions are tracked.
    pub session_table: Option<&'a str>,
    /// The facts about the device.
    pub device: DeviceFacts<'a>,
}

impl<'a> Request<'a> {
    /// A request with only a caller and a profile.
    #[must_use]
    pub fn new(caller: Caller<'a>, profile: &'a str) -> Self {
        Self {
            caller,
            profile,
            source_ip: None,
            source_vpc: None,
            source_vpce: None,
            mode: None,
            session_table: None,
            device: DeviceFacts::default(),
        }
    }
}

/// The facts that the broker adds to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// An approval of this caller for this profile.
    pub approval: Option<Approval>,
}

/// An approval that is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The instant at which the approval becomes invalid. `None` if it has no end.
    pub until: Option<DateTime<Utc>>,
}

impl Facts {
    /// Whether the approval is valid at `now`.
    #[must_use]
    pub fn approved_at(&self, now: DateTime<Utc>) -> bool {
        self.approval.is_some_and(|approval| approval.until.is_none_or(|until| now < until))
    }
}
