//! Refuses paths and queries that the signer would normalize: otherwise two different
//! requests could have the same signature.

use super::SignatureError;

/// Refuses what does not have exactly one canonical form: a relative path, dot
/// segments, empty segments, broken escapes, and text that is not UTF-8 (which
/// the signer would replace).
pub(super) fn refuse_ambiguous(path: &str, query: &str) -> Result<(), SignatureError> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(SignatureError::Malformed("the path does not begin with a slash"));
    };
    // A trailing slash is a last segment without text.
    let segments = rest.strip_suffix('/').unwrap_or(rest);
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if !rest.is_empty() && segments.split('/').any(odd) {
        return Err(SignatureError::Malformed("the path has empty or dot segments"));
    }
    if !is_escaped_text(path) || !is_escaped_text(query) {
        return Err(SignatureError::Malformed("the path or query is not percent-encoded UTF-8"));
    }
    Ok(())
}

/// Refuses a signature in the query.
pub(super) fn refuse_presigned(query: &str) -> Result<(), SignatureError> {
    let presigned = form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-")));
    if presigned { Err(SignatureError::Presigned) } else { Ok(()) }
}

/// Printable ASCII in which every `%` begins an escape, and which decodes to
/// UTF-8.
fn is_escaped_text(text: &str) -> bool {
    let escapes = text.split('%').skip(1).all(|after| {
        after.get(..2).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    escapes
        && text.bytes().all(|b| b.is_ascii_graphic())
        && percent_encoding::percent_decode_str(text).decode_utf8().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_targets_pass() {
        for (path, query) in [
            ("/", ""),
            ("/profiles", "a=b"),
            ("/sts/", ""),
            ("/sessions/revoke", "user=a%20b&x=%C3%A9"),
        ] {
            assert_eq!(refuse_ambiguous(path, query), Ok(()), "{path}?{query}");
            assert_eq!(refuse_presigned(query), Ok(()));
        }
    }

    #[test]
    fn targets_that_the_signer_would_normalize_are_refused() {
        for (path, query) in [
            ("", ""),
            ("*", ""),
            ("//", ""),
            ("/./", ""),
            ("/a//b", ""),
            ("/a/../b", ""),
            ("/a/..", ""),
            ("/%zz", ""),
            ("/%f", ""),
            ("/", "a=%FF"),
            ("/", "a=%"),
            ("/é", ""),
        ] {
            assert!(refuse_ambiguous(path, query).is_err(), "{path}?{query}");
        }
    }

    #[test]
    fn a_signature_in_the_query_is_refused_in_any_spelling() {
        for query in ["X-Amz-Signature=00", "a=b&x-amz-algorithm=x", "%58-Amz-Credential=x"] {
            assert_eq!(refuse_presigned(query), Err(SignatureError::Presigned), "{query}");
        }
    }
}
