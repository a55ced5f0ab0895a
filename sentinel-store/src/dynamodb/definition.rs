//! The definitions of the tables, for creating them and for tests.

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
    },
};

/// The keys of a table. All of them are strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableDefinition {
    /// The partition key.
    pub partition_key: &'static str,
    /// The sort key.
    pub sort_key: &'static str,
    /// The attribute with the time to live. `None` if items are never removed.
    pub ttl: Option<&'static str>,
    /// The index. `None` if the table has none.
    pub index: Option<IndexDefinition>,
    /// Whether the table has a stream, which contains each item before and after a change.
    pub stream: bool,
}

/// The keys of a global secondary index, and what it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexDefinition {
    /// The name of the index.
    pub name: &'static str,
    /// The partition key.
    pub partition_key: &'static str,
    /// The sort key.
    pub sort_key: &'static str,
    /// The attributes in the index.
    pub projection: IndexProjection,
}

/// The attributes that an index contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexProjection {
    /// All attributes of the items.
    All,
    /// The keys of the table and of the index.
    KeysOnly,
}

impl IndexDefinition {
    /// The definition of the index in a request that creates a table or the index.
    ///
    /// # Errors
    /// Not for the definitions in this file.
    pub fn schema(&self) -> Result<Vec<KeySchemaElement>, BuildError> {
        schema(self.partition_key, self.sort_key)
    }

    /// The projection in a request that creates a table or the index.
    #[must_use]
    pub fn projection(&self) -> Projection {
        let projected = match self.projection {
            IndexProjection::All => ProjectionType::All,
            IndexProjection::KeysOnly => ProjectionType::KeysOnly,
        };
        Projection::builder().projection_type(projected).build()
    }
}

impl TableDefinition {
    /// Sessions and gates. Only sessions have a time to live.
    pub const SESSIONS: Self = Self {
        partition_key: "pk",
        sort_key: "sk",
        ttl: Some("ttl"),
        index: Some(IndexDefinition {
            name: "by-shard",
            partition_key: "shard",
            sort_key: "sk",
            projection: IndexProjection::All,
        }),
        stream: false,
    };

    /// Policy documents. They have no time to live.
    pub const POLICIES: Self =
        Self { partition_key: "pk", sort_key: "sk", ttl: None, index: None, stream: false };

    /// Approval requests. Only the markers of pending requests are in the index, and only their
    /// keys.
    pub const REQUESTS: Self = Self {
        partition_key: "pk",
        sort_key: "sk",
        ttl: Some("ttl"),
        index: Some(IndexDefinition {
            name: "by-end",
            partition_key: "shard",
            sort_key: "ends",
            projection: IndexProjection::KeysOnly,
        }),
        stream: true,
    };

    /// Break-glass grants. Only the markers of open grants are in the index, and only their keys.
    pub const GRANTS: Self = Self::REQUESTS;

    /// Every attribute that is a key of the table or of its index.
    #[must_use]
    pub fn key_attributes(&self) -> Vec<&'static str> {
        let mut attributes = vec![self.partition_key, self.sort_key];
        for key in self.index.iter().flat_map(|index| [index.partition_key, index.sort_key]) {
            if !attributes.contains(&key) {
                attributes.push(key);
            }
        }
        attributes
    }

    /// The request that creates the table with the defined keys, index and stream, billed per
    /// request. The caller enables time to live, recovery and encryption, with other
    /// requests or by changing this one.
    ///
    /// # Errors
    /// Not for the definitions in this file.
    pub fn create(
        &self,
        client: &Client,
        name: &str,
    ) -> Result<CreateTableFluentBuilder, BuildError> {
        let mut request = client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(schema(self.partition_key, self.sort_key)?));
        for attribute in self.key_attributes() {
            let definition = AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(ScalarAttributeType::S);
            request = request.attribute_definitions(definition.build()?);
        }
        if let Some(index) = self.index {
            let index = GlobalSecondaryIndex::builder()
                .index_name(index.name)
                .set_key_schema(Some(index.schema()?))
                .projection(index.projection());
            request = request.global_secondary_indexes(index.build()?);
        }
        if self.stream {
            request = request.stream_specification(Self::stream_specification()?);
        }
        Ok(request)
    }

    /// The stream in a request that creates a table, or adds it.
    ///
    /// # Errors
    /// Not for the definitions in this file.
    pub fn stream_specification() -> Result<StreamSpecification, BuildError> {
        StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()
    }
}

fn schema(partition: &str, sort: &str) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![element(partition, KeyType::Hash)?, element(sort, KeyType::Range)?])
}
