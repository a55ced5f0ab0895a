//! Finds a process that has a file open for writing. Only processes that are visible to
//! this user are found, so that finding none is not proof.

use std::{
    fs::{self, DirEntry},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::look::Identity;

/// The access mode in the flags of an open file. 0 is read-only.
const ACCESS_MODE: u32 = 0o3;

/// The id of a process that has the file open for writing, if one is found.
/// <https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html>
pub(super) fn writer_of(file: &Identity) -> Option<String> {
    entries(Path::new("/proc")).find_map(|process| {
        let id = process.file_name().into_string().ok()?;
        let is_process = id.bytes().all(|byte| byte.is_ascii_digit());
        (is_process && writes(&process.path(), file)).then_some(id)
    })
}

fn writes(process: &Path, file: &Identity) -> bool {
    has_open(process, file) || has_mapped(process, file)
}

fn has_open(process: &Path, file: &Identity) -> bool {
    entries(&process.join("fd")).any(|descriptor| {
        let number = descriptor.file_name();
        let path = descriptor.path();
        // The name first, because following a descriptor may wait for a remote server. A
        // file with several names may have been opened under any of them.
        (file.links > 1 || fs::read_link(&path).is_ok_and(|target| same_name(&target, &file.path)))
            && fs::metadata(&path).is_ok_and(|found| (found.dev(), found.ino()) == file.number)
            && fs::read_to_string(process.join("fdinfo").join(number))
                .is_ok_and(|information| is_for_writing(&information))
    })
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok)
}

/// Compares the last part only: another process may have the folder under another path. A
/// file whose name at opening was removed may be this one under its new name.
fn same_name(target: &Path, path: &Path) -> bool {
    target.file_name() == path.file_name()
        || target.as_os_str().as_encoded_bytes().ends_with(b" (deleted)")
}

/// Whether the process has the file in its memory, shared and writable: it can write
/// without a descriptor, and without a new time of the file.
/// <https://man7.org/linux/man-pages/man5/proc_pid_maps.5.html>
fn has_mapped(process: &Path, file: &Identity) -> bool {
    let Ok(maps) = fs::read_to_string(process.join("maps")) else { return false };
    maps.lines().filter_map(writable_inode).any(|inode| inode == file.number.1)
}

/// The inode of a mapping that is shared and writable. The device is not compared:
/// btrfs and overlays show another one here than in a file's status.
fn writable_inode(line: &str) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let mode = fields.next()?;
    (mode.contains('w') && mode.ends_with('s')).then(|| fields.nth(2)?.parse().ok()).flatten()
}

fn is_for_writing(information: &str) -> bool {
    information
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & ACCESS_MODE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shared_and_writable_mappings_count() {
        for (line, expected) in [
            ("7f1c2000-7f1c3000 rw-s 00000000 fd:00 1234    /policies/main.yaml", Some(1234)),
            ("7f1c2000-7f1c3000 rw-p 00000000 fd:00 1234    /policies/main.yaml", None),
            ("7f1c2000-7f1c3000 r--s 00000000 fd:00 1234    /policies/main.yaml", None),
            ("7f1c2000-7f1c3000 rw-s", None),
            ("", None),
        ] {
            assert_eq!(writable_inode(line), expected, "{line}");
        }
    }
}
