//! The environment variables of the AWS SDKs that select credentials.

/// The address of the endpoint.
pub(crate) const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
/// The token, which the SDKs send as `Authorization`.
pub(crate) const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
/// The file that contains the token. The SDKs read it for each request.
pub(crate) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// The variables that select other credentials in an AWS SDK, or that belong to other credentials: of
/// the current SDKs, of their earlier names, and the session id of `sentinel credentials --output env`.
pub(crate) const OVERRIDING: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    TOKEN_FILE,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_BEARER_TOKEN_BEDROCK",
    // The AWS SDK for Java 1.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_CREDENTIAL_PROFILES_FILE",
    // botocore, for the file of the first EC2 tools.
    "AWS_CREDENTIAL_FILE",
    // The AWS SDK for Rust.
    "SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "SENTINEL_SESSION_ID",
];
