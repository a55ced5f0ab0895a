//! `conditions` and `unless` of a rule. The conditions themselves are read by
//! their kinds.

use crate::Conditions;
use crate::condition::{KEYS, NESTED};
use crate::read::{Field, Fields, Reader, Shape};

pub(super) const CONDITIONS: Shape =
    Shape { place: "`conditions`", keys: KEYS, required: 0, nested: NESTED };
const UNLESS: Shape = Shape { place: "`unless`", keys: KEYS, required: 0, nested: NESTED };

impl<'n> Reader<'n> {
    /// The conditions under a key.
    pub(super) fn conditions(&mut self, field: Field<'n>) -> Option<Conditions> {
        let shape = if field.key == "unless" { &UNLESS } else { &CONDITIONS };
        let fields = self.fields(field.subject(), field.node, shape)?;
        Some(Conditions::read(self, &fields))
    }

    /// Reads conditions that are in the wrong place, to report what else is wrong
    /// with them.
    pub(super) fn misplaced_conditions(&mut self, rule: &Fields<'n>) {
        let fields = Fields { given: rule.misplaced.clone(), misplaced: Vec::new() };
        Conditions::read(self, &fields);
    }
}
