//! What is asked of the device, and what is known of it.

use crate::closed_set::closed_set;

closed_set! {
    /// An operating system by its closed name.
    #[expect(missing_docs, reason = "the names say all")]
    OsType {
        Darwin = "darwin",
        Linux = "linux",
        Windows = "windows",
    }
}

/// A version, compared number by number; missing parts are 0, so `14` is
/// `14.0`, and `9.0` is less than `14.2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OsVersion(Box<str>);

impl OsVersion {
    /// Reads numbers separated by points; none when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numeric = text.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse::<u64>().is_ok()
        });
        numeric.then(|| Self(text.into()))
    }

    /// The version as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a device whose version reads `actual` has at least this one. A
    /// text that is no version does not.
    #[must_use]
    pub fn is_met_by(&self, actual: &str) -> bool {
        let mut actual = actual.split('.');
        let mut wanted = self.0.split('.');
        let mut order = std::cmp::Ordering::Equal;
        loop {
            let (actual, wanted) = (actual.next(), wanted.next());
            if actual.is_none() && wanted.is_none() {
                return order.is_ge();
            }
            let Some(actual) = number(actual) else { return false };
            let Some(wanted) = number(wanted) else { return false };
            order = order.then(actual.cmp(&wanted));
        }
    }
}

/// One part of a version: 0 when it is missing, none when it is no number.
fn number(part: Option<&str>) -> Option<u64> {
    match part {
        None => Some(0),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
    }
}

/// What a rule asks of the device: all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeviceRequirements {
    /// Enrolled in device management.
    pub require_mdm: bool,
    /// Compliant with device management.
    pub require_mdm_compliant: bool,
    /// The disk is encrypted.
    pub require_encryption: bool,
    /// The firewall is on.
    pub require_firewall: bool,
    /// At least this version of the operating system.
    pub min_os_version: Option<OsVersion>,
    /// One of these operating systems.
    pub allowed_os_types: Option<Vec<OsType>>,
}

/// What is known of the device of a request. What is absent meets nothing.
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

impl DeviceRequirements {
    /// Whether a device of which `facts` are known is what is asked for.
    #[must_use]
    pub fn is_met_by(&self, facts: &DeviceFacts<'_>) -> bool {
        let asked = |wanted: bool, fact: Option<bool>| !wanted || fact == Some(true);
        asked(self.require_mdm, facts.mdm_enrolled)
            && asked(self.require_mdm_compliant, facts.mdm_compliant)
            && asked(self.require_encryption, facts.disk_encrypted)
            && asked(self.require_firewall, facts.firewall_enabled)
            && self
                .min_os_version
                .as_ref()
                .is_none_or(|min| facts.os_version.is_some_and(|actual| min.is_met_by(actual)))
            && self.allowed_os_types.as_ref().is_none_or(|allowed| {
                facts.os_type.and_then(OsType::parse).is_some_and(|os| allowed.contains(&os))
            })
    }
}
