//! Records in files and in AWS: every line of some sources, read on all processors and taken in order.

#[cfg(feature = "aws")]
mod remote;
mod source;

pub(crate) use source::{Aws, Source};

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;

use crate::blocks::Blocks;
use crate::in_order::in_order;
use crate::output::{Failure, Screen, progress};
use source::{Input, RemoteOptions};

/// Interval between two updates of the progress.
const UPDATE: Duration = Duration::from_millis(500);

/// Where a command reads records.
#[derive(Debug, Args)]
pub(crate) struct Records {
    /// Files or folders with records, plain or gzip; `-` for stdin; s3://BUCKET/PREFIX; or logs:GROUP
    #[arg(value_name = "SOURCE", required = true, value_parser = Source::parse)]
    sources: Vec<Source>,
    #[command(flatten)]
    options: RemoteOptions,
}

/// What is found in a line.
pub(crate) enum Found<T> {
    /// A line that the answer depends on.
    Wanted(T),
    /// Another record.
    Record,
    /// A record that cannot be read.
    Unreadable,
}

/// How many lines were read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) records: u64,
    pub(crate) unreadable: u64,
}

/// What a worker found in a block.
struct Block<T> {
    wanted: Vec<T>,
    seen: Seen,
    bytes: usize,
}

/// Why not every line was read.
enum Stopped {
    Unreadable(io::Error),
    Refused(Failure),
}

impl Records {
    /// How sources in AWS are read.
    pub(crate) const fn options(&self) -> &RemoteOptions {
        &self.options
    }

    /// Whether a file is one of the sources.
    pub(crate) fn contains(&self, file: &Path) -> bool {
        let Ok(file) = file.canonicalize() else { return false };
        let path = |source: &Source| source.path().and_then(|path| path.canonicalize().ok());
        self.sources.iter().filter_map(path).any(|path| file.starts_with(path))
    }

    /// The names of the sources.
    pub(crate) fn names(&self) -> String {
        self.sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Passes every line to `read`, on several threads, and what it wants to `take`, in the order of the
    /// lines. `read` returns `None` for a line that is not a record.
    ///
    /// It is a failure if there is no record at all: the answer to every question would be wrong. Records
    /// that cannot be read are reported.
    pub(crate) fn scan<T: Send>(
        &self,
        screen: &Screen,
        read: impl Fn(&[u8]) -> Option<Found<T>> + Sync,
        mut take: impl FnMut(Step<T>) -> Result<(), Failure>,
    ) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let mut shown = Progress::new();
        let aws = Aws::new(&self.options);
        let (mut empty, mut first_empty) = (0, None);
        for source in &self.sources {
            for input in source.inputs(&aws)? {
                take(Step::Begin)?;
                let before = seen.records + seen.unreadable;
                scan_input(&input, &aws, &read, &mut |block: Block<T>| {
                    seen.records += block.seen.records;
                    seen.unreadable += block.seen.unreadable;
                    shown.add(block.bytes);
                    block.wanted.into_iter().try_for_each(|wanted| take(Step::Wanted(wanted)))
                })?;
                if seen.records + seen.unreadable == before {
                    empty += 1;
                    first_empty.get_or_insert_with(|| input.to_string());
                }
            }
        }
        progress::clear();
        if let Some(first) = first_empty.filter(|_| seen.records > 0) {
            screen.warn(&format!("{empty} of the files have no records, such as `{first}`"));
        }
        if seen.unreadable > 0 {
            screen.warn(&format!(
                "{} records cannot be read, so the result is incomplete",
                seen.unreadable
            ));
        }
        if seen.records == 0 {
            return Err(Failure::other(format!("there are no records in {}", self.names())));
        }
        Ok(seen)
    }
}

/// One step of a scan.
pub(crate) enum Step<T> {
    /// A file begins.
    Begin,
    /// A wanted line.
    Wanted(T),
}

fn scan_input<T: Send>(
    input: &Input,
    aws: &Aws<'_>,
    read: &(impl Fn(&[u8]) -> Option<Found<T>> + Sync),
    take: &mut impl FnMut(Block<T>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut blocks = Blocks::new(input.open(aws)?);
    in_order(
        || blocks.next().map_err(Stopped::Unreadable),
        |block, emit: &mut dyn FnMut(Block<T>) -> ControlFlow<()>| {
            let mut wanted = Vec::new();
            let mut seen = Seen::default();
            for line in block.lines() {
                match read(line) {
                    Some(Found::Wanted(value)) => {
                        seen.records += 1;
                        wanted.push(value);
                    }
                    Some(Found::Record) => seen.records += 1,
                    Some(Found::Unreadable) => seen.unreadable += 1,
                    None => {}
                }
            }
            let bytes = block.lines.len();
            // Nothing is left that could be stopped.
            let _ = emit(Block { wanted, seen, bytes });
        },
        |block| take(block).map_err(Stopped::Refused),
    )
    .map_err(|stopped| match stopped {
        Stopped::Unreadable(error) => Failure::because(format!("cannot read `{input}`"), error),
        Stopped::Refused(failure) => failure,
    })
}

/// The line that shows how much was read.
struct Progress {
    bytes: usize,
    next: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { bytes: 0, next: progress::is_possible().then(|| Instant::now() + UPDATE) }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.next.is_some_and(|next| next <= Instant::now()) {
            progress::show(&format!("read {} MB", self.bytes / 1_000_000));
            self.next = Some(Instant::now() + UPDATE);
        }
    }
}
