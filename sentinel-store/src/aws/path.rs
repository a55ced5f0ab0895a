//! Which paths a document can have. Other paths are not requested: SSM would refuse the
//! name as invalid, or read the part after a colon as a version.

use crate::PolicyPath;

/// The limits of SSM: 15 levels and 1,011 characters.
const LEVELS: usize = 15;
const CHARACTERS: usize = 1011;

/// Whether a document can have this path.
pub(crate) fn storable(path: &PolicyPath) -> bool {
    path.as_str().strip_prefix('/').is_some_and(parts)
}

/// The folder whose documents are directly under `root`, without a slash at its end.
/// `None` if no document can be there.
pub(crate) fn listable(root: &PolicyPath) -> Option<&str> {
    let root = root.as_str().trim_end_matches('/');
    (root.is_empty() || root.strip_prefix('/').is_some_and(parts)).then_some(root)
}

fn parts(path: &str) -> bool {
    path.len() < CHARACTERS
        && path.split('/').count() <= LEVELS
        && path.split('/').all(part)
        && !["aws", "ssm"]
            .iter()
            .any(|reserved| path.get(..3).is_some_and(|first| first.eq_ignore_ascii_case(reserved)))
}

/// Whether a document can have this name.
fn part(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ssm_would_refuse_is_not_a_document() {
        let deep = "/x".repeat(16);
        let long = format!("/{}", "x".repeat(1011));
        for path in [
            "",
            "/",
            "production",
            "/sentinel/",
            "//production",
            "/sentinel//production",
            "/sentinel/production:1",
            "/sentinel/production\0",
            "/sentinel/\u{e9}",
            "/sentinel/*",
            "/aws/production",
            "/SSM-production",
            &deep,
            &long,
        ] {
            assert!(!storable(&PolicyPath::new(path)), "{path}");
        }
        for path in
            ["/production", "/sentinel/policies/production.eu", "/sentinel/..", "/a/b_c-D.9"]
        {
            assert!(storable(&PolicyPath::new(path)), "{path}");
        }
    }

    #[test]
    fn a_root_may_end_with_a_slash() {
        assert_eq!(listable(&PolicyPath::new("/sentinel/policies/")), Some("/sentinel/policies"));
        assert_eq!(listable(&PolicyPath::new("/")), Some(""));
        assert_eq!(listable(&PolicyPath::new("sentinel")), None);
        assert_eq!(listable(&PolicyPath::new("/sentinel:1")), None);
    }
}
