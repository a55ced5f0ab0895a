//! Records in DynamoDB: sessions and gates in one table, approval requests, break-glass grants,
//! and policy documents that are too large for SSM in others.

mod definition;
mod grants;
mod item;
mod owned;
mod policies;
mod requests;
mod sessions;
mod table;
mod texts;
mod token;
mod transaction;

pub use definition::{IndexDefinition, IndexProjection, TableDefinition};
pub use grants::DynamoGrants;
pub use policies::DynamoPolicies;
pub use requests::DynamoRequests;
pub use sessions::DynamoSessions;
