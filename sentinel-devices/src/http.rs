//! A source of devices that is a service over HTTP.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sentinel_broker::{DeviceError, DeviceId, DeviceSource, RegisteredDevice};
use sentinel_client::http::Http;
use sentinel_client::{Endpoint, HttpRequest};
use sentinel_store::Secret;

use crate::response;

/// Maximum number of bytes in a response. A device has about 200.
const MAX_RESPONSE: usize = 16 * 1024;

/// By default, the maximum time for a request.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Devices of a service over HTTP.
pub struct HttpDevices {
    http: Http,
    authorization: Option<Secret>,
}

impl HttpDevices {
    /// The service at that address, without an authorization.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let http = Http::new(endpoint).with_limits(TIMEOUT, MAX_RESPONSE);
        Self { http, authorization: None }
    }

    /// The same service, with the value of the header `Authorization`.
    #[must_use]
    pub fn with_authorization(self, authorization: impl Into<String>) -> Self {
        Self { authorization: Some(Secret::new(authorization.into())), ..self }
    }

    /// The same service, with a maximum time for a request. By default one second. The broker waits
    /// at most two seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { http: self.http.with_limits(timeout, MAX_RESPONSE), ..self }
    }
}

/// Without the authorization.
impl fmt::Debug for HttpDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDevices")
            .field("endpoint", self.http.endpoint())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl DeviceSource for HttpDevices {
    async fn device(&self, id: &DeviceId) -> Result<Option<RegisteredDevice>, DeviceError> {
        // An id has no character that could continue or end the path.
        let request =
            HttpRequest::get(format!("/devices/{id}")).with_header("accept", "application/json");
        let request = match &self.authorization {
            Some(authorization) => request.with_header("authorization", authorization.reveal()),
            None => request,
        };
        let response = self.http.send(request).await.map_err(DeviceError::new)?;
        match response.status {
            200 => response::read(id, &response.body).map(Some).map_err(DeviceError::new),
            404 => Ok(None),
            status => Err(DeviceError::new(format!("the service responded with status {status}"))),
        }
    }
}
