//! The packages that the functions should have. Builds are reproducible, so that the code of a
//! function is a package exactly if the SHA-256 is the same.

use std::path::Path;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use crate::output::Failure;

/// SHA-256 of both packages, in base64 as Lambda shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packages {
    pub(super) tvm: String,
    pub(super) authorizer: String,
}

impl Packages {
    /// Reads the packages that `make lambda-tvm lambda-authorizer` writes into a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        Ok(Self { tvm: one(folder, "lambda-tvm")?, authorizer: one(folder, "lambda-authorizer")? })
    }
}

fn one(folder: &Path, name: &str) -> Result<String, Failure> {
    let paths = ["amd64", "arm64"].map(|arch| folder.join(format!("{name}-linux-{arch}.zip")));
    let mut existing = paths.iter().filter(|path| path.exists());
    let path = match (existing.next(), existing.next()) {
        (Some(path), None) => path,
        (Some(_), Some(_)) => {
            return Err(Failure::other(format!(
                "`{}` has packages of `{name}` for two architectures: keep the deployed one",
                folder.display()
            )));
        }
        (None, _) => {
            return Err(Failure::other(format!(
                "`{}` has no package of `{name}`: `make {name}` builds it in `bin`",
                folder.display()
            )));
        }
    };
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::because(format!("cannot read `{}`", path.display()), error))?;
    Ok(BASE64.encode(&Sha256::digest(&bytes)))
}
