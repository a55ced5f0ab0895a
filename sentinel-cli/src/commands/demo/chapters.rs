//! The chapters of the demo.

use std::path::Path;

use sentinel_broker::SourceIdentityFormat;
use sentinel_iam::deny_revoked;
use sentinel_store::SessionId;
use serde_json::{Value, json};

use super::callers::{Callers, Vended};
use super::people;
use super::server::Server;
use super::step::Narrator;
use crate::output::Failure;

/// Runs all chapters, on a server with its data in that folder.
pub(super) async fn run(folder: &Path, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
    let callers = Callers::new(Server::start(folder)?);
    identities(&callers, narrator).await?;
    let alice = alice_gets_credentials(&callers, narrator).await?;
    refusals(&callers, narrator).await?;
    people::approval(&callers, narrator).await?;
    people::break_glass(&callers, narrator).await?;
    forged_requests(&callers, narrator).await?;
    revocation(&callers, &alice, narrator).await?;
    let new = reinstatement(&callers, &alice, narrator).await?;
    callers.server.kill()?;
    after_a_crash(folder, &alice, &new, narrator).await
}

async fn identities(callers: &Callers, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
    narrator.chapter(
        "1. Callers",
        "Each caller signs with its own AWS keys (SigV4). The signature proves who the caller is.\n\
         Nothing in the request can change it.",
    )?;
    for (name, operator) in [
        ("alice", false),
        ("bob", false),
        ("mallory", false),
        ("carol", true),
        ("ci/build-7", false),
    ] {
        let seen = callers.get(name, "/whoami").await?;
        let right = seen.status == 200
            && seen.text("user") == name
            && seen.body.get("operator") == Some(&Value::Bool(operator));
        let expected = if operator { "an operator, allowed to revoke" } else { "a caller" };
        let shown = format!("{} {}", seen.text("user"), seen.text("principal"));
        narrator.step(&format!("{name} requests /whoami"), expected, &shown, right)?;
    }
    Ok(())
}

async fn alice_gets_credentials(
    callers: &Callers,
    narrator: &mut Narrator<'_>,
) -> Result<Vended, Failure> {
    narrator.chapter(
        "2. Alice gets credentials",
        "The policy allows alice `production` for half an hour. Her credentials carry her name, \
         and\n\
         belong to a session that can be revoked at any time.",
    )?;
    let seen = callers.get("alice", "/?profile=production").await?;
    let vended = seen.vended();
    narrator.step(
        "alice requests production",
        "credentials",
        &seen.summary(),
        seen.status == 200 && vended.is_some(),
    )?;
    let Some(vended) = vended else {
        return Err(Failure::other("the demo cannot continue without credentials"));
    };
    let identity = callers.owner(&vended.credentials).await?;
    let arn = identity.element("Arn").to_owned();
    narrator.step(
        "alice calls GetCallerIdentity",
        "the role of production, in a session that names alice",
        &arn,
        identity.status == 200
            && arn.contains(":assumed-role/SentinelProtected-production/sentinel-alice-"),
    )?;
    let seen = callers.use_api(Some(vended.session_id.reveal())).await?;
    narrator.step(
        "alice calls an API behind the authorizer",
        "accepted, as alice on production",
        &format!("{} {} on {}", seen.status, seen.text("user"), seen.text("profile")),
        seen.status == 200 && seen.text("user") == "alice" && seen.text("profile") == "production",
    )?;
    let seen = callers.use_api(None).await?;
    let right = seen.status == 401;
    narrator.step("a request without a session", "401", &seen.summary(), right)?;
    let invented = format!("session-{}", "a".repeat(68));
    let seen = callers.use_api(Some(&invented)).await?;
    let right = seen.status == 403;
    narrator.step("a request with an invented session", "403", &seen.summary(), right)?;
    Ok(vended)
}

async fn refusals(callers: &Callers, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
    narrator.chapter(
        "3. Refusals, and their reasons",
        "A refusal names the next step, and no more. The reason is in the record, for the \
         policy's\n\
         authors.",
    )?;
    for (name, profile, code, rule) in [
        ("mallory", "production", "POLICY_DENY", Some("left-the-company")),
        ("bob", "production", "APPROVAL_REQUIRED", Some("production-with-approval")),
        ("bob", "billing", "POLICY_DENY", None),
    ] {
        let seen = callers.get(name, &format!("/?profile={profile}")).await?;
        let right = seen.is_refusal(403, code);
        narrator.step(&format!("{name} requests {profile}"), code, &seen.summary(), right)?;
        let record = callers.server.record(seen.text("RequestId"))?;
        let by = record.get("rule").and_then(Value::as_str);
        let reason = record.get("reason").and_then(Value::as_str);
        narrator.step(
            "  and the record has the reason",
            &rule.map_or("no rule matched".to_owned(), |rule| format!("rule `{rule}`")),
            &match (by, reason) {
                (Some(rule), Some(reason)) => format!("rule `{rule}`: {reason}"),
                (Some(rule), None) => format!("rule `{rule}`"),
                (None, _) => "no rule matched".to_owned(),
            },
            by == rule,
        )?;
    }
    for (name, profile) in [("bob", "staging"), ("ci/build-7", "staging")] {
        let seen = callers.get(name, &format!("/?profile={profile}")).await?;
        let right = seen.vended().is_some();
        narrator.step(
            &format!("{name} requests {profile}"),
            "credentials",
            &seen.summary(),
            right,
        )?;
    }
    Ok(())
}

async fn forged_requests(callers: &Callers, narrator: &mut Narrator<'_>) -> Result<(), Failure> {
    narrator.chapter(
        "6. Forged requests",
        "A signature is valid for one request. A changed request is refused before the policy is\n\
         evaluated.",
    )?;
    let seen = callers.forge("alice", "/?profile=staging", "/?profile=production").await?;
    narrator.step(
        "alice signs a request for staging, which is then changed to production",
        "IAM_AUTH_REQUIRED, and nothing is vended",
        &seen.summary(),
        seen.is_refusal(403, "IAM_AUTH_REQUIRED") && seen.vended().is_none(),
    )?;
    let seen = callers.forge("mallory", "/whoami", "/?profile=production").await?;
    narrator.step(
        "mallory reuses the signature of another request",
        "IAM_AUTH_REQUIRED, and nothing is vended",
        &seen.summary(),
        seen.is_refusal(403, "IAM_AUTH_REQUIRED") && seen.vended().is_none(),
    )
}

async fn revocation(
    callers: &Callers,
    alice: &Vended,
    narrator: &mut Narrator<'_>,
) -> Result<(), Failure> {
    narrator.chapter(
        "7. Carol revokes alice on production",
        "Alice's laptop was stolen. Carol is an operator. A session that she revokes is refused\n\
         on the next request.",
    )?;
    let seen = callers.get("carol", "/sessions?user=alice&profile=production").await?;
    let empty = Vec::new();
    let sessions = seen.body.get("sessions").and_then(Value::as_array).unwrap_or(&empty);
    let active = |session: &&Value| session.get("state") == Some(&json!("active"));
    let live = sessions.iter().filter(active).count();
    narrator.step(
        "carol lists alice's sessions on production",
        "one, active",
        &format!("{} of {} active", live, sessions.len()),
        seen.status == 200 && live == 1 && sessions.len() == 1,
    )?;
    let seen = callers.get("bob", "/sessions?user=alice").await?;
    let right = seen.is_refusal(403, "FORBIDDEN");
    narrator.step(
        "bob, who is not an operator, lists them too",
        "FORBIDDEN",
        &seen.summary(),
        right,
    )?;

    let order = json!({ "user": "alice", "profile": "production", "reason": "laptop stolen" });
    let seen = callers.post("carol", "/sessions/revoke", order).await?;
    narrator.step(
        "carol revokes alice on production",
        "done",
        &format!("{} {}", seen.status, seen.body),
        seen.status == 200,
    )?;
    let seen = callers.use_api(Some(alice.session_id.reveal())).await?;
    let right = seen.status == 403;
    narrator.step(
        "alice calls the API with the revoked session",
        "refused",
        &seen.summary(),
        right,
    )?;
    let seen = callers.get("alice", "/?profile=production").await?;
    let right = seen.is_refusal(403, "SESSION_REVOKED");
    narrator.step("alice requests production again", "SESSION_REVOKED", &seen.summary(), right)?;
    let seen = callers.get("alice", "/?profile=staging").await?;
    let right = seen.vended().is_some();
    narrator.step(
        "alice requests staging, which is not revoked",
        "credentials",
        &seen.summary(),
        right,
    )?;

    let identity = callers.owner(&alice.credentials).await?;
    narrator.step(
        "alice calls GetCallerIdentity with the vended credentials",
        "still valid: AWS cannot recall them; this policy on the role stops them",
        identity.element("Arn"),
        identity.status == 200,
    )?;
    narrator.show(&deny_policy_of(alice)?)
}

/// The policy that `sentinel sessions deny-policy` prints.
fn deny_policy_of(alice: &Vended) -> Result<String, Failure> {
    let unreadable = |error| Failure::because("cannot read alice's session", error);
    let id = SessionId::parse(alice.session_id.reveal()).map_err(unreadable)?;
    let caller = sentinel_broker::parse_user("alice")
        .ok_or_else(|| Failure::other("`alice` is not the name of a caller"))?;
    let stamp = SourceIdentityFormat::default().of_session(&caller, &id.handle);
    serde_json::to_string_pretty(&deny_revoked("StringEquals", stamp.to_string()))
        .map_err(|error| Failure::because("cannot print the policy", error))
}

async fn reinstatement(
    callers: &Callers,
    alice: &Vended,
    narrator: &mut Narrator<'_>,
) -> Result<Vended, Failure> {
    narrator.chapter(
        "8. Carol reinstates alice",
        "New sessions can be vended. Sessions that were revoked earlier remain invalid.",
    )?;
    let order = json!({ "user": "alice", "profile": "production", "reason": "new laptop" });
    let seen = callers.post("alice", "/sessions/reinstate", order.clone()).await?;
    let right = seen.is_refusal(403, "FORBIDDEN");
    narrator.step("alice tries to reinstate herself", "FORBIDDEN", &seen.summary(), right)?;
    let seen = callers.post("carol", "/sessions/reinstate", order).await?;
    let right = seen.status == 200;
    narrator.step(
        "carol reinstates alice",
        "done",
        &format!("{} {}", seen.status, seen.body),
        right,
    )?;
    let seen = callers.get("alice", "/?profile=production").await?;
    let vended = seen.vended();
    let right = vended.is_some();
    narrator.step("alice requests production", "credentials", &seen.summary(), right)?;
    let Some(vended) = vended else {
        return Err(Failure::other("the demo cannot continue without credentials"));
    };
    api(callers, "her new session", &vended, true, narrator).await?;
    api(callers, "her old session", alice, false, narrator).await?;
    Ok(vended)
}

async fn after_a_crash(
    folder: &Path,
    old: &Vended,
    new: &Vended,
    narrator: &mut Narrator<'_>,
) -> Result<(), Failure> {
    narrator.chapter(
        "9. The server is killed and restarted",
        "Every acknowledged change is on disk. A crash neither revives nor loses a session.",
    )?;
    let callers = Callers::new(Server::start(folder)?);
    api(&callers, "the revoked session", old, false, narrator).await?;
    api(&callers, "the valid session", new, true, narrator).await?;
    callers.server.kill()
}

/// Sends a session id to the API behind the authorizer.
async fn api(
    callers: &Callers,
    which: &str,
    vended: &Vended,
    good: bool,
    narrator: &mut Narrator<'_>,
) -> Result<(), Failure> {
    let seen = callers.use_api(Some(vended.session_id.reveal())).await?;
    let (expected, status) = if good { ("accepted", 200) } else { ("refused", 403) };
    let what = format!("alice calls the API with {which}");
    narrator.step(&what, expected, &seen.summary(), seen.status == status)
}
