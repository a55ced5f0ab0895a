//! AWS emulators, started for a test and stopped after it.
