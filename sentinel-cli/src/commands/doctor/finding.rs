//! The checks and what each of them finds: the code, its severity, and where the fix is documented.
//! `docs/doctor.md` lists them, and a test compares it with this table.

use serde::Serialize;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// A guarantee of Sentinel does not hold, or requests fail.
    Error,
    /// A protection is missing, or could not be checked.
    Warning,
    /// Worth knowing; nothing needs to change.
    Note,
}

impl Severity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Defines the checks: each variant with its code, its severity and its meaning.
macro_rules! checks {
    ($($(#[$meta:meta])* $name:ident $code:literal $severity:ident $meaning:literal;)*) => {
        /// What can be found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Check { $($(#[$meta])* $name,)* }

        impl Check {
            /// Every check, in the order of the documentation.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The severity of its findings.
            pub(super) const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What a finding means, for the documentation.
            pub(super) const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

checks! {
    NotReadable "not-readable" Warning
        "a permission is missing, so that something could not be checked; a note if it is about service control policies";

    TrustPrincipal "trust-principal" Error
        "a protected role can be assumed by a principal other than the TVM's role";
    TrustAction "trust-action" Error
        "the trust policy of a protected role does not allow the TVM an action that it needs";
    TrustSourceIdentity "trust-source-identity" Error
        "a protected role can be assumed without a source identity of Sentinel";
    TrustExcess "trust-excess" Warning
        "the trust policy of a protected role allows further actions";
    RoleMissing "role-missing" Error
        "the role of a profile does not exist";
    RoleChaining "role-chaining" Warning
        "sessions of a protected role are not denied to assume another role, and would outlive a revocation";
    RoleElsewhere "role-elsewhere" Note
        "the role of a profile is in another account, where it was not checked";

    ExecutionTrust "execution-trust" Error
        "an execution role can be assumed by a principal other than Lambda";
    PermissionMissing "permission-missing" Error
        "an execution role lacks a permission of its document";
    PermissionExcess "permission-excess" Warning
        "an execution role has a permission that its document does not have";

    GuardVended "guard-vended" Warning
        "no service control policy denies vended credentials to request more credentials";
    GuardAdministration "guard-administration" Warning
        "no service control policy protects the deployment, its policies and its records";
    GuardIdentity "guard-identity" Warning
        "no service control policy protects the roles of Sentinel";
    GuardManagement "guard-management-account" Warning
        "the account is the management account of its organization, in which service control policies have no effect";
    GuardNone "guard-no-organization" Note
        "the account is not in an organization, so that no service control policy applies";

    TableMissing "table-missing" Error
        "a table does not exist";
    TableKeys "table-keys" Error
        "a table has other keys, another index, or expires by another attribute";
    TableIndex "table-index" Error
        "a table lacks its index or its stream";
    TableTtl "table-ttl" Warning
        "items of a table do not expire";
    TableRecovery "table-recovery" Warning
        "a table has no point-in-time recovery";
    TableProtection "table-protection" Warning
        "a table has no deletion protection";
    TableEncryption "table-encryption" Error
        "a table is not encrypted with the required key, or its key cannot be used";
    SessionsOff "sessions-off" Warning
        "the TVM has no session table, so that nothing can be revoked";

    PolicyMissing "policy-missing" Error
        "the main policy document does not exist";
    PolicyInvalid "policy-invalid" Error
        "a policy document, or the members of a group, cannot be used";
    PolicyType "policy-type" Error
        "a parameter is neither a String nor a SecureString";
    PolicyTwice "policy-twice" Error
        "a document is in SSM and in the policy table";

    FunctionMissing "function-missing" Error
        "a function does not exist";
    FunctionVariable "function-variable" Error
        "a variable of a function is missing or invalid";
    FunctionUnread "function-unread" Warning
        "a variable of a function has no effect";
    FunctionsDisagree "functions-disagree" Error
        "the functions have different session tables, session keys or generations";
    FunctionLatest "function-latest" Note
        "the API calls a function without an alias, so that each update is in effect immediately";
    FunctionAlias "function-alias" Error
        "the alias that the API calls does not exist, or is not a published version";
    FunctionPackage "function-package" Warning
        "the code of a function is not the package that was given with `--packages`";
    SessionNameRoles "session-name-roles" Warning
        "session names are trusted for roles of every account, or of a default pattern";
    InvokeOpen "invoke-open" Error
        "a principal other than the API can invoke a function";

    ApiUnknown "api-unknown" Warning
        "no API is permitted to invoke the TVM, and none was named";
    ApiMissing "api-missing" Error
        "the API does not exist";
    ApiTarget "api-target" Error
        "a route of the API does not call the TVM";
    RouteOpen "route-open" Error
        "a route of the API does not require IAM authorization";
    RouteMissing "route-missing" Warning
        "a route of the TVM cannot be reached";
    OriginMissing "origin-secret-missing" Warning
        "the TVM has no origin secret, so that a direct invocation can name any caller";
    OriginDiffers "origin-secret-differs" Error
        "a stage of the API does not send the TVM's origin secret";
    AuthorizerCached "authorizer-cached" Error
        "results of the authorizer are cached, so that a revoked session passes";
    AuthorizerSource "authorizer-identity-source" Warning
        "the authorizer has an identity source, so that a session id in the query is refused";
    AuthorizerResponse "authorizer-response" Error
        "the API expects another form of response than the authorizer returns";
    AuthorizerUnused "authorizer-unused" Note
        "no API uses the authorizer";

    LogGroupMissing "log-group-missing" Warning
        "the log group of a function does not exist";
    LogRetention "log-retention" Warning
        "the log group of a function has no retention period";
    LogFormat "log-format" Warning
        "a function does not log as text, so that its records are changed";
    AlarmMissing "alarm-missing" Warning
        "an alarm of `deploy/` does not exist";
    AlarmDisabled "alarm-disabled" Warning
        "the actions of an alarm are disabled";
    AlarmSilent "alarm-silent" Note
        "an alarm has no action";

    WhoamiFailed "whoami-failed" Error
        "the TVM did not identify the caller of a signed request";
    WhoamiUnknown "whoami-not-sent" Note
        "the URL of the TVM is not known";
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: Check,
    pub(super) severity: Severity,
    /// The resource: a role, a table, a parameter, a function, an API.
    pub(super) subject: String,
    /// What was found, as a sentence without a period.
    pub(super) found: String,
    /// The command or the document that fixes it.
    pub(super) fix: String,
    /// The action that is missing, of what could not be read.
    pub(super) action: Option<&'static str>,
}

/// The findings of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(
        &mut self,
        check: Check,
        subject: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add_as(check, check.severity(), subject, found, fix);
    }

    /// Adds a finding with another severity than the usual one of the check.
    pub(super) fn add_as(
        &mut self,
        check: Check,
        severity: Severity,
        subject: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let (subject, found, fix) = (subject.into(), found.into(), fix.into());
        self.push(Finding { check, severity, subject, found, fix, action: None });
    }

    /// Adds a finding once.
    pub(super) fn push(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// The findings, the most serious ones first.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.severity);
        self.0
    }
}
