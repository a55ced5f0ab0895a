//! `sentinel policy history`: lists the versions of a document.

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_store::PolicyRevision;
use sentinel_wire::rfc3339;
use serde::Serialize;

use super::{Library, Place, missing, name};
use crate::output::{Failure, Fit, Outcome, Screen, Times, records};
use crate::runtime::block_on;

/// List the versions of a stored policy, oldest first.
///
/// SSM keeps the last 100 versions. The policy table keeps all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy history production
  sentinel policy history production --format json
  sentinel policy pull production --version 3")]
pub(crate) struct Arguments {
    /// Name of the document
    #[arg(value_parser = name)]
    name: String,
    #[command(flatten)]
    library: Library,
}

/// One version of a document.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Version {
    version: String,
    bytes: usize,
    #[serde(serialize_with = "rfc3339::serialize_option")]
    at: Option<DateTime<Utc>>,
    by: Option<String>,
}

impl Version {
    pub(super) fn of(revision: &PolicyRevision) -> Self {
        let PolicyRevision { version, at, by, bytes, .. } = revision.clone();
        Self { version, bytes, at, by }
    }

    /// The version as cells of a table: number and size, time, author.
    pub(super) fn cells(&self, times: Times) -> [String; 3] {
        let Self { version, bytes, at, by } = self;
        [
            format!("version {version:<4} {bytes:>7} bytes"),
            at.map(|at| times.cell(at)).unwrap_or_default(),
            by.clone().unwrap_or_default(),
        ]
    }
}

/// A version, and the place where it is stored.
#[derive(Debug, Serialize)]
struct Entry {
    #[serde(rename = "where")]
    place: Place,
    #[serde(flatten)]
    version: Version,
}

#[derive(Debug, Serialize)]
struct History {
    name: String,
    path: String,
    versions: Vec<Entry>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { name, library } = arguments;
    let path = library.policies.path(name);
    let versions = block_on(async {
        let stores = library.open().await?;
        let mut versions = Vec::new();
        for (place, _) in stores.places() {
            let revisions = stores.history(place, &path).await?.unwrap_or_default();
            versions.extend(revisions.iter().map(|one| Entry { place, version: Version::of(one) }));
        }
        if versions.is_empty() { Err(missing(&path, &stores)) } else { Ok(versions) }
    })?;
    if screen.is_json() {
        let (name, path) = (name.clone(), path.to_string());
        screen.print_json(&History { name, path, versions })?;
    } else {
        let columns = [Fit::Whole, Fit::Whole, Fit::Whole, Fit::Short(0)].map(|fit| ("", fit));
        let rows = versions.iter().map(|Entry { place, version }| {
            let [size, at, by] = version.cells(screen.times());
            [place.cell(), size, at, by]
        });
        screen.print(&records(columns, rows, screen.width))?;
    }
    Ok(Outcome::Done)
}
