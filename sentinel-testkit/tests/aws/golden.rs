//! The items of every table, as earlier versions wrote them. The records are those of the golden tests
//! of `sentinel-store`.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use data_encoding::BASE64;
use sentinel_store::dynamodb::{
    DynamoGrants, DynamoPolicies, DynamoRequests, DynamoSessions, TableDefinition,
};
use sentinel_store::{PolicyPath, PolicyRevision, PolicyStore, PolicyWriter};
use sentinel_testkit::emulator::{Emulator, Kind};
use serde_json::{Map, Value, json};

use crate::golden_records::{Golden, assert_written, frozen, read, write};
use crate::stores::{LONG_TIMEOUTS, TableBackdoor, emulator, table};

type Item = HashMap<String, AttributeValue>;

const FILE: &str = "dynamodb.json";
const TEXTS: [&str; 2] = ["version: \"1\"\nrules: []\n", "version: \"1\"\nrules: [] # 2\n"];

/// An item in the JSON of DynamoDB's interface. Names of writes and the time of a policy's version
/// differ in each run.
fn to_json(item: &Item) -> Value {
    let is_policy = item.get("pk").and_then(|pk| pk.as_s().ok()).is_some_and(|pk| pk.contains('/'));
    let attribute = |(name, value): (&String, &AttributeValue)| {
        let value = match (name.as_str(), value) {
            ("write", _) => json!({ "S": "a name" }),
            ("before", AttributeValue::L(names)) => {
                json!({ "L": vec![json!({ "S": "a name" }); names.len()] })
            }
            (_, value) => value_json(value),
        };
        (name.clone(), value)
    };
    let mut json: Map<String, Value> = item.iter().map(attribute).collect();
    if is_policy && let Some(record) = json.get_mut("record") {
        record["M"]["at"] = json!({ "S": "2026-03-02T10:00:00Z" });
    }
    json.into()
}

fn value_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::Null(is_null) => json!({ "NULL": is_null }),
        AttributeValue::B(bytes) => json!({ "B": BASE64.encode(bytes.as_ref()) }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(value_json).collect::<Vec<_>>() }),
        AttributeValue::M(map) => {
            let members = map.iter().map(|(name, value)| (name.clone(), value_json(value)));
            json!({ "M": members.collect::<Map<_, _>>() })
        }
        AttributeValue::Bs(_) | AttributeValue::Ns(_) | AttributeValue::Ss(_) | _ => {
            panic!("no item has {value:?}")
        }
    }
}

fn of_json(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "B" => AttributeValue::B(Blob::new(BASE64.decode(text().as_bytes()).unwrap())),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(of_json).collect()),
        "M" => AttributeValue::M(item_of(value)),
        other => panic!("no item has {other}"),
    }
}

fn item_of(json: &Value) -> Item {
    let members = json.as_object().unwrap().iter();
    members.map(|(name, value)| (name.clone(), of_json(value))).collect()
}

/// The four tables of a deployment.
struct Tables {
    config: SdkConfig,
    names: [(&'static str, String); 4],
    _emulator: Arc<Emulator>,
}

impl Tables {
    async fn new() -> Self {
        let emulator = emulator(Kind::Ministack).await.unwrap();
        let config = emulator.config().unwrap();
        let names = [
            ("sessions", table(&config, TableDefinition::SESSIONS).await),
            ("approvals", table(&config, TableDefinition::REQUESTS).await),
            ("breakglass", table(&config, TableDefinition::GRANTS).await),
            ("policies", table(&config, TableDefinition::POLICIES).await),
        ];
        Self { config, names, _emulator: emulator }
    }

    fn stores(&self) -> (DynamoSessions, DynamoRequests, DynamoGrants, DynamoPolicies) {
        let [sessions, approvals, breakglass, policies] = &self.names;
        (
            DynamoSessions::new(&self.config, sessions.1.clone()).with_timing(LONG_TIMEOUTS),
            DynamoRequests::new(&self.config, approvals.1.clone()).with_timing(LONG_TIMEOUTS),
            DynamoGrants::new(&self.config, breakglass.1.clone()).with_timing(LONG_TIMEOUTS),
            DynamoPolicies::new(&self.config, policies.1.clone()).with_timing(LONG_TIMEOUTS),
        )
    }

    fn backdoors(&self) -> impl Iterator<Item = (&'static str, TableBackdoor)> {
        let client = Client::new(&self.config);
        self.names.iter().map(move |(name, table)| {
            (*name, TableBackdoor { client: client.clone(), table: table.clone() })
        })
    }
}

fn path() -> PolicyPath {
    PolicyPath::new("/sentinel/policies/production")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_have_the_items_that_earlier_versions_wrote() {
    let tables = Tables::new().await;
    let (sessions, requests, grants, policies) = tables.stores();
    write(&sessions, &requests, &grants).await;
    let first = policies.put(&path(), TEXTS[0].as_bytes(), None).await.unwrap();
    policies.put(&path(), TEXTS[1].as_bytes(), Some(first.as_str())).await.unwrap();
    let mut golden = Golden::new();
    for (name, backdoor) in tables.backdoors() {
        for item in backdoor.items().await {
            let key = ["pk", "sk"].map(|key| item[key].as_s().unwrap().clone()).join(" ");
            golden.insert(format!("{name}: {key}"), to_json(&item));
        }
    }
    assert_written(FILE, &golden);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_items_of_every_earlier_version_are_read() {
    let versions = frozen(FILE);
    assert!(!versions.is_empty());
    for golden in versions {
        let tables = Tables::new().await;
        for (name, backdoor) in tables.backdoors() {
            let of_table = golden.iter().filter(|(key, _)| key.starts_with(&format!("{name}: ")));
            for (_, item) in of_table {
                backdoor.plant(item_of(item)).await;
            }
        }
        let (sessions, requests, grants, policies) = tables.stores();
        read(&sessions, &requests, &grants).await;
        let current = policies.policy(&path()).await.unwrap();
        assert_eq!((current.text, current.version.as_str()), (TEXTS[1].into(), "2"));
        let history = policies.history(&path(), None).await.unwrap();
        let versions = history.items.iter().map(|it: &PolicyRevision| it.version.as_str());
        assert_eq!(versions.collect::<Vec<_>>(), ["1", "2"]);
    }
}
