//! The token that a request must contain.

use std::io;

use sentinel_wire::Secret;
use subtle::ConstantTimeEq;

use crate::random;

/// A random token. `Debug` does not show it.
#[derive(Debug)]
pub(super) struct Token(Secret);

impl Token {
    /// A new token.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn random() -> io::Result<Self> {
        random::secret().map(Self)
    }

    pub(super) fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// Whether that is the token. The duration depends on the length only.
    pub(super) fn is(&self, sent: &[u8]) -> bool {
        self.0.reveal().as_bytes().ct_eq(sent).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::random().unwrap();
        let text = token.reveal().to_owned();
        assert_eq!(text.len(), 43);
        assert!(token.is(text.as_bytes()));
        for other in ["", "x", &text.repeat(2), &format!("{text} "), &format!("Bearer {text}")] {
            assert!(!token.is(other.as_bytes()), "{other}");
        }
        assert!(!token.is(Token::random().unwrap().reveal().as_bytes()));
        assert!(!format!("{token:?}").contains(&text));
    }
}
