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
use sentinel_wire::{Credentials, ErrorBody, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ErrorResponse, VendRequest, VendedCredentials};

/// Maximum time to wait for another process's request. After that, the waiting
/// process sends its own request: the process with the lock may be stopped.
pub const TIMEOUT: Duration = Duration::from_secs(30);
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

/// A request and its caller.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Key<'a> {
    /// The address of the TVM.
    pub tvm: &'a str,
    /// The access key id that signs.
    pub access_key_id: &'a str,
    /// The request.
    pub request: &'a VendRequest,
}

impl<'a> Key<'a> {
    /// The request of the holder of that access key to that TVM.
    #[must_use]
    pub const fn new(tvm: &'a str, access_key_id: &'a str, request: &'a VendRequest) -> Self {
        Self { tvm, access_key_id, request }
    }

    /// A name that reveals nothing about the key.
    fn file_name(self) -> String {
        let VendRequest { profile, duration } = self.request;
        let duration = duration.map(|duration| duration.as_secs().to_string()).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [self.tvm, self.access_key_id, profile.as_str(), &duration] {
            // Each part is hashed with its length, so that different keys never
            // have the same input.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }
}

/// Credentials as they are stored.
#[derive(Deserialize, Serialize)]
struct Entry {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: DateTime<Utc>,
    session_id: Option<String>,
    /// When the credentials were requested.
    vended: DateTime<Utc>,
}

impl From<&VendedCredentials> for Entry {
    fn from(vended: &VendedCredentials) -> Self {
        let Credentials { access_key_id, secret_access_key, session_token, expiration } =
            &vended.credentials;
        Self {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.reveal().to_owned(),
            session_token: session_token.reveal().to_owned(),
            expiration: *expiration,
            session_id: vended.session_id.as_ref().map(|id| id.reveal().to_owned()),
            vended: vended.requested,
        }
    }
}

impl From<Entry> for VendedCredentials {
    fn from(entry: Entry) -> Self {
        let credentials = Credentials {
            access_key_id: entry.access_key_id,
            secret_access_key: Secret::new(entry.secret_access_key),
            session_token: Secret::new(entry.session_token),
            expiration: entry.expiration,
        };
        Self::new(credentials, entry.vended).with_session_id(entry.session_id.map(Secret::new))
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
pub struct Slot {
    folder: PathBuf,
    entry: PathBuf,
    /// The file with the lock and the last refusal.
    lock: File,
    /// When the wait for the lock began. `None` if it was free.
    waited_since: Option<DateTime<Utc>>,
}

impl Slot {
    /// Locks the entry of `key`. Waits for another process's lock for `timeout` at
    /// most, and blocks the thread while it waits.
    ///
    /// # Errors
    /// If the folder or the lock cannot be used, or is not free in time.
    pub fn lock(key: Key<'_>, timeout: Duration) -> io::Result<Self> {
        Self::lock_in(folder()?, key, timeout)
    }

    fn lock_in(folder: PathBuf, key: Key<'_>, timeout: Duration) -> io::Result<Self> {
        make_private(&folder)?;
        let path = folder.join(format!("{}.lock", key.file_name()));
        let mut waited_since = None;
        let lock = loop {
            let lock = sentinel_files::lockable(&path)?;
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
    #[must_use]
    pub fn read(&self, now: DateTime<Utc>) -> Option<VendedCredentials> {
        let text = whole(sentinel_files::open(&self.entry).ok()??).ok()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        Some(VendedCredentials::from(entry)).filter(|vended| vended.is_fresh(now))
    }

    /// The refusal that the previous holder of the lock received, if this process
    /// waited for the lock and the refusal is fresh at `now`.
    #[must_use]
    pub fn refusal(&self, now: DateTime<Utc>) -> Option<ErrorResponse> {
        let waited_since = self.waited_since?;
        let text = whole(&self.lock).ok()?;
        let Refusal { at, status, code, message, request_id } =
            serde_json::from_slice(&text).ok()?;
        let is_fresh = waited_since <= at && at <= now && now - at < REFUSAL_LASTS;
        let body = ErrorBody::new(code, message, request_id);
        is_fresh.then(|| ErrorResponse::new(status, body))
    }

    /// Stores credentials. `tempfile` creates files of mode 0600.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, vended: &VendedCredentials) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(&Entry::from(vended))?)?;
        file.persist(&self.entry)?;
        self.lock.set_len(0)
    }

    /// Stores a refusal at `now` for the waiting processes.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn refuse(&self, refused: &ErrorResponse, now: DateTime<Utc>) -> io::Result<()> {
        let ErrorResponse { status, code, message, request_id, .. } = refused.clone();
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
            let Ok(lock) = sentinel_files::lockable(&path) else { continue };
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
///
/// # Errors
/// If the file cannot be removed.
pub fn forget(key: Key<'_>) -> io::Result<()> {
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
    for folder in folder.parent().into_iter().chain([folder]) {
        sentinel_files::folder(folder)?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use chrono::DurationRound;

    use super::*;

    fn request(profile: &str) -> VendRequest {
        VendRequest::new(profile.parse().unwrap())
    }

    #[test]
    fn every_part_of_the_key_counts_and_none_runs_into_the_next() {
        let plain = request("p");
        let long = request("p").with_duration(Duration::from_secs(900));
        let (other, joined) = (request("q"), request("p900"));
        let key = Key::new("t", "a", &plain);
        let names = [
            key,
            Key { tvm: "ta", access_key_id: "", ..key },
            Key { access_key_id: "b", ..key },
            Key { request: &other, ..key },
            Key { request: &long, ..key },
            Key { request: &joined, ..key },
        ]
        .map(Key::file_name);
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{i}");
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let home = tempfile::tempdir().unwrap();
        let now = Utc::now().duration_trunc(TimeDelta::seconds(1)).unwrap();
        let credentials = Credentials {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: Secret::new("s"),
            session_token: Secret::new("t"),
            expiration: now + TimeDelta::minutes(60),
        };
        let vended =
            VendedCredentials::new(credentials, now).with_session_id(Secret::new("session-x"));
        let slot = at(Duration::ZERO, home.path()).unwrap();
        slot.write(&vended).unwrap();
        assert_eq!(slot.read(now), Some(vended));
        assert_eq!(slot.read(now + TimeDelta::minutes(40)), None, "it is not fresh");
        let mode = fs::metadata(&slot.entry).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// A new version finds and reads the entry that an earlier version wrote, and the other way round:
    /// versions that are installed next to each other share the folder. `tests/golden` has a folder for
    /// each version whose entries differ from those of the version before.
    #[test]
    fn the_entry_of_every_earlier_version_is_read_and_the_last_one_is_written() {
        let requested = DateTime::from_timestamp(1_772_445_600, 123_456_789).unwrap();
        let credentials = Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::new("token"),
            expiration: requested + TimeDelta::minutes(60),
        };
        let vended = VendedCredentials::new(credentials, requested)
            .with_session_id(Secret::new("session-x"));
        let production = request("production").with_duration(Duration::from_secs(900));
        let key = Key::new("https://tvm.example.com/", "AKIAEXAMPLE", &production);
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sentinel/credentials");
        let slot = Slot::lock_in(folder, key, Duration::ZERO).unwrap();
        let name = slot.entry.file_name().unwrap();

        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let mut versions: Vec<PathBuf> =
            fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
        versions.sort_by_key(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            name.split('.').map(|number| number.parse().unwrap()).collect::<Vec<u64>>()
        });
        slot.write(&vended).unwrap();
        let written = fs::read(&slot.entry).unwrap();
        let last = versions.last().unwrap().join(name);
        if std::env::var_os("NEW_GOLDEN").is_some() && !last.exists() {
            fs::write(&last, &written).unwrap();
        }
        assert_eq!(fs::read(last).unwrap(), written, "see \"Stored forms\" in CONTRIBUTING.md");
        for version in versions {
            // Not a copy, which would have the permissions of the source.
            fs::write(&slot.entry, fs::read(version.join(name)).unwrap()).unwrap();
            assert_eq!(slot.read(requested).as_ref(), Some(&vended), "{}", version.display());
        }
    }

    fn refused() -> ErrorResponse {
        ErrorResponse::new(403, ErrorBody::new("POLICY_DENY", "contact carol", "r-1"))
    }

    fn lock_path(home: &Path) -> PathBuf {
        let name = Key::new("t", "a", &request("p")).file_name();
        home.join(format!("sentinel/credentials/{name}.lock"))
    }

    fn at(timeout: Duration, home: &Path) -> io::Result<Slot> {
        Slot::lock_in(home.join("sentinel/credentials"), Key::new("t", "a", &request("p")), timeout)
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
    fn a_refusal_is_shared_only_with_waiting_processes_and_only_briefly() {
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
        // A process that starts later sends its own request.
        let later = at(Duration::ZERO, home.path()).unwrap();
        assert_eq!(later.refusal(now), None);
    }

    #[test]
    fn a_lock_that_was_removed_while_a_process_waited_for_it_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let held = at(Duration::ZERO, home.path()).unwrap();
        let path = lock_path(home.path());
        let waiter = thread::spawn({
            let home = home.path().to_owned();
            move || at(Duration::from_secs(20), &home).unwrap()
        });
        thread::sleep(Duration::from_millis(200));
        fs::remove_file(&path).unwrap();
        drop(held);
        let waited = waiter.join().unwrap();
        assert!(is_at(&waited.lock, &path).unwrap());
        assert!(at(Duration::ZERO, home.path()).is_err(), "the lock is held");
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
