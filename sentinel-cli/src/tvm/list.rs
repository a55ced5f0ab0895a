//! Reading a list of the TVM up to a limit.

use sentinel_client::ClientError;

use crate::output::{Failure, Screen};

/// A page: its records, and the number of damaged rows that it omits.
type ListPage<T> = (Vec<T>, usize);

/// Reads pages until there are more than `limit` records or no more pages: a page that follows can be
/// empty. Warns of what the result omits. A record that `next` filters out does not count.
pub(crate) async fn read_list<T>(
    limit: usize,
    screen: &Screen,
    mut next: impl AsyncFnMut() -> Result<Option<ListPage<T>>, ClientError>,
) -> Result<Vec<T>, Failure> {
    let (mut records, mut unreadable) = (Vec::new(), 0_usize);
    while let Some((items, damaged)) = next().await? {
        records.extend(items);
        unreadable = unreadable.saturating_add(damaged);
        if records.len() > limit {
            break;
        }
    }
    if unreadable > 0 {
        screen.warn(&format!("{unreadable} damaged rows are omitted; the TVM's log names them"));
    }
    if records.len() > limit {
        records.truncate(limit);
        screen.warn(&format!("there are more than {limit}: see `--limit`"));
    }
    Ok(records)
}
