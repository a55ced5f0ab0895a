//! The TVM through its public API: events in, responses out.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod events;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod people;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod world;
