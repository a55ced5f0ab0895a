//! A proxy over HTTP between an AWS client and an end point: it records, counts, and does harm.
