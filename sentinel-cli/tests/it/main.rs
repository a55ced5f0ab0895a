//! The command and its library from outside: real processes, real HTTP.

mod sigv4;
