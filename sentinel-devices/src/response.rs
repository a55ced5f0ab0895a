//! The response of the service.

use sentinel_broker::{DeviceId, RegisteredDevice};
use sentinel_policy::DeviceFacts;
use sentinel_store::CallerKey;
use serde::Deserialize;

/// The body. An unknown or repeated key is an error: a misspelled fact must not look like an unknown
/// one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    device: String,
    owner: String,
    #[serde(default)]
    mdm_enrolled: Option<bool>,
    #[serde(default)]
    mdm_compliant: Option<bool>,
    #[serde(default)]
    disk_encrypted: Option<bool>,
    #[serde(default)]
    firewall_enabled: Option<bool>,
    #[serde(default)]
    os_version: Option<String>,
    #[serde(default)]
    os_type: Option<String>,
}

/// Why a response is not a device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseError {
    /// The body is not the JSON of a device. Serde's message quotes no more than a key or a value.
    #[error("the response is not a device")]
    Json(#[source] serde_json::Error),
    /// The response is about another device.
    #[error("the response is about another device")]
    OtherDevice,
    /// The owner is not a caller key.
    #[error("the owner is neither a user's name nor `account/RoleName`")]
    Owner,
}

/// Reads the device with that id.
pub(crate) fn read(id: &DeviceId, body: &[u8]) -> Result<RegisteredDevice, ResponseError> {
    let body: Body = serde_json::from_slice(body).map_err(ResponseError::Json)?;
    if body.device != id.as_str() {
        return Err(ResponseError::OtherDevice);
    }
    // Keys of people are in lower case. The name of a role is case-sensitive.
    let owner = if body.owner.contains('/') { body.owner } else { body.owner.to_ascii_lowercase() };
    let owner = CallerKey::parse(&owner).map_err(|_| ResponseError::Owner)?;
    let facts = DeviceFacts::default()
        .with_mdm_enrolled(body.mdm_enrolled)
        .with_mdm_compliant(body.mdm_compliant)
        .with_disk_encrypted(body.disk_encrypted)
        .with_firewall_enabled(body.firewall_enabled)
        .with_os_version(body.os_version.as_deref())
        .with_os_type(body.os_type.as_deref());
    Ok(RegisteredDevice::new(owner, facts))
}
