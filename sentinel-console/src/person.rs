//! The people that the console acts for.

use sentinel_client::Client;

/// A person that the console acts for: a name, and a client that signs with their credentials. The
/// credentials stay in this process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Person {
    pub(crate) name: String,
    pub(crate) client: Client,
    /// What to run when there are no credentials to sign with.
    pub(crate) sign_in: Option<String>,
}

impl Person {
    /// A person.
    #[must_use]
    pub fn new(name: impl Into<String>, client: Client) -> Self {
        Self { name: name.into(), client, sign_in: None }
    }

    /// The same person, who signs in again with that command, such as `aws sso login`.
    #[must_use]
    pub fn with_sign_in(self, command: impl Into<String>) -> Self {
        Self { sign_in: Some(command.into()), ..self }
    }
}
