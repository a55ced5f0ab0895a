//! Records in DynamoDB: sessions and gates in one table, policy documents that
//! are too large for SSM in another.

mod definition;
mod item;
mod policies;
mod sessions;
mod table;
mod texts;
mod token;

pub use definition::{IndexDefinition, TableDefinition};
pub use policies::DynamoPolicies;
pub use sessions::DynamoSessions;
