//! Credentials of a role that has the document of a [`Holder`], so that an emulator that enforces
//! IAM refuses every call that the document does not allow.

use aws_credential_types::Credentials;
use serde_json::json;

use crate::emulator::{Emulator, Kind, ROOT_KEY};
use crate::recorded::{Holder, deployment};
use crate::signed::{self, Answer, Error};

/// Credentials of a role. `Debug` shows the access key id only.
#[derive(Clone)]
#[non_exhaustive]
pub struct Keys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token.
    pub token: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Keys {
    /// Creates the holder's role in the emulator and assumes it. For an emulator without IAM, the
    /// credentials are made up.
    ///
    /// # Errors
    /// If the emulator refuses a step.
    pub async fn of(emulator: &Emulator, kind: Kind, holder: Holder) -> Result<Self, Error> {
        let deployment = deployment()?;
        let role = match holder {
            Holder::Tvm => deployment.tvm_role.clone(),
            Holder::Authorizer => deployment.authorizer_role.clone(),
            Holder::Administrator => "Administrator".to_owned(),
        };
        if kind != Kind::Ministack {
            let text = |what: &str| format!("{role}{what}");
            let id = format!("ASIA{}", role.to_ascii_uppercase());
            return Ok(Self { id, secret: text("secret"), token: text("token") });
        }
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", deployment.account) },
            "Action": "sts:AssumeRole",
        }] })
        .to_string();
        let document = serde_json::to_string(&deployment.document(holder.document()))?;
        // AWS checks the ARN of the path itself, which the document allows. ministack checks `*`.
        let by_path = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": "*" },
        ] })
        .to_string();
        let policy = |name, document| {
            vec![
                ("Action", "PutRolePolicy"),
                ("RoleName", &*role),
                ("PolicyName", name),
                ("PolicyDocument", document),
            ]
        };
        for form in [
            vec![
                ("Action", "CreateRole"),
                ("RoleName", &role),
                ("AssumeRolePolicyDocument", &trust),
            ],
            policy("sentinel", &document),
            policy("as-ministack-has-it", &by_path),
        ] {
            as_root(emulator, "iam", "2010-05-08", form).await?;
        }
        let arn = format!("arn:aws:iam::{}:role/{role}", deployment.account);
        let form =
            vec![("Action", "AssumeRole"), ("RoleArn", &*arn), ("RoleSessionName", "function")];
        let answer = as_root(emulator, "sts", "2011-06-15", form).await?;
        let element = |name: &str| {
            let missing = || format!("no {name} in the response of AssumeRole");
            answer.element(name).map(str::to_owned).ok_or_else(missing)
        };
        Ok(Self {
            id: element("AccessKeyId")?,
            secret: element("SecretAccessKey")?,
            token: element("SessionToken")?,
        })
    }
}

async fn as_root(
    emulator: &Emulator,
    service: &str,
    version: &str,
    mut form: Vec<(&str, &str)>,
) -> Result<Answer, Error> {
    form.push(("Version", version));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let root = Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "test");
    let content_type = "application/x-www-form-urlencoded";
    let answer = signed::send(&emulator.url(), &root, content_type, &[], body, service).await?;
    if answer.status == 200 {
        Ok(answer)
    } else {
        Err(format!("the emulator answered {}: {}", answer.status, answer.body).into())
    }
}
