//! The property of each fuzz target, as a function of bytes: a panic is a finding.
//!
//! The programs in `fuzz/fuzz_targets` call them with the input of libFuzzer. `tests/it` calls them with
//! the inputs of earlier findings and with random bytes, in every `cargo test`.

mod container;
mod diagnostics;
mod evaluate;
mod events;
mod ids;
mod json;
mod pattern;
mod policy;
mod policy_json;
mod signatures;
mod stores;
mod window;

// The generator of policies and requests, and the comparison of the evaluators, of the property tests.
#[path = "../../../sentinel-policy/tests/it/compared.rs"]
mod compared;
#[path = "../../../sentinel-policy/tests/it/generated.rs"]
mod generated;

pub use container::container_request;
pub use diagnostics::diagnostics;
pub use evaluate::evaluate;
pub use events::{authorizer_event, tvm_event};
pub use ids::{identity, session_id};
pub use pattern::pattern;
pub use policy::policy;
pub use policy_json::policy_json;
pub use signatures::{signature, signature_headers};
pub use stores::{items, ssm_response};
pub use window::window;

/// What a target asserts of its input.
pub type Property = fn(&[u8]);

/// Every target: its name, which is that of its program and of its folders, and its property.
pub const TARGETS: &[(&str, Property)] = &[
    ("authorizer_event", authorizer_event),
    ("container_request", container_request),
    ("diagnostics", diagnostics),
    ("evaluate", evaluate),
    ("identity", identity),
    ("items", items),
    ("pattern", pattern),
    ("policy", policy),
    ("policy_json", policy_json),
    ("session_id", session_id),
    ("signature", signature),
    ("signature_headers", signature_headers),
    ("ssm_response", ssm_response),
    ("tvm_event", tvm_event),
    ("window", window),
];

/// Runs a property whose input is made from bytes. Bytes that are not an input of it are skipped.
fn made<T>(
    bytes: &[u8],
    property: impl FnOnce(&mut arbitrary::Unstructured<'_>) -> arbitrary::Result<T>,
) {
    drop(property(&mut arbitrary::Unstructured::new(bytes)));
}

/// The runtime of properties that call async code. Nothing in them waits.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
