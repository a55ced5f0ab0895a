//! Policy documents as files. A file is read only up to the maximum size of a
//! document.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sentinel_policy::{CheckedPolicy, Diagnostics, Limits, Policy, PolicyDocument};

use crate::output::{Failure, Screen};

/// The text of a document, and the name of its file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
}

impl Source {
    /// Reads a file; `-` is stdin. Reads one byte more than the maximum, to detect
    /// a document that is too large.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bound = Limits::default().max_bytes.saturating_add(1) as u64;
        let name = path.display().to_string();
        let mut text = Vec::new();
        let read = if path.as_os_str() == "-" {
            io::stdin().lock().take(bound).read_to_end(&mut text)
        } else {
            File::open(path).and_then(|file| file.take(bound).read_to_end(&mut text))
        };
        match read {
            Ok(_) => Ok(Self { name, text }),
            Err(error) => Err(Failure::because(format!("cannot read `{name}`"), error)),
        }
    }

    /// The checked document, or all of its errors.
    pub(super) fn check(&self) -> Result<CheckedPolicy, Diagnostics> {
        PolicyDocument::parse(&self.text, &Limits::default())?.check()
    }
}

/// Reads, checks and compiles a document to evaluate. Errors in it are not a
/// result: they are written to stderr.
pub(super) fn compile(path: &Path, screen: &Screen) -> Result<Policy, Failure> {
    let source = Source::read(path)?;
    match source.check() {
        Ok(checked) => Ok(checked.compile()),
        Err(diagnostics) => {
            screen.note(
                diagnostics.render(&source.name, &source.text, screen.colors_err()).trim_end(),
            );
            Err(Failure::other(format!("`{}` cannot be used", source.name)))
        }
    }
}
