//! `Arc` and `Box` of a store or a sink are one as well.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    AuditError, AuditSink, CallerKey, Cursor, Gate, GateChange, ListedPolicy, Listing, Page,
    PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter, Record, Session,
    SessionHandle, SessionPage, SessionStore, StoreError,
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

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: PolicyWriter + ?Sized> PolicyWriter for $holder<T> {
            async fn put(
                &self,
                path: &PolicyPath,
                text: &[u8],
                over: Option<&str>,
            ) -> Result<String, StoreError> {
                (**self).put(path, text, over).await
            }

            async fn remove(&self, path: &PolicyPath) -> Result<(), StoreError> {
                (**self).remove(path).await
            }

            async fn history(
                &self,
                path: &PolicyPath,
                cursor: Option<&Cursor>,
            ) -> Result<Page<PolicyRevision>, StoreError> {
                (**self).history(path, cursor).await
            }

            async fn revision(
                &self,
                path: &PolicyPath,
                version: &str,
            ) -> Result<PolicyText, StoreError> {
                (**self).revision(path, version).await
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
