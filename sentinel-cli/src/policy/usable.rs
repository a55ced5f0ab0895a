//! Whether a document is one that the TVM can use where it is going to lie.

use sentinel_policy::{Checked, Diagnostics, Limits};
use sentinel_store::PolicyPath;

/// What SSM holds in one parameter at most, of the advanced tier.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
pub(crate) const SSM_HOLDS: usize = 8192;

/// Checks a document as the broker does before it uses it: the main one may say
/// more than that of one profile.
///
/// # Errors
/// [`Diagnostics`] if the document cannot be used there.
pub(crate) fn check(
    text: &[u8],
    path: &PolicyPath,
    main: &PolicyPath,
) -> Result<Checked, Diagnostics> {
    let checked = Checked::parse(text, &Limits::default())?;
    checked.usable_in_server()?;
    if path != main {
        checked.usable_for_one_profile()?;
    }
    Ok(checked)
}
