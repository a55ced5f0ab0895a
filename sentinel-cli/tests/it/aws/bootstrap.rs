//! `sentinel bootstrap`.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    PointInTimeRecoveryStatus, ScalarAttributeType, StreamViewType, TimeToLiveStatus,
};

use super::{Account, KINDS, all, long, states};

impl Account {
    /// Whether items of a table expire by its attribute `ttl`, and whether the
    /// table has point-in-time recovery.
    fn expires_and_is_recoverable(&self, name: &str) -> (bool, bool) {
        let client = aws_sdk_dynamodb::Client::new(&self.config());
        let name = self.table(name);
        let ttl = client.describe_time_to_live().table_name(&name).send();
        let ttl = self.runtime.block_on(ttl).unwrap().time_to_live_description.unwrap();
        let recovery = client.describe_continuous_backups().table_name(&name).send();
        let recovery = self.runtime.block_on(recovery).unwrap();
        let recovery = recovery.continuous_backups_description.unwrap();
        let recovery = recovery.point_in_time_recovery_description.unwrap();
        (
            ttl.time_to_live_status == Some(TimeToLiveStatus::Enabled)
                && ttl.attribute_name.as_deref() == Some("ttl"),
            recovery.point_in_time_recovery_status == Some(PointInTimeRecoveryStatus::Enabled),
        )
    }

    /// Creates a table without the command, with these keys and no other settings.
    fn create(&self, name: &str, keys: &[(&str, KeyType)]) {
        let client = aws_sdk_dynamodb::Client::new(&self.config());
        let mut request = client
            .create_table()
            .table_name(self.table(name))
            .billing_mode(BillingMode::PayPerRequest);
        for (key, kind) in keys {
            let attribute = AttributeDefinition::builder()
                .attribute_name(*key)
                .attribute_type(ScalarAttributeType::S);
            let element = KeySchemaElement::builder().attribute_name(*key).key_type(kind.clone());
            request = request
                .attribute_definitions(attribute.build().unwrap())
                .key_schema(element.build().unwrap());
        }
        self.runtime.block_on(request.send()).unwrap();
    }
}

const TABLES: [&str; 4] = ["sessions", "approvals", "breakglass", "policies"];

#[test]
fn a_second_bootstrap_changes_nothing() {
    for kind in KINDS {
        let account = Account::new(kind, "twice");
        account.write("large", &long("large", 9000));
        let (first, status) = account.json("bootstrap");
        assert_eq!(status, 0, "{first}");
        assert!(all(&first, "tables", "created") && all(&first, "policies", "created"), "{first}");
        for name in TABLES {
            let table = account.describe(name).unwrap();
            assert_eq!(table.deletion_protection_enabled, Some(true), "{kind:?} {name}");
            let keys: Vec<_> = table.key_schema().iter().map(|key| key.attribute_name()).collect();
            assert_eq!(keys, ["pk", "sk"]);
            let billing = table.billing_mode_summary.unwrap().billing_mode.unwrap();
            assert_eq!(billing, BillingMode::PayPerRequest);
            // A document must never expire.
            assert_eq!(
                account.expires_and_is_recoverable(name),
                (name != "policies", true),
                "{kind:?} {name}"
            );
        }
        let sessions = account.describe("sessions").unwrap();
        let indexes = sessions.global_secondary_indexes().iter();
        assert_eq!(
            indexes.filter_map(|index| index.index_name()).collect::<Vec<_>>(),
            ["by-shard"]
        );
        assert_eq!(account.parameter("main").unwrap().1, 1);
        assert!(account.parameter("large").is_none());

        let before: Vec<_> = TABLES.map(|name| account.describe(name)).into();
        let (second, status) = account.json("bootstrap");
        assert_eq!(status, 0, "{second}");
        assert!(all(&second, "tables", "unchanged"), "{kind:?} {second}");
        assert!(all(&second, "policies", "unchanged"), "{kind:?} {second}");
        assert_eq!(before, TABLES.map(|name| account.describe(name)));
        for name in ["main", "production"] {
            assert_eq!(account.parameter(name).unwrap().1, 1, "{kind:?}");
        }
        assert_eq!(first["iam"], second["iam"]);
        let account_id = first["account"].as_str().unwrap();
        let tvm = first["iam"]["tvm_function"].to_string();
        assert!(tvm.contains(&format!(":{account_id}:table/twice-sessions")), "{tvm}");
    }
}

#[test]
fn a_dry_run_reports_the_changes_and_writes_nothing() {
    for kind in KINDS {
        let account = Account::new(kind, "dry");
        let (report, status) = account.json("bootstrap --dry-run");
        assert_eq!(status, 0, "{report}");
        assert!(all(&report, "tables", "would_create"), "{report}");
        assert!(all(&report, "policies", "would_create"), "{report}");
        assert!(TABLES.iter().all(|name| account.describe(name).is_none()));
        assert!(account.parameter("main").is_none() && account.parameter("production").is_none());

        account.create("sessions", &[("pk", KeyType::Hash), ("sk", KeyType::Range)]);
        let before = account.describe("sessions");
        let (report, _) = account.json("bootstrap --dry-run");
        assert_eq!(states(&report, "tables")[0].1, "would_repair", "{report}");
        assert_eq!(report["tables"][0]["details"].as_array().unwrap().len(), 4, "{report}");
        assert_eq!(account.describe("sessions"), before);
        assert_eq!(account.expires_and_is_recoverable("sessions"), (false, false));
    }
}

#[test]
fn an_incomplete_table_is_repaired_and_a_table_with_other_keys_is_left_unchanged() {
    for kind in KINDS {
        let account = Account::new(kind, "repair");
        account.create("sessions", &[("pk", KeyType::Hash), ("sk", KeyType::Range)]);
        account.create("approvals", &[("id", KeyType::Hash)]);
        let before = account.describe("approvals");
        let (report, status) = account.json("bootstrap");
        let found: Vec<String> = states(&report, "tables").into_iter().map(|one| one.1).collect();
        assert_eq!(found, ["repaired", "differs", "created", "created"], "{kind:?} {report}");
        assert_eq!(status, 1);
        let sessions = account.describe("sessions").unwrap();
        assert_eq!(sessions.deletion_protection_enabled, Some(true), "{kind:?}");
        assert_eq!(sessions.global_secondary_indexes().len(), 1, "{kind:?}");
        assert_eq!(account.expires_and_is_recoverable("sessions"), (true, true), "{kind:?}");
        assert_eq!(account.describe("approvals"), before);
        let output = account.run("bootstrap");
        assert!(
            output.stdout.contains("its keys are `id` alone, not `pk` and `sk`"),
            "{}",
            output.stdout
        );
    }
}

/// The tables of requests and grants as an earlier version created them: without the index and
/// without the stream.
#[test]
fn existing_tables_of_requests_and_grants_gain_index_and_stream_and_keep_their_items() {
    for kind in KINDS {
        let account = Account::new(kind, "upgrade");
        let client = aws_sdk_dynamodb::Client::new(&account.config());
        let text = |value: &str| AttributeValue::S(value.to_owned());
        for name in ["approvals", "breakglass"] {
            account.create(name, &[("pk", KeyType::Hash), ("sk", KeyType::Range)]);
            let item = client.put_item().table_name(account.table(name));
            let item = item.item("pk", text("caller")).item("sk", text("pending#production"));
            let item = item.item("shard", text("production#0")).item("ends", text("2030"));
            account.runtime.block_on(item.send()).unwrap();
        }
        let (report, status) = account.json("bootstrap");
        let found: Vec<String> = states(&report, "tables").into_iter().map(|one| one.1).collect();
        assert_eq!(found, ["created", "repaired", "repaired", "created"], "{kind:?} {report}");
        assert_eq!(status, 0);
        for name in ["approvals", "breakglass"] {
            let table = account.describe(name).unwrap();
            let stream = table.stream_specification.unwrap();
            assert!(stream.stream_enabled, "{kind:?} {name}");
            assert_eq!(stream.stream_view_type, Some(StreamViewType::NewAndOldImages));
            let list = client
                .query()
                .table_name(account.table(name))
                .index_name("by-end")
                .key_condition_expression("#shard = :shard AND #ends > :now")
                .expression_attribute_names("#shard", "shard")
                .expression_attribute_names("#ends", "ends")
                .expression_attribute_values(":shard", text("production#0"))
                .expression_attribute_values(":now", text("2029"));
            let list = account.runtime.block_on(list.send()).unwrap();
            assert_eq!(list.count, 1, "{kind:?} {name}");
            assert_eq!(account.expires_and_is_recoverable(name), (true, true), "{kind:?}");
        }
        let (again, _) = account.json("bootstrap");
        assert!(all(&again, "tables", "unchanged"), "{kind:?} {again}");
    }
}

#[test]
fn after_a_failure_the_same_command_continues_from_there() {
    for kind in KINDS {
        let account = Account::new(kind, "resume");
        // SSM replaces such a name by the value of a parameter.
        let refused = format!("{}# {{{{zebra}}}}\n", super::POLICY.replace("NAME", "zebra"));
        account.write("zebra", &refused);
        let output = account.run("bootstrap --format json");
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{kind:?} {}", output.stderr);
        assert!(
            output.stderr.contains("[7/7] policy `/resume/policies/zebra`"),
            "{}",
            output.stderr
        );
        assert!(output.stderr.contains("command continues from here"), "{}", output.stderr);
        assert!(account.parameter("main").is_some() && account.parameter("zebra").is_none());

        account.write("zebra", &super::POLICY.replace("NAME", "zebra"));
        let (report, status) = account.json("bootstrap");
        assert_eq!(status, 0, "{report}");
        assert!(all(&report, "tables", "unchanged"), "{kind:?} {report}");
        let found: Vec<String> = states(&report, "policies").into_iter().map(|one| one.1).collect();
        assert_eq!(found, ["unchanged", "unchanged", "created"], "{kind:?} {report}");
    }
}

#[test]
fn if_a_file_is_invalid_nothing_is_written() {
    let account = Account::new(KINDS[0], "unusable");
    let wrong = super::POLICY.replace("allow", "Deny");
    // The main document may contain it, the document of a profile may not.
    let operators = format!("{}{}", super::POLICY, super::OPERATORS);
    for (name, text, expected) in [("wrong", wrong, "Deny"), ("operators", operators, "operators")]
    {
        account.write(name, &text);
        let output = account.run("bootstrap");
        assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{}", output.stderr);
        assert!(
            output.stderr.contains(expected) && output.stderr.contains("nothing was written"),
            "{}",
            output.stderr
        );
        std::fs::remove_file(account.file(name)).unwrap();
    }
    assert!(account.describe("sessions").is_none() && account.parameter("main").is_none());
}

#[test]
fn a_stored_policy_with_another_text_is_not_overwritten() {
    let account = Account::new(KINDS[1], "other");
    account.put("main", "theirs", aws_sdk_ssm::types::ParameterType::String);
    let (report, status) = account.json("bootstrap --profile main --profile production");
    let found: Vec<String> = states(&report, "policies").into_iter().map(|one| one.1).collect();
    assert_eq!((found, status), (vec!["differs".to_owned(), "created".to_owned()], 1), "{report}");
    let detail = report["policies"][0]["details"][0].as_str().unwrap();
    assert!(detail.contains("sentinel policy push policies/main.yaml"), "{detail}");
    assert_eq!(account.parameter("main").unwrap(), ("theirs".to_owned(), 1));
}
