//! Vending: the pipeline from a request to credentials.
//!
//! 1. Read the governing document and, in parallel, the caller's gate.
//! 2. Decide, and bound the lifetime ([`lifetime`]).
//! 3. Write the session, and in parallel call AssumeRole and count the vend ([`issue`], [`tracking`],
//!    [`rate`]).
//! 4. After the session is written, read the gate again.
//! 5. Write the decision record ([`record`]), then return the credentials.
//!
//! # A vend and a revocation at the same time
//!
//! A vend and a revocation share no lock. Each of them first writes what the other one reads, and
//! then reads what the other one writes:
//!
//! ```text
//!            vend                                   revocation
//!            ────                                   ──────────
//!       V1   read the gate: epoch e, no block
//!            decide
//!       V2   write the session, with epoch e   R1   write the gate: epoch e + 1, block
//!              │     AssumeRole, in parallel        │
//!       V3   read the gate again               R2   read the caller's sessions, or one of them
//!       V4   return the credentials
//! ```
//!
//! Each step begins after the write before it was acknowledged. Reads of a gate, of one session and
//! of one caller's sessions are strongly consistent (the contract of
//! [`SessionStore`](sentinel_store::SessionStore)): a read that begins after a write was acknowledged
//! sees it. So there are three cases, by the time at which R1 is acknowledged:
//!
//! | R1 is acknowledged | result                                                                          |
//! | ------------------ | ------------------------------------------------------------------------------- |
//! | before V1 begins   | V1 sees the block. The vend is refused, and no session is written.              |
//! | before V3 begins   | V3 sees another epoch. The credentials are withheld, and the session is ended.  |
//! | after V3 began     | V2 was acknowledged before V3 began, and R2 begins after R1: R2 sees the session. |
//!
//! In the last case the credentials are returned, and the session is covered by the revocation: it
//! contains epoch `e`, and the gate has epoch `e + 1`. Every reader of session and gate therefore
//! finds it revoked. The list shows its source identity, which IAM can deny.
//!
//! The tests `model` run all orders of these calls. A write whose acknowledgment is lost is
//! the remaining case. If V2 may or may not have happened, the vend fails and marks the session as
//! ended. If R1 may or may not have happened, the response requests that the operator repeat the
//! revocation.

mod basis;
mod device;
mod issue;
mod lifetime;
mod rate;
mod record;
mod remedy;
mod request;
mod role;
mod tracking;

pub use lifetime::Cap;
pub use request::{Vend, Vended};

use sentinel_policy::{Facts, Mode, Request, Verdict};
use sentinel_store::{ProfileName, catch_panic_of};

use crate::broker::Broker;
use crate::call::{CLEANUP_BUDGET, Call};
use crate::denial::Denial;
use crate::identity::Caller;
use lifetime::{Bounds, Lifetime};
use record::Progress;
use remedy::Refused;

impl Broker {
    /// Vends, or refuses. In either case exactly one decision record is written before this returns.
    ///
    /// # Errors
    /// Every refusal: see [`ErrorCode`](crate::ErrorCode).
    pub async fn vend(&self, call: &Call, caller: &Caller, vend: &Vend) -> Result<Vended, Denial> {
        let deadline = call.deadline;
        let call = &Call {
            deadline: deadline.checked_sub(CLEANUP_BUDGET).unwrap_or(deadline),
            ..call.clone()
        };
        let mut progress = Progress::new(call, caller, vend, self.session_table(), self.now());
        let vended = catch_panic_of(self.decide_and_issue(&mut progress)).await;
        let vended = vended.unwrap_or_else(|panicked| {
            tracing::error!(request_id = call.request_id, cause = %panicked, "failed to vend");
            Err(Denial::internal())
        });
        let code = vended.as_ref().err().map(|denial| denial.code);
        // Credentials whose record was not written are not returned.
        let vended = self.audit.write(&progress.record(code)).and(vended);
        if vended.is_err()
            && let Some(tracked) = &progress.tracked
        {
            tracked.end(self.now(), deadline).await;
        }
        vended
    }

    async fn decide_and_issue(&self, progress: &mut Progress<'_>) -> Result<Vended, Denial> {
        let Progress { call, caller, vend, now, .. } = *progress;
        let (governing, gate) =
            tokio::join!(self.policies.governing(call, caller, &vend.profile), async {
                match &self.sessions {
                    Some(table) => call.bounded(table.store.gate(&caller.key)).await.map(Some),
                    None => Ok(None),
                }
            });
        let governing = governing?;
        progress.policy = Some(governing.document.used.clone());
        progress.policy_stale = governing.document.stale;
        let gate = gate.map_err(|error| call.store_failed(&error))?;
        if gate.as_ref().is_some_and(|gate| gate.blocked_on(&vend.profile, now).is_some()) {
            return Err(Denial::revoked());
        }

        let policy = &governing.document.policy;
        let device = self.device_facts(call, caller, vend.device.as_ref(), policy).await;
        let request =
            self.policy_request(call, caller, &vend.profile).with_device(device.in_policy());
        progress.device = device.clone();
        let first = policy.decide(&request, &Facts::default(), now);
        let basis = self.basis(call, caller, &vend.profile, &governing, &first, now).await?;
        let facts = basis.facts();
        let decision = policy.decide(&request, &facts, now);
        progress.decided(&decision);
        match decision.verdict {
            Verdict::Allow => {}
            Verdict::Deny => {
                let refused = Refused { policy, request, facts, now };
                return Err(self.denied(caller, &vend.profile, &refused));
            }
            Verdict::RequireApproval => {
                return Err(self.approval_missing(caller, &vend.profile, policy));
            }
        }
        progress.basis = basis;
        let profile = vend.profile.as_str();
        let valid_until = policy.valid_until(&request, &facts, now);
        if let Some(decided) = &mut progress.decision {
            decided.valid_until = valid_until;
        }
        let lifetime = Lifetime::new(
            &Bounds {
                requested: vend.duration,
                // A grant that overrides a deny is no more than the profile allows.
                policy: decision.max_duration.or_else(|| policy.profile(profile)?.max_duration),
                maximum: self.settings.max_duration,
                valid_until,
            },
            now,
        );
        progress.lifetime = Some(lifetime);
        let role = self.role(call, &vend.profile, &governing)?;
        progress.role_arn = Some(role.as_str().to_owned());
        self.issue(progress, gate, role, lifetime).await
    }

    /// The name of the session table, if there is one.
    fn session_table(&self) -> Option<&str> {
        self.sessions.as_ref().map(|table| table.name.as_str())
    }

    /// The request, as a policy sees it.
    pub(crate) fn policy_request<'a>(
        &'a self,
        call: &'a Call,
        caller: &'a Caller,
        profile: &'a ProfileName,
    ) -> Request<'a> {
        Request::new(caller.in_policy(), profile.as_str())
            .with_source_ip(call.source_ip)
            .with_source_vpc(call.source_vpc.as_deref())
            .with_source_vpce(call.source_vpce.as_deref())
            .with_mode(Mode::Server)
            .with_session_table(self.session_table())
    }
}
