//! The chapters of the demo in which people decide: an approval, and breaking glass.

use serde_json::{Value, json};

use super::callers::{Callers, Seen};
use super::step::Narrator;
use crate::output::Failure;

pub(super) async fn approval(
    callers: &Callers,
    narrator: &mut Narrator<'_>,
) -> Result<(), Failure> {
    narrator.chapter(
        "4. Alice approves a request of bob",
        "Bob needs an approval for production. An approver sees who requests what, verified by\n\
         Sentinel, and why, in bob's words. His credentials end with the approval.",
    )?;
    let order = json!({ "profile": "production", "reason": "deploy 2.4", "duration_s": 1200 });
    let seen = callers.post("bob", "/requests", order).await?;
    let right = seen.status == 201 && seen.text("state") == "pending";
    narrator.step("bob requests an approval", "201 pending", &state(&seen), right)?;
    let request = format!("/requests/{}", seen.text("id"));
    let seen = callers.post("bob", &format!("{request}/approve"), json!({})).await?;
    let right = seen.is_refusal(403, "FORBIDDEN");
    narrator.step("bob approves it himself", "FORBIDDEN", &seen.summary(), right)?;
    let seen = callers.get("mallory", &request).await?;
    let right = seen.is_refusal(404, "NOT_FOUND");
    narrator.step("mallory reads it", "NOT_FOUND", &seen.summary(), right)?;
    let seen = callers.get("alice", &request).await?;
    let shown = format!("{}: {}", seen.text("principal"), seen.text("reason"));
    let right = seen.status == 200 && seen.text("principal").ends_with(":user/bob");
    narrator.step("alice, an approver, reads it", "bob's principal and reason", &shown, right)?;
    let comment = json!({ "comment": "reviewed" });
    let seen = callers.post("alice", &format!("{request}/approve"), comment).await?;
    let right = seen.status == 200 && seen.text("state") == "approved";
    let end = seen.text("valid_until").to_owned();
    narrator.step("alice approves it", "200 approved", &state(&seen), right)?;
    let seen = callers.get("bob", "/?profile=production").await?;
    let ends = ends_by(&seen, &end);
    narrator.step(
        "bob requests production",
        &format!("credentials until {end} at the latest"),
        &seen.summary(),
        seen.vended().is_some() && ends,
    )?;
    let Some(vended) = seen.vended() else {
        return Err(Failure::other("the demo cannot continue without credentials"));
    };
    let seen = callers.post("carol", &format!("{request}/revoke"), json!({})).await?;
    let right = seen.status == 200 && seen.text("state") == "revoked";
    narrator.step(
        "carol, an operator, revokes the approval",
        "200 revoked",
        &state(&seen),
        right,
    )?;
    let seen = callers.use_api(Some(vended.session_id.reveal())).await?;
    let right = seen.status == 403;
    narrator.step("bob calls the API with his session", "refused", &seen.summary(), right)?;
    let seen = callers.get("bob", "/?profile=production").await?;
    let right = seen.is_refusal(403, "APPROVAL_REQUIRED");
    narrator.step("bob requests production again", "APPROVAL_REQUIRED", &seen.summary(), right)
}

pub(super) async fn break_glass(
    callers: &Callers,
    narrator: &mut Narrator<'_>,
) -> Result<(), Failure> {
    narrator.chapter(
        "5. Bob breaks glass",
        "There is an incident, and no time for an approval. Bob opens a grant. It is valid\n\
         immediately, recorded with his justification, and limited by the policy.",
    )?;
    let order = json!({
        "profile": "production",
        "reason_code": "incident",
        "justification": "database is down, ticket 42",
    });
    let seen = callers.post("bob", "/break-glass", order.clone()).await?;
    let right = seen.status == 201 && seen.text("state") == "active";
    narrator.step("bob opens a grant", "201 active", &state(&seen), right)?;
    let grant = format!("/break-glass/{}", seen.text("id"));
    let seen = callers.get("bob", "/?profile=production").await?;
    let (right, id) = (seen.vended().is_some(), seen.text("AccessKeyId").to_owned());
    narrator.step("bob requests production", "credentials", &seen.summary(), right)?;
    let seen = callers.post("bob", "/break-glass", order).await?;
    let right = seen.is_refusal(429, "COOLDOWN");
    narrator.step("bob opens another grant", "COOLDOWN", &seen.summary(), right)?;
    let record = callers.server.record_of("access_key_id", &id)?;
    let by = record.get("break_glass").and_then(Value::as_str).unwrap_or_default();
    narrator.step(
        "  and the record of his credentials names the grant",
        grant.trim_start_matches("/break-glass/"),
        by,
        grant.ends_with(by) && !by.is_empty(),
    )?;
    let seen = callers.post("bob", &format!("{grant}/close"), json!({})).await?;
    let right = seen.status == 200 && seen.text("state") == "closed";
    narrator.step("bob closes the grant", "200 closed", &state(&seen), right)?;
    let seen = callers.get("bob", "/?profile=production").await?;
    let right = seen.is_refusal(403, "APPROVAL_REQUIRED");
    narrator.step("bob requests production again", "APPROVAL_REQUIRED", &seen.summary(), right)?;
    let seen = callers.post("carol", &format!("{grant}/review"), json!({})).await?;
    let right = seen.status == 200 && seen.body.get("reviewed").is_some();
    narrator.step("carol, an operator, reviews it", "200 closed", &state(&seen), right)
}

/// The status and the state of a request or a grant, or the refusal.
fn state(seen: &Seen) -> String {
    if seen.text("Code").is_empty() {
        format!("{} {}", seen.status, seen.text("state"))
    } else {
        seen.summary()
    }
}

/// Whether the credentials of a response end at that time or before. Both times are in UTC, so that
/// their texts have the order of the times.
fn ends_by(seen: &Seen, end: &str) -> bool {
    let (until, end) = (seen.text("Expiration").get(..19), end.get(..19));
    until.is_some() && until <= end
}
