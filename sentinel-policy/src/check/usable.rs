//! Restrictions on a checked document that depend on its use. A policy can be valid
//! and still be unusable in the server, or as the document of one profile.

use crate::diagnostic::{Diagnostics, Finding, Findings};
use crate::{CheckedPolicy, Conditions, Effect, Limits, Mode, Spanned};

impl CheckedPolicy {
    /// Whether the server can evaluate the document. The server has no device facts,
    /// and a condition without facts does not hold. Under the `conditions` of an
    /// `allow` and under the `unless` of a `deny` the result is then stricter than the
    /// policy. Anywhere else it would be more permissive.
    ///
    /// # Errors
    /// [`Diagnostics`], one for each `device` in another place.
    pub fn usable_in_server(&self) -> Result<(), Diagnostics> {
        let mut findings = Findings::new(Limits::default().max_diagnostics);
        for rule in self.rules() {
            let (under_conditions, under_unless) = match rule.effect {
                Effect::Allow => (true, false),
                Effect::Deny => (false, true),
                Effect::RequireApproval | Effect::RequireServer | Effect::RequireServerSession => {
                    (false, false)
                }
            };
            let mut refuse = |conditions: Option<&Conditions>, place, safe: bool| {
                if let Some(device) = conditions.and_then(|it| it.device.as_ref())
                    && !safe
                {
                    let (rule, effect) = (rule.name.value.as_str(), rule.effect.as_str());
                    findings.report(
                        device.span,
                        Finding::DeviceOutsideServerRules { rule, place, effect },
                    );
                }
            };
            refuse(Some(&rule.conditions), "conditions", under_conditions);
            refuse(rule.unless.as_deref(), "unless", under_unless);
        }
        findings.into_result().map(|_| ())
    }

    /// The warnings of the document, and the warnings that apply only in the server.
    /// The mode in the server is always `server`, so that a rule for other modes never
    /// matches.
    #[must_use]
    pub fn warnings_in_server(&self) -> Option<Diagnostics> {
        let mut findings = self.warnings.clone();
        for rule in self.rules() {
            if let Some(modes) = &rule.conditions.mode
                && !modes.value.contains(Mode::Server)
            {
                let rule = rule.name.value.as_str();
                findings.report(modes.span, Finding::NotInServer { rule });
            }
        }
        findings.into_result().ok().flatten()
    }

    /// Whether the document can be the document of one profile. Such a document names
    /// neither the role that is assumed, nor operators, nor groups that are kept
    /// elsewhere, and has no patterns of profiles. A caller with permission to write it must not be able to choose the role
    /// or to act on other callers.
    ///
    /// # Errors
    /// [`Diagnostics`], one for each `role_arn`, for each operators rule, for each name in
    /// `groups_from`, and one each for `accounts` and `profile_patterns`.
    pub fn usable_for_one_profile(&self) -> Result<(), Diagnostics> {
        let mut findings = Findings::new(Limits::default().max_diagnostics);
        for Spanned { value: key, span } in &self.main_document_keys {
            findings.report(*span, Finding::MainDocumentOnly { key });
        }
        // A pattern is reported once, and not for each of its profiles.
        let one_by_one = self.profiles().values().filter(|profile| !profile.from_pattern);
        for role_arn in one_by_one.filter_map(|profile| profile.role_arn.as_ref()) {
            findings.report(role_arn.span, Finding::MainDocumentOnly { key: "role_arn" });
        }
        for rule in self.operators() {
            findings.report(rule.name.span, Finding::MainDocumentOnly { key: "operators" });
        }
        for name in &self.groups_from {
            findings.report(name.span, Finding::MainDocumentOnly { key: "groups_from" });
        }
        findings.into_result().map(|_| ())
    }
}
