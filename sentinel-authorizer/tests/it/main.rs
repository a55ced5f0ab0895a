//! The authorizer through its public API: events in, responses out.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod world;
