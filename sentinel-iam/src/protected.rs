//! Policies of protected roles: only the TVM can assume them, and their sessions
//! cannot assume another role.

use super::Deployment;
use super::document::{Document, Statement, StatementPrincipal};

impl Deployment {
    /// The trust policy of every protected role: only the TVM's role can assume it, and
    /// only with one of Sentinel's source identities.
    #[must_use]
    pub fn protected_role_trust(&self) -> Document {
        let tvm = || StatementPrincipal::Aws(self.role(&self.tvm_role));
        Document::new(vec![
            Statement::allow(
                "TokenVendingMachine",
                ["sts:AssumeRole", "sts:SetSourceIdentity"],
                [],
            )
            .to(tvm())
            .when("StringLike", "sts:SourceIdentity", self.source_identities()),
            // sts:SourceIdentity is not a key of sts:TagSession.
            Statement::allow("TagSessions", ["sts:TagSession"], []).to(tvm()),
        ])
    }

    /// The inline policy of every protected role. A session of another role would
    /// outlive the one that was vended, and its revocation.
    #[must_use]
    pub fn protected_role_guard(&self) -> Document {
        Document::new(vec![Statement::deny(
            "NoRoleFromHere",
            ["sts:AssumeRole*", "sts:AssumeRoot"],
            ["*".to_owned()],
        )])
    }
}
