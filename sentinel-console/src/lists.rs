//! Lists of the TVM, read up to a number of records that a page can show.

use sentinel_client::{
    Client, ClientError, GrantFilter, GrantPages, RequestFilter, RequestPages, SessionFilter,
    SessionPages,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Maximum number of records, and of pages that are read for them.
const MAX_RECORDS: usize = 200;
const MAX_PAGES: usize = 10;

/// A list: its name, the records, whether there are more, and the number of damaged rows.
fn list(name: &str, records: &[impl Serialize], more: bool, unreadable: usize) -> Value {
    json!({ name: records, "more": more, "unreadable": unreadable })
}

macro_rules! lists {
    ($($read:ident: $filter:ident, $pages:ident, $records:ident;)*) => {$(
        pub(crate) async fn $read(client: &Client, filter: $filter) -> Result<Value, ClientError> {
            let mut pages: $pages<'_> = client.$records(filter);
            let (mut records, mut unreadable, mut more) = (Vec::new(), 0_usize, false);
            for _ in 0..MAX_PAGES {
                let Some(page) = pages.next().await? else { break };
                unreadable = unreadable.saturating_add(page.unreadable);
                records.extend(page.$records);
                // A page that follows can be empty.
                more = page.next.is_some();
                if records.len() > MAX_RECORDS {
                    break;
                }
            }
            more |= records.len() > MAX_RECORDS;
            records.truncate(MAX_RECORDS);
            Ok(list(stringify!($records), &records, more, unreadable))
        }
    )*};
}

lists! {
    requests: RequestFilter, RequestPages, requests;
    grants: GrantFilter, GrantPages, grants;
    sessions: SessionFilter, SessionPages, sessions;
}
