//! What redb's errors mean to a caller.

use std::io;

use crate::StoreError;

/// The error of a read or write of an open file.
pub(super) fn store_error(error: &redb::Error) -> StoreError {
    // As text, since one error may have to be told to many.
    let cause = error.to_string().into();
    if is_corrupt(error) { StoreError::Corrupt(cause) } else { StoreError::Unavailable(cause) }
}

/// The error of opening a file.
pub(super) fn open_error(error: redb::Error) -> StoreError {
    if let redb::Error::DatabaseAlreadyOpen = error {
        return StoreError::Refused(
            "it is in use by another process, such as another `sentinel dev`: end that one, or use \
             another file".into(),
        );
    }
    if let redb::Error::UpgradeRequired(_) = error {
        return StoreError::Refused(error.into());
    }
    if let redb::Error::Io(cause) = &error
        && cause.kind() == io::ErrorKind::PermissionDenied
    {
        return StoreError::Refused(
            format!("{cause}: it must belong to the user who runs this program").into(),
        );
    }
    store_error(&error)
}

// redb's enum may grow, so that it cannot be matched whole: what is not known
// to be corruption counts as unavailable, which refuses as well.
fn is_corrupt(error: &redb::Error) -> bool {
    if let redb::Error::Io(cause) = error {
        // How redb says that a file is not one of its own, or is cut off.
        matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
    } else {
        matches!(
            error,
            redb::Error::Corrupted(_)
                | redb::Error::RepairAborted
                | redb::Error::TableTypeMismatch { .. }
                | redb::Error::TableIsMultimap(_)
                | redb::Error::TypeDefinitionChanged { .. }
        )
    }
}
