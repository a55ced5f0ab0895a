//! Credentials kept for the next caller, and one flight for callers that come
//! at once: SDKs run `credential_process` in every process, often in many at
//! the same second.
//!
//! Callers with the same TVM, signing access key, profile and duration share an
//! entry: a file of mode 0600 in a folder of mode 0700, replaced whole, never
//! written in place. Its lock is a file beside it, held while asking, so that
//! whoever waited for it finds the answer of the first.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is asked for, and by whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) tvm: &'a str,
    pub(super) access_key_id: &'a str,
    pub(super) profile: &'a str,
    pub(super) duration_s: Option<u64>,
}

impl Key<'_> {
    /// A name of which nothing can be read back.
    fn file_name(self) -> String {
        let duration = self.duration_s.map(|s| s.to_string()).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [self.tvm, self.access_key_id, self.profile, &duration] {
            // With its length, so that no two keys run together.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }
}

/// Credentials as they are kept.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Vended {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    pub(super) expiration: DateTime<Utc>,
    pub(super) session_id: Option<String>,
    /// When they were had.
    pub(super) vended: DateTime<Utc>,
}

impl std::fmt::Debug for Vended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vended").field("expiration", &self.expiration).finish_non_exhaustive()
    }
}

impl Vended {
    /// Whether more than a third of their life is left at `now`.
    pub(super) fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let life = self.expiration - self.vended;
        self.vended <= now && (self.expiration - now) * 3 > life
    }
}

/// The place of one entry, locked until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    folder: PathBuf,
    entry: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Slot {
    /// Locks the entry of `key`, waiting for whoever holds it.
    pub(super) fn lock(key: Key<'_>) -> io::Result<Self> {
        let folder = folder()?;
        make_private(&folder)?;
        let name = key.file_name();
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join(format!("{name}.lock")))?;
        lock.lock()?;
        Ok(Self { entry: folder.join(format!("{name}.json")), folder, _lock: lock })
    }

    /// What is kept, if it is whole, private and still fresh at `now`.
    pub(super) fn read(&self, now: DateTime<Utc>) -> Option<Vended> {
        let mode = fs::metadata(&self.entry).ok()?.permissions().mode();
        if mode & 0o077 != 0 {
            return None;
        }
        let text = fs::read(&self.entry).ok()?;
        let vended: Vended = serde_json::from_slice(&text).ok()?;
        vended.is_fresh(now).then_some(vended)
    }

    /// Keeps credentials. `tempfile` makes files of mode 0600.
    pub(super) fn write(&self, vended: &Vended) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(vended)?)?;
        file.persist(&self.entry)?;
        Ok(())
    }
}

/// `$XDG_CACHE_HOME/sentinel/credentials`, else under `~/.cache`.
fn folder() -> io::Result<PathBuf> {
    // The base directory specification: a relative path is to be ignored.
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?;
    Ok(base.join("sentinel").join("credentials"))
}

/// Makes the folder, or makes sure that it is ours and nobody else may look in.
fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    // Whoever owns a file that is made now is who we are.
    let probe = tempfile::tempfile_in(folder)?.metadata()?;
    if !found.is_dir() || found.uid() != probe.uid() {
        return Err(io::Error::other(format!("`{}` belongs to somebody else", folder.display())));
    }
    if found.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn an_entry_is_fresh_until_a_third_of_its_life_is_left() {
        let vended = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let entry = Vended {
            access_key_id: String::new(),
            secret_access_key: String::new(),
            session_token: String::new(),
            expiration: vended + TimeDelta::minutes(60),
            session_id: None,
            vended,
        };
        assert!(entry.is_fresh(vended));
        assert!(entry.is_fresh(vended + TimeDelta::seconds(2399)));
        assert!(!entry.is_fresh(vended + TimeDelta::minutes(40)));
        assert!(!entry.is_fresh(vended + TimeDelta::minutes(61)));
        assert!(!entry.is_fresh(vended - TimeDelta::seconds(1)), "from the future");
    }

    #[test]
    fn every_part_of_the_key_counts_and_none_runs_into_the_next() {
        let key = Key { tvm: "t", access_key_id: "a", profile: "p", duration_s: None };
        let names = [
            key,
            Key { tvm: "ta", access_key_id: "", ..key },
            Key { access_key_id: "b", ..key },
            Key { profile: "q", ..key },
            Key { duration_s: Some(900), ..key },
            Key { profile: "p900", ..key },
        ]
        .map(Key::file_name);
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{i}");
        }
    }
}
