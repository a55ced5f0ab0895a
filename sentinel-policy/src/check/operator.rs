//! The rules under `operators`.

use crate::diagnostic::Subject;
use crate::document::Node;
use crate::read::{Reader, Shape};
use crate::{Operation, OperatorRule};

const OPERATOR: Shape =
    Shape { place: "an operators rule", keys: &["name", "users", "may"], required: 3, nested: &[] };

impl<'n> Reader<'n> {
    /// Reads one operators rule. `None` if a value in it could not be read.
    pub(super) fn operator(&mut self, node: &'n Node<'n>) -> Option<OperatorRule> {
        let fields = self.fields(Subject::EntryOf("operators"), node, &OPERATOR)?;
        let name = fields.get("name").and_then(|f| self.name(f));
        let users = fields.get("users").and_then(|f| self.users(f));
        let may = fields.get("may").and_then(|f| {
            self.each(f, |reader, key, node| reader.word::<Operation>(Subject::EntryOf(key), node))
        });
        Some(OperatorRule { name: name?, users: users?, may: may? })
    }
}
