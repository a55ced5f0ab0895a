//! Names and identifiers: one spelling each, and nothing else is one.

use proptest::prelude::*;
use sentinel_store::{
    AccountId, CallerHash, CallerKey, ProfileName, SessionHandle, SessionId, SessionKeys,
    SessionSecret,
};

fn hash(bytes: [u8; 16]) -> CallerHash {
    // The way from bytes to a hash leads through a handle.
    let mut whole = [0; 26];
    whole[..16].copy_from_slice(&bytes);
    SessionHandle::from_bytes(&whole).caller()
}

fn ids() -> impl Strategy<Value = SessionId> {
    any::<([u8; 16], [u8; 10], [u8; 16])>().prop_map(|(caller, random, secret)| {
        SessionId::new(SessionHandle::new(hash(caller), random), SessionSecret::new(secret))
    })
}

fn same(one: &SessionId, other: &SessionId) -> bool {
    one.handle == other.handle && one.secret.digest() == other.secret.digest()
}

proptest! {
    /// What was shown to a client is read as the same id.
    #[test]
    fn an_id_is_read_as_what_it_was(id in ids()) {
        let text = id.reveal();
        prop_assert!(same(&SessionId::parse(&text).unwrap(), &id));
        prop_assert_eq!(text.len(), "session-".len() + 42 + 26);
        prop_assert!(text["session-".len()..].bytes().all(|b| b"abcdefghijklmnopqrstuvwxyz234567".contains(&b)));
    }

    /// A text that is read as an id is the text that this id is shown as: there
    /// is no second spelling.
    #[test]
    fn what_parses_is_the_one_spelling(text in "session-[a-z2-7]{67,69}|session-[a-zA-Z0-9]{68}|.{0,80}") {
        if let Ok(id) = SessionId::parse(&text) {
            prop_assert_eq!(id.reveal(), text);
        }
    }

    /// An id with a keyed check is accepted by its key, alone or next to another one,
    /// and by no other key.
    #[test]
    fn a_keyed_id_is_accepted_by_its_key_and_no_other(
        id in ids(),
        keys in "[A-Za-z0-9._~-]{32,80},[A-Za-z0-9._~-]{32,80}",
    ) {
        let (one, other) = keys.split_once(',').unwrap();
        prop_assume!(one != other);
        let [one, other] = [one, other].map(|key| SessionKeys::parse(key).unwrap());
        let both = SessionKeys::parse(&keys).unwrap();
        let text = one.issue(id.handle, id.secret.clone()).reveal();
        prop_assert_eq!(text.len(), "session-".len() + 42 + 26 + 16);
        let read = SessionId::parse(&text).unwrap();
        prop_assert!(same(&read, &id));
        prop_assert_eq!(read.reveal(), text.clone());
        prop_assert!(one.accept(&read) && both.accept(&read) && !other.accept(&read));
        // The first key issues.
        prop_assert_eq!(both.issue(id.handle, id.secret.clone()).reveal(), text);
        prop_assert!(!one.accept(&id), "an id without a check was accepted");
    }

    /// Another character in any place of an id with a keyed check is refused.
    #[test]
    fn a_changed_keyed_id_is_not_accepted(id in ids(), place in 0_usize..92, to in "[a-z2-7]") {
        let keys = SessionKeys::parse(&"k".repeat(32)).unwrap();
        let mut text = keys.issue(id.handle, id.secret).reveal();
        prop_assume!(!text[place..].starts_with(&to));
        text.replace_range(place..=place, &to);
        prop_assert!(SessionId::parse(&text).map_or(true, |changed| !keys.accept(&changed)));
    }

    /// Another character in any place makes it no id, or another one.
    #[test]
    fn a_changed_character_is_never_the_same_id(id in ids(), place in 0_usize..76, to in any::<char>()) {
        let text = id.reveal();
        let mut changed: Vec<char> = text.chars().collect();
        changed[place] = to;
        let changed: String = changed.into_iter().collect();
        prop_assume!(changed != text);
        if let Ok(other) = SessionId::parse(&changed) {
            prop_assert!(!same(&other, &id));
        }
    }

    /// More, less, other case and padding make it no id.
    #[test]
    fn a_longer_shorter_or_shouted_id_is_none(id in ids(), place in 0_usize..=76, more in any::<char>()) {
        let text = id.reveal();
        let (before, after) = text.split_at(place);
        let added = format!("{before}{more}{after}");
        prop_assert!(SessionId::parse(&added).is_err());
        for end in 0..text.len() {
            prop_assert!(SessionId::parse(&text[..end]).is_err());
        }
        for other in [text.to_uppercase(), format!("{text}="), format!(" {text}"), format!("{text}\n"), text.replacen("session-", "SESSION-", 1)] {
            prop_assert!(SessionId::parse(&other).is_err());
        }
    }

    /// One character in upper case makes it no id: base32 is read without regard
    /// to case in many places.
    #[test]
    fn case_matters_in_every_place(id in ids(), place in 8_usize..76) {
        let text = id.reveal();
        let shouted: String =
            text.chars().enumerate().map(|(at, c)| if at == place { c.to_ascii_uppercase() } else { c }).collect();
        prop_assume!(shouted != text);
        prop_assert!(SessionId::parse(&shouted).is_err());
    }

    /// Handles come back from text and from bytes, and sort in both as they are:
    /// backends list by them.
    #[test]
    fn handles_come_back_and_sort_alike(one in ids(), other in ids()) {
        let (one, other) = (one.handle, other.handle);
        prop_assert_eq!(SessionHandle::parse(&one.to_string()).unwrap(), one);
        prop_assert_eq!(SessionHandle::from_bytes(&one.to_bytes()), one);
        let text: String = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        prop_assert_eq!(&text, &one.to_string());
        prop_assert!(one.to_string().ends_with(&one.short()));
        prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
    }

    /// The bits that the last character of a base32 text has too many must be
    /// zero: otherwise several texts would be one handle.
    #[test]
    fn stray_bits_at_an_end_make_it_no_id(id in ids(), end in prop::sample::select(vec![33_usize, 75])) {
        let text = id.reveal();
        let alphabet = "abcdefghijklmnopqrstuvwxyz234567";
        let read = alphabet
            .chars()
            .filter(|last| {
                let changed: String = text.chars().enumerate().map(|(at, c)| if at == end { *last } else { c }).collect();
                SessionId::parse(&changed).is_ok()
            })
            .count();
        // 128 bits in 26 characters of 5: the last carries three of them.
        prop_assert_eq!(read, 8);
    }

    /// Nothing that is not a handle passes for one through serde either.
    #[test]
    fn serde_reads_what_parse_reads(text in "[a-z2-7]{41,43}|.{0,50}") {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<SessionHandle>(&json).is_ok(), SessionHandle::parse(&text).is_ok());
        prop_assert_eq!(serde_json::from_str::<CallerKey>(&json).is_ok(), CallerKey::parse(&text).is_ok());
        prop_assert_eq!(serde_json::from_str::<ProfileName>(&json).is_ok(), ProfileName::parse(&text).is_ok());
        prop_assert_eq!(serde_json::from_str::<AccountId>(&json).is_ok(), AccountId::parse(&text).is_ok());
    }
}

#[test]
fn a_profile_name_is_what_the_interface_says() {
    for good in ["a", "A", "0", "a.b_c-d", &"x".repeat(64)] {
        assert_eq!(ProfileName::parse(good).unwrap().as_str(), good);
    }
    for bad in
        ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "\u{e9}", "a\0", &"x".repeat(65)]
    {
        assert!(ProfileName::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn an_account_is_twelve_digits() {
    assert!(AccountId::parse("111122223333").is_ok());
    let arabic = "\u{661}".repeat(12);
    for bad in ["", "11112222333", "1111222233334", "11112222333a", "111122223333 ", &arabic] {
        assert!(AccountId::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_caller_key_is_kept_whole() {
    for good in ["alice", "111122223333/CI", "\u{1f511}", " ", &"x".repeat(512)] {
        assert_eq!(CallerKey::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", "a\nb", "\0", "\u{85}", &"x".repeat(513)] {
        assert!(CallerKey::parse(bad).is_err(), "{bad:?}");
    }
    let (one, other) = (CallerKey::parse("alice").unwrap(), CallerKey::parse("Alice").unwrap());
    assert_ne!(one.hash(), other.hash());
}

#[test]
fn invariant_6_an_id_is_not_shown_by_debug_or_by_its_errors() {
    let handle = SessionHandle::new(hash([1; 16]), [2; 10]);
    let id = SessionId::new(handle, SessionSecret::new([3; 16]));
    let text = id.reveal();
    let secret = &text[text.len() - 26..];
    let spoilt = format!("{text}!");
    for shown in [
        format!("{id:?} {:?}", id.secret),
        format!("{0} {0:?}", SessionId::parse(&spoilt).unwrap_err()),
        format!("{0} {0:?}", SessionHandle::parse(&spoilt).unwrap_err()),
    ] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains("[3, 3"), "{shown}");
    }
}

#[test]
fn a_session_key_has_32_characters_at_least_and_a_rotation_two_keys() {
    let (one, other) = ("a".repeat(32), "b".repeat(32));
    for good in [one.clone(), format!("{one},{other}"), "A0._~-".repeat(6)] {
        assert!(SessionKeys::parse(&good).is_some(), "{good}");
    }
    for bad in [
        String::new(),
        "a".repeat(31),
        format!("{one},"),
        format!(",{one}"),
        format!("{one}, {other}"),
        format!("{one},{one}"),
        format!("{one},{other},{}", "c".repeat(32)),
        format!("{one} "),
        "\u{e4}".repeat(32),
    ] {
        assert!(SessionKeys::parse(&bad).is_none(), "{bad}");
    }
}

#[test]
fn invariant_6_neither_a_session_key_nor_a_check_is_shown_by_debug() {
    let keys = SessionKeys::parse(&"k".repeat(32)).unwrap();
    let id = keys.issue(SessionHandle::new(hash([1; 16]), [2; 10]), SessionSecret::new([3; 16]));
    let text = id.reveal();
    let shown = format!("{keys:?} {id:?}");
    assert!(!shown.contains("kkk") && !shown.contains(&text[76..]), "{shown}");
}
