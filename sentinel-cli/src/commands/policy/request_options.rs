//! A request as command-line options.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use sentinel_policy::{Approval, DeviceFacts, Facts, Mode, Policy, Principal, Request};

use super::value::Contradiction;
use super::{source, value};
use crate::output::{Failure, Outcome, Screen};

/// The request to evaluate. Attributes that are not given are absent. No attribute is
/// derived.
#[derive(Debug, Args)]
pub(super) struct RequestOptions {
    /// User: a name or RoleName/session
    #[arg(long, value_name = "USER", required_unless_present = "requests",
        value_parser = owned(value::user))]
    user: Option<String>,
    /// Profile to request
    #[arg(long, value_name = "PROFILE", required_unless_present = "requests",
        value_parser = owned(value::profile))]
    profile: Option<String>,
    /// Time of the request, in RFC 3339 (default: now)
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    at: Option<DateTime<Utc>>,
    /// Source IP address
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
    /// Id of the VPC that the request is sent from
    #[arg(long, value_name = "ID", value_parser = owned(value::vpc))]
    source_vpc: Option<String>,
    /// Id of the VPC endpoint that the request is sent through
    #[arg(long, value_name = "ID", value_parser = owned(value::vpce))]
    source_vpce: Option<String>,
    /// AWS account of the caller
    #[arg(long, value_name = "ID", value_parser = owned(value::account))]
    account: Option<String>,
    /// ARN of the caller
    #[arg(long, value_name = "ARN", value_parser = owned(value::principal))]
    principal: Option<String>,
    /// AWS organization of the caller
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Mode: server, cli or credential_process
    #[arg(long, value_name = "MODE", default_value = "server", value_parser = value::mode)]
    mode: Mode,
    /// Session table in use
    #[arg(long, value_name = "NAME")]
    session_table: Option<String>,
    /// Fact about the device: mdm_enrolled, mdm_compliant, disk_encrypted,
    /// firewall_enabled (true or false), os_version or os_type
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_device_fact)]
    device: Vec<DeviceFact>,
    /// Evaluate the request as approved
    #[arg(long)]
    approved: bool,
    /// Expected effect
    #[arg(long, value_enum, value_name = "EFFECT")]
    expect: Option<Expected>,
    /// File of requests, one JSON object per line; `-` for stdin
    #[arg(
        long,
        value_name = "FILE.jsonl",
        conflicts_with_all = [
            "user", "profile", "at", "source_ip", "source_vpc", "source_vpce", "account",
            "principal", "organization", "mode", "session_table", "device", "approved", "expect",
        ]
    )]
    requests: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Expected {
    Allow,
    Deny,
    RequireApproval,
}

impl Expected {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::RequireApproval => "require_approval",
        }
    }
}

/// One fact about a device.
#[derive(Clone, Debug)]
enum DeviceFact {
    MdmEnrolled(bool),
    MdmCompliant(bool),
    DiskEncrypted(bool),
    FirewallEnabled(bool),
    OsVersion(String),
    OsType(String),
}

/// Returns the text if `check` accepts it, in the form that clap stores.
fn owned(
    check: fn(&str) -> Result<&str, String>,
) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync {
    move |text| check(text).map(str::to_owned)
}

fn parse_device_fact(text: &str) -> Result<DeviceFact, String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "not KEY=VALUE".to_owned())?;
    let flag = || match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("`{key}` is true or false")),
    };
    let named = |fault| format!("`{key}`: {fault}");
    Ok(match key {
        "mdm_enrolled" => DeviceFact::MdmEnrolled(flag()?),
        "mdm_compliant" => DeviceFact::MdmCompliant(flag()?),
        "disk_encrypted" => DeviceFact::DiskEncrypted(flag()?),
        "firewall_enabled" => DeviceFact::FirewallEnabled(flag()?),
        "os_version" => DeviceFact::OsVersion(value::os_version(value).map_err(named)?.to_owned()),
        "os_type" => DeviceFact::OsType(value::os_type(value).map_err(named)?.to_owned()),
        _ => {
            return Err("the facts are mdm_enrolled, mdm_compliant, disk_encrypted, \
                        firewall_enabled, os_version and os_type"
                .to_owned());
        }
    })
}

impl RequestOptions {
    /// The compiled policy of the document.
    pub(super) fn compile(&self, file: &Path, screen: &Screen) -> Result<Policy, Failure> {
        let stdin = |path: &Path| path.as_os_str() == "-";
        if stdin(file) && self.requests_file().is_some_and(stdin) {
            return Err(Failure::Usage(
                "stdin cannot be both the policy and the requests".to_owned(),
            ));
        }
        value::consistent(&self.caller()).map_err(|fault| {
            let Contradiction { attribute, value, fact } = fault;
            Failure::Usage(format!("`--{attribute} {value}` contradicts `--principal`: {fact}"))
        })?;
        source::compile(file, screen)
    }

    fn caller(&self) -> Principal<'_> {
        Principal::new(self.user.as_deref().unwrap_or_default())
            .with_account(self.account.as_deref())
            .with_arn(self.principal.as_deref())
            .with_organization(self.organization.as_deref())
    }

    /// The file of requests, if one is given.
    pub(super) fn requests_file(&self) -> Option<&Path> {
        self.requests.as_deref()
    }

    /// The outcome: whether the effect is the expected one.
    pub(super) fn outcome(&self, effect: &str, screen: &Screen) -> Outcome {
        let expected = self.expect.map_or("allow", Expected::as_str);
        if effect == expected {
            return Outcome::Done;
        }
        if self.expect.is_some() {
            screen.note(&format!("expected `{expected}`"));
        }
        Outcome::No
    }

    /// The request, its facts, and its time.
    pub(super) fn request(&self) -> (Request<'_>, Facts, DateTime<Utc>) {
        let mut device = DeviceFacts::default();
        for fact in &self.device {
            match fact {
                DeviceFact::MdmEnrolled(is) => device.mdm_enrolled = Some(*is),
                DeviceFact::MdmCompliant(is) => device.mdm_compliant = Some(*is),
                DeviceFact::DiskEncrypted(is) => device.disk_encrypted = Some(*is),
                DeviceFact::FirewallEnabled(is) => device.firewall_enabled = Some(*is),
                DeviceFact::OsVersion(version) => device.os_version = Some(version),
                DeviceFact::OsType(os) => device.os_type = Some(os),
            }
        }
        let request = Request::new(self.caller(), self.profile.as_deref().unwrap_or_default())
            .with_source_ip(self.source_ip)
            .with_source_vpc(self.source_vpc.as_deref())
            .with_source_vpce(self.source_vpce.as_deref())
            .with_mode(self.mode)
            .with_session_table(self.session_table.as_deref())
            .with_device(device);
        (request, facts(self.approved), self.at.unwrap_or_else(Utc::now))
    }
}

/// Facts are used as given: an approval does not expire.
pub(super) fn facts(approved: bool) -> Facts {
    Facts::default().with_approval(approved.then_some(Approval::new()))
}
