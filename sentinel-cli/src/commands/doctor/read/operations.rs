//! Log groups and alarms.

use serde_json::{Value, json};

use super::super::checks::ALARMS;
use super::super::snapshot::{Alarm, Deployed, LogGroup, Read, Seen};
use super::Reader;
use super::permission::Permission;
use crate::aws::Service;

const VERSION: &str = "2010-08-01";

impl Reader<'_> {
    /// The log group of a function, by its name.
    pub(super) async fn log_group(&self, deployed: &Deployed) -> (String, Seen<LogGroup>) {
        let function = deployed.function.as_ref().ok().and_then(Option::as_ref);
        let named = function.and_then(|function| function.log_group.clone());
        let name = named.unwrap_or_else(|| format!("/aws/lambda/{}", deployed.name));
        let parameters = json!({ "logGroupNamePrefix": name, "limit": 50 });
        let target = "Logs_20140328.DescribeLogGroups";
        let response = self.calls.json(Service::Logs, target, &parameters).await;
        let seen = self.required(response, Permission::DescribeLogGroups, &name).map(|response| {
            let groups = response.get("logGroups").and_then(Value::as_array).into_iter().flatten();
            // Other names can begin with this one. It is the first of them.
            let mut groups = groups.filter(|group| {
                group.get("logGroupName").and_then(Value::as_str) == Some(name.as_str())
            });
            groups.next().map(|group| LogGroup {
                retention_days: group.get("retentionInDays").and_then(Value::as_u64),
            })
        });
        (name, seen)
    }

    /// The alarms of the deployment.
    pub(super) async fn alarms(&self) -> Read<Vec<Alarm>> {
        let names: Vec<String> =
            (1..=ALARMS.len()).map(|at| format!("AlarmNames.member.{at}")).collect();
        let parameters: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(ALARMS).collect();
        let response =
            self.calls.query(Service::CloudWatch, "DescribeAlarms", VERSION, &parameters).await;
        let response = self.required(response, Permission::DescribeAlarms, "alarms")?;
        let alarms = response.members("MetricAlarms").filter_map(|alarm| {
            Some(Alarm {
                name: alarm.get("AlarmName")?.to_owned(),
                enabled: alarm.get("ActionsEnabled") != Some("false"),
                has_action: alarm.members("AlarmActions").next().is_some(),
            })
        });
        Ok(alarms.collect())
    }
}
