//! List prices, and what operations cost by them.

use std::fmt::Write as _;

use super::calls::{CHECK, Operation, Units, VEND};

/// A price in dollars.
struct Price {
    what: &'static str,
    dollars: f64,
    per: f64,
    unit: &'static str,
    source: &'static str,
}

const HTTP_API: Price = Price {
    what: "API Gateway, HTTP API",
    dollars: 1.00,
    per: 1e6,
    unit: "requests, of the first 300 million a month",
    source: "[AWS whitepaper](https://docs.aws.amazon.com/whitepapers/latest/best-practices-api-gateway-private-apis-integration/cost-optimization.html)",
};
const REST_API: Price = Price {
    what: "API Gateway, REST API",
    dollars: 3.50,
    per: 1e6,
    unit: "requests, of the first 333 million a month",
    source: "the same",
};
const LAMBDA_REQUEST: Price = Price {
    what: "Lambda, requests",
    dollars: 0.20,
    per: 1e6,
    unit: "requests",
    source: "[Lambda pricing](https://aws.amazon.com/lambda/pricing/), read in secondary sources: check before relying on it",
};
const LAMBDA_DURATION: Price = Price {
    what: "Lambda, duration on x86",
    dollars: 16.6667,
    per: 1e6,
    unit: "GB-seconds; on Arm 13.3334",
    source: "the same",
};
const READ_UNIT: Price = Price {
    what: "DynamoDB on demand, reads",
    dollars: 0.125,
    per: 1e6,
    unit: "read request units",
    source: "[DynamoDB pricing](https://aws.amazon.com/dynamodb/pricing/on-demand/), read in secondary sources, some of which have the prices before November 2024: check before relying on it",
};
const WRITE_UNIT: Price = Price {
    what: "DynamoDB on demand, writes",
    dollars: 0.625,
    per: 1e6,
    unit: "write request units",
    source: "the same",
};
const STORAGE: Price = Price {
    what: "DynamoDB, storage",
    dollars: 0.25,
    per: 1.0,
    unit: "GB-month",
    source: "the same; not verified",
};
const LOGS: Price = Price {
    what: "CloudWatch Logs, ingestion",
    dollars: 0.50,
    per: 1.0,
    unit: "GB",
    source: "[CloudWatch pricing](https://aws.amazon.com/cloudwatch/pricing/), read in secondary sources: check before relying on it",
};
const FREE: [(&str, &str); 3] = [
    ("STS, AssumeRole", "no charge"),
    ("SSM, standard parameters at standard throughput", "no charge"),
    (
        "KMS, the AWS managed keys of the tables and of SecureString parameters",
        "see the text below",
    ),
];

impl Price {
    fn of(&self, number: f64) -> f64 {
        self.dollars / self.per * number
    }
}

/// Assumed billed duration of a request to the TVM in seconds, and its memory in GB.
const TVM: (f64, f64) = (0.100, 0.25);
/// The same of the authorizer.
const AUTHORIZER: (f64, f64) = (0.020, 0.125);
/// Assumed bytes of the log lines of a request to the TVM: its record, and the lines of the platform.
const TVM_LOG: f64 = 2000.0;
/// The same of the authorizer, which records refusals only.
const AUTHORIZER_LOG: f64 = 600.0;
/// The hours that a session is stored, and its bytes in the table and in the index.
const STORED: (f64, f64) = (25.0, 2.0 * 1024.0);
const HOURS: f64 = 730.0;
const GB: f64 = 1e9;

pub(super) fn list() -> String {
    let mut text = "| what | dollars | per | source |\n| --- | --- | --- | --- |\n".to_owned();
    for price in
        [HTTP_API, REST_API, LAMBDA_REQUEST, LAMBDA_DURATION, READ_UNIT, WRITE_UNIT, STORAGE, LOGS]
    {
        let Price { what, dollars, per, unit, source } = price;
        let per = if per > 1.0 { format!("1,000,000 {unit}") } else { unit.to_owned() };
        writeln!(text, "| {what} | {dollars} | {per} | {source} |").unwrap();
    }
    for (what, price) in FREE {
        writeln!(text, "| {what} | {price} | | |").unwrap();
    }
    text
}

/// The parts of the price of an operation.
struct Parts {
    gateway: f64,
    lambda: f64,
    tables: f64,
    logs: f64,
}

impl Parts {
    fn of(operation: &Operation, number: f64) -> Self {
        let is_authorizer = operation.name.starts_with("authorizer");
        let ((seconds, gigabytes), log) =
            if is_authorizer { (AUTHORIZER, AUTHORIZER_LOG) } else { (TVM, TVM_LOG) };
        let Units { half_reads, writes } = operation.units;
        let reads = half_reads as f64 / 2.0;
        Self {
            // The request to the API behind the authorizer is not Sentinel's.
            gateway: if is_authorizer { 0.0 } else { HTTP_API.of(number) },
            lambda: LAMBDA_REQUEST.of(number) + LAMBDA_DURATION.of(number * seconds * gigabytes),
            tables: READ_UNIT.of(number * reads) + WRITE_UNIT.of(number * writes as f64),
            logs: LOGS.of(number * log / GB),
        }
    }

    fn total(&self) -> f64 {
        self.gateway + self.lambda + self.tables + self.logs
    }
}

pub(super) fn of_operations(operations: &[Operation]) -> String {
    let mut text = "| one million of | API Gateway | Lambda | DynamoDB | logs | total |\n\
                    | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for operation in operations {
        let parts = Parts::of(operation, 1e6);
        let Parts { gateway, lambda, tables, logs } = parts;
        let total = parts.total();
        writeln!(
            text,
            "| {} | {gateway:.2} | {lambda:.2} | {tables:.2} | {logs:.2} | {total:.2} |",
            operation.name
        )
        .unwrap();
    }
    text
}

pub(super) fn of_months(operations: &[Operation]) -> String {
    let named = |name| operations.iter().find(|operation| operation.name == name).unwrap();
    let (vend, check) = (named(VEND), named(CHECK));
    let mut text = "| vends a month | vends | storage of sessions | 10 checks by the authorizer for each | total |\n\
                    | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (number, written) in
        [(1e3, "1,000"), (1e4, "10,000"), (1e5, "100,000"), (1e6, "1,000,000"), (1e7, "10,000,000")]
    {
        let (hours, bytes) = STORED;
        let vends = Parts::of(vend, number).total();
        let storage = STORAGE.of(number / HOURS * hours * bytes / GB);
        let checks = Parts::of(check, number * 10.0).total();
        let total = vends + storage + checks;
        writeln!(text, "| {written} | {vends:.2} | {storage:.2} | {checks:.2} | {total:.2} |")
            .unwrap();
    }
    text
}
