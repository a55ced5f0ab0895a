//! `source_vpc` and `source_vpce`: the VPC, and the endpoint in it, that a request
//! was sent through. Both take ids, which are compared whole. API Gateway reports
//! them for private REST APIs only, as `identity.vpcId` and `identity.vpceId`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>

use chrono::{DateTime, Utc};

use super::{AnyOf, Circumstance, Condition, Saw, Shared, texts};
use crate::Request;
use crate::diagnostic::{Subject, Type};
use crate::read::{Field, Reader};

/// Numbers of digits in an id: the current number, and that of ids from before
/// 2018.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
const DIGITS: [usize; 2] = [17, 8];

const VPC: &Type = &Type {
    words: "the id of a VPC",
    help: Some("`vpc-` and 8 or 17 lower-case hexadecimal digits, without wildcards"),
};
const VPCE: &Type = &Type {
    words: "the id of a VPC endpoint",
    help: Some("`vpce-` and 8 or 17 lower-case hexadecimal digits, without wildcards"),
};

pub(crate) struct SourceVpc;

impl Condition for SourceVpc {
    type Given = AnyOf<String>;
    type Compiled = Vec<String>;

    const KEY: &'static str = "source_vpc";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        ids(reader, field, "vpc-", VPC)
    }

    fn matches(ids: &Vec<String>, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        request.source_vpc.is_some_and(|id| ids.iter().any(|other| other == id))
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("source_vpc", request.source_vpc)
    }

    fn wanted(ids: &Self::Given, _: &str) -> Vec<String> {
        texts(ids, String::clone)
    }
}

impl Circumstance for SourceVpc {
    fn compile(ids: &Self::Given, _: &mut Shared) -> Vec<String> {
        sorted(ids)
    }

    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool {
        contains_all(wide, narrow)
    }
}

pub(crate) struct SourceVpce;

impl Condition for SourceVpce {
    type Given = AnyOf<String>;
    type Compiled = Vec<String>;

    const KEY: &'static str = "source_vpce";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        ids(reader, field, "vpce-", VPCE)
    }

    fn matches(ids: &Vec<String>, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        request.source_vpce.is_some_and(|id| ids.iter().any(|other| other == id))
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("source_vpce", request.source_vpce)
    }

    fn wanted(ids: &Self::Given, _: &str) -> Vec<String> {
        texts(ids, String::clone)
    }
}

impl Circumstance for SourceVpce {
    fn compile(ids: &Self::Given, _: &mut Shared) -> Vec<String> {
        sorted(ids)
    }

    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool {
        contains_all(wide, narrow)
    }
}

/// A list of ids that begin with `prefix`.
fn ids<'n>(
    reader: &mut Reader<'n>,
    field: Field<'n>,
    prefix: &str,
    expected: &'static Type,
) -> Option<AnyOf<String>> {
    reader.each(field, |reader, key, node| {
        let what = Subject::EntryOf(key);
        let value = reader.exact_text(what, node)?;
        let valid = is_id(value, prefix);
        if !valid {
            reader.wrong_type(what, node, expected);
        }
        valid.then(|| value.to_owned())
    })
}

/// Whether a text is the id of a VPC: `vpc-` and 8 or 17 lowercase hexadecimal digits.
#[must_use]
pub fn is_vpc_id(text: &str) -> bool {
    is_id(text, "vpc-")
}

/// Whether a text is the id of a VPC endpoint: `vpce-` and 8 or 17 lowercase
/// hexadecimal digits.
#[must_use]
pub fn is_vpc_endpoint_id(text: &str) -> bool {
    is_id(text, "vpce-")
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        DIGITS.contains(&digits.len())
            && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn sorted(ids: &AnyOf<String>) -> Vec<String> {
    let mut ids = texts(ids, String::clone);
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn contains_all(wide: &AnyOf<String>, narrow: Option<&AnyOf<String>>) -> bool {
    let in_wide = |id: &String| wide.iter().any(|other| other.value == *id);
    narrow.is_some_and(|narrow| narrow.iter().all(|id| in_wide(&id.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_8_or_17_digits() {
        for (digits, expected) in [
            ("1a2b3c4d", true),
            ("0123456789abcdef0", true),
            ("1a2b3c4", false),
            ("1a2b3c4d5", false),
            ("1A2B3C4D", false),
            ("1a2b3c4g", false),
            ("", false),
        ] {
            assert_eq!(is_vpc_id(&format!("vpc-{digits}")), expected, "{digits}");
            assert_eq!(is_vpc_endpoint_id(&format!("vpce-{digits}")), expected, "{digits}");
            assert!(!is_vpc_id(&format!("vpce-{digits}")) && !is_vpc_id(digits), "{digits}");
            assert!(!is_vpc_endpoint_id(&format!("vpc-{digits}")), "{digits}");
        }
    }
}
