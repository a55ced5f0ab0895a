//! The routes of the TVM as IAM sees them, and the documents of the people that use them.
//!
//! The resource of `execute-api:Invoke` is `API_ID/STAGE/METHOD/path`, with the path of the request.
//! `*` also matches `/`, so a pattern with an id matches longer paths too. The TVM has no route there,
//! if the path has no encoded characters.
//!
//! AWS documents this format for REST APIs, and that HTTP APIs are authorized in a similar way, by
//! route. `deploy/` therefore has a route for each entry of [`ROUTES`], whose path, `{id}` included,
//! the same patterns match.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html>

use super::Deployment;
use super::document::{Document, Statement};

/// Every route of the TVM: method, and path with `*` in place of an id.
pub const ROUTES: [&str; 18] = [
    "GET/",
    "POST/",
    "GET/profiles",
    "GET/whoami",
    "GET/requests",
    "POST/requests",
    "GET/requests/*",
    "POST/requests/*/approve",
    "POST/requests/*/deny",
    "POST/requests/*/cancel",
    "POST/requests/*/revoke",
    "GET/break-glass",
    "POST/break-glass",
    "POST/break-glass/*/close",
    "POST/break-glass/*/review",
    "GET/sessions",
    "POST/sessions/revoke",
    "POST/sessions/reinstate",
];

const INVOKE: &str = "execute-api:Invoke";

impl Deployment {
    /// The policy of callers that request credentials, and approvals if their policy requires them.
    #[must_use]
    pub fn requester(&self) -> Document {
        let routes = self.routes([
            "GET/",
            "POST/",
            "GET/profiles",
            "GET/whoami",
            "GET/requests",
            "POST/requests",
            "GET/requests/*",
            "POST/requests/*/cancel",
            "POST/requests/*/revoke",
            "GET/sessions",
        ]);
        Document::new(vec![
            Statement::allow("RequestAccess", [INVOKE], routes),
            self.deny_encoded_paths(),
        ])
    }

    /// The policy of approvers. The approvals rules of the policy define which requests they decide.
    #[must_use]
    pub fn approver(&self) -> Document {
        let routes = self.routes([
            "GET/requests",
            "GET/requests/*",
            "POST/requests/*/approve",
            "POST/requests/*/deny",
            "POST/requests/*/revoke",
        ]);
        Document::new(vec![
            Statement::allow("DecideRequests", [INVOKE], routes.clone()),
            self.deny_encoded_paths(),
            deny_without_mfa([INVOKE], routes),
        ])
    }

    /// The policy of callers that open break-glass grants. The break-glass rules of the policy define
    /// which grants they open.
    #[must_use]
    pub fn break_glass(&self) -> Document {
        let routes = self.routes([
            "GET/",
            "POST/",
            "GET/profiles",
            "GET/whoami",
            "GET/break-glass",
            "POST/break-glass",
            "POST/break-glass/*/close",
        ]);
        Document::new(vec![
            Statement::allow("BreakGlass", [INVOKE], routes.clone()),
            self.deny_encoded_paths(),
            deny_without_mfa([INVOKE], routes),
        ])
    }

    /// The policy of operators. The policy's `operators` and `SENTINEL_OPERATORS` define
    /// what they can revoke. In addition, they can stop the function, by a reserved
    /// concurrency of 0, and start it again.
    #[must_use]
    pub fn operator(&self) -> Document {
        const STOP: [&str; 2] =
            ["lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"];
        let [function, _] = self.function(&self.tvm_function);
        let routes = self.routes([
            "GET/requests",
            "GET/requests/*",
            "POST/requests/*/revoke",
            "GET/break-glass",
            "POST/break-glass/*/close",
            "POST/break-glass/*/review",
            "GET/sessions",
            "POST/sessions/revoke",
            "POST/sessions/reinstate",
        ]);
        let all = routes.iter().cloned().chain([function.clone()]);
        let mfa = deny_without_mfa([INVOKE].into_iter().chain(STOP), all.collect());
        Document::new(vec![
            Statement::allow("Operate", [INVOKE], routes),
            Statement::allow("StopAllVending", STOP, [function]),
            self.deny_encoded_paths(),
            mfa,
        ])
    }

    /// Denies paths that API Gateway or the TVM could read as another path than IAM: those with
    /// encoded characters, `?` or `#`. An HTTP API decodes `/requests/ID/approve%3F/cancel` to
    /// `/requests/ID/approve`. No route needs such a path, so that this also holds for what other
    /// documents allow. `${?}` is a literal `?`.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars>
    fn deny_encoded_paths(&self) -> Statement {
        let id = self.api_id.as_deref().unwrap_or("API_ID");
        let paths = ["*%*", "*${?}*", "*#*"];
        let paths = paths.map(|path| self.arn("execute-api", &format!("{id}/{path}")));
        Statement::deny("PlainPathsOnly", [INVOKE], paths)
    }
}

/// Denies the actions to every principal without MFA, except sessions of roles.
///
/// A request that is signed with the long-term keys of an IAM user has no
/// `aws:MultiFactorAuthPresent`, and one with the keys of `GetSessionToken` without MFA has `false`:
/// `BoolIfExists` matches both. Sessions of roles cannot be required to have the key, because it is
/// never `true` in those of IAM Identity Center: there, and in the trust policies of other roles, the
/// sign-in must require MFA. `aws:PrincipalType` is `User` for an IAM user, also with the keys of
/// `GetSessionToken`, and `FederatedUser` for `GetFederationToken`, which has no MFA. The condition
/// names the exempt type, so that no other type is exempt.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent>
fn deny_without_mfa(
    action: impl IntoIterator<Item = &'static str>,
    resource: Vec<String>,
) -> Statement {
    Statement::deny("UsersNeedMfa", action, resource)
        .when("StringNotEquals", "aws:PrincipalType", "AssumedRole")
        .when("BoolIfExists", "aws:MultiFactorAuthPresent", "false")
}
