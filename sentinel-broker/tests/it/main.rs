//! The broker through its public API.

#[cfg(test)]
mod approved_vends;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod grants_model;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod model;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod people;
#[cfg(test)]
mod people_failures;
#[cfg(test)]
mod people_model;
#[cfg(test)]
mod people_races;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod rate;
#[cfg(test)]
mod remedies;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod vends;
#[cfg(test)]
mod withheld;
#[cfg(test)]
mod world;
#[cfg(test)]
mod wrong_records;
