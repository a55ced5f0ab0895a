//! `mode`: the ways to request credentials.

use chrono::{DateTime, Utc};

use super::{Circumstance, Condition, Saw, Shared};
use crate::diagnostic::Subject;
use crate::read::{Field, Reader};
use crate::{Mode, Request, Spanned};

/// A set of modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ModeSet(u8);

impl ModeSet {
    /// Whether `mode` is in the set.
    #[must_use]
    pub const fn contains(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u8) != 0
    }

    /// The modes in the set, in the order of [`Mode::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mode> {
        Mode::ALL.into_iter().filter(move |mode| self.contains(*mode))
    }
}

impl FromIterator<Mode> for ModeSet {
    fn from_iter<I: IntoIterator<Item = Mode>>(modes: I) -> Self {
        Self(modes.into_iter().fold(0, |set, mode| set | 1 << mode as u8))
    }
}

pub(crate) struct Modes;

impl Condition for Modes {
    type Given = Spanned<ModeSet>;
    type Compiled = ModeSet;

    const KEY: &'static str = "mode";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        let modes = reader
            .each(field, |reader, key, node| reader.word::<Mode>(Subject::EntryOf(key), node))?;
        Some(Spanned::new(modes.into_iter().map(|mode| mode.value).collect(), field.span()))
    }

    fn matches(modes: &ModeSet, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        request.mode.is_some_and(|mode| modes.contains(mode))
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("mode", request.mode.map(Mode::as_str))
    }

    fn wanted(modes: &Self::Given, _: &str) -> Vec<String> {
        modes.value.iter().map(|mode| mode.as_str().to_owned()).collect()
    }
}

impl Circumstance for Modes {
    const CHEAP: bool = true;

    fn compile(modes: &Self::Given, _: &mut Shared) -> ModeSet {
        modes.value
    }

    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool {
        narrow.is_some_and(|narrow| narrow.value.iter().all(|mode| wide.value.contains(mode)))
    }
}
