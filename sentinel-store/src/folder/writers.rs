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

/// Compares the last part only: another process may have the folder under another path.
fn same_name(target: &Path, path: &Path) -> bool {
    target.file_name() == path.file_name()
}

fn is_for_writing(information: &str) -> bool {
    information
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & ACCESS_MODE != 0)
}
