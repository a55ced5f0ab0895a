//! The calls of every operation, recorded between the functions and the emulators.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sentinel_testkit::call::RecordedCall;
use sentinel_testkit::emulator::Kind;
use serde_json::{Value, json};

use crate::deployed::{Answer, Sandbox, World};

/// What an operation costs.
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// The calls, each with their number.
    calls: BTreeMap<String, usize>,
    pub(super) units: Units,
}

/// Request units of DynamoDB.
#[derive(Clone, Copy, Default)]
pub(super) struct Units {
    /// Half read request units: an eventually consistent read of up to 4 KB is one.
    pub(super) half_reads: u64,
    /// Write request units.
    pub(super) writes: u64,
}

/// The operation whose price is that of a vend.
pub(super) const VEND: &str = "vend";
/// The operation whose price is that of a check by the authorizer.
pub(super) const CHECK: &str = "authorizer: a session id";

/// The table, or the path, of a call.
fn place(call: &RecordedCall) -> String {
    let parameters = &call.parameters;
    let short = |name: &str| name.strip_prefix("sentinel-").unwrap_or(name).to_owned();
    let text = |name: &str| parameters[name].as_str().map(str::to_owned);
    let table = text("TableName").or_else(|| {
        let first = parameters["TransactItems"][0].as_object()?.values().next()?;
        first["TableName"].as_str().map(str::to_owned)
    });
    let table = table.or_else(|| parameters["RequestItems"].as_object()?.keys().next().cloned());
    match (table, text("IndexName")) {
        (Some(table), Some(index)) => format!("{}/{index}", short(&table)),
        (Some(table), None) => short(&table),
        (None, _) => String::new(),
    }
}

/// The size of an attribute in bytes, by "DynamoDB item sizes and formats" in the developer guide.
fn size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    match kind.as_str() {
        "S" => value.as_str().map_or(0, str::len),
        "N" => value.as_str().map_or(0, |digits| digits.len().div_ceil(2) + 1),
        "B" => value.as_str().map_or(0, |text| text.len() / 4 * 3),
        "M" => 3 + value.as_object().map_or(0, |map| item_size(map) + map.len()),
        "L" => {
            3 + value.as_array().into_iter().flatten().map(|value| 1 + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

fn item_size(item: &serde_json::Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

fn write_units(item: &Value) -> u64 {
    let bytes = item.as_object().map_or(0, item_size);
    u64::try_from(bytes.div_ceil(1024)).unwrap()
}

/// The units of a write into the index of its table. Only items with a shard are in it. Sessions are
/// there with all attributes.
fn index_units(table: &Value, item: &Value) -> u64 {
    match (item.get("shard"), table.as_str()) {
        (None, _) => 0,
        (Some(_), Some(crate::deployed::SESSIONS)) => write_units(item),
        (Some(_), _) => 1,
    }
}

/// The units of a call. Reads are counted as if each item, or each page, had at most 4 KB.
fn units(call: &RecordedCall) -> Units {
    let RecordedCall { operation, parameters, .. } = call;
    let reads = |half_reads| Units { half_reads, writes: 0 };
    let writes = |writes| Units { half_reads: 0, writes };
    match operation.as_str() {
        "GetItem" | "Query" if parameters["ConsistentRead"] == true => reads(2),
        "GetItem" | "Query" => reads(1),
        "BatchGetItem" => {
            let tables = parameters["RequestItems"].as_object().unwrap().values();
            let keys = tables.map(|table| {
                let each = if table["ConsistentRead"] == true { 2 } else { 1 };
                each * u64::try_from(table["Keys"].as_array().unwrap().len()).unwrap()
            });
            reads(keys.sum())
        }
        "PutItem" => {
            let item = &parameters["Item"];
            writes(write_units(item) + index_units(&parameters["TableName"], item))
        }
        "UpdateItem" => writes(1),
        "TransactWriteItems" => {
            let puts = parameters["TransactItems"].as_array().unwrap().iter().map(|write| {
                let put = &write["Put"];
                2 * write_units(&put["Item"]) + index_units(&put["TableName"], &put["Item"])
            });
            writes(puts.sum())
        }
        "GetParameter" | "GetParametersByPath" | "AssumeRole" => Units::default(),
        other => panic!("{other} has no price here"),
    }
}

/// Collects the operations.
#[derive(Default)]
struct Measured(Vec<Operation>);

impl Measured {
    fn add(&mut self, name: &'static str, calls: &[RecordedCall]) {
        let mut counted = BTreeMap::new();
        let mut total = Units::default();
        for call in calls {
            let name = format!("{} {}", call.operation, place(call)).trim_end().to_owned();
            *counted.entry(name).or_default() += 1;
            let Units { half_reads, writes } = units(call);
            total.half_reads += half_reads;
            total.writes += writes;
        }
        self.0.push(Operation { name, calls: counted, units: total });
    }

    /// Sends a request to the TVM and adds its calls.
    async fn ask(
        &mut self,
        name: &'static str,
        sandbox: &Sandbox,
        (user, method, path): (&str, &str, &str),
        body: Option<Value>,
    ) -> Answer {
        sandbox.calls();
        let answer = sandbox.ask(user, method, path, body).await;
        let expected = if name.contains("refused") { 403 } else { answer.status };
        assert!(answer.status == expected && answer.status < 500, "{name}: {answer:?}");
        assert!(expected == 403 || answer.status < 300, "{name}: {answer:?}");
        self.add(name, &sandbox.calls());
        answer
    }
}

/// Runs every operation once.
pub(super) async fn measured() -> Vec<Operation> {
    let world = World::start(Kind::Ministack).await;
    // No copy of a policy becomes old during the test, on the slowest machine.
    let sandbox = &world.tvm(&[("SENTINEL_POLICY_CACHE_TTL", "1h")]).await;
    let mut measured = Measured::default();
    let production = ("alice", "GET", "/?profile=production");
    let staging = ("alice", "GET", "/?profile=staging");
    measured.ask("vend, the first of a sandbox", sandbox, production, None).await;
    let vended = measured.ask(VEND, sandbox, production, None).await;
    assert!(sandbox.records().iter().all(|record| record.to_string().len() < 1200));
    measured
        .ask("vend, the first of a profile with its own document", sandbox, staging, None)
        .await;
    measured.ask("vend, of a profile with its own document", sandbox, staging, None).await;
    let denied = ("mallory", "GET", "/?profile=production");
    measured.ask("vend, refused by the policy", sandbox, denied, None).await;

    let reason = json!({ "profile": "production", "reason": "release 1.2" });
    let ask = |what: &'static str| ("frank", "POST", what);
    let id = |answer: &Answer| answer.body["id"].as_str().unwrap().to_owned();
    let frank = ("frank", "GET", "/?profile=production");
    measured.ask("vend, refused without an approval", sandbox, frank, None).await;
    let request = measured.ask("request", sandbox, ask("/requests"), Some(reason.clone())).await;
    let request = format!("/requests/{}", id(&request));
    measured.ask("show a request", sandbox, ("dave", "GET", &request), None).await;
    measured
        .ask(
            "list the requests to decide",
            sandbox,
            ("dave", "GET", "/requests?state=pending&cursor=others%3A"),
            None,
        )
        .await;
    let decide = |path: &str| format!("{path}/approve");
    let approve = decide(&request);
    measured.ask("approve", sandbox, ("dave", "POST", &approve), Some(json!({}))).await;
    measured.ask("vend by an approval", sandbox, frank, None).await;
    let revoke = format!("{request}/revoke");
    measured.ask("revoke an approval", sandbox, ("dave", "POST", &revoke), Some(json!({}))).await;
    for (name, user, action) in [("deny", "dave", "deny"), ("cancel", "frank", "cancel")] {
        let created = sandbox.ask("frank", "POST", "/requests", Some(reason.clone())).await;
        let path = format!("/requests/{}/{action}", id(&created));
        measured.ask(name, sandbox, (user, "POST", &path), Some(json!({}))).await;
    }

    let open = json!({
        "profile": "production",
        "reason_code": "incident",
        "justification": "the database does not accept connections",
    });
    let grant = measured.ask("break glass", sandbox, ask("/break-glass"), Some(open)).await;
    measured.ask("vend by a grant", sandbox, frank, None).await;
    measured.ask("list the open grants", sandbox, ("carol", "GET", "/break-glass"), None).await;
    let close = format!("/break-glass/{}/close", id(&grant));
    measured.ask("close a grant", sandbox, ("carol", "POST", &close), Some(json!({}))).await;

    measured.ask("whoami", sandbox, ("alice", "GET", "/whoami"), None).await;
    measured.ask("list profiles", sandbox, ("alice", "GET", "/profiles"), None).await;
    measured.ask("list own sessions", sandbox, ("alice", "GET", "/sessions"), None).await;
    let of_alice = ("carol", "GET", "/sessions?user=alice");
    measured.ask("list the sessions of a caller", sandbox, of_alice, None).await;
    measured.ask("list all sessions", sandbox, ("carol", "GET", "/sessions"), None).await;

    let authorizer = world.authorizer().await;
    let session = vended.session.as_deref().unwrap();
    assert_eq!(authorizer.admits(Some(session), None).await, Some(true));
    measured.add(CHECK, &authorizer.data.calls());
    authorizer.data.clear_calls();
    assert_eq!(authorizer.admits(Some("session-x"), None).await, Some(false));
    measured.add("authorizer: text that is not a session id", &authorizer.data.calls());

    let change = |more: Value| {
        let mut body = json!({ "reason": "lost laptop" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(body)
    };
    let on_profile = json!({ "user": "alice", "profile": "production" });
    let (revoke, reinstate) =
        (("carol", "POST", "/sessions/revoke"), ("carol", "POST", "/sessions/reinstate"));
    measured
        .ask("revoke a caller, the first time", sandbox, revoke, change(on_profile.clone()))
        .await;
    measured.ask("vend, refused while revoked", sandbox, production, None).await;
    measured.ask("reinstate", sandbox, reinstate, change(on_profile.clone())).await;
    measured.ask("revoke a caller, again", sandbox, revoke, change(on_profile)).await;
    let handle = json!({ "session": vended.handle().unwrap() });
    measured.ask("revoke a session", sandbox, revoke, change(handle)).await;
    measured.0
}

/// The table of calls.
pub(super) fn table(operations: &[Operation]) -> String {
    let mut text =
        "| operation | calls | read units | write units |\n| --- | --- | --- | --- |\n".to_owned();
    for Operation { name, calls, units } in operations {
        let named = |(call, number): (&String, &usize)| match number {
            1 => format!("`{call}`"),
            _ => format!("{number} × `{call}`"),
        };
        let calls: Vec<_> = calls.iter().map(named).collect();
        let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
        let reads = units.half_reads as f64 / 2.0;
        writeln!(text, "| {name} | {calls} | {reads} | {} |", units.writes).unwrap();
    }
    text
}
