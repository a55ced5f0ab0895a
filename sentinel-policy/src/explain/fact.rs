//! The facts of a device one by one, since an explanation names the first that
//! was not as asked.

use crate::{DeviceFacts, DeviceRequirements, OsVersion};

/// A fact of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
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

    /// The first, in the order of [`DeviceRequirements`], that is not as asked.
    pub(super) fn first_unmet(asked: &DeviceRequirements, facts: &DeviceFacts<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| !fact.alone(asked).is_met_by(facts))
    }

    /// Its name in a request.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::MdmEnrolled => "mdm_enrolled",
            Self::MdmCompliant => "mdm_compliant",
            Self::DiskEncrypted => "disk_encrypted",
            Self::FirewallEnabled => "firewall_enabled",
            Self::OsVersion => "os_version",
            Self::OsType => "os_type",
        }
    }

    /// What it is, where it is known.
    pub(super) fn seen(self, facts: &DeviceFacts<'_>) -> Option<String> {
        match self {
            Self::MdmEnrolled => facts.mdm_enrolled.map(|fact| fact.to_string()),
            Self::MdmCompliant => facts.mdm_compliant.map(|fact| fact.to_string()),
            Self::DiskEncrypted => facts.disk_encrypted.map(|fact| fact.to_string()),
            Self::FirewallEnabled => facts.firewall_enabled.map(|fact| fact.to_string()),
            Self::OsVersion => facts.os_version.map(str::to_owned),
            Self::OsType => facts.os_type.map(str::to_owned),
        }
    }

    /// What is asked of it.
    pub(super) fn wanted(self, asked: &DeviceRequirements) -> Vec<String> {
        match self {
            Self::MdmEnrolled
            | Self::MdmCompliant
            | Self::DiskEncrypted
            | Self::FirewallEnabled => vec!["true".to_owned()],
            Self::OsVersion => {
                asked.min_os_version.iter().map(OsVersion::as_str).map(str::to_owned).collect()
            }
            Self::OsType => {
                let types = asked.allowed_os_types.iter().flatten();
                types.map(|os| os.as_str().to_owned()).collect()
            }
        }
    }

    /// What is asked of it, and nothing of any other.
    fn alone(self, asked: &DeviceRequirements) -> DeviceRequirements {
        let nothing = DeviceRequirements::default();
        match self {
            Self::MdmEnrolled => DeviceRequirements { require_mdm: asked.require_mdm, ..nothing },
            Self::MdmCompliant => {
                DeviceRequirements { require_mdm_compliant: asked.require_mdm_compliant, ..nothing }
            }
            Self::DiskEncrypted => {
                DeviceRequirements { require_encryption: asked.require_encryption, ..nothing }
            }
            Self::FirewallEnabled => {
                DeviceRequirements { require_firewall: asked.require_firewall, ..nothing }
            }
            Self::OsVersion => {
                DeviceRequirements { min_os_version: asked.min_os_version.clone(), ..nothing }
            }
            Self::OsType => {
                DeviceRequirements { allowed_os_types: asked.allowed_os_types.clone(), ..nothing }
            }
        }
    }
}
