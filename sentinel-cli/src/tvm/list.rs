//! Reading a list of the TVM up to a limit.

use sentinel_client::ClientError;

use crate::output::{Failure, Screen};

/// The warning for a list that is incomplete if the caller is an operator of the policy.
pub(crate) const OWN_ONLY: &str = "the policy cannot be used now: the list has only your own records, also \
                                   if you are an operator";

/// A page: its records, the number of damaged rows that it omits, and whether it has only the caller's
/// own records because the policy cannot be used.
type ListPage<T> = (Vec<T>, usize, bool);

/// Reads pages until there are more than `limit` records or no more pages: a page that follows can be
/// empty. Warns of what the result omits. A record that `next` filters out does not count.
pub(crate) async fn read_list<T>(
    limit: usize,
    screen: &Screen,
    mut next: impl AsyncFnMut() -> Result<Option<ListPage<T>>, ClientError>,
) -> Result<Vec<T>, Failure> {
    let (mut records, mut unreadable, mut own_only) = (Vec::new(), 0_usize, false);
    while let Some((items, damaged, own)) = next().await? {
        records.extend(items);
        unreadable = unreadable.saturating_add(damaged);
        own_only |= own;
        if records.len() > limit {
            break;
        }
    }
    if own_only {
        screen.warn(OWN_ONLY);
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
