//! `source_ip`: networks that the address of the request is compared with.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::{AnyOf, Circumstance, Condition, Mismatch, Saw, Shared, texts};
use crate::Request;
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::read::{Field, Reader};

/// A network. A bare address is the network of that address alone; an
/// IPv4-mapped IPv6 network is its IPv4 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// Neither an address nor an address, `/` and a prefix length.
    Malformed,
    /// Bits after the prefix are set. The value is the network that was meant.
    HostBits(Network),
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a bare address.
    ///
    /// # Errors
    /// [`NetworkError`] if the text is not a network, or has host bits set.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            // `parse` accepts `+8` and `08`, which are not prefix lengths.
            Some(digits)
                if !digits.bytes().all(|b| b.is_ascii_digit())
                    || (digits.len() > 1 && digits.starts_with('0')) =>
            {
                return Err(NetworkError::Malformed);
            }
            Some(digits) => digits.parse().map_err(|_| NetworkError::Malformed)?,
        };
        if prefix > width {
            return Err(NetworkError::Malformed);
        }
        let (address, prefix) = match (address.to_canonical(), address) {
            (IpAddr::V4(mapped), IpAddr::V6(_)) if prefix >= 96 => {
                (IpAddr::V4(mapped), prefix - 96)
            }
            // `::ffff:10.0.0.0/8` has the prefix of an IPv4 network. Read as IPv6,
            // it would be a network far wider than all of IPv4.
            (IpAddr::V4(mapped), IpAddr::V6(_)) if prefix <= 32 => {
                let (mapped, prefix) = (IpAddr::V4(mapped), prefix);
                return Err(NetworkError::HostBits(Self { address: mask(mapped, prefix), prefix }));
            }
            _ => (address, prefix),
        };
        let network = Self { address: mask(address, prefix), prefix };
        if network.address == address { Ok(network) } else { Err(NetworkError::HostBits(network)) }
    }

    /// Its first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The number of leading bits that all addresses of the network share.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `address` is in this network. An IPv4-mapped address counts as
    /// the IPv4 one.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && mask(address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address with the bits after the prefix cleared.
fn mask(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let bits = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & bits).into())
        }
        IpAddr::V6(v6) => {
            let bits = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & bits).into())
        }
    }
}

pub(crate) struct SourceIp;

impl Condition for SourceIp {
    type Given = AnyOf<Network>;
    /// Sorted, without duplicates.
    type Compiled = Vec<Network>;

    const KEY: &'static str = "source_ip";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.each(field, network)
    }

    fn matches(networks: &Vec<Network>, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        request
            .source_ip
            .is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        let address = request.source_ip.map(|address| address.to_canonical().to_string());
        Saw { attribute: "source_ip", value: address }
    }

    fn wanted(networks: &Self::Given, _: &str) -> Vec<String> {
        texts(networks, Network::to_string)
    }

    fn describe(mismatch: &Mismatch<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is in none of {}", mismatch.saw, mismatch.wanted)
    }
}

impl Circumstance for SourceIp {
    fn compile(networks: &Self::Given, _: &mut Shared) -> Vec<Network> {
        let mut networks: Vec<_> = networks.iter().map(|network| network.value).collect();
        networks.sort_unstable();
        networks.dedup();
        networks
    }

    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool {
        let in_wide = |inner: Network| wide.iter().any(|outer| lies_in(inner, outer.value));
        narrow.is_some_and(|narrow| narrow.iter().all(|network| in_wide(network.value)))
    }
}

/// Whether a network is equal to another network or a part of it.
fn lies_in(inner: Network, outer: Network) -> bool {
    outer.contains(inner.address()) && inner.prefix() >= outer.prefix()
}

/// An address or a network.
fn network<'n>(reader: &mut Reader<'n>, key: &'static str, node: &'n Node<'n>) -> Option<Network> {
    let value = reader.exact_text(Subject::EntryOf(key), node)?;
    let finding = match Network::parse(value) {
        Ok(network) => return Some(network),
        Err(NetworkError::Malformed) => Finding::InvalidNetwork { value },
        Err(NetworkError::HostBits(network)) => {
            Finding::HostBits { value, network: network.to_string() }
        }
    };
    reader.findings.report(node.span, finding);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_network_is_its_ipv4_network_and_host_bits_have_a_suggestion() {
        let v4 = Network::parse("10.0.0.0/8").unwrap();
        assert_eq!(Network::parse("::ffff:10.0.0.0/104"), Ok(v4));
        assert_eq!(Network::parse("::ffff:10.0.0.0/8"), Err(NetworkError::HostBits(v4)));
        assert_eq!(Network::parse("::ffff:10.0.0.1/8"), Err(NetworkError::HostBits(v4)));
        // Neither the prefix of an IPv4 network nor within the mapped addresses.
        let everything = Network::parse("::/64").unwrap();
        assert_eq!(Network::parse("::ffff:10.0.0.0/64"), Err(NetworkError::HostBits(everything)));
        assert!(v4.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!v4.contains("::10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn a_network_has_no_host_bits_and_one_spelling() {
        let meant = Network::parse("10.0.0.0/8").unwrap();
        assert_eq!(Network::parse("10.0.0.1/8"), Err(NetworkError::HostBits(meant)));
        for malformed in
            ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0/8", "x"]
        {
            assert_eq!(Network::parse(malformed), Err(NetworkError::Malformed), "{malformed}");
        }
        assert_eq!(
            Network::parse("0.0.0.0/0").map(|all| all.contains([1, 2, 3, 4].into())),
            Ok(true)
        );
    }
}
