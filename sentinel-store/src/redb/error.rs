//! The mapping of redb's errors to those of a store.

use std::io;

use crate::StoreError;

/// The error of a read or write of an open file.
pub(super) fn store_error(error: &redb::Error) -> StoreError {
    // As text, because one error may be the result of several calls.
    let cause = error.to_string().into();
    if is_corrupt(error) { StoreError::Corrupt(cause) } else { StoreError::Unavailable(cause) }
}

/// The error of opening a file.
pub(super) fn open_error(error: redb::Error) -> StoreError {
    if let redb::Error::DatabaseAlreadyOpen = error {
        return StoreError::Refused(
            "it is in use by another process, such as another `sentinel dev`: stop that process, or \
             use another file".into(),
        );
    }
    if let redb::Error::UpgradeRequired(_) = error {
        return StoreError::Refused(error.into());
    }
    if let redb::Error::Io(cause) = &error
        && cause.kind() == io::ErrorKind::PermissionDenied
    {
        return StoreError::Refused(
            format!("{cause}: the file must belong to the user who runs this program").into(),
        );
    }
    store_error(&error)
}

// redb's enum may grow, so that it cannot be matched exhaustively. An error that is not
// known to be corruption is unavailable, which refuses access as well.
fn is_corrupt(error: &redb::Error) -> bool {
    if let redb::Error::Io(cause) = error {
        // redb's error for a file that is not a database, or is truncated.
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
