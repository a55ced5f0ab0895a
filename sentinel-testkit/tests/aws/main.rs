//! Sentinel against AWS emulators, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

#[cfg(test)]
mod functions;
