//! Reads documents from parameters.

use std::num::NonZeroU8;

use async_trait::async_trait;
use aws_sdk_ssm::{
    Client,
    config::Builder,
    types::{Parameter, ParameterType},
};
use aws_types::SdkConfig;

use super::{
    cursor::{cursor, token},
    location,
};
use crate::{
    Cursor, ListedPolicy, Page, PolicyPath, PolicyStore, PolicyText, StoreError, StoreResultExt,
    aws::{Timing, listable, storable, store_error, unreadable},
};

/// SSM's maximum number of parameters in a page.
const PAGE_SIZE: NonZeroU8 = NonZeroU8::new(10).expect("not zero");

/// Policy documents in SSM parameters. The path of a document is the name of its
/// parameter. Encrypted parameters are decrypted. Versions are SSM's.
///
/// | found                                         | error      |
/// | --------------------------------------------- | ---------- |
/// | no parameter, or an invalid path              | `NotFound` |
/// | a list of texts, or an empty text             | `Corrupt`  |
/// | no permission to use the key                  | `Refused`  |
#[derive(Clone, Debug)]
pub struct SsmPolicies {
    pub(super) client: Client,
    page_size: NonZeroU8,
}

impl SsmPolicies {
    /// The documents in SSM, with the timeouts and retries of [`Timing::SSM`].
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let config = Builder::from(config)
            .timeout_config(Timing::SSM.timeouts())
            .retry_config(Timing::SSM.retries())
            .build();
        Self { client: Client::from_conf(config), page_size: PAGE_SIZE }
    }

    /// The same store, with other timeouts and retries.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        let config = self
            .client
            .config()
            .to_builder()
            .timeout_config(timing.timeouts())
            .retry_config(timing.retries())
            .build();
        Self { client: Client::from_conf(config), ..self }
    }

    /// The same store, with this number of documents in a page, at most 10.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroU8) -> Self {
        Self { page_size: page_size.min(PAGE_SIZE), ..self }
    }

    /// Reads a parameter. Its name may end with `:` and a version.
    pub(super) async fn parameter(&self, name: String) -> Result<Parameter, StoreError> {
        let answer = self
            .client
            .get_parameter()
            .name(&name)
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| store_error("GetParameter", &error))?;
        // A response with another parameter must not be used for a decision.
        let requested = name.split(':').next();
        let parameter = answer.parameter.filter(|found| found.name.as_deref() == requested);
        parameter.ok_or_else(|| unreadable("GetParameter"))
    }
}

/// The document in a parameter.
pub(super) fn document(parameter: Parameter) -> Result<PolicyText, StoreError> {
    let kept = [ParameterType::String, ParameterType::SecureString];
    if !parameter.r#type.as_ref().is_some_and(|kind| kept.contains(kind)) {
        return Err(StoreError::Corrupt("the parameter is not a text".into()));
    }
    let text = parameter.value.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| StoreError::Corrupt("the parameter is empty".into()))?;
    Ok(PolicyText { text: text.into_bytes(), version: parameter.version.to_string() })
}

#[async_trait]
impl PolicyStore for SsmPolicies {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let result: Result<PolicyText, StoreError> = async {
            if !storable(path) {
                return Err(StoreError::not_found());
            }
            document(self.parameter(path.as_str().to_owned()).await?)
        }
        .await;
        result.at(|| location().policy(path))
    }

    /// Contains the texts of the parameters that are not encrypted. Decrypting here would
    /// make the whole page fail if permission for one key is missing.
    async fn list(
        &self,
        root: &PolicyPath,
        at: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let result: Result<Page<ListedPolicy>, StoreError> = async {
            let token = token(root.as_str(), at)?;
            let Some(folder) = listable(root) else {
                return Ok(Page { items: Vec::new(), next: None });
            };
            let answer = self
                .client
                .get_parameters_by_path()
                .path(if folder.is_empty() { "/" } else { folder })
                .recursive(false)
                .with_decryption(false)
                .max_results(i32::from(self.page_size.get()))
                .set_next_token(token)
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_invalid_next_token()) =>
                {
                    return Err(StoreError::not_found());
                }
                Err(error) => return Err(store_error("GetParametersByPath", &error)),
            };
            let parameters = answer.parameters.ok_or_else(|| unreadable("GetParametersByPath"))?;
            let listed = parameters.into_iter().map(|parameter| {
                let name = parameter.name.as_deref().and_then(|name| name.strip_prefix(folder));
                let name = name.and_then(|name| name.strip_prefix('/'));
                // The request is not recursive, so the names below the folder are single names.
                let name = name.filter(|name| !name.is_empty() && !name.contains('/'));
                let name = name.ok_or_else(|| unreadable("GetParametersByPath"))?.to_owned();
                let readable = parameter.r#type == Some(ParameterType::String);
                // A parameter that is not a document is an error when it is read, not when it is
                // listed.
                let document = if readable { document(parameter).ok() } else { None };
                Ok(ListedPolicy { name, document })
            });
            let items = listed.collect::<Result<_, StoreError>>()?;
            Ok(Page { items, next: cursor(root.as_str(), answer.next_token) })
        }
        .await;
        result.at(|| location().policies(root))
    }
}
