//! The first stage: from bytes to a tree in which every node has its place.
//! Nothing is known here of the language's keys; only what no policy may hold
//! (anchors, aliases, tags, merge keys, duplicate keys, a second document) is
//! found already.

mod mistake;
mod node;
mod syntax;
mod text;
mod tree;

pub(crate) use mistake::joined;
pub(crate) use node::{Kind, Mapping, Node};

use crate::Limits;
use crate::diagnostic::{Diagnostics, Findings};

/// A document whose text is YAML, and not yet known to be a policy.
#[derive(Debug)]
pub struct Document<'s> {
    pub(crate) root: Node<'s>,
    pub(crate) limits: Limits,
    /// What was found already, to be told with what the check finds.
    pub(crate) findings: Findings,
}

impl<'s> Document<'s> {
    /// Reads YAML or JSON. A byte order mark at the beginning is passed over.
    ///
    /// # Errors
    /// [`Diagnostics`] when the text cannot be read at all: more bytes or deeper
    /// nesting than `limits` allow, no UTF-8, control characters, or no YAML.
    /// Everything else is reported by [`Document::check`], in one pass.
    pub fn parse(source: &'s [u8], limits: &Limits) -> Result<Self, Diagnostics> {
        let mut findings = Findings::new(limits.max_diagnostics);
        let root = text::decode(source, limits)
            .and_then(|text| mistake::conflict_marker(text).map_or(Ok(text), Err))
            .and_then(|text| tree::build(text, limits, &mut findings));
        match root {
            Ok(root) => Ok(Self { root, limits: *limits, findings }),
            Err((span, finding)) => Err(findings.stopped_by(span, finding)),
        }
    }
}
