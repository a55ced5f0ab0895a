//! The parts of AWS that a plain vend and a session check need. They answer always in the same way, and
//! immediately unless latencies are simulated.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use crate::latency::{Latencies, Service};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

/// Maximum length of a policy in one parameter, of the advanced tier, in bytes.
const LARGEST: usize = 8_192;

/// A policy of that length, whose last rule allows the callers of the measurements.
fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let allow = "  - name: everyone\n    effect: allow\n    conditions: { profiles: [production], \
                     users: [alice, caller-*] }\n";
        let mut text = "version: \"1\"\nrules:\n".to_owned();
        for number in 0.. {
            let rule = format!(
                "  - name: rule-{number}\n    effect: deny\n    conditions: {{ profiles: [production], users: \
                 [person-{number}], source_ip: [10.{number}.0.0/16] }}\n"
            );
            if text.len() + rule.len() + allow.len() > LARGEST {
                break;
            }
            text += &rule;
        }
        text + allow
    });
    &POLICY
}

/// Listens on a free port of this machine for as long as the process runs.
///
/// # Errors
/// If it cannot listen.
pub async fn start(latencies: Option<Latencies>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    drop(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).ok();
            let latencies = latencies.clone();
            let service = service_fn(move |request| answer(request, latencies.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            drop(tokio::spawn(async move { connection.await.ok() }));
        }
    }));
    Ok(address)
}

/// The service of a request with this header `X-Amz-Target`, which those to STS do not have.
fn service(target: &str) -> Service {
    match target.split_once('_').or_else(|| target.split_once('.')) {
        Some(("DynamoDB", _)) => Service::DynamoDb,
        Some(("AmazonSSM", _)) => Service::Ssm,
        Some(_) | None => Service::Sts,
    }
}

async fn answer(
    request: Request<Incoming>,
    latencies: Option<Latencies>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let form = request.into_body().collect().await?.to_bytes();
    if let Some(latencies) = latencies {
        latencies.wait(service(&target)).await;
    }
    let body = match target.as_str() {
        "AmazonSSM.GetParameter" => json!({ "Parameter": {
            "Name": "/sentinel/policies/production", "Value": policy(), "Version": 1,
            "Type": "String", "LastModifiedDate": 1_769_342_400.0,
        } })
        .to_string(),
        "AmazonSSM.GetParametersByPath" => json!({ "Parameters": [] }).to_string(),
        // There is no gate and no session. Every write succeeds.
        name if name.starts_with("DynamoDB_20120810.") => json!({
            "ConsumedCapacity": { "TableName": "sentinel-sessions", "CapacityUnits": 1.0 },
        })
        .to_string(),
        _ => assumed(&form),
    };
    Ok(Response::new(Full::new(Bytes::from(body))))
}

/// Credentials for the requested role, with the requested session name and duration.
fn assumed(form: &[u8]) -> String {
    let of = |name: &str| {
        let found = form_urlencoded::parse(form).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let (role, session) = (of("RoleArn"), of("RoleSessionName"));
    let assumed = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/");
    let seconds = of("DurationSeconds").parse().unwrap_or_default();
    let expiration = (chrono::Utc::now() + chrono::TimeDelta::seconds(seconds)).to_rfc3339();
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <SourceIdentity>{session}</SourceIdentity>\
         <Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>\
         <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         <AssumedRoleUser><Arn>{assumed}/{session}</Arn>\
         <AssumedRoleId>AROA3XFRBF535PLBIFPI4:{session}</AssumedRoleId></AssumedRoleUser>\
         </AssumeRoleResult><ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7\
         </RequestId></ResponseMetadata></AssumeRoleResponse>"
    )
}
