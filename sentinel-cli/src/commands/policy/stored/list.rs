//! `sentinel policy list`: lists the stored documents.

use clap::Args;
use sentinel_store::PolicyRevision;
use serde::Serialize;

use super::history::Version;
use super::{Library, Place, Stores};
use crate::aws::Policies;
use crate::output::{Failure, Fit, Outcome, Screen, printable, records};
use crate::runtime::block_on;

/// List the stored policies with place, version, size and date.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy list
  sentinel policy list --policy-table sentinel-policies
  sentinel policy list --format json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    library: Library,
}

/// A document, and its newest version.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    path: String,
    main: bool,
    #[serde(rename = "where")]
    place: Place,
    #[serde(flatten)]
    newest: Version,
}

#[derive(Debug, Serialize)]
struct Listing {
    root: String,
    policies: Vec<Listed>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Library { policies, .. } = &arguments.library;
    let listed = block_on(async { list(&arguments.library.open().await?, policies).await })?;
    let in_both: Vec<&str> = listed
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] if a.path == b.path => Some(a.name.as_str()),
            _ => None,
        })
        .collect();
    for name in in_both {
        screen.warn(&format!(
            "`{}` is in SSM and in the policy table: its profiles get POLICY_ERROR until one is \
             removed; `sentinel policy push FILE --move` keeps the document in the table",
            printable(name)
        ));
    }
    if screen.is_json() {
        let root = policies.root().to_string();
        screen.print_json(&Listing { root, policies: listed })?;
    } else if listed.is_empty() {
        screen.note(&format!("there are no policies under `{}`", policies.root()));
    } else {
        screen.print(&lines(&listed, screen))?;
    }
    Ok(Outcome::Done)
}

async fn list(stores: &Stores, policies: &Policies) -> Result<Vec<Listed>, Failure> {
    let (root, main) = (policies.root(), policies.main());
    let mut found = Vec::new();
    // A main document elsewhere is not under the root.
    if main.parent().as_ref() != Some(&root) {
        found.extend(stores.places().into_iter().map(|(place, _)| (main.clone(), place)));
    }
    let names = stores.names(&root).await?;
    found.extend(names.into_iter().map(|(name, place)| (root.join(&name), place)));
    let mut listed = Vec::new();
    for (path, place) in found {
        // A document that was removed in the meantime is not listed.
        let Some(revisions) = stores.history(place, &path).await? else { continue };
        let Some(newest) = revisions.last().map(|revision: &PolicyRevision| Version::of(revision))
        else {
            continue;
        };
        let (name, main) = (path.name().to_owned(), path == main);
        listed.push(Listed { name, path: path.to_string(), main, place, newest });
    }
    Ok(listed)
}

/// A line for each document, for people.
fn lines(listed: &[Listed], screen: &Screen) -> String {
    let whole = ("", Fit::Whole);
    let columns = [whole, whole, whole, whole, ("", Fit::Short(0)), whole];
    let rows = listed.iter().map(|Listed { name, main, place, newest, .. }| {
        let [size, at, by] = newest.cells(screen.times());
        let main = if *main { "(main)" } else { "" };
        [name.clone(), place.cell(), size, at, by, main.to_owned()]
    });
    records(columns, rows, screen.width)
}
