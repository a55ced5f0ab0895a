//! The AWS configuration file: read, and replaced as a whole, so that a reader sees the old or the
//! new text and never a part. The permissions and the group stay, and a link stays a link.
//!
//! Commands of Sentinel wait for each other. Other programs do not, so that a text that changed
//! since it was read is not overwritten.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::output::{Failure, printable};

/// Maximum time to wait for another command.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Number of attempts while other programs change the file.
const ATTEMPTS: usize = 5;

/// The path of a file that the AWS SDKs read: from its variable, else in the home folder.
pub(super) fn path(variable: &str, name: &str) -> Result<PathBuf, Failure> {
    let set = |variable| std::env::var_os(variable).filter(|value| !value.is_empty());
    let home = || {
        set("HOME").map(PathBuf::from).ok_or_else(|| {
            Failure::Usage(format!(
                "HOME is not set: set it, or {variable} to the path of the file"
            ))
        })
    };
    match set(variable).map(PathBuf::from) {
        None => Ok(home()?.join(".aws").join(name)),
        Some(path) => match path.strip_prefix("~") {
            Ok(rest) => Ok(home()?.join(rest)),
            Err(_) => Ok(path),
        },
    }
}

/// Applies an edit to the text of the file, and returns what the edit reports. The file is written
/// only if its text changes and `dry_run` is false.
pub(super) fn edit<T>(
    path: &Path,
    dry_run: bool,
    edit: impl Fn(&[u8]) -> Result<(Vec<u8>, T), Failure>,
) -> Result<T, Failure> {
    let _lock = if dry_run { None } else { lock(path, LOCK_TIMEOUT)? };
    for _ in 0..ATTEMPTS {
        let found = Found::read(path)?;
        let (text, report) = edit(found.text())?;
        if dry_run || text == found.text() || found.replace(&text)? == Replaced::Done {
            return Ok(report);
        }
    }
    Err(failed("change", path, "another program keeps changing it: try again"))
}

/// Locks the folder of the file: the file itself is replaced, and a file next to it would remain.
/// `None` if there is no folder yet, or its file system has no such locks.
fn lock(path: &Path, timeout: Duration) -> Result<Option<File>, Failure> {
    let handle = match File::open(folder(path)) {
        Ok(handle) => handle,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open the folder of", path, error)),
    };
    let started = Instant::now();
    loop {
        match handle.try_lock() {
            Ok(()) => return Ok(Some(handle)),
            Err(fs::TryLockError::Error(_)) => return Ok(None),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() < timeout => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(failed("change", path, "another command is changing it: try again"));
            }
        }
    }
}

/// The folder of a file. A path without one is relative to the current folder.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// Whether a file was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replaced {
    Done,
    /// Another program changed it first.
    Changed,
}

/// The file when it was read.
#[derive(Debug)]
struct Found {
    /// The file itself, behind all links.
    path: PathBuf,
    /// `None` if it did not exist.
    text: Option<Vec<u8>>,
    mode: u32,
    group: Option<u32>,
}

impl Found {
    fn read(path: &Path) -> Result<Self, Failure> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(failed("read", path, "it is a link to a file that does not exist"));
                }
                return Ok(Self { path: path.to_owned(), text: None, mode: 0o600, group: None });
            }
            Err(error) => return Err(failed("read", path, error)),
        };
        if !metadata.is_file() {
            return Err(failed("change", path, "it is not a file"));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(failed("change", path, "it belongs to another user"));
        }
        if metadata.mode() & 0o200 == 0 {
            return Err(failed("change", path, "it is read-only"));
        }
        let target = fs::canonicalize(path).map_err(|error| failed("read", path, error))?;
        let text = fs::read(&target).map_err(|error| failed("read", path, error))?;
        if text.contains(&0) {
            return Err(failed("change", path, "it is not a text in UTF-8"));
        }
        let (mode, group) = (metadata.mode() & 0o7777, Some(metadata.gid()));
        Ok(Self { path: target, text: Some(text), mode, group })
    }

    fn text(&self) -> &[u8] {
        self.text.as_deref().unwrap_or_default()
    }

    /// Writes the text next to the file and renames it. A folder that does not exist is created.
    fn replace(&self, text: &[u8]) -> Result<Replaced, Failure> {
        self.try_replace(text).map_err(|error| failed("write", &self.path, error))
    }

    fn try_replace(&self, text: &[u8]) -> io::Result<Replaced> {
        let folder = folder(&self.path);
        if self.text.is_none() && !folder.exists() {
            sentinel_files::folder(folder)?;
        }
        let mut new =
            tempfile::Builder::new().prefix(".sentinel-configure-").tempfile_in(folder)?;
        new.write_all(text)?;
        if let Some(group) =
            self.group.filter(|group| new.as_file().metadata().is_ok_and(|new| new.gid() != *group))
        {
            std::os::unix::fs::fchown(new.as_file(), None, Some(group))?;
        }
        new.as_file().set_permissions(Permissions::from_mode(self.mode))?;
        new.as_file().sync_all()?;
        let persisted = match &self.text {
            None => new.persist_noclobber(&self.path),
            Some(before) => {
                if fs::read(&self.path).ok().as_ref() != Some(before) {
                    return Ok(Replaced::Changed);
                }
                new.persist(&self.path)
            }
        };
        match persisted {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(Replaced::Changed);
            }
            Err(error) => return Err(error.error),
        }
        // The file is complete without it. After a crash, the old one may be there again.
        drop(File::open(folder).and_then(|folder| folder.sync_all()));
        Ok(Replaced::Done)
    }
}

fn failed(what: &str, path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::other(format!("cannot {what} `{}`: {why}", printable(&path.display().to_string())))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::fs::symlink;

    use super::*;

    fn append(text: &[u8], more: &str) -> Vec<u8> {
        [text, more.as_bytes()].concat()
    }

    #[test]
    fn a_change_of_another_program_between_reading_and_writing_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        for exists in [true, false] {
            if exists {
                fs::write(&file, "a").unwrap();
            } else {
                fs::remove_file(&file).unwrap();
            }
            let calls = Cell::new(0);
            edit(&file, false, |text| {
                // The other program writes after this command has read the file.
                if calls.replace(calls.get() + 1) == 0 {
                    fs::write(&file, "other").unwrap();
                }
                Ok((append(text, "+"), ()))
            })
            .unwrap();
            assert_eq!((calls.get(), fs::read_to_string(&file).unwrap().as_str()), (2, "other+"));
        }
    }

    #[test]
    fn a_second_command_cannot_read_before_the_first_one_has_written() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        edit(&file, false, |text| {
            let error = lock(&file, Duration::ZERO).unwrap_err();
            assert!(error.to_string().contains("another command is changing it"), "{error}");
            Ok((append(text, "+"), ()))
        })
        .unwrap();
        assert!(lock(&file, Duration::ZERO).unwrap().is_some(), "it is released");
        edit(&file, true, |text| {
            assert!(lock(&file, Duration::ZERO).unwrap().is_some(), "a dry run has no lock");
            Ok((text.to_vec(), ()))
        })
        .unwrap();
    }

    #[test]
    fn a_file_that_keeps_changing_is_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config");
        let calls = Cell::new(0);
        let error = edit(&file, false, |text| {
            calls.set(calls.get() + 1);
            fs::write(&file, format!("other {}", calls.get())).unwrap();
            Ok((append(text, "+"), ()))
        })
        .unwrap_err();
        assert!(error.to_string().contains("keeps changing"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("other {ATTEMPTS}"));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "no temporary file remains");
    }

    #[test]
    fn the_mode_and_links_are_kept_and_a_new_file_is_private() {
        let home = tempfile::tempdir().unwrap();
        let (target, link) = (home.path().join("dotfiles/config"), home.path().join("aws/config"));
        for folder in ["dotfiles", "aws"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        fs::write(&target, "a").unwrap();
        symlink("../dotfiles/config", &link).unwrap();
        for mode in [0o644, 0o640, 0o600] {
            fs::set_permissions(&target, Permissions::from_mode(mode)).unwrap();
            edit(&link, false, |text| Ok((append(text, "+"), ()))).unwrap();
            assert!(link.is_symlink());
            assert_eq!(fs::metadata(&target).unwrap().mode() & 0o7777, mode);
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "a+++");
        let new = home.path().join("new/folder/config");
        edit(&new, false, |text| Ok((append(text, "+"), ()))).unwrap();
        assert_eq!(fs::metadata(&new).unwrap().mode() & 0o7777, 0o600);
        for folder in ["new", "new/folder"] {
            let folder = fs::metadata(home.path().join(folder)).unwrap();
            assert_eq!(folder.mode() & 0o7777, 0o700);
        }
    }

    #[test]
    fn what_is_not_an_own_writable_text_file_is_refused_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::write(at("utf-16"), b"[\0d\0]\0").unwrap();
        fs::write(at("read-only"), "a").unwrap();
        fs::set_permissions(at("read-only"), Permissions::from_mode(0o400)).unwrap();
        for (name, why) in [
            ("folder", "it is not a file"),
            ("dangling", "it is a link to a file that does not exist"),
            ("utf-16", "it is not a text in UTF-8"),
            ("read-only", "it is read-only"),
        ] {
            let error = edit(&at(name), false, |text| Ok((append(text, "+"), ()))).unwrap_err();
            assert!(error.to_string().contains(why), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(at("read-only")).unwrap(), "a");
        assert!(at("dangling").is_symlink() && !at("nowhere").exists());
    }

    #[test]
    fn a_dry_run_and_an_edit_without_a_change_write_nothing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("aws/config");
        edit(&file, true, |text| Ok((append(text, "+"), ()))).unwrap();
        edit(&file, false, |text| Ok((text.to_vec(), ()))).unwrap();
        assert!(!file.parent().unwrap().exists());
        fs::create_dir(home.path().join("aws")).unwrap();
        fs::write(&file, "a").unwrap();
        let before = fs::metadata(&file).unwrap().ino();
        edit(&file, false, |text| Ok((text.to_vec(), ()))).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().ino(), before, "the file was not replaced");
    }
}
