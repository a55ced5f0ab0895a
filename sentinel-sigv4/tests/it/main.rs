//! Signatures through the public API.

#[cfg(test)]
mod verify;
