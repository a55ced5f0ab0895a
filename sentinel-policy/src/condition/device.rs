//! `device`: requirements on the device that a request comes from.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Circumstance, Condition, Mismatch, Saw, Shared};
use crate::closed_set::closed_set;
use crate::diagnostic::{Finding, Subject};
use crate::read::{Field, Reader, Shape};
use crate::{DeviceFacts, Request, Spanned};

closed_set! {
    /// An operating system, by its name in a policy.
    #[non_exhaustive]
    OsType {
        /// macOS.
        Darwin = "darwin",
        /// Linux.
        Linux = "linux",
        /// Windows.
        Windows = "windows",
    }
}

/// A version. Versions are compared number by number, and missing parts count as 0:
/// `14` equals `14.0`, and `9.0` is less than `14.2`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OsVersion(Box<str>);

impl OsVersion {
    /// Reads numbers separated by points. `None` if the text is something else.
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

    /// Whether a device with the version `actual` has at least this version. `false` if
    /// `actual` is not a version.
    #[must_use]
    pub fn allows(&self, actual: &str) -> bool {
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

/// One part of a version: 0 if it is missing, `None` if it is not a number.
fn number(part: Option<&str>) -> Option<u64> {
    match part {
        None => Some(0),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
    }
}

/// The requirements on a device, all of which must hold. By default, there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeviceRequirements {
    /// Whether the device must be enrolled in device management.
    pub require_mdm: bool,
    /// Whether the device must comply with the rules of device management.
    pub require_mdm_compliant: bool,
    /// Whether the disk must be encrypted.
    pub require_encryption: bool,
    /// Whether the firewall must be enabled.
    pub require_firewall: bool,
    /// The oldest version of the operating system that is allowed. `None` if every version is.
    pub min_os_version: Option<OsVersion>,
    /// The operating systems that are allowed. `None` if every system is.
    pub allowed_os_types: Option<Vec<OsType>>,
}

impl DeviceRequirements {
    /// Whether a device with these facts meets the requirements.
    #[must_use]
    pub fn matches(&self, facts: &DeviceFacts<'_>) -> bool {
        let required = |wanted: bool, fact: Option<bool>| !wanted || fact == Some(true);
        required(self.require_mdm, facts.mdm_enrolled)
            && required(self.require_mdm_compliant, facts.mdm_compliant)
            && required(self.require_encryption, facts.disk_encrypted)
            && required(self.require_firewall, facts.firewall_enabled)
            && self
                .min_os_version
                .as_ref()
                .is_none_or(|min| facts.os_version.is_some_and(|actual| min.allows(actual)))
            && self.allowed_os_types.as_ref().is_none_or(|allowed| {
                facts.os_type.and_then(|os| os.parse().ok()).is_some_and(|os| allowed.contains(&os))
            })
    }
}

const DEVICE: Shape = Shape {
    place: "`device`",
    keys: &[
        "require_mdm",
        "require_mdm_compliant",
        "require_encryption",
        "require_firewall",
        "min_os_version",
        "allowed_os_types",
    ],
    required: 0,
    nested: &[],
};

pub(crate) struct Device;

impl Condition for Device {
    type Given = Spanned<DeviceRequirements>;
    type Compiled = DeviceRequirements;

    const KEY: &'static str = "device";
    const NESTED: &'static [&'static str] = DEVICE.keys;

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.device(field)
    }

    fn matches(required: &DeviceRequirements, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        required.matches(&request.device)
    }

    fn saw(required: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        let facts = &request.device;
        match Fact::first_unmet(&required.value, facts) {
            Some(fact) => Saw { attribute: fact.as_str(), value: fact.seen(facts) },
            None => Saw { attribute: Self::KEY, value: None },
        }
    }

    fn wanted(required: &Self::Given, attribute: &str) -> Vec<String> {
        Fact::parse(attribute).map(|fact| fact.wanted(&required.value)).unwrap_or_default()
    }

    fn describe(mismatch: &Mismatch<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { attribute, saw, wanted } = mismatch;
        write!(f, "`{attribute}` is `{saw}`")?;
        match Fact::parse(attribute) {
            Some(Fact::OsVersion) => write!(f, ", which is not {wanted} or later"),
            Some(Fact::OsType) => write!(f, ", which is none of {wanted}"),
            Some(
                Fact::MdmEnrolled
                | Fact::MdmCompliant
                | Fact::DiskEncrypted
                | Fact::FirewallEnabled,
            )
            | None => Ok(()),
        }
    }
}

impl Circumstance for Device {
    fn compile(required: &Self::Given, _: &mut Shared) -> DeviceRequirements {
        required.value.clone()
    }

    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool {
        narrow.is_some_and(|narrow| is_at_least(&narrow.value, &wide.value))
    }
}

/// Whether every device that meets `narrow` meets `wide`.
fn is_at_least(narrow: &DeviceRequirements, wide: &DeviceRequirements) -> bool {
    let DeviceRequirements {
        require_mdm,
        require_mdm_compliant,
        require_encryption,
        require_firewall,
        min_os_version,
        allowed_os_types,
    } = wide;
    (!require_mdm || narrow.require_mdm)
        && (!require_mdm_compliant || narrow.require_mdm_compliant)
        && (!require_encryption || narrow.require_encryption)
        && (!require_firewall || narrow.require_firewall)
        && min_os_version.as_ref().is_none_or(|least| {
            narrow.min_os_version.as_ref().is_some_and(|required| least.allows(required.as_str()))
        })
        && allowed_os_types.as_ref().is_none_or(|wide| {
            narrow
                .allowed_os_types
                .as_ref()
                .is_some_and(|narrow| narrow.iter().all(|os| wide.contains(os)))
        })
}

impl<'n> Reader<'n> {
    /// The requirements, at least one of which must be given.
    fn device(&mut self, field: Field<'n>) -> Option<Spanned<DeviceRequirements>> {
        let before = self.findings.total();
        let fields = self.fields(field.subject(), field.node, &DEVICE)?;
        let mut required =
            |key| fields.get(key).and_then(|field| self.flag(field)).unwrap_or_default();
        let requirements = DeviceRequirements {
            require_mdm: required("require_mdm"),
            require_mdm_compliant: required("require_mdm_compliant"),
            require_encryption: required("require_encryption"),
            require_firewall: required("require_firewall"),
            min_os_version: fields.get("min_os_version").and_then(|f| self.os_version(f)),
            allowed_os_types: fields.get("allowed_os_types").and_then(|f| self.os_types(f)),
        };
        let readable = self.findings.total() == before;
        if readable && requirements == DeviceRequirements::default() {
            self.findings.report(field.span(), Finding::EmptyDevice);
        }
        Some(Spanned::new(requirements, field.span()))
    }

    /// Reads the oldest version that is allowed.
    fn os_version(&mut self, field: Field<'n>) -> Option<OsVersion> {
        let value = self.exact_text(field.subject(), field.node)?;
        let version = OsVersion::parse(value);
        if version.is_none() {
            self.findings.report(field.node.span, Finding::InvalidOsVersion { value });
        }
        version
    }

    /// Reads the operating systems that are allowed.
    fn os_types(&mut self, field: Field<'n>) -> Option<Vec<OsType>> {
        let types = self
            .each(field, |reader, key, node| reader.word::<OsType>(Subject::EntryOf(key), node))?;
        Some(types.into_iter().map(|os| os.value).collect())
    }
}

/// A fact about a device. An explanation names the first fact that does not meet
/// the requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    MdmEnrolled,
    MdmCompliant,
    DiskEncrypted,
    FirewallEnabled,
    OsVersion,
    OsType,
}

impl Fact {
    const ALL: [Self; 6] = [
        Self::MdmEnrolled,
        Self::MdmCompliant,
        Self::DiskEncrypted,
        Self::FirewallEnabled,
        Self::OsVersion,
        Self::OsType,
    ];

    /// The first fact, in the order of [`DeviceRequirements`], that does not meet them.
    fn first_unmet(required: &DeviceRequirements, facts: &DeviceFacts<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| !fact.alone(required).matches(facts))
    }

    /// The fact with that name.
    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.as_str() == name)
    }

    /// Its name in a request.
    const fn as_str(self) -> &'static str {
        match self {
            Self::MdmEnrolled => "mdm_enrolled",
            Self::MdmCompliant => "mdm_compliant",
            Self::DiskEncrypted => "disk_encrypted",
            Self::FirewallEnabled => "firewall_enabled",
            Self::OsVersion => "os_version",
            Self::OsType => "os_type",
        }
    }

    /// Its value. `None` if the request does not have it.
    fn seen(self, facts: &DeviceFacts<'_>) -> Option<String> {
        match self {
            Self::MdmEnrolled => facts.mdm_enrolled.map(|fact| fact.to_string()),
            Self::MdmCompliant => facts.mdm_compliant.map(|fact| fact.to_string()),
            Self::DiskEncrypted => facts.disk_encrypted.map(|fact| fact.to_string()),
            Self::FirewallEnabled => facts.firewall_enabled.map(|fact| fact.to_string()),
            Self::OsVersion => facts.os_version.map(str::to_owned),
            Self::OsType => facts.os_type.map(str::to_owned),
        }
    }

    /// The values that meet the requirement on this fact.
    fn wanted(self, required: &DeviceRequirements) -> Vec<String> {
        match self {
            Self::MdmEnrolled
            | Self::MdmCompliant
            | Self::DiskEncrypted
            | Self::FirewallEnabled => vec!["true".to_owned()],
            Self::OsVersion => {
                required.min_os_version.iter().map(OsVersion::as_str).map(str::to_owned).collect()
            }
            Self::OsType => {
                let types = required.allowed_os_types.iter().flatten();
                types.map(|os| os.as_str().to_owned()).collect()
            }
        }
    }

    /// The requirement on this fact, without the others.
    fn alone(self, required: &DeviceRequirements) -> DeviceRequirements {
        let none = DeviceRequirements::default();
        match self {
            Self::MdmEnrolled => DeviceRequirements { require_mdm: required.require_mdm, ..none },
            Self::MdmCompliant => {
                DeviceRequirements { require_mdm_compliant: required.require_mdm_compliant, ..none }
            }
            Self::DiskEncrypted => {
                DeviceRequirements { require_encryption: required.require_encryption, ..none }
            }
            Self::FirewallEnabled => {
                DeviceRequirements { require_firewall: required.require_firewall, ..none }
            }
            Self::OsVersion => {
                DeviceRequirements { min_os_version: required.min_os_version.clone(), ..none }
            }
            Self::OsType => {
                DeviceRequirements { allowed_os_types: required.allowed_os_types.clone(), ..none }
            }
        }
    }
}
