//! A proxy in front that has found out who somebody is, and says so in headers: believed if it is the direct peer, and never else.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use model::Caller;
use model::caller::KnownBy;

use super::{Grant, Stranger};

/// A longer name is not taken.
const NAME_BYTES_MAX: usize = 256;

/// `access.proxy`
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it calls from.
    pub trusted: Vec<Network>,
    /// Says who somebody is.
    pub user_header: HeaderName,
    /// Says in which groups they are, with commas between.
    pub groups_header: HeaderName,
    /// What single people may do.
    pub users: Vec<(String, Grant)>,
    /// What groups may do: the first that somebody is in counts.
    pub groups: Vec<(String, Grant)>,
    /// What everybody else may do whom the proxy lets through.
    pub others: Option<Grant>,
}

/// A range of addresses: `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxy {
    /// Who sent a request, if the proxy says so; `None` if it comes from somewhere else, or names nobody.
    ///
    /// # Errors
    /// It does not name one person, in a way that can be read; or somebody who may do nothing.
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Option<Caller>, Stranger> {
        if !self.trusts(peer) {
            return Ok(None);
        }
        let mut named = headers.get_all(&self.user_header).iter();
        let Some(name) = named.next().filter(|name| !name.is_empty()) else { return Ok(None) };
        // Two names: somebody else has added one.
        let name = std::str::from_utf8(name.as_bytes()).ok().filter(|_| named.next().is_none()).map(str::trim);
        let is_name =
            |name: &&str| !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
        let name = name.filter(is_name).ok_or(Stranger::Wrong)?;
        let grant = self.grant(name, headers).ok_or(Stranger::Wrong)?;
        Ok(Some(grant.caller(name.to_owned(), KnownBy::Proxy)))
    }

    /// Whether it calls from there.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(peer))
    }

    fn grant(&self, name: &str, headers: &HeaderMap) -> Option<&Grant> {
        if let Some((_, grant)) = self.users.iter().find(|(user, _)| user == name) {
            return Some(grant);
        }
        let given = headers.get_all(&self.groups_header).iter().filter_map(|value| value.to_str().ok());
        let given: Vec<&str> = given.flat_map(|value| value.split(',')).map(str::trim).collect();
        let of_group = self.groups.iter().find(|(group, _)| given.contains(&group.as_str()));
        of_group.map(|(_, grant)| grant).or(self.others.as_ref())
    }
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                self.bits == 0 || own.to_bits() >> (32 - self.bits) == other.to_bits() >> (32 - self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                self.bits == 0 || own.to_bits() >> (128 - self.bits) == other.to_bits() >> (128 - self.bits)
            }
            _ => false,
        }
    }

    /// Whether every address of a kind is in it.
    pub fn is_everything(&self) -> bool {
        self.bits == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address and no range of addresses such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

#[cfg(test)]
mod tests {
    use model::caller::Role;

    use super::*;

    #[test]
    fn ranges_of_addresses() {
        for (range, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
            ("192.168.4.0/22", "192.168.7.255", "192.168.8.0"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("0.0.0.0/0", "1.2.3.4", "::1"),
        ] {
            let network: Network = range.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{range} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{range} {outside}");
        }
        for bad in ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_proxy_says_who_somebody_is() {
        let proxy = Proxy {
            trusted: vec!["127.0.0.1".parse().unwrap()],
            user_header: HeaderName::from_static("x-forwarded-user"),
            groups_header: HeaderName::from_static("x-forwarded-groups"),
            users: vec![("root".to_owned(), Grant::of(Role::Admin))],
            groups: vec![("sre".to_owned(), Grant::of(Role::Operator)), ("all".to_owned(), Grant::of(Role::Viewer))],
            others: None,
        };
        let ask = |peer: &str, pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            let caller = proxy.caller(peer.parse().unwrap(), &headers)?;
            Ok(caller.map(|caller| (caller.name.unwrap(), caller.role)))
        };
        let user = "x-forwarded-user";
        let groups = "x-forwarded-groups";
        let ann = |role| Ok(Some(("ann".to_owned(), role)));
        assert_eq!(ask("127.0.0.1", &[(user, "ann"), (groups, "x, all,sre")]), ann(Role::Operator));
        assert_eq!(ask("::ffff:127.0.0.1", &[(user, "ann"), (groups, "all")]), ann(Role::Viewer));
        assert_eq!(ask("127.0.0.1", &[(user, "root")]), Ok(Some(("root".to_owned(), Role::Admin))));
        assert_eq!(ask("127.0.0.1", &[(user, "ann"), (groups, "sreX")]), Err(Stranger::Wrong));
        assert_eq!(ask("127.0.0.1", &[(user, "ann"), (user, "root"), (groups, "sre")]), Err(Stranger::Wrong));
        assert_eq!(ask("127.0.0.1", &[(groups, "sre")]), Ok(None));
        assert_eq!(ask("127.0.0.2", &[(user, "root"), (groups, "sre")]), Ok(None));
        assert_eq!(ask("127.0.0.1", &[(user, &"a".repeat(300)), (groups, "sre")]), Err(Stranger::Wrong));
    }
}
