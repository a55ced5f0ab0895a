#![doc = include_str!("../README.md")]

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::TempDir;

/// Write permission for the group and for others.
const WRITABLE: u32 = 0o022;
/// Any permission for the group and for others.
const OPEN: u32 = 0o077;

/// Creates a folder of mode 0700, or checks that the existing one belongs to the
/// current user and that no other user can write to it.
///
/// # Errors
/// If it cannot be created, or belongs to or can be written by another user.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    check_folder(path)
}

/// Creates a folder of mode 0700 with a new name in `parent`. It is removed when it
/// is dropped.
///
/// # Errors
/// If it cannot be created.
pub fn temporary(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    // Otherwise the umask would determine its mode.
    let mode = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix(prefix).permissions(mode).tempdir_in(parent)
}

/// Checks that the path is a folder, not a symbolic link, that it belongs to the
/// current user, and that no other user can write to it.
///
/// # Errors
/// If it is not such a folder, or cannot be examined.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(refused(path, "is not a folder", "use another one"));
    }
    refuse_others(path, &found)?;
    if found.mode() & WRITABLE != 0 {
        return Err(refused(
            path,
            "can be written by others",
            "check its content, then remove that permission (`chmod go-w`), or use another one",
        ));
    }
    Ok(())
}

/// Opens a file for reading, never through a symbolic link. The file must belong to
/// the current user, and no other user may read or write it. `None` if it does not
/// exist.
///
/// # Errors
/// If it exists and is not such a file, or cannot be opened.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let Some(file) = existing(options.read(true), path)? else { return Ok(None) };
    let found = check_file(path, &file)?;
    if found.mode() & OPEN != 0 {
        return Err(refused(
            path,
            "can be read or written by others",
            "remove it, and a new one is created; or, if no other user has used it, `chmod 600` it",
        ));
    }
    Ok(Some(file))
}

/// Ensures that a file, if it exists, belongs to the current user and that no other
/// user can read it from now on. A file that others could write to is refused.
///
/// # Errors
/// If it exists and others could write to it, or it cannot be changed.
pub fn tighten(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let Some(file) = existing(options.read(true), path)? else { return Ok(()) };
    let found = check_file(path, &file)?;
    if found.mode() & WRITABLE != 0 {
        return Err(refused(
            path,
            "can be written by others",
            "remove it, or, if no other user has changed it, `chmod 600` it",
        ));
    }
    if found.mode() & OPEN != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Creates or opens a file of mode 0600 for locking, reading and writing, never
/// through a symbolic link. An existing file must belong to the current user.
///
/// # Errors
/// If it exists and is not such a file, or cannot be created.
pub fn lockable(path: &Path) -> io::Result<File> {
    let file = without_links(
        OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600),
    )
    .open(path)?;
    check_file(path, &file)?;
    Ok(file)
}

/// Opens neither the target of a link, nor a pipe that blocks the process that
/// opens it.
fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed())
}

fn existing(options: &mut OpenOptions, path: &Path) -> io::Result<Option<File>> {
    match without_links(options).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("`{}` cannot be opened safely: {error}", path.display()),
        )),
    }
}

fn check_file(path: &Path, file: &File) -> io::Result<Metadata> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused(path, "is not a file", "remove it"));
    }
    refuse_others(path, &found)?;
    Ok(found)
}

fn refuse_others(path: &Path, found: &Metadata) -> io::Result<()> {
    if found.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(refused(path, "belongs to another user", "use another folder"))
    }
}

fn refused(path: &Path, what: &str, remedy: &str) -> io::Error {
    let text = format!("`{}` {what}: {remedy}", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn a_folder_is_made_private_and_one_that_others_may_write_to_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        folder(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
        chmod(&path, 0o755);
        folder(&path).unwrap();
        for lax in [0o775, 0o757, 0o777] {
            chmod(&path, lax);
            let error = folder(&path).unwrap_err().to_string();
            assert!(error.contains("can be written by others"), "{error}");
            assert_eq!(mode(&path), lax, "the permissions are unchanged");
        }
    }

    #[test]
    fn links_pipes_and_files_in_place_of_folders_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| home.path().join(name));
        fs::write(&file, "x").unwrap();
        chmod(&file, 0o600);
        symlink(&file, &link).unwrap();
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status();
        assert!(made.unwrap().success());
        assert!(open(&file).unwrap().is_some());
        assert!(open(&home.path().join("none")).unwrap().is_none());
        for refused in [&link, &pipe] {
            assert!(open(refused).is_err() && tighten(refused).is_err(), "{refused:?}");
        }
        assert!(lockable(&link).is_err());
        assert!(check_folder(&file).is_err());
        fs::remove_file(&link).unwrap();
        symlink(home.path(), &link).unwrap();
        assert!(check_folder(&link).is_err());
    }

    #[test]
    fn a_file_that_others_could_use_is_refused_or_tightened() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "x").unwrap();
        for lax in [0o644, 0o640, 0o602, 0o660] {
            chmod(&file, lax);
            assert!(open(&file).is_err(), "{lax:o}");
        }
        for lax in [0o620, 0o602] {
            chmod(&file, lax);
            assert!(tighten(&file).is_err(), "{lax:o}");
        }
        chmod(&file, 0o644);
        tighten(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn files_of_another_user_are_refused() {
        let home = tempfile::tempdir().unwrap();
        // Only root can change the owner of a folder; for other users `/` belongs
        // to another user.
        let theirs = if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(home.path(), Some(12_345), None).unwrap();
            home.path()
        } else {
            Path::new("/")
        };
        let error = check_folder(theirs).unwrap_err().to_string();
        assert!(error.contains("belongs to another user"), "{error}");
    }
}
