//! The data of `sentinel dev` on disk: a seed from which every key is derived (so
//! that a folder always has the same keys), the credentials file, the example
//! policies, and the database.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sentinel_store::{ProfileName, Secret};
use sha2::Sha256;
use tempfile::TempDir;

use crate::StartError;
use crate::identities::Identity;

/// The default policies: the files in `examples/policies`, so that the policies
/// that people read there are the ones that run.
const EXAMPLE: [(&str, &str); 4] = [
    ("main.yaml", include_str!("../policies/main.yaml")),
    ("staging.yaml", include_str!("../policies/staging.yaml")),
    ("maintenance.yaml", include_str!("../policies/maintenance.yaml")),
    ("billing.yaml", include_str!("../policies/billing.yaml")),
];

/// The data folder, which belongs to the current user and which no other user can
/// write to. A temporary folder is removed when it is dropped.
pub(crate) struct Data {
    folder: PathBuf,
    seed: [u8; 32],
    _temporary: Option<TempDir>,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The folder of policies.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) folder: PathBuf,
    /// Texts that are complete wherever they are found, so that reading them never waits for a writer
    /// to finish.
    pub(crate) known: Vec<(ProfileName, String)>,
    /// The folder, if it is removed at the end.
    pub(crate) temporary: Option<TempDir>,
}

impl Documents {
    /// A folder of any policies, among which the example texts are known.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let known = EXAMPLE.iter().filter_map(|(file, text)| {
            let name = ProfileName::parse(file.strip_suffix(".yaml")?).ok()?;
            Some((name, (*text).to_owned()))
        });
        Self { folder, known: known.collect(), temporary: None }
    }
}

/// An access key.
#[derive(Clone, Debug)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: Secret,
}

impl Data {
    /// Opens the folder, or creates it; without a path, creates a temporary one. A
    /// folder in which another user could have put a seed or a policy is refused: a
    /// user who chose these files could act as every caller.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, StartError> {
        let (folder, temporary) = match path {
            Some(path) => (path.to_owned(), None),
            None => {
                let parent = std::env::temp_dir();
                let temporary =
                    sentinel_files::temporary(&parent, "sentinel-dev-").map_err(|error| {
                        let parent = parent.display();
                        let what =
                            format!("cannot create a temporary folder in `{parent}` (`TMPDIR`)");
                        StartError::because(what, error)
                    })?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let shown = folder.display().to_string();
        let failed =
            |error| StartError::because(format!("cannot use the data folder `{shown}`"), error);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        // The path of the credentials file is shown to people whose working folder
        // may be different.
        let folder = folder.canonicalize().map_err(failed)?;
        sentinel_files::check_folder(&folder).map_err(failed)?;
        let data = Self { seed: seed(&folder).map_err(failed)?, folder, _temporary: temporary };
        sentinel_files::tighten(&data.database()).map_err(failed)?;
        Ok(data)
    }

    /// The path of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("sentinel.redb")
    }

    /// The key of the local issuer.
    pub(crate) fn issuer_key(&self) -> Result<[u8; 32], StartError> {
        self.derive("issuer", "")
    }

    /// The access key of an identity.
    pub(crate) fn access_key(&self, identity: &Identity) -> Result<AccessKey, StartError> {
        let id = BASE32_NOPAD.encode(&self.derive("access key id", &identity.name)?);
        let secret = BASE64.encode(&self.derive("secret access key", &identity.name)?);
        // As long as AWS's own: 20 and 40 characters.
        let (Some(id), Some(secret)) = (id.get(..16), secret.get(..40)) else {
            return Err(StartError::other("cannot derive an access key"));
        };
        Ok(AccessKey { id: format!("AKIA{id}"), secret: Secret::new(secret) })
    }

    /// The unique id that IAM assigns to a user or a role.
    pub(crate) fn unique_id(&self, prefix: &str, name: &str) -> Result<String, StartError> {
        let id = BASE32_NOPAD.encode(&self.derive(prefix, name)?);
        Ok(format!("{prefix}{}", id.get(..17).unwrap_or_default()))
    }

    fn derive(&self, purpose: &str, name: &str) -> Result<[u8; 32], StartError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed)
            .map_err(|error| StartError::because("cannot derive a key", error))?;
        for part in [purpose, "\0", name] {
            mac.update(part.as_bytes());
        }
        Ok(mac.finalize().into_bytes().into())
    }

    /// Writes the AWS credentials file, with a section for each identity, and
    /// returns its path.
    pub(crate) fn write_credentials(
        &self,
        keys: &[(Identity, AccessKey)],
    ) -> Result<PathBuf, StartError> {
        let mut text = String::from("# Written by `sentinel dev`; not valid in AWS.\n");
        for (identity, key) in keys {
            text.push_str(&format!(
                "\n[{}]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = us-east-1\n",
                identity.name,
                key.id,
                key.secret.reveal()
            ));
        }
        let path = self.folder.join("credentials");
        self.replace(&path, &text).map_err(|error| {
            let what = format!("cannot write the credentials file `{}`", path.display());
            StartError::because(what, error)
        })?;
        Ok(path)
    }

    /// The folder of the example policies. Writes it if it does not exist; changes
    /// that a user made in it remain.
    pub(crate) fn example_policies(&self) -> Result<Documents, StartError> {
        let folder = self.folder.join("policies");
        let written = || -> io::Result<()> {
            match fs::symlink_metadata(&folder) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Creates the folder complete or not at all, like the seed.
                    let new = sentinel_files::temporary(&self.folder, ".policies-")?;
                    for (name, text) in EXAMPLE {
                        fs::write(new.path().join(name), text)?;
                    }
                    fs::rename(new.keep(), &folder)?;
                }
                Err(error) => return Err(error),
            }
            sentinel_files::check_folder(&folder)
        };
        written().map_err(|error| {
            let what = format!("cannot use the example policies in `{}`", folder.display());
            StartError::because(what, error)
        })?;
        Ok(Documents::new(folder))
    }

    /// A new folder with these policies, by the name of the document. It is removed when the result is
    /// dropped.
    pub(crate) fn write_policies(
        &self,
        policies: Vec<(ProfileName, String)>,
    ) -> Result<Documents, StartError> {
        let written = || -> io::Result<TempDir> {
            let folder = sentinel_files::temporary(&self.folder, "policies-")?;
            for (name, text) in &policies {
                fs::write(folder.path().join(format!("{name}.yaml")), text)?;
            }
            Ok(folder)
        };
        let folder = written().map_err(|error| {
            let what = format!("cannot write the policies to `{}`", self.folder.display());
            StartError::because(what, error)
        })?;
        Ok(Documents { folder: folder.path().to_owned(), known: policies, temporary: Some(folder) })
    }

    /// Replaces a private file as a whole. `tempfile` creates files of mode 0600.
    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    }
}

/// Reports, once for each event, that the database was removed or replaced while it
/// is in use, even if no caller sends a request.
pub(crate) async fn report_loss(database: &Path) {
    let number = || fs::metadata(database).ok().map(|file| (file.dev(), file.ino()));
    let (opened, mut was_lost) = (number(), false);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let is_lost = number() != opened;
        if is_lost && !was_lost {
            let database = database.display();
            tracing::error!(
                "the database `{database}` was removed or replaced: nothing is vended and no \
                 session is accepted until it is moved back, or until a restart with an empty database"
            );
        }
        was_lost = is_lost;
    }
}

/// Reads the seed, or creates one from the system's random source. The file is
/// complete or does not exist: a first start that is killed leaves a usable folder.
fn seed(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join("seed");
    let file = match sentinel_files::open(&path)? {
        Some(file) => file,
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(io::Error::other)?;
            // `tempfile` creates files of mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&seed)?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(seed),
                // Another process created the seed first, and that seed is used.
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                    sentinel_files::open(&path)?.ok_or(failed.error)?
                }
                Err(failed) => return Err(failed.error),
            }
        }
    };
    let mut seed = Vec::new();
    // Reads one byte more than the seed has, to detect a longer file.
    file.take(33).read_to_end(&mut seed)?;
    seed.try_into().map_err(|_| {
        io::Error::other(format!("`{}` is damaged: remove it for new keys", path.display()))
    })
}
