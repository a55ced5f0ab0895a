//! A cache of credentials, with a single request for concurrent callers: SDKs run
//! `credential_process` in every process, often in many processes in the same
//! second.
//!
//! Callers with the same TVM, signing access key, profile and duration share an
//! entry: a file of mode 0600 in a folder of mode 0700. The file is replaced as a
//! whole and never written in place. Its lock is a file next to it, locked during
//! the request. A process that waited for the lock finds the result of the first
//! process: the entry, or the refusal, which is stored in the lock file for a short
//! time.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::private;
use crate::refused::Refused;

/// Maximum time to wait for another process's request. After that, the waiting
/// process sends its own request: the process with the lock may be stopped.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between attempts to lock. File locks have no wait with a timeout.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// How long a refusal is the result for the processes that waited for it.
const REFUSAL_LASTS: TimeDelta = TimeDelta::seconds(2);
/// Age at which files are removed: twice the maximum lifetime of credentials.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of files that one process examines to remove old ones.
const MAX_LOOKED_AT: usize = 1000;
/// Upper bound on the size of an entry or a refusal.
const MAX_FILE: u64 = 256 * 1024;

/// The request and its caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) tvm: &'a str,
    pub(super) access_key_id: &'a str,
    pub(super) profile: &'a str,
    pub(super) duration_s: Option<u64>,
}

impl Key<'_> {
    /// A name that reveals nothing about the key.
    fn file_name(self) -> String {
        let duration = self.duration_s.map(|s| s.to_string()).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [self.tvm, self.access_key_id, self.profile, &duration] {
            // Each part is hashed with its length, so that different keys never
            // have the same input.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }
}

/// Credentials as they are stored.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Vended {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    pub(super) expiration: DateTime<Utc>,
    pub(super) session_id: Option<String>,
    /// When the credentials were received.
    pub(super) vended: DateTime<Utc>,
}

impl std::fmt::Debug for Vended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vended").field("expiration", &self.expiration).finish_non_exhaustive()
    }
}

impl Vended {
    /// Whether more than a third of the lifetime is left at `now`.
    pub(super) fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let life = self.expiration - self.vended;
        self.vended <= now && (self.expiration - now) * 3 > life
    }
}

/// A refusal as it is stored: what is shown to people, without secrets.
#[derive(Debug, Deserialize, Serialize)]
struct Refusal {
    at: DateTime<Utc>,
    status: u16,
    code: String,
    message: String,
    request_id: String,
}

/// The slot of one entry, locked until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    folder: PathBuf,
    entry: PathBuf,
    /// The file with the lock and the last refusal.
    lock: File,
    /// When the wait for the lock began. `None` if it was free.
    waited_since: Option<DateTime<Utc>>,
}

impl Slot {
    /// Locks the entry of `key`. Waits for another process's lock for `timeout` at
    /// most.
    pub(super) fn lock(key: Key<'_>, timeout: Duration) -> io::Result<Self> {
        Self::lock_in(folder()?, key, timeout)
    }

    fn lock_in(folder: PathBuf, key: Key<'_>, timeout: Duration) -> io::Result<Self> {
        make_private(&folder)?;
        let path = folder.join(format!("{}.lock", key.file_name()));
        let mut waited_since = None;
        let lock = loop {
            let lock = private::lockable(&path)?;
            waited_since = wait_for(&lock, timeout)?.or(waited_since);
            // Another process may have removed it as old before it was locked.
            if is_at(&lock, &path)? {
                break lock;
            }
        };
        remove_old(&folder, &path, SystemTime::now());
        Ok(Self { entry: entry(&folder, key), folder, lock, waited_since })
    }

    /// The stored credentials, if they are complete, private and still fresh at
    /// `now`.
    pub(super) fn read(&self, now: DateTime<Utc>) -> Option<Vended> {
        let text = whole(private::open(&self.entry).ok()??).ok()?;
        let vended: Vended = serde_json::from_slice(&text).ok()?;
        vended.is_fresh(now).then_some(vended)
    }

    /// The refusal that the previous holder of the lock received, if this process
    /// waited for the lock and the refusal is fresh at `now`.
    pub(super) fn refusal(&self, now: DateTime<Utc>) -> Option<Refused> {
        let waited_since = self.waited_since?;
        let text = whole(&self.lock).ok()?;
        let Refusal { at, status, code, message, request_id } =
            serde_json::from_slice(&text).ok()?;
        let is_fresh = waited_since <= at && at <= now && now - at < REFUSAL_LASTS;
        is_fresh.then_some(Refused { status, code, message, request_id, details: Vec::new() })
    }

    /// Stores credentials. `tempfile` creates files of mode 0600.
    pub(super) fn write(&self, vended: &Vended) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(vended)?)?;
        file.persist(&self.entry)?;
        self.lock.set_len(0)
    }

    /// Stores a refusal at `now` for the waiting processes.
    pub(super) fn refuse(&self, refused: &Refused, now: DateTime<Utc>) -> io::Result<()> {
        let Refused { status, code, message, request_id, details: _ } = refused.clone();
        let refusal = Refusal { at: now, status, code, message, request_id };
        let mut lock = &self.lock;
        lock.set_len(0)?;
        lock.seek(SeekFrom::Start(0))?;
        lock.write_all(&serde_json::to_vec(&refusal)?)
    }
}

/// Whether the open file is the file at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes entries, locks and unfinished files that have not changed for [`OLD`],
/// except the lock `held` and locks that another process holds. A file that cannot
/// be removed is ignored.
fn remove_old(folder: &Path, held: &Path, now: SystemTime) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for path in files.take(MAX_LOOKED_AT).filter_map(Result::ok).map(|file| file.path()) {
        let is_old = fs::symlink_metadata(&path)
            .and_then(|found| found.modified())
            .is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > OLD));
        if !is_old || path == held {
            continue;
        }
        if path.extension().is_some_and(|extension| extension == "lock") {
            // The lock is held until the file is removed. Another process may have
            // removed this file before it was locked here. In that case the file
            // now at the path is in use.
            let Ok(lock) = private::lockable(&path) else { continue };
            if lock.try_lock().is_ok() && is_at(&lock, &path).is_ok_and(|is_there| is_there) {
                drop(fs::remove_file(&path));
            }
        } else if is_entry(&path) {
            drop(fs::remove_file(&path));
        }
    }
}

/// Whether the name is that of an entry or of an unfinished entry.
fn is_entry(path: &Path) -> bool {
    let unfinished =
        path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(".tmp"));
    unfinished || path.extension().is_some_and(|extension| extension == "json")
}

/// Removes the stored credentials, if any.
pub(super) fn forget(key: Key<'_>) -> io::Result<()> {
    match folder() {
        Ok(folder) => forget_in(&folder, key),
        // Without a folder, nothing is stored.
        Err(_) => Ok(()),
    }
}

fn forget_in(folder: &Path, key: Key<'_>) -> io::Result<()> {
    match fs::remove_file(entry(folder, key)) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn entry(folder: &Path, key: Key<'_>) -> PathBuf {
    folder.join(format!("{}.json", key.file_name()))
}

/// Locks a file within `timeout`. Returns when the wait began, if there was one.
fn wait_for(lock: &File, timeout: Duration) -> io::Result<Option<DateTime<Utc>>> {
    let (started, mut waited_since) = (Instant::now(), None);
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(waited_since),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {
                if started.elapsed() >= timeout {
                    let text = "another process that requests the same credentials does not finish";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                waited_since.get_or_insert_with(Utc::now);
                thread::sleep(TRY_EVERY);
            }
        }
    }
}

fn whole(file: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}

/// `$XDG_CACHE_HOME/sentinel/credentials`, else under `~/.cache`.
fn folder() -> io::Result<PathBuf> {
    // The XDG base directory specification requires that a relative path is
    // ignored.
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?;
    Ok(base.join("sentinel").join("credentials"))
}

/// Creates the folder and its parent, or checks that they belong to the current
/// user; and ensures that no other user can read the folder.
fn make_private(folder: &Path) -> io::Result<()> {
    // This program creates the parent too.
    for made in folder.parent().into_iter().chain([folder]) {
        private::folder(made)?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
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

    const KEY: Key<'_> = Key { tvm: "t", access_key_id: "a", profile: "p", duration_s: None };

    fn refused() -> Refused {
        Refused {
            status: 403,
            code: "POLICY_DENY".to_owned(),
            message: "ask carol".to_owned(),
            request_id: "r-1".to_owned(),
            details: Vec::new(),
        }
    }

    fn at(timeout: Duration, home: &Path) -> io::Result<Slot> {
        Slot::lock_in(home.join("sentinel/credentials"), KEY, timeout)
    }

    #[test]
    fn a_lock_whose_holder_is_stopped_is_not_waited_for_without_end() {
        let home = tempfile::tempdir().unwrap();
        let held = at(Duration::ZERO, home.path()).unwrap();
        let started = Instant::now();
        let error = at(Duration::from_millis(100), home.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= Duration::from_millis(100));
        drop(held);
        assert!(at(Duration::ZERO, home.path()).is_ok());
    }

    #[test]
    fn a_refusal_is_for_those_who_waited_for_it_and_for_a_moment_only() {
        let home = tempfile::tempdir().unwrap();
        let held = at(Duration::ZERO, home.path()).unwrap();
        let waiter = thread::spawn({
            let home = home.path().to_owned();
            move || at(Duration::from_secs(20), &home).unwrap()
        });
        thread::sleep(Duration::from_millis(200));
        let now = Utc::now();
        held.refuse(&refused(), now).unwrap();
        drop(held);
        let waited = waiter.join().unwrap();
        assert_eq!(waited.refusal(now), Some(refused()));
        assert_eq!(waited.refusal(now + TimeDelta::seconds(2)), None);
        assert_eq!(waited.refusal(now - TimeDelta::seconds(1)), None, "from the future");
        drop(waited);
        // A process that comes later sends its own request.
        let later = at(Duration::ZERO, home.path()).unwrap();
        assert_eq!(later.refusal(now), None);
    }

    #[test]
    fn a_lock_that_was_removed_while_a_process_waited_for_it_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let held = at(Duration::ZERO, home.path()).unwrap();
        let path = home.path().join(format!("sentinel/credentials/{}.lock", KEY.file_name()));
        let waiter = thread::spawn({
            let home = home.path().to_owned();
            move || at(Duration::from_secs(20), &home).unwrap()
        });
        thread::sleep(Duration::from_millis(200));
        fs::remove_file(&path).unwrap();
        drop(held);
        let waited = waiter.join().unwrap();
        assert!(is_at(&waited.lock, &path).unwrap());
        assert!(at(Duration::ZERO, home.path()).is_err(), "it is held");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        drop(at(Duration::ZERO, home.path()).unwrap());
        let folder = home.path().join("sentinel");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(at(Duration::ZERO, home.path()).is_err());
    }
}
