//! The first stage: from bytes to a tree in which every node has its place. This
//! stage does not depend on the keys of the language. It reports only what no
//! policy can contain: anchors, aliases, tags, merge keys, duplicate keys and a
//! second document.

mod mistake;
mod node;
mod syntax;
mod text;
mod tree;

pub(crate) use mistake::joined;
pub(crate) use node::{Kind, Mapping, Node};

use crate::Limits;
use crate::diagnostic::{Diagnostics, Findings};

/// A document that is valid YAML and was not checked yet.
#[derive(Debug)]
pub struct PolicyDocument<'s> {
    pub(crate) root: Node<'s>,
    pub(crate) limits: Limits,
    /// The findings of this stage. They are reported together with those of the check.
    pub(crate) findings: Findings,
}

impl<'s> PolicyDocument<'s> {
    /// Reads YAML or JSON. A byte order mark at the beginning is skipped.
    ///
    /// # Errors
    /// [`Diagnostics`] if the text cannot be read: more bytes or deeper nesting than
    /// `limits` allow, invalid UTF-8, control characters, or invalid YAML.
    /// [`PolicyDocument::check`] reports every other mistake, in one pass.
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
