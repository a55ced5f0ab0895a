//! Whether the TVM can use a document at the path where it will be stored.

use sentinel_policy::{CheckedPolicy, Diagnostics, Limits};
use sentinel_store::PolicyPath;

/// Maximum size of an SSM parameter of the advanced tier, in bytes.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
pub(crate) const SSM_MAX_BYTES: usize = 8192;

/// Checks a document as the broker does before it uses the document: the main
/// document may contain more than the document of one profile.
///
/// # Errors
/// [`Diagnostics`] if the document cannot be used there.
pub(crate) fn check(
    text: &[u8],
    path: &PolicyPath,
    main: &PolicyPath,
) -> Result<CheckedPolicy, Diagnostics> {
    let checked = CheckedPolicy::parse(text, &Limits::default())?;
    checked.usable_in_server()?;
    if path != main {
        checked.usable_for_one_profile()?;
    }
    Ok(checked)
}
