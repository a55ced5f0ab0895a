//! Names and identifiers have one spelling.

use proptest::prelude::*;
use sentinel_store::{
    AccountId, CallerHash, CallerKey, ProfileName, SessionHandle, SessionId, SessionKeys,
    SessionSecret,
};

fn hash(bytes: [u8; 16]) -> CallerHash {
    // A hash is made from bytes through a handle.
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
    /// The text that a client receives is parsed as the same id.
    #[test]
    fn an_id_is_read_as_it_was_revealed(id in ids()) {
        let text = id.reveal();
        prop_assert!(same(&SessionId::parse(&text).unwrap(), &id));
        prop_assert_eq!(text.len(), "session-".len() + 42 + 26);
        prop_assert!(text["session-".len()..].bytes().all(|b| b"abcdefghijklmnopqrstuvwxyz234567".contains(&b)));
    }

    /// The short form of a handle is its last characters, which are of its random part.
    #[test]
    fn the_short_form_of_a_handle_is_its_last_eight_characters(id in ids()) {
        let text = id.handle.to_string();
        prop_assert_eq!(id.handle.short(), &text[text.len() - 8..]);
    }

    /// A text that is parsed as an id is the text of this id: there is no second spelling.
    #[test]
    fn an_id_has_one_spelling(text in "session-[a-z2-7]{67,69}|session-[a-zA-Z0-9]{68}|.{0,80}") {
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
        // The first key issues ids.
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

    /// Another character in any place makes the id invalid, or another id.
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

    /// A longer, shorter, uppercase or padded text is invalid.
    #[test]
    fn a_longer_shorter_or_uppercase_id_is_invalid(id in ids(), place in 0_usize..=76, more in any::<char>()) {
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

    /// One character in upper case makes the id invalid. Many decoders of base32 ignore
    /// case.
    #[test]
    fn every_character_of_an_id_is_case_sensitive(id in ids(), place in 8_usize..76) {
        let text = id.reveal();
        let shouted: String =
            text.chars().enumerate().map(|(at, c)| if at == place { c.to_ascii_uppercase() } else { c }).collect();
        prop_assume!(shouted != text);
        prop_assert!(SessionId::parse(&shouted).is_err());
    }

    /// Handles are read from their text and their bytes, and both have the order of the
    /// handles. Backends list in this order.
    #[test]
    fn handles_sort_alike_as_text_and_as_bytes(one in ids(), other in ids()) {
        let (one, other) = (one.handle, other.handle);
        prop_assert_eq!(SessionHandle::parse(&one.to_string()).unwrap(), one);
        prop_assert_eq!(SessionHandle::from_bytes(&one.to_bytes()), one);
        let text: String = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        prop_assert_eq!(&text, &one.to_string());
        prop_assert!(one.to_string().ends_with(&one.short()));
        prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
    }

    /// The unused bits of the last character of a base32 text must be zero. Otherwise
    /// several texts would be the same handle.
    #[test]
    fn nonzero_padding_bits_make_an_id_invalid(id in ids(), end in prop::sample::select(vec![33_usize, 75])) {
        let text = id.reveal();
        let alphabet = "abcdefghijklmnopqrstuvwxyz234567";
        let read = alphabet
            .chars()
            .filter(|last| {
                let changed: String = text.chars().enumerate().map(|(at, c)| if at == end { *last } else { c }).collect();
                SessionId::parse(&changed).is_ok()
            })
            .count();
        // 128 bits in 26 characters of 5 bits: the last one contains three bits.
        prop_assert_eq!(read, 8);
    }

    /// Serde accepts the same texts as `parse`.
    #[test]
    fn serde_accepts_what_parse_accepts(text in "[a-z2-7]{41,43}|.{0,50}") {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::from_str::<SessionHandle>(&json).is_ok(), SessionHandle::parse(&text).is_ok());
        prop_assert_eq!(serde_json::from_str::<CallerKey>(&json).is_ok(), CallerKey::parse(&text).is_ok());
        prop_assert_eq!(serde_json::from_str::<ProfileName>(&json).is_ok(), ProfileName::parse(&text).is_ok());
        prop_assert_eq!(serde_json::from_str::<AccountId>(&json).is_ok(), AccountId::parse(&text).is_ok());
    }
}

#[test]
fn a_profile_name_has_the_documented_form() {
    for valid in ["a", "A", "0", "a.b_c-d", &"x".repeat(64)] {
        assert_eq!(ProfileName::parse(valid).unwrap().as_str(), valid);
    }
    for invalid in
        ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "\u{e9}", "a\0", &"x".repeat(65)]
    {
        assert!(ProfileName::parse(invalid).is_err(), "{invalid:?}");
    }
}

#[test]
fn an_account_is_twelve_digits() {
    assert!(AccountId::parse("111122223333").is_ok());
    let arabic = "\u{661}".repeat(12);
    for invalid in ["", "11112222333", "1111222233334", "11112222333a", "111122223333 ", &arabic] {
        assert!(AccountId::parse(invalid).is_err(), "{invalid:?}");
    }
}

#[test]
fn a_caller_key_is_kept_unchanged() {
    for valid in ["alice", "111122223333/CI", "\u{1f511}", " ", &"x".repeat(512)] {
        assert_eq!(CallerKey::parse(valid).unwrap().as_str(), valid);
    }
    for invalid in ["", "a\nb", "\0", "\u{85}", &"x".repeat(513)] {
        assert!(CallerKey::parse(invalid).is_err(), "{invalid:?}");
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
    let changed = format!("{text}!");
    for shown in [
        format!("{id:?} {:?}", id.secret),
        format!("{0} {0:?}", SessionId::parse(&changed).unwrap_err()),
        format!("{0} {0:?}", SessionHandle::parse(&changed).unwrap_err()),
    ] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains("[3, 3"), "{shown}");
    }
}

#[test]
fn a_session_key_has_at_least_32_characters_and_a_rotation_two_keys() {
    let (one, other) = ("a".repeat(32), "b".repeat(32));
    for valid in [one.clone(), format!("{one},{other}"), "A0._~-".repeat(6)] {
        assert!(SessionKeys::parse(&valid).is_some(), "{valid}");
    }
    for invalid in [
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
        assert!(SessionKeys::parse(&invalid).is_none(), "{invalid}");
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
