//! Stores that are not there yet.
#![expect(missing_docs, reason = "gone when the stores are there")]

use crate::*;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

#[derive(Debug)]
pub struct DynamoSessions(aws_sdk_dynamodb::Client, String);

impl DynamoSessions {
    pub fn new(config: &aws_types::SdkConfig, table: impl Into<String>) -> Self {
        Self(aws_sdk_dynamodb::Client::new(config), table.into())
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(error.into())
}
fn absent() -> StoreError {
    StoreError::Unavailable("not there yet".into())
}

#[async_trait]
impl SessionStore for DynamoSessions {
    async fn gate(&self, _: &CallerKey) -> Result<Gate, StoreError> {
        self.0.get_item().table_name(&self.1).send().await.map_err(failed)?;
        Err(absent())
    }
    async fn change_gate(&self, _: &CallerKey, _: &GateChange) -> Result<Gate, StoreError> {
        self.0.update_item().table_name(&self.1).send().await.map_err(failed)?;
        Err(absent())
    }
    async fn create_session(&self, _: &Session) -> Result<(), StoreError> {
        self.0.put_item().table_name(&self.1).send().await.map_err(failed)?;
        Err(absent())
    }
    async fn end_session(&self, _: &SessionHandle, _: DateTime<Utc>) -> Result<(), StoreError> {
        Err(absent())
    }
    async fn session(&self, _: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        self.0.get_item().table_name(&self.1).send().await.map_err(failed)?;
        Err(absent())
    }
    async fn sessions(&self, _: &Listing, _: Option<&Cursor>) -> Result<Page<Session>, StoreError> {
        self.0.query().table_name(&self.1).send().await.map_err(failed)?;
        Err(absent())
    }
}

#[cfg(feature = "ssm")]
pub(crate) mod policies {
    use super::*;
    use std::sync::Arc;

    #[derive(Debug)]
    pub struct SsmPolicies(aws_sdk_ssm::Client);
    impl SsmPolicies {
        pub fn new(config: &aws_types::SdkConfig) -> Self {
            Self(aws_sdk_ssm::Client::new(config))
        }
    }
    #[async_trait]
    impl PolicyStore for SsmPolicies {
        async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
            self.0.get_parameter().name(path.as_str()).send().await.map_err(failed)?;
            Err(absent())
        }
        async fn names(
            &self,
            root: &PolicyPath,
            _: Option<&Cursor>,
        ) -> Result<Page<String>, StoreError> {
            self.0.get_parameters_by_path().path(root.as_str()).send().await.map_err(failed)?;
            Err(absent())
        }
    }
    #[derive(Debug)]
    pub struct DynamoPolicies(DynamoSessions);
    impl DynamoPolicies {
        pub fn new(config: &aws_types::SdkConfig, table: impl Into<String>) -> Self {
            Self(DynamoSessions::new(config, table))
        }
    }
    #[async_trait]
    impl PolicyStore for DynamoPolicies {
        async fn policy(&self, _: &PolicyPath) -> Result<PolicyText, StoreError> {
            self.0.sessions(&Listing::All, None).await?;
            Err(absent())
        }
        async fn names(
            &self,
            _: &PolicyPath,
            _: Option<&Cursor>,
        ) -> Result<Page<String>, StoreError> {
            Err(absent())
        }
    }
    #[derive(Debug)]
    pub struct PolicyLayers(Arc<dyn PolicyStore>, Arc<dyn PolicyStore>);
    impl PolicyLayers {
        pub fn new(a: Arc<dyn PolicyStore>, b: Arc<dyn PolicyStore>) -> Self {
            Self(a, b)
        }
    }
    #[async_trait]
    impl PolicyStore for PolicyLayers {
        async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
            self.0.policy(path).await.or(self.1.policy(path).await)
        }
        async fn names(
            &self,
            root: &PolicyPath,
            _: Option<&Cursor>,
        ) -> Result<Page<String>, StoreError> {
            self.0.names(root, None).await.or(self.1.names(root, None).await)
        }
    }
}
