//! `docs/failures.md`, as far as it is the table.
