//! The authorizer from outside: events in, answers out.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod world;
