//! Responses of DynamoDB and of SSM: what a store returns is what was requested, or an error. The
//! responses are read by the AWS SDK, as those of the services are.

use arbitrary::{Result, Unstructured};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_runtime_api::shared::IntoShared as _;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use chrono::{DateTime, Utc};
use sentinel_store::dynamodb::{DynamoGrants, DynamoPolicies, DynamoRequests, DynamoSessions};
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{
    AccessRequest, AccessRequestFields, AccountId, CallerKey, Epochs, Gate, Generation, Grant,
    GrantFields, GrantId, GrantListing, GrantStore, Listing, Person, PolicyPath, PolicyStore,
    ProfileName, RequestId, RequestListing, RequestStore, Session, SessionFields, SessionHandle,
    SessionStore, StoreError,
};
use serde_json::{Map, Value, json};

use crate::{block_on, json, made};

/// A service with one response for reads of gates, and one for every other request.
#[derive(Clone, Debug)]
struct Service {
    status: u16,
    gate: Vec<u8>,
    other: Vec<u8>,
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let key: &[u8] = br#""sk":{"S":"gate"}"#;
        let is_gate = request
            .body()
            .bytes()
            .is_some_and(|body| body.windows(key.len()).any(|part| part == key));
        let body = if is_gate { &self.gate } else { &self.other };
        let status = StatusCode::try_from(self.status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.clone()))))
    }
}

impl HttpClient for Service {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl Service {
    fn config(self) -> SdkConfig {
        let credentials = Credentials::new("AKIAFUZZ", "fuzz", None, None, "fuzz");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(self)
            .build()
    }

    /// A service whose responses are changed valid ones, or any bytes. Returns whether they are valid.
    fn made(u: &mut Unstructured<'_>, gate: &Value, other: &Value) -> Result<(Self, bool)> {
        // The stores repeat a request after an error of the service, and pause before.
        let status = if u.int_in_range(0..=7_u8)? == 7 { 400 } else { 200 };
        if u.int_in_range(0..=15_u8)? == 15 {
            let bytes = u.arbitrary::<&[u8]>()?.to_vec();
            return Ok((Self { status, gate: bytes.clone(), other: bytes }, false));
        }
        let valid = json!([gate, other]);
        let mut bodies = valid.clone();
        json::change(u, &mut bodies, WORDS)?;
        let is_valid = status == 200 && bodies == valid;
        let body =
            |index: usize| bodies.get(index).unwrap_or(&Value::Null).to_string().into_bytes();
        Ok((Self { status, gate: body(0), other: body(1) }, is_valid))
    }
}

/// The words of items and responses.
const WORDS: &[&str] = &[
    "Item",
    "Items",
    "Responses",
    "UnprocessedKeys",
    "LastEvaluatedKey",
    "Attributes",
    "Count",
    "ConsumedCapacity",
    "S",
    "N",
    "B",
    "M",
    "L",
    "BOOL",
    "NULL",
    "SS",
    "pk",
    "sk",
    "ttl",
    "format",
    "1",
    "2",
    "session",
    "gate",
    "record",
    "write",
    "epoch",
    "epochs",
    "whole",
    "profiles",
    "revision",
    "status",
    "pending",
    "approved",
    "denied",
    "closed",
    "created",
    "expires",
    "deadline",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "shard",
    "ends",
    "notice",
    "text",
    "version",
    "alice",
    "production",
    "18446744073709551615",
    "-1",
    "1e400",
    "Parameter",
    "Parameters",
    "Name",
    "Value",
    "Version",
    "Type",
    "String",
    "StringList",
    "SecureString",
    "ARN",
    "NextToken",
    "InvalidParameters",
    "__type",
    "message",
    "ResourceNotFoundException",
    "ConditionalCheckFailedException",
    "ParameterNotFound",
    "AccessDeniedException",
    "/sentinel/policies/main",
    "/sentinel/policies/a/b",
    "/sentinel/policies/",
    "table",
];

fn alice() -> CallerKey {
    CallerKey::parse("alice").unwrap()
}

fn production() -> ProfileName {
    ProfileName::parse("production").unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000 + seconds, 0).unwrap()
}

/// An item of each table. A record that is read is the one that was requested, and belongs to the caller
/// whose hash is in its id. A valid item is read as it was written.
pub fn items(bytes: &[u8]) {
    made(bytes, |u| {
        let records = Records::new();
        let operation = u.int_in_range(0..=9_u8)?;
        let item = records.item(operation);
        // Pages, and reads of one record.
        let capacity = json!({ "TableName": "table", "CapacityUnits": 1.0 });
        let other = match operation {
            2 | 4 | 5 | 7 | 8 => {
                json!({ "Items": [item], "Count": 1, "ConsumedCapacity": capacity })
            }
            _ => json!({ "Item": item, "ConsumedCapacity": capacity }),
        };
        let gate = json!({ "Item": item_of(&records.gate()), "ConsumedCapacity": capacity });
        let (service, is_valid) = Service::made(u, &gate, &other)?;
        let shown = String::from_utf8_lossy(&service.other).into_owned();
        let read = block_on(records.read(operation, &service.config()));
        // Live records are found by their markers, which this response does not have.
        let is_complete = is_valid && !matches!(operation, 4 | 7);
        assert!(
            !is_complete || matches!(read, Ok(true)),
            "operation {operation}: {read:?} of {shown}"
        );
        Ok(())
    });
}

/// A record of alice for each table.
struct Records {
    session: Session,
    request: AccessRequest,
    grant: Grant,
}

impl Records {
    fn new() -> Self {
        let principal = "arn:aws:iam::111122223333:user/alice";
        let account = AccountId::parse("111122223333").unwrap();
        let role_arn = "arn:aws:iam::111122223333:role/SentinelProtected-production".to_owned();
        let person = Person::new(alice(), "alice", account.clone(), principal);
        let session = Session::new(SessionFields {
            handle: SessionHandle::new(alice().hash(), [1; 10]),
            secret_digest: [7; 32],
            caller: alice(),
            user: "alice".to_owned(),
            profile: production(),
            account,
            principal: principal.to_owned(),
            source_identity: "sentinel-alice-abcdefgh".to_owned(),
            request_id: "request-1".to_owned(),
            created: at(0),
            expires: at(3_600),
            epochs: Epochs::default(),
            generation: Generation(0),
        });
        let request = AccessRequest::new(AccessRequestFields {
            id: RequestId::new(alice().hash(), [1; 10]),
            requester: person.clone(),
            profile: production(),
            role_arn: role_arn.clone(),
            rule: "leads".to_owned(),
            reason: "release".to_owned(),
            duration_s: 3_600,
            created: at(0),
            deadline: at(600),
        });
        let grant = Grant::new(GrantFields {
            id: GrantId::new(alice().hash(), [1; 10]),
            holder: person,
            profile: production(),
            role_arn,
            rule: "incident".to_owned(),
            policy_sha256: "0f".repeat(32),
            reason_code: "incident".to_owned(),
            justification: "the payment service is down".to_owned(),
            created: at(0),
            expires: at(600),
        });
        Self { session, request, grant }
    }

    fn gate(&self) -> Item {
        DynamoSessions::gate_item(&alice(), &Gate::open(alice())).unwrap()
    }

    /// The item that an operation of [`read`](Self::read) reads.
    fn item(&self, operation: u8) -> Value {
        let Self { session, request, grant } = self;
        match operation {
            0..=2 => item_of(&DynamoSessions::session_item(&session.handle, session).unwrap()),
            3..=5 => item_of(&DynamoRequests::request_item(&request.id, request).unwrap()),
            6..=8 => item_of(&DynamoGrants::grant_item(&grant.id, grant).unwrap()),
            _ => json!({}),
        }
    }

    /// Reads from a service. Returns whether the record was read as it was written. For an operation
    /// that reads other records too, true.
    async fn read(
        &self,
        operation: u8,
        config: &SdkConfig,
    ) -> std::result::Result<bool, StoreError> {
        let Self { session, request, grant } = self;
        let sessions = || DynamoSessions::new(config, "table");
        let requests = || DynamoRequests::new(config, "table");
        let grants = || DynamoGrants::new(config, "table");
        Ok(match operation {
            0 => {
                let (found, gate) = sessions().session(&session.handle).await?;
                assert_eq!(found.handle, session.handle);
                assert_eq!(found.caller.hash(), session.handle.caller());
                assert_eq!(gate.caller, found.caller);
                found == *session
            }
            1 => {
                let gate = sessions().gate(&alice()).await?;
                assert_eq!(gate.caller, alice());
                gate == Gate::open(alice())
            }
            2 => {
                let listing = Listing::Caller(alice());
                let page = sessions().sessions(&listing, None).await?;
                assert!(page.items.iter().all(|session| session.caller == alice()));
                page.items == [session.clone()]
            }
            3 => {
                let found = requests().request(&request.id).await?;
                assert_eq!(found.id, request.id);
                assert_eq!(found.requester.caller.hash(), request.id.caller());
                found == *request
            }
            4 => {
                let live = requests().live_requests(&alice(), &production(), at(1)).await?;
                assert!(live.iter().all(|it| it.requester.caller == alice()));
                assert!(live.iter().all(|it| it.is_live_on(&production(), at(1))));
                true
            }
            5 => {
                let listing = RequestListing::Caller(alice());
                let page = requests().requests(&listing, None).await?;
                assert!(page.items.iter().all(|it| it.requester.caller == alice()));
                page.items == [request.clone()]
            }
            6 => {
                let found = grants().grant(&grant.id).await?;
                assert_eq!(found.id, grant.id);
                assert_eq!(found.holder.caller.hash(), grant.id.caller());
                found == *grant
            }
            7 => {
                let live = grants().live_grants(&alice(), &production(), at(1)).await?;
                assert!(live.iter().all(|it| it.holder.caller == alice()));
                assert!(live.iter().all(|it| it.is_live_on(&production(), at(1))));
                true
            }
            8 => {
                let listing = GrantListing::Caller(alice());
                let page = grants().grants(&listing, None).await?;
                assert!(page.items.iter().all(|it| it.holder.caller == alice()));
                page.items == [grant.clone()]
            }
            _ => {
                let path = PolicyPath::new("/sentinel/policies/production");
                drop(DynamoPolicies::new(config, "table").policy(&path).await);
                true
            }
        })
    }
}

type Item = std::collections::HashMap<String, AttributeValue>;

/// An item in the JSON of DynamoDB's protocol.
fn item_of(item: &Item) -> Value {
    let attributes = item.iter().map(|(name, value)| (name.clone(), attribute(value)));
    Value::Object(attributes.collect())
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::Bool(bool) => json!({ "BOOL": bool }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(map) => {
            let map: Map<String, Value> =
                map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": map })
        }
        AttributeValue::B(bytes) => {
            json!({ "B": data_encoding::BASE64.encode(bytes.as_ref()) })
        }
        other => panic!("an attribute of another type: {other:?}"),
    }
}

/// Responses of SSM. A document that is read is the one of the requested parameter, and a list has the
/// names of parameters under its root only. A valid response is read.
pub fn ssm_response(bytes: &[u8]) {
    made(bytes, |u| {
        let name = "/sentinel/policies/main";
        let parameter = json!({
            "Name": name, "Type": "String", "Value": "version: \"1\"", "Version": 3,
            "ARN": "arn:aws:ssm:us-east-1:111122223333:parameter/sentinel/policies/main",
            "LastModifiedDate": 1_770_000_000.0, "DataType": "text",
        });
        let is_list = u.arbitrary()?;
        let valid = if is_list {
            json!({ "Parameters": [parameter], "NextToken": "next" })
        } else {
            json!({ "Parameter": parameter })
        };
        let (service, is_valid) = Service::made(u, &json!({}), &valid)?;
        let body = serde_json::from_slice::<Value>(&service.other).unwrap_or_default();
        let store = SsmPolicies::new(&service.config());
        let is_read = block_on(async {
            if is_list {
                let root = PolicyPath::new("/sentinel/policies");
                let Ok(page) = store.list(&root, None).await else { return false };
                for listed in page.items {
                    assert!(!listed.name.is_empty() && !listed.name.contains('/'), "{listed:?}");
                }
            } else {
                let Ok(read) = store.policy(&PolicyPath::new(name)).await else { return false };
                assert!(!read.text.is_empty() && !read.version.is_empty(), "{read:?}");
                assert_eq!(body.pointer("/Parameter/Name"), Some(&json!(name)), "{body}");
            }
            true
        });
        assert!(is_read || !is_valid, "{body} is refused");
        Ok(())
    });
}
