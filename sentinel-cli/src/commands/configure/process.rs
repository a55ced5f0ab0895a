//! The command line of `credential_process`, in a form that every SDK reads as the same words.
//!
//! botocore splits it with `shlex` and runs no shell. The SDKs for Rust, Go, Java and JavaScript
//! pass it to `sh -c` (`cmd.exe /C` on Windows). Their parsers of the file differ in comments,
//! escapes and encodings. The words therefore contain only characters that mean the same everywhere.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::output::{Failure, printable};

/// The name under which the program is looked up.
const NAME: &str = "sentinel";

/// The command line that runs this program with those arguments.
pub(super) fn command_line(arguments: &[&str]) -> Result<String, Failure> {
    let words: Result<Vec<String>, Failure> = arguments
        .iter()
        .map(|argument| word(argument).ok_or_else(|| unwritable("the argument", argument)))
        .collect();
    Ok(format!("{} {}", program()?, words?.join(" ")))
}

/// The absolute path of this program: tools that were not started from a shell have another PATH. If
/// it cannot be written, the name, provided that the PATH leads to this program.
fn program() -> Result<String, Failure> {
    let running = std::env::current_exe()
        .map_err(|error| Failure::because("cannot find the path of this program", error))?;
    let on_path = std::env::var_os("PATH").and_then(|path| {
        let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(NAME));
        candidates.find(|candidate| is_same_file(candidate, &running))
    });
    let found = on_path.is_some();
    // A link on the PATH stays valid when its target is replaced by another version.
    let path = on_path.unwrap_or(running);
    let path = std::path::absolute(&path).unwrap_or(path);
    match path.to_str().and_then(word) {
        Some(word) => Ok(word),
        None if found => Ok(NAME.to_owned()),
        None => Err(unwritable("the path of this program", &path.display().to_string())),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

fn unwritable(what: &str, text: &str) -> Failure {
    Failure::other(format!(
        "{what} `{}` cannot be written so that every AWS SDK reads it: use only letters, digits, \
         spaces and `_ . / : @ % + = , - ( )`",
        printable(text)
    ))
}

/// A word of the command line. `None` if SDKs would read it differently.
fn word(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    if text.is_empty() {
        None
    } else if text.chars().all(plain) {
        Some(text.to_owned())
    } else if text.chars().all(|c| plain(c) || " =()".contains(c)) {
        // The only quotes that `cmd.exe` has.
        Some(format!("\"{text}\""))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_only_characters_that_mean_the_same_in_every_parser() {
        for plain in ["sentinel", "/usr/bin/sentinel", "ci/build-7", "https://a.b:1/prod", "me@x"] {
            assert_eq!(word(plain).as_deref(), Some(plain));
        }
        for quoted in ["/opt/My Tools (2)/sentinel", "a=b", "two words"] {
            assert_eq!(word(quoted), Some(format!("\"{quoted}\"")));
        }
        for unwritable in [
            "", "a\"b", "a'b", "a\\b", "$HOME", "`id`", "a;b", "a#b", "a&b", "~x", "a\nb", "é", "*",
        ] {
            assert_eq!(word(unwritable), None, "{unwritable}");
        }
    }
}
