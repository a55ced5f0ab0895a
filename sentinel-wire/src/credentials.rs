//! Temporary AWS credentials: the response to a vend.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Secret, rfc3339};

/// Temporary AWS credentials: the response to `GET /` and `POST /`.
///
/// `Debug` shows no secret. `Serialize` writes the secrets, because the response consists of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::exhaustive_structs, reason = "AWS defines the parts of credentials")]
pub struct Credentials {
    /// The access key id, `ASIA…`. It is not secret.
    pub access_key_id: String,
    /// The secret access key.
    #[serde(with = "revealed")]
    pub secret_access_key: Secret,
    /// The session token.
    #[serde(rename = "Token", with = "revealed")]
    pub session_token: Secret,
    /// The time at which they stop working.
    #[serde(serialize_with = "rfc3339::serialize_seconds")]
    pub expiration: DateTime<Utc>,
}

/// Writes and reads a secret as its text.
mod revealed {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::Secret;

    pub(super) fn serialize<S: Serializer>(
        secret: &Secret,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}
