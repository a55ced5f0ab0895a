//! The owner of an access key: an identity of this server, or the holder of
//! credentials that it vended.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sentinel_broker::LocalIssuer;
use sentinel_sigv4::{CredentialScope, Presented, Received, SecretKey, SignatureError, verify};
use sentinel_store::Secret;

use crate::StartError;
use crate::data::{AccessKey, Data};
use crate::event::{REGION, Request, Signer};
use crate::identities::Identity;

/// All callers that can sign.
#[derive(Debug)]
pub(crate) struct Callers {
    by_key: HashMap<String, (Secret, Signer)>,
    issuer: Arc<LocalIssuer>,
}

impl Callers {
    pub(crate) fn new(
        data: &Data,
        keys: &[(Identity, AccessKey)],
        issuer: Arc<LocalIssuer>,
    ) -> Result<Self, StartError> {
        let mut by_key = HashMap::new();
        for (identity, key) in keys {
            let user_id = match &identity.session {
                None => data.unique_id("AIDA", &identity.arn)?,
                Some(session) => {
                    let role = identity.arn.rsplit_once('/').map_or("", |(role, _)| role);
                    format!("{}:{session}", data.unique_id("AROA", role)?)
                }
            };
            let signer = Signer {
                access_key_id: key.id.clone(),
                account: identity.account.to_string(),
                arn: identity.arn.clone(),
                user_id,
            };
            by_key.insert(key.id.clone(), (key.secret.clone(), signer));
        }
        Ok(Self { by_key, issuer })
    }

    /// The signer of the request, for that service.
    pub(crate) fn signer(
        &self,
        request: &Request,
        service: &str,
        now: DateTime<Utc>,
    ) -> Result<Signer, SignatureError> {
        let received = Received {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            headers: &request.headers,
            body: &request.body,
        };
        verify(&received, CredentialScope { region: REGION, service }, now, |shown| {
            self.find(shown, now)
        })
    }

    fn find(
        &self,
        Presented { access_key_id, token, .. }: Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<(SecretKey, Signer), SignatureError> {
        match token {
            None => {
                let (secret, signer) =
                    self.by_key.get(access_key_id).ok_or(SignatureError::UnknownKey)?;
                Ok((SecretKey::new(secret.reveal()), signer.clone()))
            }
            // The identities' own keys have no token. A key with a token is a
            // vended one, or unknown.
            Some(token) => {
                let vended =
                    self.issuer.identify(access_key_id, token).ok_or(SignatureError::UnknownKey)?;
                if now >= vended.expiration {
                    return Err(SignatureError::Expired);
                }
                let signer = Signer {
                    access_key_id: access_key_id.to_owned(),
                    account: vended.account,
                    arn: vended.arn,
                    user_id: vended.user_id,
                };
                Ok((SecretKey::new(vended.secret_access_key.reveal()), signer))
            }
        }
    }
}
