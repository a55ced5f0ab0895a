//! What the table of conditions expands to: every place that names all kinds of
//! conditions. The table itself is in [`condition`](super).

/// Defines [`Conditions`](super::Conditions), the kinds, and one function for
/// each stage, which passes a kind's value to the kind's own function.
macro_rules! conditions {
    (
        names {
            $($(#[$name_doc:meta])* $Name:ident($name:ident: $NameGiven:ty) = $NameHome:ty;)+
        }
        circumstances {
            $($(#[$doc:meta])* $Kind:ident($field:ident: $Given:ty) = $Home:ty;)+
        }
    ) => {
        /// The conditions of a rule. All of them must hold. A rule without conditions
        /// matches every request.
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct Conditions {
            $($(#[$name_doc])* pub $name: Option<$NameGiven>,)+
            $($(#[$doc])* pub $field: Option<$Given>,)+
        }

        /// A kind of condition, in the order in which the conditions of a rule are
        /// evaluated: names first, circumstances after.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ConditionKind {
            $($(#[$name_doc])* $Name,)+
            $($(#[$doc])* $Kind,)+
        }

        // The word of a kind is its key in a policy.
        $crate::closed_set::words! {
            ConditionKind {
                $($Name = <$NameHome as Condition>::KEY,)+
                $($Kind = <$Home as Condition>::KEY),+
            }
        }

        impl ConditionKind {
            /// [`Circumstance::CHEAP`] of this kind.
            pub(crate) const fn is_cheap(self) -> bool {
                match self {
                    $(Self::$Name => false,)+
                    $(Self::$Kind => <$Home as Circumstance>::CHEAP,)+
                }
            }

            /// Whether a condition of this kind can start or stop holding as time
            /// passes.
            pub(crate) const fn depends_on_time(self) -> bool {
                match self {
                    $(Self::$Name => false,)+
                    $(Self::$Kind => <$Home as Circumstance>::OPENINGS.is_some(),)+
                }
            }

            /// [`Condition::describe`] of this kind.
            pub(crate) fn describe(
                self,
                mismatch: &Mismatch<'_>,
                f: &mut fmt::Formatter<'_>,
            ) -> fmt::Result {
                match self {
                    $(Self::$Name => <$NameHome as Condition>::describe(mismatch, f),)+
                    $(Self::$Kind => <$Home as Condition>::describe(mismatch, f),)+
                }
            }
        }

        /// A kind of condition on a name, which has a column in the index.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum NameKind { $($Name,)+ }

        impl NameKind {
            /// Number of kinds.
            pub(crate) const COUNT: usize = Self::ALL.len();

            /// All of them, in the order of the arrays that have an entry per kind.
            pub(crate) const ALL: [Self; [$(Self::$Name,)+].len()] = [$(Self::$Name,)+];

            /// The condition on names of this kind.
            pub(crate) const fn condition(self) -> ConditionKind {
                match self { $(Self::$Name => ConditionKind::$Name,)+ }
            }

            /// The request's name of this kind.
            pub(crate) fn of<'a>(self, request: &Request<'a>) -> Option<&'a str> {
                match self { $(Self::$Name => <$NameHome as Name>::of(request),)+ }
            }
        }

        /// The keys of `conditions` and of `unless`.
        pub(crate) const KEYS: &[&str] =
            &[$(<$NameHome as Condition>::KEY,)+ $(<$Home as Condition>::KEY,)+];

        /// Each key with the keys of the mapping under it, if its value is one.
        pub(crate) const NESTED: &[(&str, &[&str])] = &[
            $((<$NameHome as Condition>::KEY, <$NameHome as Condition>::NESTED),)+
            $((<$Home as Condition>::KEY, <$Home as Condition>::NESTED),)+
        ];

        /// The compiled form of what a decision evaluates: one pattern of a name, or
        /// one circumstance.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Compiled {
            $($Name(<$NameHome as Condition>::Compiled),)+
            $($Kind(<$Home as Condition>::Compiled),)+
        }

        impl Compiled {
            /// [`Condition::matches`] of the kind.
            pub(crate) fn matches(&self, request: &Request<'_>, now: DateTime<Utc>) -> bool {
                match self {
                    $(Self::$Name(it) => <$NameHome as Condition>::matches(it, request, now),)+
                    $(Self::$Kind(it) => <$Home as Condition>::matches(it, request, now),)+
                }
            }

            /// [`Circumstance::OPENINGS`] of this condition. `None` if it does not
            /// depend on the time.
            pub(crate) fn openings(&self, from: i64, to: i64) -> Option<Vec<(i64, i64)>> {
                match self {
                    $(Self::$Name(_) => None,)+
                    $(Self::$Kind(it) => {
                        <$Home as Circumstance>::OPENINGS.map(|openings| openings(it, from, to))
                    })+
                }
            }
        }

        impl Conditions {
            /// Whether there are no conditions, so that every request meets them.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                let Self { $($name,)+ $($field,)+ } = self;
                $($name.is_none() &&)+ $($field.is_none() &&)+ true
            }

            /// Reads each condition whose key is among the fields.
            pub(crate) fn read<'n>(reader: &mut Reader<'n>, fields: &Fields<'n>) -> Self {
                Self {
                    $($name: fields
                        .get(<$NameHome as Condition>::KEY)
                        .and_then(|field| <$NameHome as Condition>::read(reader, field)),)+
                    $($field: fields
                        .get(<$Home as Condition>::KEY)
                        .and_then(|field| <$Home as Condition>::read(reader, field)),)+
                }
            }

            /// The entries of each list of names, compiled.
            pub(crate) fn names(&self) -> [Option<Vec<Entry<'_, Compiled>>>; NameKind::COUNT] {
                [$(self.$name.as_ref().map(|given| {
                    let entries = <$NameHome as Name>::entries(given).into_iter();
                    entries.map(|entry| entry.map(Compiled::$Name)).collect()
                }),)+]
            }

            /// The circumstances, compiled, in the order of their kinds.
            pub(crate) fn circumstances(
                &self,
                shared: &mut Shared,
            ) -> Vec<(ConditionKind, Compiled)> {
                let mut circumstances = Vec::new();
                $(if let Some(given) = &self.$field {
                    let compiled = <$Home as Circumstance>::compile(given, shared);
                    circumstances.push((ConditionKind::$Kind, Compiled::$Kind(compiled)));
                })+
                circumstances
            }

            /// Whether the circumstances of these conditions hold whenever those of
            /// `narrow` do. Names are not compared, nor is the kind `except`.
            pub(crate) fn circumstances_cover(
                &self,
                narrow: &Self,
                except: Option<ConditionKind>,
            ) -> bool {
                $((except == Some(ConditionKind::$Kind) || self.$field.as_ref().is_none_or(|wide| {
                    <$Home as Circumstance>::covers(wide, narrow.$field.as_ref())
                })) &&)+ true
            }

            /// [`Condition::saw`] of the condition of a kind. `None` if it is not given.
            pub(crate) fn saw(
                &self,
                kind: ConditionKind,
                request: &Request<'_>,
                now: DateTime<Utc>,
            ) -> Option<Saw> {
                match kind {
                    $(ConditionKind::$Name => self
                        .$name
                        .as_ref()
                        .map(|given| <$NameHome as Condition>::saw(given, request, now)),)+
                    $(ConditionKind::$Kind => self
                        .$field
                        .as_ref()
                        .map(|given| <$Home as Condition>::saw(given, request, now)),)+
                }
            }

            /// [`Condition::wanted`] of the condition of a kind. Empty if it is not
            /// given.
            pub(crate) fn wanted(&self, kind: ConditionKind, attribute: &str) -> Vec<String> {
                let wanted = match kind {
                    $(ConditionKind::$Name => self
                        .$name
                        .as_ref()
                        .map(|given| <$NameHome as Condition>::wanted(given, attribute)),)+
                    $(ConditionKind::$Kind => self
                        .$field
                        .as_ref()
                        .map(|given| <$Home as Condition>::wanted(given, attribute)),)+
                };
                wanted.unwrap_or_default()
            }
        }
    };
}

pub(super) use conditions;
