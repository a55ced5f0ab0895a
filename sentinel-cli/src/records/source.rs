//! Where records are read: files, folders and stdin, objects of S3, and log groups.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::bufread::MultiGzDecoder;

#[cfg(feature = "aws")]
use std::{cell::OnceCell, sync::Arc};

#[cfg(feature = "aws")]
use super::remote::{LogEvents, Remote};
#[cfg(feature = "aws")]
use crate::arguments::Since;
#[cfg(feature = "aws")]
use crate::aws::AwsOptions;
use crate::output::{Failure, printable};

/// The first bytes of a file that gzip compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How sources in AWS are read.
#[derive(Debug, Args)]
pub(crate) struct RemoteOptions {
    /// How far back log groups are read: a length such as 90d, or a time
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "LENGTH|TIME", default_value = "90d", value_parser = Since::parse,
        help_heading = "AWS")]
    logs_since: Since,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    aws: AwsOptions,
}

#[cfg(feature = "aws")]
impl RemoteOptions {
    fn since(&self) -> chrono::DateTime<chrono::Utc> {
        self.logs_since.instant(chrono::Utc::now())
    }
}

/// AWS, which is called only if a source is there.
pub(crate) struct Aws<'a> {
    #[cfg(feature = "aws")]
    options: &'a RemoteOptions,
    #[cfg(feature = "aws")]
    remote: OnceCell<Arc<Remote>>,
    #[cfg(not(feature = "aws"))]
    _options: &'a RemoteOptions,
}

impl<'a> Aws<'a> {
    #[cfg(feature = "aws")]
    pub(crate) const fn new(options: &'a RemoteOptions) -> Self {
        Self { options, remote: OnceCell::new() }
    }

    #[cfg(not(feature = "aws"))]
    pub(crate) const fn new(options: &'a RemoteOptions) -> Self {
        Self { _options: options }
    }

    #[cfg(feature = "aws")]
    fn remote(&self) -> Result<Arc<Remote>, Failure> {
        if let Some(remote) = self.remote.get() {
            return Ok(Arc::clone(remote));
        }
        let remote = Arc::new(Remote::open(&self.options.aws)?);
        Ok(Arc::clone(self.remote.get_or_init(|| remote)))
    }
}

/// A place with records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file, or a folder of files.
    Path(PathBuf),
    /// The objects of S3 below a prefix.
    #[cfg(feature = "aws")]
    S3 { bucket: String, prefix: String },
    /// A log group of CloudWatch Logs.
    #[cfg(feature = "aws")]
    Logs(String),
}

impl Source {
    /// Reads an argument: `-`, `s3://BUCKET/PREFIX`, `logs:GROUP`, or a path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        #[cfg(feature = "aws")]
        if let Some(place) = text.strip_prefix("s3://") {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            if bucket.is_empty() {
                return Err("an S3 source is s3://BUCKET/PREFIX".to_owned());
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        #[cfg(feature = "aws")]
        if let Some(group) = text.strip_prefix("logs:").filter(|group| !group.is_empty()) {
            return Ok(Self::Logs(group.to_owned()));
        }
        match text {
            "" => Err("a source is a file, a folder, or `-` for stdin".to_owned()),
            "-" => Ok(Self::Stdin),
            path => Ok(Self::Path(PathBuf::from(path))),
        }
    }

    /// The path of a file or a folder.
    pub(super) fn path(&self) -> Option<&Path> {
        if let Self::Path(path) = self { Some(path) } else { None }
    }

    /// The inputs, in the order of their names. A folder has one for each file below it.
    #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "no source is in AWS"))]
    pub(crate) fn inputs(&self, aws: &Aws<'_>) -> Result<Vec<Input>, Failure> {
        let mut inputs = Vec::new();
        match self {
            #[cfg(feature = "aws")]
            Self::S3 { bucket, prefix } => {
                let keys = aws.remote()?.keys(bucket, prefix)?;
                inputs.extend(
                    keys.into_iter().map(|key| Input::Object { bucket: bucket.clone(), key }),
                );
            }
            #[cfg(feature = "aws")]
            Self::Logs(group) => inputs.push(Input::Logs(group.clone())),
            Self::Stdin => inputs.push(Input::Stdin),
            Self::Path(path) => {
                let mut folders = HashSet::new();
                files(path, true, &mut folders, &mut inputs)
                    .map_err(|error| cannot_read(&self, error))?;
            }
        }
        Ok(inputs)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::Path(path) => f.write_str(&printable(&path.display().to_string())),
            #[cfg(feature = "aws")]
            Self::S3 { bucket, prefix } => {
                write!(f, "s3://{}/{}", printable(bucket), printable(prefix))
            }
            #[cfg(feature = "aws")]
            Self::Logs(group) => write!(f, "logs:{}", printable(group)),
        }
    }
}

/// Appends a file, or every file below a folder. Each folder is read once, whatever links lead to it. What
/// is neither a file nor a folder is read only if it is named, since it may never end.
fn files(
    path: &Path,
    named: bool,
    folders: &mut HashSet<PathBuf>,
    inputs: &mut Vec<Input>,
) -> io::Result<()> {
    let kind = fs::metadata(path)?;
    if !kind.is_dir() {
        if kind.is_file() || named {
            inputs.push(Input::File(path.to_owned()));
        }
        return Ok(());
    }
    if !folders.insert(fs::canonicalize(path)?) {
        return Ok(());
    }
    let mut entries: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.iter().try_for_each(|entry| files(&entry.path(), false, folders, inputs))
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
    /// An object of S3.
    #[cfg(feature = "aws")]
    Object { bucket: String, key: String },
    /// A log group of CloudWatch Logs.
    #[cfg(feature = "aws")]
    Logs(String),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => f.write_str(&printable(&path.display().to_string())),
            #[cfg(feature = "aws")]
            Self::Object { bucket, key } => {
                write!(f, "s3://{}/{}", printable(bucket), printable(key))
            }
            #[cfg(feature = "aws")]
            Self::Logs(group) => write!(f, "logs:{}", printable(group)),
        }
    }
}

impl Input {
    /// The text, decompressed if gzip compressed it.
    #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "no source is in AWS"))]
    pub(crate) fn open(&self, aws: &Aws<'_>) -> Result<Box<dyn Read + Send>, Failure> {
        match self {
            #[cfg(feature = "aws")]
            Self::Object { bucket, key } => {
                plain(io::Cursor::new(aws.remote()?.object(bucket, key)?))
            }
            #[cfg(feature = "aws")]
            Self::Logs(group) => {
                let events = LogEvents::new(aws.remote()?, group.clone(), aws.options.since());
                return Ok(Box::new(events));
            }
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
