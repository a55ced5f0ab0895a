//! The names of Sentinel's headers, in lower case.

/// Response to a vend: the session id, which is a bearer secret. An API behind the authorizer
/// receives it in the same header.
pub const SESSION_ID: &str = "x-sentinel-session-id";

/// Response to a vend: what limited the lifetime of the credentials (`policy`, `maximum`,
/// `valid_until` …).
pub const DURATION_BOUND: &str = "x-sentinel-duration-bound";
