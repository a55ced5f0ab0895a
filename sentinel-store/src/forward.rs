//! `Arc` and `Box` of a store or a sink are one as well.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    AuditError, AuditSink, CallerKey, Cursor, Gate, GateChange, ListedPolicy, Listing, Page,
    PolicyPath, PolicyStore, PolicyText, Record, Session, SessionHandle, SessionPage, SessionStore,
    StoreError,
};

macro_rules! forward {
    ($holder:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: SessionStore + ?Sized> SessionStore for $holder<T> {
            async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
                (**self).gate(caller).await
            }

            async fn change_gate(
                &self,
                caller: &CallerKey,
                change: &GateChange,
            ) -> Result<Gate, StoreError> {
                (**self).change_gate(caller, change).await
            }

            async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
                (**self).create_session(session).await
            }

            async fn end_session(
                &self,
                handle: &SessionHandle,
                at: DateTime<Utc>,
            ) -> Result<(), StoreError> {
                (**self).end_session(handle, at).await
            }

            async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
                (**self).session(handle).await
            }

            async fn sessions(
                &self,
                listing: &Listing,
                cursor: Option<&Cursor>,
            ) -> Result<SessionPage, StoreError> {
                (**self).sessions(listing, cursor).await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: PolicyStore + ?Sized> PolicyStore for $holder<T> {
            async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
                (**self).policy(path).await
            }

            fn place(&self, path: &PolicyPath) -> String {
                (**self).place(path)
            }

            async fn list(
                &self,
                root: &PolicyPath,
                cursor: Option<&Cursor>,
            ) -> Result<Page<ListedPolicy>, StoreError> {
                (**self).list(root, cursor).await
            }
        }

        #[deny(clippy::missing_trait_methods)]
        impl<T: AuditSink + ?Sized> AuditSink for $holder<T> {
            fn write(&self, record: &Record) -> Result<(), AuditError> {
                (**self).write(record)
            }
        }
    };
}

forward!(Arc);
forward!(Box);
