//! Faults beside each other, and what the table's form cannot say.
