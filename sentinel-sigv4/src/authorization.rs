//! The `Authorization` header of Signature Version 4:
//! `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request,
//! SignedHeaders=host;x-amz-date, Signature=64 hexadecimal digits`.

use super::{CredentialScope, SignatureError};

/// The parsed header, before it is verified.
#[derive(Clone, Copy)]
pub(super) struct Authorization<'a> {
    pub(super) access_key_id: &'a str,
    pub(super) date: &'a str,
    region: &'a str,
    service: &'a str,
    signed: &'a str,
    pub(super) signature: &'a str,
}

impl std::fmt::Debug for Authorization<'_> {
    /// Without the signature, which may be used again for five minutes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorization")
            .field("access_key_id", &self.access_key_id)
            .field("signed", &self.signed)
            .finish_non_exhaustive()
    }
}

impl<'a> Authorization<'a> {
    /// Reads the header; each part once, none that is unknown.
    pub(super) fn parse(header: &'a str) -> Result<Self, SignatureError> {
        let Some(rest) = header.strip_prefix("AWS4-HMAC-SHA256 ") else {
            return Err(SignatureError::Malformed(
                "the Authorization header is not AWS4-HMAC-SHA256",
            ));
        };
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim_matches(' ').split_once('=').ok_or(
                SignatureError::Malformed("a part of the Authorization header has no value"),
            )?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => {
                    return Err(SignatureError::Malformed(
                        "the Authorization header has unknown parts",
                    ));
                }
            };
            if place.replace(value).is_some() {
                return Err(SignatureError::Malformed("the Authorization header has a part twice"));
            }
        }
        let (Some(credential), Some(signed), Some(signature)) = (credential, signed, signature)
        else {
            return Err(SignatureError::Malformed(
                "the Authorization header lacks Credential, SignedHeaders or Signature",
            ));
        };
        let mut parts = credential.split('/');
        let scope = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(key), Some(date), Some(region), Some(service), Some("aws4_request")) = scope
        else {
            return Err(SignatureError::Malformed(
                "Credential is not KEY/DATE/REGION/SERVICE/aws4_request",
            ));
        };
        let key_like =
            (16..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric());
        if parts.next().is_some() || !key_like {
            return Err(SignatureError::Malformed(
                "Credential is not KEY/DATE/REGION/SERVICE/aws4_request",
            ));
        }
        if signature.len() != 64
            || !signature.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        {
            return Err(SignatureError::Malformed(
                "Signature is not 64 lower-case hexadecimal digits",
            ));
        }
        // One spelling only: lower case, sorted, each once.
        let lower = signed.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase());
        let sorted = signed.split(';').zip(signed.split(';').skip(1)).all(|(a, b)| a < b);
        if !lower || !sorted || signed.split(';').any(str::is_empty) {
            return Err(SignatureError::Malformed(
                "SignedHeaders is not a sorted list in lower case",
            ));
        }
        Ok(Self { access_key_id: key, date, region, service, signed, signature })
    }

    /// Whether a header of that lower-case name is signed.
    pub(super) fn signs(&self, name: &str) -> bool {
        self.signed_headers().any(|signed| signed == name)
    }

    /// The names of the signed headers.
    pub(super) fn signed_headers(&self) -> impl Iterator<Item = &'a str> {
        self.signed.split(';')
    }

    /// Refuses a signature that is for another region or service.
    pub(super) fn refuse_other_scope(
        &self,
        scope: CredentialScope<'_>,
    ) -> Result<(), SignatureError> {
        if self.region == scope.region && self.service == scope.service {
            Ok(())
        } else {
            Err(SignatureError::Scope {
                signed: format!("{}/{}", self.region, self.service),
                expected: format!("{}/{}", scope.region, scope.service),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn header(credential: &str, signed: &str, signature: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed},Signature={signature}"
        )
    }

    #[test]
    fn the_header_is_read_with_or_without_spaces_after_commas() {
        let text = header(
            "AKIAIOSFODNN7EXAMPLE/20260131/us-east-1/execute-api/aws4_request",
            "host;x-amz-date",
            SIGNATURE,
        );
        let read = Authorization::parse(&text).unwrap();
        assert_eq!(read.access_key_id, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(read.date, "20260131");
        assert!(!format!("{read:?}").contains(SIGNATURE));
        assert!(read.signs("host") && read.signs("x-amz-date") && !read.signs("x-amz"));
    }

    #[test]
    fn whatever_has_a_second_reading_is_refused() {
        let good = "AKIAIOSFODNN7EXAMPLE/20260131/us-east-1/execute-api/aws4_request";
        let doubled = format!("{}, Signature={SIGNATURE}", header(good, "host", SIGNATURE));
        for text in [
            String::new(),
            "AWS4-HMAC-SHA256".to_owned(),
            "Bearer x".to_owned(),
            header("AKIA/20260131/us-east-1/execute-api/aws4_request", "host", SIGNATURE),
            header(&format!("{good}/more"), "host", SIGNATURE),
            header(good, "x-amz-date;host", SIGNATURE),
            header(good, "Host", SIGNATURE),
            header(good, "host;host", SIGNATURE),
            header(good, "host;", SIGNATURE),
            header(good, "", SIGNATURE),
            header(good, "host", &SIGNATURE.to_ascii_uppercase()),
            header(good, "host", "0011"),
            doubled,
        ] {
            assert!(Authorization::parse(&text).is_err(), "{text}");
        }
    }
}
