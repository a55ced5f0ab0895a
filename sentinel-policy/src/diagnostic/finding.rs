//! The table of diagnostics: for each one its code, what the code means, its
//! message and its help. They are defined only in this file.
//!
//! Messages begin in lower case and have no final period. Text from the policy
//! author is in backticks. Each message names the key it is about and quotes the
//! value.
//!
//! The module that reports a finding determines what the policy author probably
//! meant. A field `meant` is a function that returns it. It is called only if the
//! finding is formatted, which most findings in a hostile document are not.

use std::fmt;

use super::lookalike::Named;
use super::quote::Quote;
use super::{Diagnostic, Severity, nearest, space};
use crate::Span;
use crate::duration::{DurationError, meant_duration};

/// The only placeholder of a profile pattern: the name of an account in the names of profiles, and
/// its id in the ARNs of their roles.
pub(crate) const PLACEHOLDER: &str = "{account}";

/// The severity of a row: an error, if the row does not name another.
macro_rules! severity {
    () => {
        Severity::Error
    };
    (warning) => {
        Severity::Warning
    };
}

macro_rules! findings {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $($field:ident : $type:ty),+ })? = $($severity:ident)? $word:literal, $explain:literal;
        $message:expr;
        $help:expr;
    )+) => {
        /// The kind of a diagnostic: stable, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum DiagnosticCode {
            $(#[doc = $explain] $name),+
        }

        $crate::closed_set::words! { DiagnosticCode { $($name = $word),+ } }

        impl DiagnosticCode {
            /// The severity of diagnostics of this kind.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => severity!($($severity)?)),+ }
            }

            /// The meaning, in one line.
            #[must_use]
            pub const fn explain(self) -> &'static str {
                match self { $(Self::$name => $explain),+ }
            }
        }

        /// A mistake or a doubtful value, with the data that its message needs.
        #[derive(Clone, Debug)]
        pub(crate) enum Finding<'a> {
            $($(#[$doc])* $name $({ $($field: $type),+ })?),+
        }

        impl Finding<'_> {
            /// Its kind.
            pub(crate) const fn code(&self) -> DiagnosticCode {
                match self { $(Self::$name { .. } => DiagnosticCode::$name),+ }
            }

            /// Formats the finding as a diagnostic.
            pub(crate) fn at(self, span: Span) -> Diagnostic {
                let code = self.code();
                let (message, help): (String, Option<String>) = match self {
                    $(Self::$name $({ $($field),+ })? => ($message, $help)),+
                };
                Diagnostic { severity: code.severity(), code, message, help, span }
            }
        }
    };
}

findings! {
    TooLarge { limit: usize } = "too-large",
        "The document has too many bytes.";
        format!("the document has more than the maximum of {limit} bytes");
        help("split the document, or move profiles into separate documents");

    InvalidUtf8 { byte: u8 } = "invalid-utf8",
        "The document is not UTF-8.";
        format!("the byte `0x{byte:02x}` is not UTF-8 here");
        help("save the document as UTF-8");

    ControlCharacter { character: char } = "control-character",
        "The document contains a control character.";
        format!("a policy cannot contain the control character `{}`", character.escape_unicode());
        help("remove it; in double quotes it can be written as an escape");

    Syntax { problem: String, advice: Option<String> } = "syntax",
        "The text is not YAML (or JSON, which is also YAML). Nothing after it was checked.";
        problem;
        advice;

    ConflictMarker = "conflict-marker",
        "The document contains the conflict markers of a merge. Nothing else was checked.";
        "the document contains a conflict marker of a merge".to_owned();
        help("choose one side of each conflict and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`");

    LookalikeSpace { character: char } = "lookalike-space",
        "A character looks like a space but is not one, for example a no-break space.";
        format!(
            "a {} (U+{:04X}) is not read as a space",
            space::name(character).unwrap_or("character"),
            u32::from(character),
        );
        help("remove it, or replace it with a space");

    TooDeep { limit: usize } = "too-deep",
        "Mappings and lists are nested more deeply than any policy needs.";
        format!("mappings and lists are nested more than {limit} levels deep");
        None;

    SecondDocument = "second-document",
        "The file contains more than one YAML document.";
        "a second document begins here".to_owned();
        help("a file contains one policy: remove the `---` and everything after it, or move it to a separate file");

    Anchor = "anchor",
        "A YAML anchor, which a policy cannot contain: each value is written where it is used.";
        "anchors are not allowed in a policy".to_owned();
        help("write the value where it is used; to name people only once, define a group under `groups`");

    Alias { nameless: bool } = "alias",
        "A YAML alias, which a policy cannot contain: each value is written where it is used.";
        if nameless {
            "a `*` without quotes begins a YAML alias".to_owned()
        } else {
            "aliases are not allowed in a policy".to_owned()
        };
        if nameless {
            help("write `\"*\"`: a name that begins with `*` needs quotes")
        } else {
            help("write the value itself; a name that begins with `*` needs quotes")
        };

    Tag { tag: &'a str } = "tag",
        "A YAML tag, which a policy cannot contain: each key has one type.";
        format!("the tag {} is not allowed in a policy", Quote(tag));
        help("remove the tag; a value that begins with `!` needs quotes");

    NotAPolicy { found: &'static str, value: Option<&'a str> } = "not-a-policy",
        "The document is not a mapping.";
        match value {
            Some(value) => format!("a policy is a mapping, not {found} {}", Quote(value)),
            None => format!("a policy is a mapping, not {found}"),
        };
        help("a policy begins with `version: \"1\"` and `rules:`");

    NotMembers { found: &'static str, value: Option<&'a str> } = "not-members",
        "The document of a group is not a list.";
        match value {
            Some(value) => format!("the members of a group are a list, not {found} {}", Quote(value)),
            None => format!("the members of a group are a list, not {found}"),
        };
        help("write a list of users such as `[alice, bob]`, or `[]` if the group has no members");

    MergeKey = "merge-key",
        "A YAML merge key, which a policy cannot contain: each key is written where it is used.";
        "the merge key `<<` is not allowed in a policy".to_owned();
        help("write the keys themselves");

    NonTextKey { found: &'static str } = "non-text-key",
        "A key is not text.";
        format!("a key must be text, not {found}");
        None;

    DuplicateKey { key: &'a str, line: u32 } = "duplicate-key",
        "A key is given twice in the same mapping.";
        format!("the key {} is given twice", Quote(key));
        Some(format!("it is first given on line {line}"));

    UnknownKey { key: &'a str, place: &'static str, known: &'a [&'static str], joined: bool } =
        "unknown-key",
        "A key that the language does not define at this place.";
        format!("unknown key {} in {place}", Quote(key));
        Some(match (joined, nearest(key, known.iter().copied())) {
            (true, _) => spaced(key),
            (false, Some(meant)) => format!("did you mean `{meant}`?"),
            (false, None) => format!("the keys of {place} are {}", words(known)),
        });

    NestedKey { key: &'static str, place: &'static str, under: &'static str, others: usize, open: bool } =
        "nested-key",
        "A key belongs under another key of the same mapping.";
        match others {
            0 => format!("`{key}` in {place} belongs under `{under}`"),
            1 => format!("`{key}` and 1 more key in {place} belong under `{under}`"),
            others => format!("`{key}` and {others} more keys in {place} belong under `{under}`"),
        };
        Some(match (open, others) {
            (true, 0) => format!("indent it by more than `{under}`"),
            (true, _) => format!("indent them by more than `{under}`"),
            (false, 0) => format!("move it under `{under}:`"),
            (false, _) => format!("move them under `{under}:`"),
        });

    OtherPolicy { kind: &'static str, belongs: &'static str } = "other-policy",
        "The rules are another kind of policy, which the Go project keeps in a separate document.";
        format!("these rules are {kind}, which is not a separate document here");
        help(belongs);

    MissingKey { key: &'static str, place: &'static str } = "missing-key",
        "A key that is required is not given.";
        format!("missing key `{key}` in {place}");
        None;

    NullValue { what: Subject<'a> } = "null-value",
        "A key, or an entry of a list, has no value.";
        format!("{what} has no value");
        help("add a value or remove it; quote `null` or `~` if the text is meant");

    WrongType {
        what: Subject<'a>,
        expected: &'static Type,
        found: &'static str,
        value: Option<&'a str>,
        meant: Meant<'a>
    } = "wrong-type",
        "A value does not have the type of its key.";
        match value {
            Some(value) => format!("{what} must be {}, not {found} {}", expected.words, Quote(value)),
            None => format!("{what} must be {}, not {found}", expected.words),
        };
        match (meant, expected, value) {
            (Meant::Entry(entry), ..) => Some(format!("write {}, with a space after the `-`", Quote(&format!("- {entry}")))),
            (Meant::Pair(text), ..) => Some(spaced(text)),
            (Meant::Group(name), Type::LIST, _) => Some(format!("write `[\"group:{}\"]`", bare(name))),
            (Meant::Member, ..) => help("only a group can have `principals` as an entry: define a group under `groups`, and write `\"group:NAME\"` here"),
            (Meant::Placeholder, ..) => Some(format!("write {}, in quotes", Quote(&format!("\"{PLACEHOLDER}\"")))),
            (Meant::Group(name), Type::TEXT, _) => Some(format!("write `\"group:{}\"`", bare(name))),
            (_, Type::LIST, Some(value)) if value.len() < 40 => Some(list_of(value)),
            (_, Type { help, .. }, Some(_)) => help.map(str::to_owned),
            (_, _, None) => None,
        };

    EmptyList { key: &'a str } = "empty-list",
        "A list has no entries, which could mean none or any.";
        format!("the list {} is empty", Quote(key));
        help("add an entry, or remove the key");

    EmptyText { what: Subject<'a> } = "empty-text",
        "A text is empty but needs a value.";
        format!("{what} is an empty text");
        help("add a value, or remove it");

    EmptyMapping { key: &'static str } = "empty-mapping",
        "A mapping that needs at least one key is empty.";
        format!("`{key}` is empty");
        help("add a key, or remove it");

    EmptyTime = "empty-time",
        "A `time` names neither days nor hours.";
        "`time` names neither `days` nor `hours`".to_owned();
        help("add `days`, `hours` or both, or remove `time`");

    EmptyDevice = "empty-device",
        "A `device` has no requirement.";
        "`device` has no requirement".to_owned();
        help("set a `require_…` to `true`, add `min_os_version` or `allowed_os_types`, or remove `device`");

    UnsupportedVersion { value: &'a str } = "unsupported-version",
        "The document uses an unknown version of the language.";
        format!("`version` cannot be {}", Quote(value));
        help("this is version \"1\" of the language: write `version: \"1\"`");

    DuplicateName { name: &'a str, line: u32 } = "duplicate-name",
        "Two rules of the same kind have the same name.";
        format!("the `name` {} is given twice", Quote(name));
        Some(format!("it is first given on line {line}; records identify a rule by its name"));

    TooManyRules { key: &'static str, count: usize, limit: usize } = "too-many-rules",
        "A list of rules is too long. The rest of it was not checked.";
        format!("`{key}` has {count} entries, more than the maximum of {limit}");
        help("name several profiles or users in one rule, or move profiles into separate documents");

    TooManyGroupEntries { name: &'a str, limit: usize } = "too-many-group-entries",
        "All uses of groups together have too many members.";
        format!("with the group {} here, all uses of groups together have more than {limit} members", Quote(name));
        help("use patterns, or fewer rules");

    UnknownValue { what: Subject<'a>, value: &'a str, known: &'static [&'static str] } = "unknown-value",
        "A word that its key does not accept.";
        format!("{what} cannot be {}", Quote(value));
        Some(match nearest(value, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? the words are {}", words(known)),
            None => format!("the words are {}", words(known)),
        });

    ConflictingKeys = "conflicting-keys",
        "Two names of the same key are both given.";
        "`max_server_duration` and `max_duration` are both given".to_owned();
        help("`max_server_duration` is the older name of `max_duration`: keep the latter");

    MisplacedKey { effect: &'static str } = "misplaced-key",
        "A key has no meaning at its place.";
        format!("`session_table` has no meaning for the effect `{effect}`");
        help("only `require_server_session` uses a session table");

    ApprovalsOfSteps = "approvals-of-steps",
        "`approvals` is given for a list of steps, each of which has its own number.";
        "`approvals` is given next to a list of steps".to_owned();
        help("set `approvals` in each step of `approvers` that needs more than one approval");

    InvalidDuration { key: &'static str, value: &'a str, error: Option<DurationError> } =
        "invalid-duration",
        "A text is not a duration, or is one that cannot be used.";
        format!("`{key}` cannot be {}", Quote(value));
        match (error, meant_duration(value)) {
            (None, _) => help("a duration must be greater than 0"),
            (Some(error), Some(meant)) => Some(format!("did you mean `{meant}`? {error}")),
            (Some(error), None) => Some(error.to_string()),
        };

    InvalidCount { key: &'static str, value: &'a str } = "invalid-count",
        "A count is not a whole number, or is one that cannot be used.";
        format!("`{key}` cannot be {}", Quote(value));
        help("a whole number from 1 to 4294967295");

    InvalidProfileName { name: &'a str } = "invalid-profile-name",
        "A key of `profiles` is not a profile name.";
        format!("`profiles` contains {}, which is not a profile name", Quote(name));
        help("keys are names, not patterns: up to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit");

    InvalidRoleArn { value: &'a str } = "invalid-role-arn",
        "A text is not the ARN of an IAM role.";
        format!("`role_arn` cannot be {}", Quote(value));
        help("the ARN of a role, without wildcards: `arn:aws:iam::111122223333:role/NAME`");

    InvalidAccountName { name: &'a str, swapped: Option<&'a str> } = "invalid-account-name",
        "A key of `accounts` is not a name that an account can have.";
        format!("`accounts` contains {}, which is not the name of an account", Quote(name));
        Some(match swapped {
            Some(value) => format!("the name comes first: {}", Quote(&format!("{value}: \"{name}\""))),
            None => "a name has up to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit, and is not an account id".to_owned(),
        });

    DuplicateAccount { id: &'a str, first: &'a str, line: u32 } = "duplicate-account",
        "An account has two names.";
        format!("the account {} is given twice", Quote(id));
        Some(format!("line {line} names it {}; with two names, each of its roles would belong to two profiles", Quote(first)));

    UndefinedAccount { name: &'a str, meant: Option<&'a str> } = "undefined-account",
        "A profile pattern names an account that the document does not define.";
        format!("`accounts` contains {}, which is not defined", Quote(name));
        Some(match meant {
            Some(meant) => format!("did you mean {}?", Quote(meant)),
            None => "define it under `accounts` of the policy".to_owned(),
        });

    InvalidProfilePattern { value: &'a str } = "invalid-profile-pattern",
        "A text is not a pattern of profile names with the placeholder `{account}`.";
        format!("`profiles` of a profile pattern cannot be {}", Quote(value));
        help(if value.contains(['{', '}']) {
            "the only placeholder is `{account}`, once: `\"{account}-admin\"`; the rest are letters, digits, `.`, `_` and `-`"
        } else if value.contains(['*', '?']) {
            "wildcards are not allowed here: write `{account}` in the place of the account's name, as in `\"{account}-admin\"`"
        } else {
            "write `{account}` in the place of the account's name, as in `\"{account}-admin\"`; a single profile belongs under `profiles` of the policy"
        });

    InvalidRolePattern { value: &'a str } = "invalid-role-pattern",
        "A text is not the ARN of an IAM role with the placeholder `{account}` as its account.";
        format!("`role_arn` of a profile pattern cannot be {}", Quote(value));
        help("the ARN of a role with `{account}` in the place of the account id, and nowhere else: `arn:aws:iam::{account}:role/NAME`");

    LongProfileName { name: &'a str, others: usize } = "long-profile-name",
        "A profile pattern describes a profile whose name is too long.";
        format!("{} of this pattern {} too long a name", profiles(name, others), has(others));
        help("the name of a profile has at most 64 characters");

    DuplicateProfile { name: &'a str, line: u32, others: usize } = "duplicate-profile",
        "A profile is described twice, at least once by a profile pattern.";
        format!("{} of this pattern {} another description", profiles(name, others), has(others));
        Some(format!("{} is also described on line {line}; `accounts` of a pattern limits it to some accounts", Quote(name)));

    SharedRole { name: &'a str, owner: &'a str, line: u32, others: usize } = "shared-role",
        "A profile pattern assigns the role of another profile to a profile.";
        format!("{} of this pattern {} the role of another profile", profiles(name, others), has(others));
        Some(format!("the role of {} belongs to {}, which line {line} describes; a role has one name in an account, regardless of case and path", Quote(name), Quote(owner)));

    TooManyProfiles { limit: usize } = "too-many-profiles",
        "The profile patterns describe too many profiles. The rest of them were not checked.";
        format!("with this pattern, `profile_patterns` describes more than {limit} profiles");
        help("limit patterns to some accounts with `accounts`, or remove patterns");

    InvalidPrincipal { value: &'a str } = "invalid-principal",
        "A pattern that no ARN can match.";
        format!("`principals` contains {}, which cannot be an ARN", Quote(value));
        help("a pattern over ARNs, such as `arn:aws:sts::111122223333:assumed-role/NAME/*`; names of people go under `users`");

    InvalidAccount { value: &'a str } = "invalid-account",
        "A text is not an AWS account id.";
        format!("`accounts` contains {}, which is not an account id", Quote(value));
        help("an account id is exactly 12 digits, without wildcards");

    InvalidNetwork { value: &'a str } = "invalid-network",
        "A text is not an IP address or a network.";
        format!("`source_ip` contains {}, which is not an address or a network", Quote(value));
        help("an IPv4 or IPv6 address, or a network such as `10.0.0.0/8` or `2001:db8::/32`");

    HostBits { value: &'a str, network: String } = "host-bits",
        "A network has bits set after its prefix.";
        format!("`source_ip` contains {}, which has bits set after its prefix", Quote(value));
        Some(format!("did you mean the network `{network}`?"));

    UnknownZone { value: &'a str, meant: fn(&str) -> Option<&'static str> } = "unknown-zone",
        "A text is not the name of a time zone.";
        format!("`timezone` cannot be {}", Quote(value));
        Some(match meant(value) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a name from the IANA time zone database, such as `Europe/Berlin`".to_owned(),
        });

    InvalidHour { key: &'static str, value: &'a str, meant: fn(&str) -> Option<String> } = "invalid-hour",
        "A text is not a time of day.";
        format!("`{key}` cannot be {}", Quote(value));
        Some(match meant(value) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "two digits each for hour and minute, from `00:00` to `23:59`; `24:00` as an end".to_owned(),
        });

    EmptyWindow { value: &'a str } = "empty-window",
        "Hours whose start and end are the same.";
        format!("`start` and `end` are both {}", Quote(value));
        help("remove `hours` if the whole day is meant; `24:00` is the end of the day");

    InvalidOsVersion { value: &'a str } = "invalid-os-version",
        "A text is not a version of an operating system.";
        format!("`min_os_version` cannot be {}", Quote(value));
        help("numbers separated by points, such as `14.2`");

    UndefinedGroup { key: &'a str, name: &'a str, meant: Option<&'a str> } = "undefined-group",
        "A group is used that the document does not define.";
        format!("`{key}` uses the group {}, which is not defined", Quote(name));
        Some(match meant {
            Some(meant) => format!("did you mean {}?", Quote(&format!("group:{meant}"))),
            None => "define it under `groups`".to_owned(),
        });

    InvalidGroupName { value: &'a str, meant: Option<&'a str> } = "invalid-group-name",
        "An entry of `groups_from` is not a name that a group can have there.";
        format!("`groups_from` contains {}, which is not the name of a group", Quote(value));
        Some(match meant {
            Some(meant) => format!("did you mean {}?", Quote(meant)),
            None => "up to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit".to_owned(),
        });

    DuplicateGroup { name: &'a str, line: u32 } = "duplicate-group",
        "A group is given twice, under `groups_from` or under both `groups` and `groups_from`.";
        format!("the group {} is given twice", Quote(name));
        Some(format!("it is first given on line {line}; its members are in this document or kept elsewhere, not both"));

    NestedGroup { group: Option<&'a str>, member: &'a str } = "nested-group",
        "A group contains another group.";
        match group {
            Some(group) => format!("the group {} contains {}", Quote(group), Quote(member)),
            None => format!("the group contains {}", Quote(member)),
        };
        help("groups do not nest: name the members here too, or use both groups where they are needed");

    DeviceOutsideServerRules { rule: &'a str, place: &'static str, effect: &'static str } =
        "device-without-facts",
        "A condition on the device would err on the unsafe side in the server, which has no device facts.";
        format!("the rule {} has a `device` under the `{place}` of `{effect}`, which the server cannot evaluate", Quote(rule));
        help("without device facts only the `conditions` of an `allow` and the `unless` of a `deny` err on the safe side");

    MainDocumentOnly { key: &'static str } = "main-document-only",
        "A profile's own document has a key that only the main document can have.";
        format!("`{key}` can be set in the main document only");
        help(if key == "groups_from" {
            "a profile's own document has its groups under `groups`"
        } else {
            "a profile's own document describes that profile alone and names neither roles nor operators"
        });

    MoreErrors { count: usize } = "more-errors",
        "There are more errors than are shown.";
        match count {
            1 => "1 more error is not shown".to_owned(),
            count => format!("{count} more errors are not shown"),
        };
        None;

    InvalidUser { what: Subject<'a>, value: &'a str, character: char, meant: fn(&str) -> String } =
        "invalid-user",
        "A user pattern has a character that no caller's name has.";
        format!("{what} is {}, and no caller's name contains {}", Quote(value), Named(character));
        Some(meant(value));

    InvalidProfile { what: Subject<'a>, value: &'a str, character: char, meant: fn(&str) -> String } =
        "invalid-profile",
        "A profile pattern has a character that no profile's name has.";
        format!("{what} is {}, and no profile's name contains {}", Quote(value), Named(character));
        Some(meant(value));

    UnmatchedUser { what: Subject<'a>, value: &'a str, meant: fn(&str) -> String } =
        warning "unmatched-user",
        "A user pattern that matches no caller.";
        format!("{what} is {}, which matches no caller", Quote(value));
        Some(meant(value));

    UnmatchedProfile { what: Subject<'a>, value: &'a str, meant: fn(&str) -> String } =
        warning "unmatched-profile",
        "A profile pattern that matches no profile.";
        format!("{what} is {}, which matches no profile", Quote(value));
        Some(meant(value));

    UnmatchedPrincipal { what: Subject<'a>, value: &'a str, meant: fn(&str) -> Option<String> } =
        warning "unmatched-principal",
        "A principal pattern that matches no caller's ARN.";
        format!("{what} is {}, which matches no caller's ARN", Quote(value));
        Some(match meant(value) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "callers are `arn:aws:iam::ACCOUNT:user/NAME` and \
                     `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, where ACCOUNT is 12 digits"
                .to_owned(),
        });

    SessionOfAnyRole { what: Subject<'a>, value: &'a str, session: &'a str } =
        warning "session-of-any-role",
        "A principal pattern that names a session, and not its role.";
        format!("{what} is {}, which matches the session {} of any role", Quote(value), Quote(session));
        help("name the role: the caller that assumes a role chooses the name of the session");

    UnmatchedOrganization { what: Subject<'a>, value: &'a str } = warning "unmatched-organization",
        "An organization id that no organization has.";
        format!("{what} is {}, which is not the id of an organization", Quote(value));
        help("`o-` and 10 to 32 lower-case letters and digits, without wildcards");

    GroupWithoutPrefix { what: Subject<'a>, value: &'a str, group: &'a str, nested: bool } =
        warning "group-without-prefix",
        "A user that has the name of a group, or is written as groups are in other systems.";
        format!("{what} is {}, which is a user, not a group", Quote(value));
        Some(if nested {
            format!("if the group {} is meant, name its members: groups do not nest", Quote(group))
        } else {
            format!("did you mean {}?", Quote(&format!("group:{group}")))
        });

    MisleadingUser { what: Subject<'a>, value: &'a str, meaning: String, help: String } =
        warning "misleading-user",
        "A user pattern that resembles another way to name a user or a role.";
        format!("{what} is {}, {meaning}", Quote(value));
        Some(help);

    StopsAtSlash { value: &'a str, place: &'static str } = warning "stops-at-slash",
        "A user pattern that excludes users, and not the sessions of roles.";
        format!("{} under `{place}` matches no session of a role: `*` does not match `/`", Quote(value));
        Some(format!("a session is `RoleName/session`: if they are meant too, add {}", Quote(&format!("{value}/*"))));

    NotInServer { rule: &'a str } = warning "not-in-server",
        "A rule that never matches in the server, where the mode is always `server`.";
        format!("the rule {} never matches in the server: its `mode` does not include `server`", Quote(rule));
        help("add `server`, or remove the rule; the TVM evaluates no request in another mode");

    MoreWarnings { count: usize } = warning "more-warnings",
        "There are more warnings than are shown.";
        match count {
            1 => "1 more warning is not shown".to_owned(),
            count => format!("{count} more warnings are not shown"),
        };
        None;
}

/// A description of what a value must be, and of what to write instead of another
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// The words after "must be", such as "a mapping".
    pub(crate) words: &'static str,
    /// The help if the value is a text. `None` if the words are enough.
    pub(crate) help: Option<&'static str>,
}

impl Type {
    /// Text of any kind.
    pub(crate) const TEXT: &'static Self = &Self { words: "text", help: None };
    /// A mapping.
    pub(crate) const MAPPING: &'static Self = &Self { words: "a mapping", help: None };
    /// A list of single values.
    pub(crate) const LIST: &'static Self = &Self { words: "a list", help: None };
    /// A list of rules.
    pub(crate) const RULES: &'static Self = &Self { words: "a list of rules", help: None };
    /// A flag.
    pub(crate) const FLAG: &'static Self =
        &Self { words: "`true` or `false`", help: Some("write `true` or `false`, without quotes") };
    /// A count.
    pub(crate) const COUNT: &'static Self =
        &Self { words: "a whole number", help: Some("write digits, without quotes") };
}

/// What was probably meant by a value of the wrong type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meant<'a> {
    /// No suggestion, because nothing but the value is known.
    Unknown,
    /// An entry of a list, with no space after its `-`.
    Entry(&'a str),
    /// A key and its value, with no space after the `:`.
    Pair(&'a str),
    /// The use of a group, without quotes and with a space after the `:`.
    Group(&'a str),
    /// An entry of a group with patterns over ARNs.
    Member,
    /// The placeholder of a profile pattern, without quotes.
    Placeholder,
}

/// What a value belongs to: a key, or a list as one of its entries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// The value of this key.
    Key(&'a str),
    /// An entry of the list that this key has.
    EntryOf(&'a str),
    /// An entry of a document that is a list of members.
    Member,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "{}", Quote(key)),
            Self::EntryOf(key) => write!(f, "an entry of {}", Quote(key)),
            Self::Member => f.write_str("a member of the group"),
        }
    }
}

/// A help that does not contain text from the policy author.
#[expect(clippy::unnecessary_wraps, reason = "every help in the table is an option")]
fn help(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A profile with a mistake, and the number of others with the same mistake.
fn profiles(name: &str, others: usize) -> String {
    match others {
        0 => format!("the profile {}", Quote(name)),
        others => format!("the profile {} and {others} more", Quote(name)),
    }
}

/// The verb for a profile and a number of others.
const fn has(others: usize) -> &'static str {
    if others == 0 { "has" } else { "have" }
}

/// Words in backticks, separated by commas.
fn words(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The help for a key and a value without a space between.
fn spaced(text: &str) -> String {
    format!("write {}, with a space after the `:`", Quote(&text.replacen(':', ": ", 1)))
}

/// The help for a text that should be a list: its parts between commas.
fn list_of(value: &str) -> String {
    let entries: Vec<&str> =
        value.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let count = match entries.len() {
        0 | 1 => "one".to_owned(),
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        count => count.to_string(),
    };
    let entries: Vec<String> = entries.into_iter().map(entry).collect();
    format!("write it as a list of {count}: `[{}]`", entries.join(", "))
}

/// A text as an entry of a list in brackets, in quotes if it needs them.
fn entry(text: &str) -> String {
    let needs_none = |c: char| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '/' | ' ' | '@' | '-' | '*' | '+' | '=')
    };
    if text.starts_with(char::is_alphanumeric) && text.chars().all(needs_none) {
        bare(text)
    } else {
        format!("\"{}\"", bare(text))
    }
}

/// A quoted value without its backticks, for use inside others.
fn bare(value: &str) -> String {
    Quote(value).to_string().trim_matches('`').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_distinct() {
        let words: std::collections::BTreeSet<&str> =
            DiagnosticCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), DiagnosticCode::ALL.len());
        for code in DiagnosticCode::ALL {
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(code.as_str().chars().all(kebab), "{}", code.as_str());
            assert!(!code.explain().contains('\n'), "{}", code.as_str());
            assert!(code.explain().ends_with('.'), "{}", code.as_str());
        }
    }
}
