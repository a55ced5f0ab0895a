//! Recording of the calls of a whole run: one file for each holder of an IAM document. Every proxy
//! of that holder appends to it.
//!
//! The recorded deployment is called as in the guide, in the account and region of [`deployment`],
//! so that the calls can be compared with the documents: see [`permissions`](crate::permissions).

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sentinel_iam::{Deployment, DocumentName};
use sentinel_store::{AccountId, ParseIdError};

use crate::call::{RecordedCall, read_record};
use crate::iam::Place;

/// Name of the variable with the folder to record in. If it is not set, nothing is recorded.
pub const FOLDER: &str = "SENTINEL_RECORDED_CALLS";

/// Whose calls they are: the holder of the document that must allow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// The TVM's function.
    Tvm,
    /// The authorizer's function.
    Authorizer,
    /// The administrator, who runs `sentinel bootstrap` and `sentinel policy push`.
    Administrator,
}

impl Holder {
    /// All holders.
    pub const ALL: [Self; 3] = [Self::Tvm, Self::Authorizer, Self::Administrator];

    /// The name of its file, without `.jsonl`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tvm => "tvm",
            Self::Authorizer => "authorizer",
            Self::Administrator => "administrator",
        }
    }

    /// The holder with this name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|holder| holder.as_str() == word)
    }

    /// The document of this holder.
    #[must_use]
    pub const fn document(self) -> DocumentName {
        match self {
            Self::Tvm => DocumentName::TvmFunction,
            Self::Authorizer => DocumentName::AuthorizerFunction,
            Self::Administrator => DocumentName::Administrator,
        }
    }

    /// The file to append to, if the run is recorded.
    pub(crate) fn file(self) -> io::Result<Option<File>> {
        let Some(folder) = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()) else {
            return Ok(None);
        };
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.jsonl", self.as_str()));
        OpenOptions::new().create(true).append(true).open(path).map(Some)
    }

    /// The calls recorded for this holder in a folder: under its own name, and under the name of
    /// its function, which the guide uses.
    ///
    /// # Errors
    /// If a file cannot be read, or a line is not a call.
    pub fn read(self, folder: &Path) -> io::Result<Vec<RecordedCall>> {
        let mut calls = Vec::new();
        for name in [self.as_str().to_owned(), format!("sentinel-{}", self.as_str())] {
            let path = folder.join(format!("{name}.jsonl"));
            if path.exists() {
                let text = std::fs::read_to_string(path)?;
                calls.extend(read_record(&text).map_err(io::Error::other)?);
            }
        }
        Ok(calls)
    }
}

/// The key of SecureString parameters.
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b";

/// The deployment that is recorded: the guide's, with a policy table and a separate key for
/// SecureString parameters.
///
/// # Errors
/// None are known.
pub fn deployment() -> Result<Deployment, ParseIdError> {
    let account = AccountId::parse("111122223333")?;
    let mut deployment = Deployment::new("aws", account, "us-east-1");
    deployment.policy_table = Some("sentinel-policies".to_owned());
    deployment.policy_key = Some(KEY.to_owned());
    Ok(deployment)
}

/// Where the calls of a deployment are made.
#[must_use]
pub fn place(deployment: &Deployment) -> Place {
    Place {
        partition: deployment.partition.clone(),
        region: deployment.region.clone(),
        account: deployment.account.to_string(),
        key: deployment.policy_key.clone().unwrap_or_else(|| "*".to_owned()),
    }
}
