//! Variables that are set and have no effect: variables of the other function, of the command or of
//! the Go project of the same name, and misspelled names.
//!
//! An administrator may rely on a variable that has no effect. Only its name is reported: the value
//! may be a secret.

use std::collections::BTreeSet;

use crate::variables::ConfigWarning;

/// The prefix of all variables of Sentinel.
const PREFIX: &str = "SENTINEL_";

/// One of the two functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "Sentinel has two functions")]
pub enum Function {
    /// The token vending machine.
    Tvm,
    /// The authorizer.
    Authorizer,
}

impl Function {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tvm => "the TVM",
            Self::Authorizer => "the authorizer",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Tvm => Self::Authorizer,
            Self::Authorizer => Self::Tvm,
        }
    }

    /// The variables that the function reads. The list is here for the other function, which does not
    /// contain the code that reads them.
    #[must_use]
    pub const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Tvm => &[
                "SENTINEL_APPROVAL_TABLE",
                "SENTINEL_BREAKGLASS_TABLE",
                "SENTINEL_CALLER_RATE",
                "SENTINEL_GENERATION",
                "SENTINEL_MAX_DURATION",
                "SENTINEL_OPERATORS",
                "SENTINEL_ORIGIN_SECRET",
                "SENTINEL_POLICY_CACHE_TTL",
                "SENTINEL_POLICY_MAX_AGE",
                "SENTINEL_POLICY_PARAMETER",
                "SENTINEL_POLICY_ROOT",
                "SENTINEL_POLICY_TABLE",
                "SENTINEL_ROLE_ARN_TEMPLATE",
                "SENTINEL_SESSION_KEY",
                "SENTINEL_SESSION_NAME_ROLES",
                "SENTINEL_SESSION_TABLE",
                "SENTINEL_SOURCE_IDENTITY_SEPARATOR",
                "SENTINEL_TRUSTED_ACCOUNTS",
            ],
            Self::Authorizer => &[
                "SENTINEL_AUTHORIZER_RESPONSE",
                "SENTINEL_GENERATION",
                "SENTINEL_SESSION_KEY",
                "SENTINEL_SESSION_TABLE",
            ],
        }
    }
}

/// The variables of the command `sentinel` that no function reads.
const COMMAND: [&str; 2] = ["SENTINEL_SESSION_ID", "SENTINEL_TVM_URL"];

/// The variables of the Go project's functions that have no effect here: the beginning of their name,
/// and what to use instead.
/// <https://github.com/mateoblack/sentinel> (`lambda/config.go`)
const GO_PROJECT: [(&str, &str); 8] = [
    ("SENTINEL_CLOUDWATCH_", "records are written to the function's own log"),
    ("SENTINEL_ENFORCE_POLICY_SIGNING", UNSIGNED),
    ("SENTINEL_LOG_SIGNING_KEY", "records are not signed: protect the log with IAM"),
    ("SENTINEL_MDM_", NO_DEVICES),
    ("SENTINEL_MFA_", "a second factor is not checked: require it with IAM where callers sign in"),
    ("SENTINEL_POLICY_SIGNING_KEY", UNSIGNED),
    (
        "SENTINEL_RATE_LIMIT_",
        "set SENTINEL_CALLER_RATE, which limits the requests of each caller, and throttling on the API",
    ),
    ("SENTINEL_REQUIRE_DEVICE", NO_DEVICES),
];

const UNSIGNED: &str =
    "signatures of policies are not checked: IAM controls who can write a policy";
const NO_DEVICES: &str = "devices are not checked: the TVM has no facts about them";

/// Returns a warning for each variable of Sentinel that is set and that `function` does not read.
/// `reads` are the variables that it reads, and `set` the names of all variables that are set.
pub fn unread(
    function: Function,
    reads: &BTreeSet<&'static str>,
    set: impl IntoIterator<Item = String>,
) -> Vec<ConfigWarning> {
    let mut unread: Vec<String> = set
        .into_iter()
        .filter(|name| name.to_ascii_uppercase().starts_with(PREFIX))
        .filter(|name| !reads.contains(name.as_str()))
        .collect();
    unread.sort_unstable();
    let warnings = unread.into_iter().map(|variable| {
        let problem = problem(function, reads, &variable);
        ConfigWarning::new(variable, problem)
    });
    warnings.collect()
}

fn problem(function: Function, reads: &BTreeSet<&'static str>, name: &str) -> String {
    let other = function.other();
    let (this, that) = (function.as_str(), other.as_str());
    if other.variables().contains(&name) {
        return format!("has no effect: {that} reads it, {this} does not");
    }
    if COMMAND.contains(&name) {
        return format!("has no effect: the command `sentinel` reads it, {this} does not");
    }
    if let Some((_, instead)) = GO_PROJECT.iter().find(|(begin, _)| name.starts_with(begin)) {
        return format!(
            "has no effect: a variable of the Go project of the same name; {instead}; see \
             docs/migrating.md"
        );
    }
    match nearest(name, reads) {
        Some(meant) => format!("has no effect: unknown to {this}; did you mean `{meant}`?"),
        None => format!("has no effect: unknown to {this}"),
    }
}

/// The variable that was probably intended: the variable that differs only in case and underscores,
/// the only variable that the name abbreviates, or the most similar one.
fn nearest(name: &str, reads: &BTreeSet<&'static str>) -> Option<&'static str> {
    // The distance takes quadratic time. A name that is much longer than every variable is not
    // similar to one.
    let longest = reads.iter().map(|known| known.len()).max()?;
    if name.len() > longest + FURTHEST {
        return None;
    }
    let plain = plainly(name);
    let mut longer = reads.iter().filter(|known| plainly(known).starts_with(&plain));
    if let (Some(only), None) = (longer.next(), longer.next()) {
        return Some(only);
    }
    reads
        .iter()
        .map(|known| (strsim::osa_distance(&plain, &plainly(known)), *known))
        .filter(|(distance, _)| *distance <= FURTHEST)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Maximum number of characters in which a misspelled name differs from the intended one.
const FURTHEST: usize = 3;

fn plainly(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.get(PREFIX.len()..).unwrap_or_default().replace(['_', '-'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_the_go_project_lists_each_of_its_variables() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/migrating.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, table) = page.split_once("| variables of the Go project | instead |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let listed: BTreeSet<&str> = rows
            .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
            .map(|name| name.trim_end_matches('…'))
            .collect();
        let known: BTreeSet<&str> = GO_PROJECT.iter().map(|(begin, _)| *begin).collect();
        assert_eq!(listed, known);
    }

    fn of(function: Function, set: &[&str]) -> Vec<String> {
        let reads = function.variables().iter().copied().collect();
        let set = set.iter().map(|name| (*name).to_owned());
        unread(function, &reads, set).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_unread_variables_of_sentinel_are_reported() {
        assert_eq!(of(Function::Tvm, Function::Tvm.variables()), [""; 0]);
        assert_eq!(of(Function::Tvm, &["PATH", "AWS_REGION", "MY_SENTINEL_TABLE"]), [""; 0]);
    }

    #[test]
    fn a_variable_of_the_other_function_or_the_command_is_reported_with_its_reader() {
        assert_eq!(
            of(Function::Authorizer, &["SENTINEL_POLICY_ROOT", "SENTINEL_GENERATION"]),
            ["SENTINEL_POLICY_ROOT: has no effect: the TVM reads it, the authorizer does not"]
        );
        assert_eq!(
            of(Function::Tvm, &["SENTINEL_TVM_URL", "SENTINEL_AUTHORIZER_RESPONSE"]),
            [
                "SENTINEL_AUTHORIZER_RESPONSE: has no effect: the authorizer reads it, the TVM \
                 does not",
                "SENTINEL_TVM_URL: has no effect: the command `sentinel` reads it, the TVM does not",
            ]
        );
    }

    #[test]
    fn every_variable_of_the_go_project_is_reported_with_its_replacement() {
        let variables = [
            "SENTINEL_CLOUDWATCH_LOG_GROUP",
            "SENTINEL_CLOUDWATCH_STREAM",
            "SENTINEL_ENFORCE_POLICY_SIGNING",
            "SENTINEL_LOG_SIGNING_KEY",
            "SENTINEL_LOG_SIGNING_KEY_ID",
            "SENTINEL_MDM_API_SECRET_ID",
            "SENTINEL_MDM_API_TOKEN",
            "SENTINEL_MDM_BASE_URL",
            "SENTINEL_MDM_PROVIDER",
            "SENTINEL_MFA_SMS_PHONES_PARAM",
            "SENTINEL_MFA_TOTP_SECRETS_PARAM",
            "SENTINEL_POLICY_SIGNING_KEY",
            "SENTINEL_RATE_LIMIT_REQUESTS",
            "SENTINEL_RATE_LIMIT_TABLE",
            "SENTINEL_RATE_LIMIT_WINDOW",
            "SENTINEL_REQUIRE_DEVICE",
        ];
        for function in [Function::Tvm, Function::Authorizer] {
            let warnings = of(function, &variables);
            assert_eq!(warnings.len(), variables.len());
            for (warning, variable) in warnings.iter().zip(variables) {
                let begin =
                    format!("{variable}: has no effect: a variable of the Go project of the same");
                assert!(warning.starts_with(&begin), "{warning}");
            }
        }
    }

    #[test]
    fn an_unknown_variable_is_reported_with_the_intended_one() {
        for (unknown, meant) in [
            ("SENTINEL_POLICY_PARAM", Some("SENTINEL_POLICY_PARAMETER")),
            ("SENTINEL_SESSIONS_TABLE", Some("SENTINEL_SESSION_TABLE")),
            ("SENTINEL_BREAK_GLASS_TABLE", Some("SENTINEL_BREAKGLASS_TABLE")),
            ("sentinel_policy_root", Some("SENTINEL_POLICY_ROOT")),
            ("SENTINEL_OPERATRS", Some("SENTINEL_OPERATORS")),
            ("SENTINEL_BANANAS_AND_CHERRIES", None),
            ("SENTINEL_", None),
        ] {
            let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            let expected = format!("{unknown}: has no effect: unknown to the TVM{hint}");
            assert_eq!(of(Function::Tvm, &[unknown]), [expected]);
        }
        let long = format!("SENTINEL_{}", "A".repeat(1_000_000));
        assert_eq!(of(Function::Tvm, &[&long]).len(), 1);
    }
}
