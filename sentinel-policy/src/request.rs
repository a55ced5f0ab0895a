//! A request, and the facts that the broker adds to it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::Verdict;
use crate::closed_set::closed_set;

closed_set! {
    /// The way in which a caller requests credentials.
    #[non_exhaustive]
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

/// The caller of a request. A condition on an attribute that is missing does not match,
/// neither under `conditions` nor under `unless`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal<'a> {
    /// The user's name, or `RoleName/session`.
    pub user: &'a str,
    /// The id of the AWS account. `None` if unknown.
    pub account: Option<&'a str>,
    /// The ARN, as AWS reports it. `None` if unknown.
    pub arn: Option<&'a str>,
    /// The id of the organization in AWS Organizations. `None` if unknown.
    pub organization: Option<&'a str>,
}

impl<'a> Principal<'a> {
    /// A principal of which only the name is known.
    #[must_use]
    pub const fn new(user: &'a str) -> Self {
        Self { user, account: None, arn: None, organization: None }
    }

    /// The same principal in that account.
    #[must_use]
    pub fn with_account(self, account: impl Into<Option<&'a str>>) -> Self {
        Self { account: account.into(), ..self }
    }

    /// The same principal with that ARN.
    #[must_use]
    pub fn with_arn(self, arn: impl Into<Option<&'a str>>) -> Self {
        Self { arn: arn.into(), ..self }
    }

    /// The same principal in that organization.
    #[must_use]
    pub fn with_organization(self, organization: impl Into<Option<&'a str>>) -> Self {
        Self { organization: organization.into(), ..self }
    }
}

/// The facts about the device of a request. A missing fact does not meet a requirement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceFacts<'a> {
    /// Whether the device is enrolled in device management. `None` if unknown.
    pub mdm_enrolled: Option<bool>,
    /// Whether the device complies with the rules of device management. `None` if unknown.
    pub mdm_compliant: Option<bool>,
    /// Whether the disk is encrypted. `None` if unknown.
    pub disk_encrypted: Option<bool>,
    /// Whether the firewall is enabled. `None` if unknown.
    pub firewall_enabled: Option<bool>,
    /// The version of the operating system, as the device reports it. `None` if unknown.
    pub os_version: Option<&'a str>,
    /// The operating system: `darwin`, `linux` or `windows`. `None` if unknown.
    pub os_type: Option<&'a str>,
}

impl<'a> DeviceFacts<'a> {
    /// The same facts with whether the device is enrolled in device management.
    #[must_use]
    pub fn with_mdm_enrolled(self, enrolled: impl Into<Option<bool>>) -> Self {
        Self { mdm_enrolled: enrolled.into(), ..self }
    }

    /// The same facts with whether the device complies with the rules of device management.
    #[must_use]
    pub fn with_mdm_compliant(self, compliant: impl Into<Option<bool>>) -> Self {
        Self { mdm_compliant: compliant.into(), ..self }
    }

    /// The same facts with whether the disk is encrypted.
    #[must_use]
    pub fn with_disk_encrypted(self, encrypted: impl Into<Option<bool>>) -> Self {
        Self { disk_encrypted: encrypted.into(), ..self }
    }

    /// The same facts with whether the firewall is enabled.
    #[must_use]
    pub fn with_firewall_enabled(self, enabled: impl Into<Option<bool>>) -> Self {
        Self { firewall_enabled: enabled.into(), ..self }
    }

    /// The same facts with the version of the operating system.
    #[must_use]
    pub fn with_os_version(self, version: impl Into<Option<&'a str>>) -> Self {
        Self { os_version: version.into(), ..self }
    }

    /// The same facts with the operating system.
    #[must_use]
    pub fn with_os_type(self, os: impl Into<Option<&'a str>>) -> Self {
        Self { os_type: os.into(), ..self }
    }
}

/// One request for credentials.
///
/// ```
/// use sentinel_policy::{Mode, Principal, Request};
///
/// let alice = Principal::new("alice").with_account("111122223333");
/// let request = Request::new(alice, "production")
///     .with_mode(Mode::Server)
///     .with_source_ip("198.51.100.7".parse().ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The caller.
    pub principal: Principal<'a>,
    /// The name of the requested profile.
    pub profile: &'a str,
    /// The IP address that the request was sent from. `None` if unknown.
    pub source_ip: Option<IpAddr>,
    /// The id of the VPC that the request was sent from. `None` if unknown.
    pub source_vpc: Option<&'a str>,
    /// The id of the VPC endpoint that the request was sent through. `None` if unknown.
    pub source_vpce: Option<&'a str>,
    /// The way in which the caller requests credentials. `None` if unknown.
    pub mode: Option<Mode>,
    /// The name of the session table in use. `None` if sessions are not tracked.
    pub session_table: Option<&'a str>,
    /// The facts about the device.
    pub device: DeviceFacts<'a>,
}

impl<'a> Request<'a> {
    /// A request of which only the caller and the profile are known.
    #[must_use]
    pub fn new(principal: Principal<'a>, profile: &'a str) -> Self {
        Self {
            principal,
            profile,
            source_ip: None,
            source_vpc: None,
            source_vpce: None,
            mode: None,
            session_table: None,
            device: DeviceFacts::default(),
        }
    }

    /// The same request from that IP address.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<IpAddr>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same request from that VPC.
    #[must_use]
    pub fn with_source_vpc(self, vpc: impl Into<Option<&'a str>>) -> Self {
        Self { source_vpc: vpc.into(), ..self }
    }

    /// The same request through that VPC endpoint.
    #[must_use]
    pub fn with_source_vpce(self, endpoint: impl Into<Option<&'a str>>) -> Self {
        Self { source_vpce: endpoint.into(), ..self }
    }

    /// The same request in that mode.
    #[must_use]
    pub fn with_mode(self, mode: impl Into<Option<Mode>>) -> Self {
        Self { mode: mode.into(), ..self }
    }

    /// The same request, whose session is tracked in that table.
    #[must_use]
    pub fn with_session_table(self, table: impl Into<Option<&'a str>>) -> Self {
        Self { session_table: table.into(), ..self }
    }

    /// The same request from a device with these facts.
    #[must_use]
    pub const fn with_device(self, device: DeviceFacts<'a>) -> Self {
        Self { device, ..self }
    }
}

/// The facts that the broker adds to a request. By default, there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// An approval of this caller for this profile. `None` if there is none.
    pub approval: Option<Approval>,
    /// A break-glass grant of this caller for this profile. `None` if none is open.
    pub grant: Option<ActiveGrant>,
}

/// An approval that is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// The instant at which the approval becomes invalid. `None` if it has no end.
    pub until: Option<DateTime<Utc>>,
}

impl Approval {
    /// An approval that has no end.
    #[must_use]
    pub const fn new() -> Self {
        Self { until: None }
    }

    /// The same approval, which becomes invalid at that instant.
    #[must_use]
    pub fn with_until(self, until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { until: until.into() }
    }
}

/// A break-glass grant that is open.
///
/// While it is valid, it satisfies `require_approval`. With `overrides_deny` it also turns a
/// deny into allow, by a rule or because no rule matched. It never satisfies `require_server`
/// or `require_server_session`.
///
/// ```
/// use sentinel_policy::{ActiveGrant, Facts, Policy, Principal, Request, Verdict};
///
/// let policy: Policy = r#"
/// version: "1"
/// rules:
///   - { name: freeze, effect: deny }
/// "#
/// .parse()?;
/// let request = Request::new(Principal::new("alice"), "production");
/// let now = "2026-03-18T12:00:00Z".parse()?;
/// let grant = ActiveGrant::new().with_until("2026-03-18T13:00:00Z".parse().ok());
///
/// let decision = policy.decide(&request, &Facts::default().with_grant(grant), now);
/// assert_eq!(decision.verdict, Verdict::Deny);
///
/// let facts = Facts::default().with_grant(grant.with_overrides_deny(true));
/// let decision = policy.decide(&request, &facts, now);
/// assert_eq!(decision.verdict, Verdict::Allow);
/// assert_eq!(decision.rule.map(|rule| rule.name), Some("freeze"));
/// assert_eq!(policy.valid_until(&request, &facts, now), grant.until);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveGrant {
    /// The instant at which the grant becomes invalid. `None` if it has no end.
    pub until: Option<DateTime<Utc>>,
    /// Whether the grant also overrides a deny. The break-glass rule of the grant determines it.
    pub overrides_deny: bool,
}

impl ActiveGrant {
    /// A grant that has no end and does not override a deny.
    #[must_use]
    pub const fn new() -> Self {
        Self { until: None, overrides_deny: false }
    }

    /// The same grant, which becomes invalid at that instant.
    #[must_use]
    pub fn with_until(self, until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { until: until.into(), ..self }
    }

    /// The same grant, which overrides a deny or does not.
    #[must_use]
    pub const fn with_overrides_deny(self, overrides_deny: bool) -> Self {
        Self { overrides_deny, ..self }
    }
}

impl Facts {
    /// The same facts with an approval.
    #[must_use]
    pub fn with_approval(self, approval: impl Into<Option<Approval>>) -> Self {
        Self { approval: approval.into(), ..self }
    }

    /// The same facts with a break-glass grant.
    #[must_use]
    pub fn with_grant(self, grant: impl Into<Option<ActiveGrant>>) -> Self {
        Self { grant: grant.into(), ..self }
    }

    /// Whether the approval is valid at `now`.
    #[must_use]
    pub fn approved_at(&self, now: DateTime<Utc>) -> bool {
        self.approval.is_some_and(|approval| approval.until.is_none_or(|until| now < until))
    }

    /// The break-glass grant, if it is valid at `now`.
    #[must_use]
    pub fn grant_at(&self, now: DateTime<Utc>) -> Option<ActiveGrant> {
        self.grant.filter(|grant| grant.until.is_none_or(|until| now < until))
    }

    /// Whether `require_approval` is satisfied at `now`.
    pub(crate) fn satisfies_approval(&self, now: DateTime<Utc>) -> bool {
        self.approved_at(now) || self.grant_at(now).is_some()
    }

    /// The verdict at `now` in place of a deny by a rule, or because no rule matched.
    pub(crate) fn instead_of_deny(&self, now: DateTime<Utc>) -> Verdict {
        if self.grant_at(now).is_some_and(|grant| grant.overrides_deny) {
            Verdict::Allow
        } else {
            Verdict::Deny
        }
    }
}
