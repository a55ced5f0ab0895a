//! Facts about devices, for the `device` conditions of policies. A client sends at most the id of a
//! device. The facts come from a source that the service trusts, and count only for the caller that
//! the device is registered to.
//!
//! Not here: sources that use a network, and when a source is read (`vend/device.rs`).

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sentinel_policy::DeviceFacts;
use sentinel_store::CallerKey;

/// The id of a device, as a client sends it. It proves nothing: any client can send any id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(Box<str>);

impl DeviceId {
    /// Parses 1 to 128 letters, digits, `.`, `_`, `:` and `-`, the first a letter or digit. `None`
    /// for any other text.
    ///
    /// ```
    /// use sentinel_broker::DeviceId;
    ///
    /// assert!(DeviceId::parse("C02XG0FDJGH5").is_some());
    /// assert!(DeviceId::parse("../alice").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        valid.then(|| Self(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The facts about a device. `None` for what is unknown: then no condition on it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedDeviceFacts {
    /// Whether the device is enrolled in device management.
    pub mdm_enrolled: Option<bool>,
    /// Whether the device complies with the rules of device management.
    pub mdm_compliant: Option<bool>,
    /// Whether the disk is encrypted.
    pub disk_encrypted: Option<bool>,
    /// Whether the firewall is enabled.
    pub firewall_enabled: Option<bool>,
    /// The version of the operating system.
    pub os_version: Option<String>,
    /// The operating system: `darwin`, `linux` or `windows`.
    pub os_type: Option<String>,
}

impl OwnedDeviceFacts {
    /// The facts, as a policy reads them.
    #[must_use]
    pub fn in_policy(&self) -> DeviceFacts<'_> {
        DeviceFacts::default()
            .with_mdm_enrolled(self.mdm_enrolled)
            .with_mdm_compliant(self.mdm_compliant)
            .with_disk_encrypted(self.disk_encrypted)
            .with_firewall_enabled(self.firewall_enabled)
            .with_os_version(self.os_version.as_deref())
            .with_os_type(self.os_type.as_deref())
    }
}

impl From<DeviceFacts<'_>> for OwnedDeviceFacts {
    fn from(facts: DeviceFacts<'_>) -> Self {
        Self {
            mdm_enrolled: facts.mdm_enrolled,
            mdm_compliant: facts.mdm_compliant,
            disk_encrypted: facts.disk_encrypted,
            firewall_enabled: facts.firewall_enabled,
            os_version: facts.os_version.map(str::to_owned),
            os_type: facts.os_type.map(str::to_owned),
        }
    }
}

/// A device that a source contains.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredDevice {
    /// The person that the device is registered to. The broker ignores the device of any other
    /// caller, so that a source does not have to compare them.
    pub owner: CallerKey,
    /// The facts about the device.
    pub facts: OwnedDeviceFacts,
}

impl RegisteredDevice {
    /// A device of that person.
    #[must_use]
    pub fn new(owner: CallerKey, facts: impl Into<OwnedDeviceFacts>) -> Self {
        Self { owner, facts: facts.into() }
    }
}

/// Why a source did not return a device.
#[derive(Debug, thiserror::Error)]
#[error("the device source failed")]
#[non_exhaustive]
pub struct DeviceError {
    /// The cause, for the log.
    pub source: Box<dyn Error + Send + Sync>,
}

impl DeviceError {
    /// A failure with that cause.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// A source of device facts that the service trusts, such as device management.
///
/// The future can be dropped before it completes. The broker waits at most two seconds, and at most
/// half of the time that is left until the deadline of the call.
#[async_trait]
pub trait DeviceSource: fmt::Debug + Send + Sync {
    /// The device with that id. `None` if the source does not contain it.
    ///
    /// # Errors
    /// [`DeviceError`]. The facts are then unknown, and the cause is logged.
    async fn device(&self, id: &DeviceId) -> Result<Option<RegisteredDevice>, DeviceError>;
}

/// Devices in memory.
#[derive(Debug, Default)]
pub struct MemoryDevices {
    devices: Mutex<HashMap<DeviceId, RegisteredDevice>>,
}

impl MemoryDevices {
    /// A source without devices.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a device, or replaces the one with that id.
    pub fn put(&self, id: DeviceId, device: RegisteredDevice) {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).insert(id, device);
    }

    /// Removes a device.
    pub fn remove(&self, id: &DeviceId) {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[async_trait]
impl DeviceSource for MemoryDevices {
    async fn device(&self, id: &DeviceId) -> Result<Option<RegisteredDevice>, DeviceError> {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(devices.get(id).cloned())
    }
}
