//! Tests of the command and its library from outside: real processes, real HTTP.

#[cfg(test)]
mod ambient;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod aws;
#[cfg(test)]
mod command;
#[cfg(test)]
mod configure;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod dev;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod iam;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod open;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod running;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settled;
#[cfg(test)]
mod sts;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod wire;
