//! `Arc` and `Box` of a store or a sink are one as well.

use std::{num::NonZeroU32, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{
    AccessRequest, AuditError, AuditSink, CallerKey, Counted, Cursor, Gate, GateChange, Grant,
    GrantId, GrantListing, GrantPage, GrantStore, ListedPolicy, Listing, Opening, OpeningLimits,
    Page, PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter, ProfileName,
    RateWindow, Record, RequestId, RequestListing, RequestPage, RequestStore, Session,
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

            async fn count_vend(
                &self,
                caller: &CallerKey,
                window: &RateWindow,
                limit: NonZeroU32,
            ) -> Result<Counted, StoreError> {
                (**self).count_vend(caller, window, limit).await
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
        impl<T: RequestStore + ?Sized> RequestStore for $holder<T> {
            async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
                (**self).create_request(request).await
            }

            async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
                (**self).request(id).await
            }

            async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
                (**self).replace_request(next).await
            }

            async fn live_requests(
                &self,
                caller: &CallerKey,
                profile: &ProfileName,
                now: DateTime<Utc>,
            ) -> Result<Vec<AccessRequest>, StoreError> {
                (**self).live_requests(caller, profile, now).await
            }

            async fn requests(
                &self,
                listing: &RequestListing,
                cursor: Option<&Cursor>,
            ) -> Result<RequestPage, StoreError> {
                (**self).requests(listing, cursor).await
            }
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: GrantStore + ?Sized> GrantStore for $holder<T> {
            async fn open_grant(
                &self,
                grant: &Grant,
                limits: &OpeningLimits,
            ) -> Result<Opening, StoreError> {
                (**self).open_grant(grant, limits).await
            }

            async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
                (**self).grant(id).await
            }

            async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
                (**self).replace_grant(next).await
            }

            async fn live_grants(
                &self,
                caller: &CallerKey,
                profile: &ProfileName,
                now: DateTime<Utc>,
            ) -> Result<Vec<Grant>, StoreError> {
                (**self).live_grants(caller, profile, now).await
            }

            async fn grants(
                &self,
                listing: &GrantListing,
                cursor: Option<&Cursor>,
            ) -> Result<GrantPage, StoreError> {
                (**self).grants(listing, cursor).await
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
