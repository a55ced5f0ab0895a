//! Log groups and alarms.

use serde_json::{Value, json};

use super::super::checks::ALARMS;
use super::super::snapshot::{Alarm, Deployed, LogGroup, Read, Seen};
use super::Reader;
use super::permission::Permission;
use crate::aws::Service;

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
        let parameters = json!({ "AlarmNames": ALARMS });
        let target = "GraniteServiceVersion20100801.DescribeAlarms";
        let response = self.calls.json(Service::CloudWatch, target, &parameters).await;
        let response = self.required(response, Permission::DescribeAlarms, "alarms")?;
        let alarms = response.get("MetricAlarms").and_then(Value::as_array).into_iter().flatten();
        let alarms = alarms.filter_map(|alarm| {
            let actions = alarm.get("AlarmActions").and_then(Value::as_array);
            Some(Alarm {
                name: alarm.get("AlarmName")?.as_str()?.to_owned(),
                enabled: alarm.get("ActionsEnabled").and_then(Value::as_bool) != Some(false),
                has_action: actions.is_some_and(|actions| !actions.is_empty()),
            })
        });
        Ok(alarms.collect())
    }
}
