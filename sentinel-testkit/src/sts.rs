//! A strict stand-in for STS: it refuses whatever the real one documents as refused.
