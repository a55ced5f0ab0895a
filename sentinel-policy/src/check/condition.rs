//! What a rule asks, under `conditions` and under `unless`.

use super::device::DEVICE;
use super::window::TIME;
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::read::{Field, Fields, Reader, Shape};
use crate::{Conditions, Mode, ModeSet, Network, NetworkError, Spanned};

const KEYS: &[&str] = &[
    "profiles",
    "users",
    "principals",
    "accounts",
    "organizations",
    "source_ip",
    "mode",
    "time",
    "device",
];
const NESTED: &[(&str, &[&str])] = &[("time", TIME.keys), ("device", DEVICE.keys)];
pub(super) const CONDITIONS: Shape =
    Shape { place: "`conditions`", keys: KEYS, required: 0, nested: NESTED };
const UNLESS: Shape = Shape { place: "`unless`", keys: KEYS, required: 0, nested: NESTED };

impl<'n> Reader<'n> {
    /// The conditions under a key.
    pub(super) fn conditions(&mut self, field: Field<'n>) -> Option<Conditions> {
        let shape = if field.key == "unless" { &UNLESS } else { &CONDITIONS };
        let fields = self.fields(field.subject(), field.node, shape)?;
        Some(self.conditions_of(&fields))
    }

    /// Reads conditions that are where they do not belong, for what else is wrong
    /// with them.
    pub(super) fn misplaced_conditions(&mut self, rule: &Fields<'n>) {
        self.conditions_of(&Fields { given: rule.misplaced.clone(), misplaced: Vec::new() });
    }

    fn conditions_of(&mut self, fields: &Fields<'n>) -> Conditions {
        Conditions {
            profiles: fields.get("profiles").and_then(|f| self.each(f, Self::pattern)),
            users: fields.get("users").and_then(|f| self.users(f)),
            principals: fields.get("principals").and_then(|f| self.each(f, Self::principal)),
            accounts: fields.get("accounts").and_then(|f| self.each(f, Self::account)),
            organizations: fields
                .get("organizations")
                .and_then(|f| self.each(f, Self::organization)),
            source_ip: fields.get("source_ip").and_then(|f| self.each(f, Self::network)),
            mode: fields.get("mode").and_then(|f| self.modes(f)),
            time: fields.get("time").and_then(|f| self.window(f)),
            device: fields.get("device").and_then(|f| self.device(f)),
        }
    }

    /// An account id.
    fn account(&mut self, key: &'static str, node: &'n Node<'n>) -> Option<String> {
        let value = self.exact_text(Subject::EntryOf(key), node)?;
        if value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit()) {
            return Some(value.to_owned());
        }
        self.findings.report(node.span, Finding::InvalidAccount { value });
        None
    }

    /// An organization id, compared whole.
    fn organization(&mut self, key: &'static str, node: &'n Node<'n>) -> Option<String> {
        let what = Subject::EntryOf(key);
        let value = self.text(what, node)?;
        let possible = value
            .strip_prefix("o-")
            .is_some_and(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        if !possible {
            self.findings.report(node.span, Finding::UnmatchedOrganization { what, value });
        }
        Some(value.to_owned())
    }

    /// An address or network.
    fn network(&mut self, key: &'static str, node: &'n Node<'n>) -> Option<Network> {
        let value = self.exact_text(Subject::EntryOf(key), node)?;
        let finding = match Network::parse(value) {
            Ok(network) => return Some(network),
            Err(NetworkError::Malformed) => Finding::InvalidNetwork { value },
            Err(NetworkError::HostBits(network)) => {
                Finding::HostBits { value, network: network.to_string() }
            }
        };
        self.findings.report(node.span, finding);
        None
    }

    /// A set of modes.
    fn modes(&mut self, field: Field<'n>) -> Option<Spanned<ModeSet>> {
        let modes = self.each(field, |reader, key, node| {
            reader.word(Subject::EntryOf(key), node, Mode::WORDS, Mode::parse)
        })?;
        Some(Spanned::new(modes.into_iter().map(|mode| mode.value).collect(), field.span()))
    }
}
