//! A deployment in an emulated account, with the names of the guide, that is right; and the calls that
//! plant a fault in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use sentinel_testkit::proxy::Proxy;
use sentinel_testkit::recorded::KEY;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{CommandOutput, run, sentinel};
use crate::wire::{Key, Request, Response};

pub(super) const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

pub(super) const TVM: &str = "sentinel-tvm";
pub(super) const AUTHORIZER: &str = "sentinel-authorizer";
pub(super) const PROTECTED: &str = "SentinelProtected-production";
pub(super) const TVM_ROLE: &str = "SentinelTVMExecutionRole";
pub(super) const AUTHORIZER_ROLE: &str = "SentinelAuthorizerRole";
pub(super) const ORIGIN: &str = "origin-secret-origin-secret-origin-secret";
pub(super) const SESSION_KEY: &str = "session-key-session-key-session-key-1";

/// An empty zip.
const PACKAGE: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

const POLICY: &str = r#"version: "1"
groups_from: [oncall]
rules:
  - { name: alice, effect: allow, conditions: { profiles: [production], users: [alice] } }
"#;

const ALARMS: [&str; 10] = [
    "sentinel-error-rate",
    "sentinel-latency",
    "sentinel-concurrency",
    "sentinel-tvm-crashes",
    "sentinel-tvm-throttles",
    "sentinel-authorizer-crashes",
    "sentinel-authorizer-throttles",
    "sentinel-authorizer-refusals",
    "sentinel-stale-policy",
    "sentinel-break-glass",
];

/// The emulated account, and what the emulator does not have.
pub(crate) struct World {
    emulator: Emulator,
    stand_in: StandIn,
    home: TempDir,
    runtime: tokio::runtime::Runtime,
}

/// The ids of a deployment that was set up.
pub(crate) struct Ids {
    pub(super) api: String,
    pub(super) integration: String,
    pub(super) route: String,
    pub(super) downstream: String,
    pub(super) authorizer: String,
}

impl World {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let emulator = runtime.block_on(Emulator::start(Kind::Ministack)).unwrap();
        let stand_in = StandIn::start(emulator.address());
        let home = TempDir::new().unwrap();
        std::fs::create_dir(home.path().join("policies")).unwrap();
        std::fs::write(home.path().join("policies/main.yaml"), POLICY).unwrap();
        Self { emulator, stand_in, home, runtime }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Removes everything, and sets up the deployment again.
    pub(crate) fn reset(&self) -> Ids {
        let reset = Request::new("POST", "/_ministack/reset", b"").send(self.emulator.address());
        assert_eq!(reset.status, 200, "{reset:?}");
        self.stand_in.set(Whoami::Alice, true);
        let output = run(&mut self.command("bootstrap --policies policies"));
        assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
        self.put_parameter("/sentinel/policies/groups/oncall", "- alice\n", "String");
        self.roles();
        self.functions();
        let ids = self.apis();
        self.operations();
        self.guards(&ids.api);
        ids
    }

    /// The command in this account, as its root.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = sentinel(self.home.path());
        command
            .current_dir(self.home.path())
            .args(words.split_whitespace())
            .env("AWS_ENDPOINT_URL", self.emulator.url())
            .env("AWS_ENDPOINT_URL_ORGANIZATIONS", self.stand_in.url())
            .env("SENTINEL_TVM_URL", self.stand_in.url())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ROOT_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ROOT_KEY);
        command
    }

    pub(super) fn run_as(&self, (id, secret): &(String, String), words: &str) -> CommandOutput {
        let mut command = self.command(words);
        run(command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret))
    }

    /// The response of the TVM to the signed request, and whether the account is a member of an
    /// organization.
    pub(super) fn set(&self, whoami: Whoami, member: bool) {
        self.stand_in.set(whoami, member);
    }

    /// A document that the command prints.
    pub(super) fn document(&self, words: &str) -> String {
        let output = run(&mut self.command(&format!("iam {words}")));
        assert_eq!(output.status, 0, "{}", output.stderr);
        output.stdout
    }

    fn call(&self, request: Request, service: &str) -> Response {
        let root = Key { id: ROOT_KEY.to_owned(), secret: ROOT_KEY.to_owned(), token: None };
        let address = self.emulator.address();
        let response = request.clone().signed(address, &root, service).send(address);
        assert!(response.status < 300, "{request:?}: {response:?}");
        response
    }

    pub(super) fn form(&self, service: &str, version: &str, form: &[(&str, &str)]) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form).append_pair("Version", version);
        let request = Request::new("POST", "/", body.finish().as_bytes())
            .with("content-type", "application/x-www-form-urlencoded");
        self.call(request, service).body
    }

    pub(super) fn iam(&self, form: &[(&str, &str)]) -> String {
        self.form("iam", "2010-05-08", form)
    }

    pub(super) fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = Request::new("POST", "/", body.to_string().as_bytes())
            .with("content-type", "application/x-amz-json-1.1")
            .with("x-amz-target", target);
        let response = self.call(request, service);
        serde_json::from_str(&response.body).unwrap_or(Value::Null)
    }

    pub(super) fn rest(&self, service: &str, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::new(method, path, body.to_string().as_bytes())
            .with("content-type", "application/json");
        serde_json::from_str(&self.call(request, service).body).unwrap_or(Value::Null)
    }

    pub(super) fn put_parameter(&self, name: &str, value: &str, kind: &str) {
        let body = json!({ "Name": name, "Value": value, "Type": kind, "Overwrite": true });
        self.json("ssm", "AmazonSSM.PutParameter", &body);
    }

    pub(super) fn table(&self, operation: &str, body: &Value) {
        self.json("dynamodb", &format!("DynamoDB_20120810.{operation}"), body);
    }

    pub(super) fn create_role(&self, name: &str, trust: &str) {
        self.iam(&[
            ("Action", "CreateRole"),
            ("RoleName", name),
            ("AssumeRolePolicyDocument", trust),
        ]);
    }

    pub(super) fn set_trust(&self, name: &str, trust: &str) {
        self.iam(&[
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", name),
            ("PolicyDocument", trust),
        ]);
    }

    pub(super) fn put_role_policy(&self, name: &str, document: &str) {
        self.iam(&[
            ("Action", "PutRolePolicy"),
            ("RoleName", name),
            ("PolicyName", "Sentinel"),
            ("PolicyDocument", document),
        ]);
    }

    /// Attaches a policy, instead of an inline one.
    pub(super) fn attach(&self, role: &str, name: &str, document: &str) {
        self.iam(&[("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", document)]);
        let arn = format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
        self.iam(&[("Action", "AttachRolePolicy"), ("RoleName", role), ("PolicyArn", &arn)]);
    }

    fn roles(&self) {
        let trust = self.document("function-trust");
        self.create_role(TVM_ROLE, &trust);
        self.put_role_policy(TVM_ROLE, &self.document("tvm-function"));
        self.create_role(AUTHORIZER_ROLE, &trust);
        self.attach(AUTHORIZER_ROLE, "authorizer", &self.document("authorizer-function"));
        self.create_role(PROTECTED, &self.document("protected-role-trust"));
        self.put_role_policy(PROTECTED, &self.document("protected-role-guard"));
    }

    /// The variables of a function, with these changed. `null` removes one.
    pub(super) fn variables(&self, function: &str, changes: &Value) {
        let mut variables = if function == TVM {
            json!({
                "SENTINEL_POLICY_PARAMETER": "/sentinel/policies/main",
                "SENTINEL_SESSION_TABLE": "sentinel-sessions",
                "SENTINEL_APPROVAL_TABLE": "sentinel-approvals",
                "SENTINEL_BREAKGLASS_TABLE": "sentinel-breakglass",
                "SENTINEL_GENERATION": "0",
                "SENTINEL_ORIGIN_SECRET": ORIGIN,
                "SENTINEL_SESSION_KEY": SESSION_KEY,
                "SENTINEL_SESSION_NAME_ROLES": format!("{ACCOUNT}:Developers"),
            })
        } else {
            json!({
                "SENTINEL_SESSION_TABLE": "sentinel-sessions",
                "SENTINEL_GENERATION": "0",
                "SENTINEL_SESSION_KEY": SESSION_KEY,
                "SENTINEL_AUTHORIZER_RESPONSE": "simple",
            })
        };
        let map = variables.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                map.remove(name);
            } else {
                map.insert(name.clone(), value.clone());
            }
        }
        let body = json!({ "Environment": { "Variables": variables } });
        self.configure(function, &body);
    }

    /// Changes a function, publishes it, and moves its alias.
    pub(super) fn configure(&self, function: &str, body: &Value) {
        let path = format!("/2015-03-31/functions/{function}");
        self.rest("lambda", "PUT", &format!("{path}/configuration"), body);
        let version = self.rest("lambda", "POST", &format!("{path}/versions"), &json!({}));
        let version = json!({ "FunctionVersion": version["Version"] });
        self.rest("lambda", "PUT", &format!("{path}/aliases/live"), &version);
    }

    fn functions(&self) {
        for (function, role) in [(TVM, TVM_ROLE), (AUTHORIZER, AUTHORIZER_ROLE)] {
            let body = json!({
                "FunctionName": function,
                "Role": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Code": { "ZipFile": PACKAGE },
                "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{function}") },
            });
            self.rest("lambda", "POST", "/2015-03-31/functions", &body);
            let path = format!("/2015-03-31/functions/{function}");
            let version = self.rest("lambda", "POST", &format!("{path}/versions"), &json!({}));
            let alias = json!({ "Name": "live", "FunctionVersion": version["Version"] });
            self.rest("lambda", "POST", &format!("{path}/aliases"), &alias);
            self.variables(function, &json!({}));
        }
    }

    pub(super) fn function_arn(function: &str) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
    }

    /// Lets a principal invoke a function, for the APIs with that source ARN.
    pub(super) fn permit(&self, function: &str, sid: &str, principal: &str, source: Option<&str>) {
        let mut body = json!({ "StatementId": sid, "Action": "lambda:InvokeFunction", "Principal": principal });
        if let Some(source) = source {
            body["SourceArn"] = json!(format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}"));
        }
        let path = format!("/2015-03-31/functions/{function}/policy");
        self.rest("lambda", "POST", &path, &body);
    }

    fn create_http_api(&self, name: &str) -> String {
        let body = json!({ "name": name, "protocolType": "HTTP" });
        let api = self.rest("apigateway", "POST", "/v2/apis", &body);
        api["apiId"].as_str().unwrap().to_owned()
    }

    fn apis(&self) -> Ids {
        let api = self.create_http_api(TVM);
        let body = json!({
            "integrationType": "AWS_PROXY",
            "integrationUri": format!("{}:live", Self::function_arn(TVM)),
            "payloadFormatVersion": "2.0",
        });
        let of = |api: &str, part: &str| format!("/v2/apis/{api}/{part}");
        let integration = self.rest("apigateway", "POST", &of(&api, "integrations"), &body);
        let integration = integration["integrationId"].as_str().unwrap().to_owned();
        let mut route = String::new();
        for key in ["ANY /", "ANY /{proxy+}", "GET /whoami"] {
            let body = json!({
                "routeKey": key, "authorizationType": "AWS_IAM",
                "target": format!("integrations/{integration}"),
            });
            let created = self.rest("apigateway", "POST", &of(&api, "routes"), &body);
            route = created["routeId"].as_str().unwrap().to_owned();
        }
        let stage = json!({
            "stageName": "$default", "autoDeploy": true, "stageVariables": { "sentinelOrigin": ORIGIN },
        });
        self.rest("apigateway", "POST", &of(&api, "stages"), &stage);
        self.permit(TVM, "api", "apigateway.amazonaws.com", Some(&format!("{api}/*")));
        let downstream = self.create_http_api("downstream");
        let uri = format!(
            "arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{}:live/invocations",
            Self::function_arn(AUTHORIZER)
        );
        let body = json!({
            "authorizerType": "REQUEST", "authorizerUri": uri, "name": "sessions",
            "authorizerPayloadFormatVersion": "2.0", "identitySource": [],
            "enableSimpleResponses": true, "authorizerResultTtlInSeconds": 0,
        });
        let created = self.rest("apigateway", "POST", &of(&downstream, "authorizers"), &body);
        let authorizer = created["authorizerId"].as_str().unwrap().to_owned();
        let source = format!("{downstream}/authorizers/{authorizer}");
        self.permit(AUTHORIZER, "api", "apigateway.amazonaws.com", Some(&source));
        Ids { api, integration, route, downstream, authorizer }
    }

    /// Starts proxies that record the calls: in front of the emulator, and of its organization.
    pub(super) fn proxies(&self) -> [Proxy; 2] {
        let start = |url: &str| self.runtime.block_on(Proxy::start(url)).unwrap();
        [start(&self.emulator.url()), start(&self.stand_in.url())]
    }

    /// Lets the TVM use a policy table, which has a document.
    pub(super) fn use_policy_table(&self) {
        self.variables(TVM, &json!({ "SENTINEL_POLICY_TABLE": "sentinel-policies" }));
        let rule = "rules: [{ name: a, effect: allow, conditions: { users: [a] } }]";
        let text = format!("version: \"1\"\n{rule}\n# {}\n", "x".repeat(9000));
        std::fs::write(self.home.path().join("large.yaml"), text).unwrap();
        for words in ["bootstrap --policies policies", "policy push large.yaml --yes"] {
            let output =
                run(&mut self.command(&format!("{words} --policy-table sentinel-policies")));
            assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
        }
    }

    /// An encrypted document.
    pub(super) fn secret_parameter(&self, name: &str) {
        let text =
            "version: \"1\"\nrules: [{ name: a, effect: allow, conditions: { users: [a] } }]\n";
        let body = json!({ "Name": name, "Value": text, "Type": "SecureString", "KeyId": KEY });
        self.json("ssm", "AmazonSSM.PutParameter", &body);
    }

    /// Attaches a policy of AWS to the protected role.
    pub(super) fn attach_managed(&self) {
        let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        self.iam(&[("Action", "AttachRolePolicy"), ("RoleName", PROTECTED), ("PolicyArn", arn)]);
    }

    /// A REST API with the authorizer.
    pub(super) fn rest_authorizer(&self) {
        let api = self.rest("apigateway", "POST", "/restapis", &json!({ "name": "downstream" }));
        let id = api["id"].as_str().unwrap();
        self.permit(AUTHORIZER, "rest", "apigateway.amazonaws.com", Some(&format!("{id}/*")));
    }

    /// The package of the functions.
    pub(super) fn package() -> Vec<u8> {
        let mut package = vec![0; 22];
        package[..4].copy_from_slice(b"PK\x05\x06");
        package
    }

    /// A REST API in front of the TVM, with that authorization and that origin secret.
    pub(super) fn rest_api(&self, authorization: &str, origin: &str) -> String {
        let api = self.rest("apigateway", "POST", "/restapis", &json!({ "name": TVM }));
        let id = api["id"].as_str().unwrap().to_owned();
        let path = format!("/restapis/{id}/resources");
        let resources = self.rest("apigateway", "GET", &path, &json!({}));
        let root = resources["item"][0]["id"].as_str().unwrap().to_owned();
        let proxy = json!({ "pathPart": "{proxy+}" });
        let proxy = self.rest("apigateway", "POST", &format!("{path}/{root}"), &proxy);
        let uri = format!(
            "arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{}:live/invocations",
            Self::function_arn(TVM)
        );
        for resource in [root.as_str(), proxy["id"].as_str().unwrap()] {
            let method = format!("{path}/{resource}/methods/ANY");
            let body = json!({ "authorizationType": authorization });
            self.rest("apigateway", "PUT", &method, &body);
            let body = json!({ "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri });
            self.rest("apigateway", "PUT", &format!("{method}/integration"), &body);
        }
        let body = json!({ "stageName": "v1", "variables": { "sentinelOrigin": origin } });
        self.rest("apigateway", "POST", &format!("/restapis/{id}/deployments"), &body);
        id
    }

    pub(super) fn alarm(&self, name: &str, more: &[(&str, &str)]) {
        let alarm = [
            ("Action", "PutMetricAlarm"),
            ("AlarmName", name),
            ("Namespace", "Sentinel"),
            ("MetricName", "Errors"),
            ("Statistic", "Sum"),
            ("Period", "300"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "1"),
            ("ComparisonOperator", "GreaterThanThreshold"),
        ];
        self.form("monitoring", "2010-08-01", &[&alarm, more].concat());
    }

    pub(super) fn logs(&self, operation: &str, body: &Value) {
        self.json("logs", &format!("Logs_20140328.{operation}"), body);
    }

    fn operations(&self) {
        for function in [TVM, AUTHORIZER] {
            let name = json!({ "logGroupName": format!("/aws/lambda/{function}") });
            self.logs("CreateLogGroup", &name);
            let mut retention = name;
            retention["retentionInDays"] = json!(365);
            self.logs("PutRetentionPolicy", &retention);
        }
        let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:alarms");
        for name in ALARMS {
            self.alarm(name, &[("AlarmActions.member.1", &topic)]);
        }
    }

    fn organizations(&self, operation: &str, body: &Value) -> Value {
        self.json("organizations", &format!("AWSOrganizationsV20161128.{operation}"), body)
    }

    fn guards(&self, api: &str) {
        let vended = self.document(&format!("vended-credentials-guard --api-id {api}"));
        let mut guards = vec![("vended", vended)];
        for name in ["administration-guard", "identity-guard"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/iam");
            let mut text = std::fs::read_to_string(file.join(format!("{name}.json"))).unwrap();
            for (placeholder, value) in [
                ("partition", "aws"),
                ("account", ACCOUNT),
                ("policy_root", "/sentinel/policies"),
                ("api_id", api),
                ("deployer", "SentinelDeployer"),
                ("emergency_operator", "SentinelEmergencyOperator"),
            ] {
                text = text.replace(&format!("${{{placeholder}}}"), value);
            }
            guards.push((name, text));
        }
        // One for the account, and the others for the root.
        let parents = self.organizations("ListParents", &json!({ "ChildId": ACCOUNT }));
        let root = parents["Parents"][0]["Id"].as_str().unwrap();
        for ((name, content), target) in guards.iter().zip([ACCOUNT, root, root]) {
            let body = json!({
                "Name": name, "Description": name, "Type": "SERVICE_CONTROL_POLICY",
                "Content": content,
            });
            let created = self.organizations("CreatePolicy", &body);
            let id = &created["Policy"]["PolicySummary"]["Id"];
            let body = json!({ "PolicyId": id, "TargetId": target });
            self.organizations("AttachPolicy", &body);
        }
    }

    /// Detaches a service control policy by its name.
    pub(super) fn detach(&self, name: &str) {
        let all =
            self.organizations("ListPolicies", &json!({ "Filter": "SERVICE_CONTROL_POLICY" }));
        let policies = all["Policies"].as_array().unwrap();
        let policy = policies.iter().find(|policy| policy["Name"] == name).unwrap();
        let targets =
            self.organizations("ListTargetsForPolicy", &json!({ "PolicyId": policy["Id"] }));
        let target = &targets["Targets"][0]["TargetId"];
        let body = json!({ "PolicyId": policy["Id"], "TargetId": target });
        self.organizations("DetachPolicy", &body);
    }

    /// Creates an IAM user with that policy, and returns its access key.
    pub(super) fn user(&self, name: &str, policy: &str) -> (String, String) {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]);
        self.iam(&[
            ("Action", "PutUserPolicy"),
            ("UserName", name),
            ("PolicyName", "all"),
            ("PolicyDocument", policy),
        ]);
        let key = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]);
        let between = |tag: &str| {
            let (_, rest) = key.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("{key}"));
            rest.split_once('<').unwrap().0.to_owned()
        };
        (between("AccessKeyId"), between("SecretAccessKey"))
    }
}

/// A text as a segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The response of the TVM to the signed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whoami {
    Alice,
    /// API Gateway refuses.
    Forbidden,
    /// The TVM does not work.
    Broken,
}

/// Responds as the TVM, and passes everything else on to the emulator. In the emulator, the account is
/// the management account of its organization; here, another account is.
struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<(Whoami, bool)>>,
}

impl StandIn {
    fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((Whoami::Alice, true)));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = *shared.lock().unwrap();
                // The client may have ended the connection.
                drop(respond(stream, upstream, state));
            }
        });
        Self { address, state }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn set(&self, whoami: Whoami, member: bool) {
        *self.state.lock().unwrap() = (whoami, member);
    }
}

fn respond(
    mut stream: TcpStream,
    upstream: SocketAddr,
    (whoami, member): (Whoami, bool),
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let (head, wanted) = loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            break (head.to_owned(), head.len() + 4 + length.unwrap_or(0));
        }
    };
    while request.len() < wanted {
        let count = stream.read(&mut buffer)?;
        request.extend_from_slice(&buffer[..count]);
    }
    if head.starts_with("GET /whoami ") {
        assert!(head.contains("/us-east-1/execute-api/aws4_request"), "{head}");
        let (status, body) = match whoami {
            Whoami::Alice => (
                "200 OK",
                json!({
                    "user": "alice", "caller": "alice", "account": ACCOUNT, "operator": false,
                    "principal": format!("arn:aws:iam::{ACCOUNT}:user/alice"),
                }),
            ),
            Whoami::Forbidden => ("403 Forbidden", json!({ "message": "Forbidden" })),
            Whoami::Broken => (
                "500 Internal Server Error",
                json!({ "Code": "CONFIG_ERROR", "Message": "see the log", "RequestId": "r" }),
            ),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        return stream.write_all(format!("{head}{body}").as_bytes());
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let request = request.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    server.read_to_end(&mut response)?;
    let mut response = String::from_utf8_lossy(&response).into_owned();
    if member {
        // As long as before, so that the length is the same.
        for space in ["", " "] {
            response = response.replace(
                &format!("\"MasterAccountId\":{space}\"{ACCOUNT}\""),
                &format!("\"MasterAccountId\":{space}\"444455556666\""),
            );
        }
    }
    stream.write_all(response.as_bytes())
}
