//! How credentials are asked for.

use crate::closed_set::closed_set;

closed_set! {
    /// The way in which a caller asks for credentials.
    Mode {
        /// Through the TVM, which decides on its own side.
        Server = "server",
        /// The command, deciding on the caller's machine.
        Cli = "cli",
        /// The SDKs' `credential_process`, deciding on the caller's machine.
        CredentialProcess = "credential_process",
    }
}

/// A set of modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ModeSet(u8);

impl ModeSet {
    /// Whether `mode` is in the set.
    #[must_use]
    pub const fn contains(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u8) != 0
    }

    /// The modes in it, in the order of [`Mode::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mode> {
        Mode::ALL.into_iter().filter(move |mode| self.contains(*mode))
    }
}

impl FromIterator<Mode> for ModeSet {
    fn from_iter<I: IntoIterator<Item = Mode>>(modes: I) -> Self {
        Self(modes.into_iter().fold(0, |set, mode| set | 1 << mode as u8))
    }
}
