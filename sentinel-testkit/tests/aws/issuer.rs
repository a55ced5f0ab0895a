//! `StsIssuer` against the stand-in, over HTTP.
