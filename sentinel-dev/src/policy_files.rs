//! The files of the policies folder with their findings, for a page that shows them. No decision depends
//! on what is read here.

use std::fs;
use std::io;
use std::path::PathBuf;

use sentinel_policy::{Diagnostics, Severity};
use sentinel_store::folder::FolderPolicies;
use sentinel_store::{Causes, StoreResultExt};

use crate::policies::{Kind, MAIN, checked, kind};

/// The policies folder. Clones read the same folder.
#[derive(Clone, Debug)]
pub struct PolicyFolder {
    documents: FolderPolicies,
    folder: PathBuf,
}

/// A document in the policies folder.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyFile {
    /// The name of the file.
    pub name: String,
    /// The text. Empty if it cannot be read.
    pub text: String,
    /// The findings. `None` if there are none.
    pub diagnostics: Option<Diagnostics>,
    /// Why the file cannot be read. `None` if it can.
    pub unreadable: Option<String>,
}

impl PolicyFile {
    /// Whether the document is used. The profiles that an unusable one governs are refused.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let has_errors =
            self.diagnostics.as_ref().is_some_and(|found| found.severity() == Severity::Error);
        self.unreadable.is_none() && !has_errors
    }
}

impl PolicyFolder {
    pub(crate) const fn new(documents: FolderPolicies, folder: PathBuf) -> Self {
        Self { documents, folder }
    }

    /// The documents in the folder as they are now, sorted by name. It reads files.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn read(&self) -> io::Result<Vec<PolicyFile>> {
        let mut paths = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        let mut files = Vec::new();
        for path in paths {
            let Kind::Document(document) = kind(&path) else { continue };
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut file =
                PolicyFile { name, text: String::new(), diagnostics: None, unreadable: None };
            match self.documents.peek(&document).optional() {
                // It was removed after it was listed.
                Ok(None) => continue,
                Ok(Some(text)) => {
                    file.diagnostics = match checked(&text, document.as_str() == MAIN) {
                        Ok(checked) => checked.warnings_in_server(),
                        Err(errors) => Some(errors),
                    };
                    file.text = String::from_utf8_lossy(&text.text).into_owned();
                }
                Err(error) => {
                    let error = error.without_location();
                    file.unreadable = Some(Causes(&error).to_string());
                }
            }
            files.push(file);
        }
        Ok(files)
    }
}
