//! Policy documents as files: read no further than a document may be long.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sentinel_policy::{Checked, Diagnostics, Document, Limits, Policy};

use crate::Failure;
use crate::screen::Screen;

/// The text of a document, and what its file is called.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
}

impl Source {
    /// Reads a file; `-` is stdin. One byte more than a document may have shows
    /// that it is too large.
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

    /// What it means, or all that is wrong with it.
    pub(super) fn check(&self) -> Result<Checked, Diagnostics> {
        Document::parse(&self.text, &Limits::default())?.check()
    }
}

/// Reads, checks and compiles a document that is going to be asked. What is
/// wrong with it is not an answer here: it goes to stderr.
pub(super) fn compile(path: &Path, screen: &Screen) -> Result<Policy, Failure> {
    let source = Source::read(path)?;
    match source.check() {
        Ok(checked) => Ok(checked.compile()),
        Err(diagnostics) => {
            screen.note(
                diagnostics.render(&source.name, &source.text, screen.colors_err()).trim_end(),
            );
            Err(Failure::undone(format!("`{}` cannot be used", source.name)))
        }
    }
}
