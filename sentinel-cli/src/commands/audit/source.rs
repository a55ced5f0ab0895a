//! Where records are read: files, folders and stdin.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::output::Failure;

/// The first bytes of a file that gzip compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A place with records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file, or a folder of files.
    Path(PathBuf),
}

impl Source {
    /// Reads an argument: `-`, or a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("a source is a file, a folder, or `-` for stdin".to_owned()),
            "-" => Ok(Self::Stdin),
            path => Ok(Self::Path(PathBuf::from(path))),
        }
    }

    /// The inputs, in the order of their names. A folder has one for each file below it.
    pub(crate) fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let mut inputs = Vec::new();
        match self {
            Self::Stdin => inputs.push(Input::Stdin),
            Self::Path(path) => {
                files(path, &mut inputs).map_err(|error| cannot_read(&path.display(), error))?;
            }
        }
        Ok(inputs)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// Appends a file, or every file below a folder.
fn files(path: &Path, inputs: &mut Vec<Input>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        inputs.push(Input::File(path.to_owned()));
        return Ok(());
    }
    let mut entries: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // A link to a folder above would never end.
        if entry.file_type()?.is_symlink() && fs::metadata(entry.path())?.is_dir() {
            continue;
        }
        files(&entry.path(), inputs)?;
    }
    Ok(())
}

fn cannot_read(what: &dyn fmt::Display, error: io::Error) -> Failure {
    Failure::because(format!("cannot read `{what}`"), error)
}

/// One stream of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Input {
    /// The text, decompressed if gzip compressed it.
    pub(crate) fn open(&self) -> Result<Box<dyn Read + Send>, Failure> {
        match self {
            Self::Stdin => plain(io::stdin()),
            Self::File(path) => File::open(path).and_then(plain),
        }
        .map_err(|error| cannot_read(self, error))
    }
}

fn plain(compressed: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = BufReader::with_capacity(64 * 1024, compressed);
    if reader.fill_buf()?.starts_with(&GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(reader)));
    }
    Ok(Box::new(reader))
}
