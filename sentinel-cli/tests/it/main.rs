//! The command and its library from outside: real processes, real HTTP.

#[cfg(test)]
mod sigv4;
