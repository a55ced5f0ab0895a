//! The generator as strategies of proptest. A smaller case has fewer or smaller bytes.

use std::ops::RangeInclusive;

use arbitrary::Unstructured;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generated::{self, Question};

pub(crate) fn policy(
    rules: RangeInclusive<usize>,
    spacing: RangeInclusive<usize>,
) -> impl Strategy<Value = String> {
    // A rule takes about 40 bytes, and twice that with exceptions.
    vec(any::<u8>(), 0..1_200).prop_map(move |bytes| {
        generated::policy(&mut Unstructured::new(&bytes), rules.clone(), spacing.clone()).unwrap()
    })
}

pub(crate) fn crowded_policy() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 800..3_000)
        .prop_map(|bytes| generated::crowded_policy(&mut Unstructured::new(&bytes)).unwrap())
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    vec(any::<u8>(), 0..64)
        .prop_map(|bytes| generated::question(&mut Unstructured::new(&bytes)).unwrap())
}
