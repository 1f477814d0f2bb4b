//! Which hosts may be reached at all: a list of names, domains, addresses and networks.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

/// Hosts that may be reached; every other is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    entries: Vec<AllowedHost>,
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// `hooks.example.com`, at any port or at one.
    Name(String, Option<u16>),
    /// `*.example.com`: every name below it, not itself.
    Below(String, Option<u16>),
    /// `192.0.2.7:8080`: written as an address, at one port.
    Address(IpAddr, u16),
    /// `10.0.0.0/8`, or an address: also what names resolve to.
    Network(IpNet),
}

/// What the list says of a host before its name is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be reached.
    Allowed,
    /// A name that is not listed, but networks are: the addresses it resolves to decide.
    ByAddress,
    /// It may not.
    Refused,
}

impl AllowedHosts {
    /// A list of these.
    pub fn new(entries: Vec<AllowedHost>) -> AllowedHosts {
        AllowedHosts { entries }
    }

    /// What the list says of a host as it stands in an address.
    pub fn judge(&self, host: &str, port: u16) -> Standing {
        match normal(host) {
            Some(Host::Domain(name)) => self.judge_name(&name, port),
            Some(Host::Ipv4(address)) => self.judge_address(address.into(), port),
            Some(Host::Ipv6(address)) => self.judge_address(IpAddr::V6(address).to_canonical(), port),
            None => Standing::Refused,
        }
    }

    /// A name that is listed with ports is reached at these only, wherever it is.
    fn judge_name(&self, name: &str, port: u16) -> Standing {
        let mut is_listed = false;
        for at in self.ports(name) {
            if at.is_none_or(|at| at == port) {
                return Standing::Allowed;
            }
            is_listed = true;
        }
        let has_networks = self.entries.iter().any(|entry| matches!(entry, AllowedHost::Network(_)));
        if has_networks && !is_listed { Standing::ByAddress } else { Standing::Refused }
    }

    /// The ports a name is listed with.
    fn ports(&self, name: &str) -> impl Iterator<Item = Option<u16>> {
        self.entries.iter().filter_map(move |entry| match entry {
            AllowedHost::Name(own, at) => (own == name).then_some(*at),
            AllowedHost::Below(domain, at) => is_below(name, domain).then_some(*at),
            AllowedHost::Address(..) | AllowedHost::Network(_) => None,
        })
    }

    fn judge_address(&self, address: IpAddr, port: u16) -> Standing {
        let is_listed = self.entries.contains(&AllowedHost::Address(address, port));
        if is_listed || self.has(address) { Standing::Allowed } else { Standing::Refused }
    }

    /// Whether a name is listed, so that it may be at any address; its port has been looked at before.
    pub(crate) fn trusts_name(&self, name: &str) -> bool {
        matches!(normal(name), Some(Host::Domain(name)) if self.ports(&name).next().is_some())
    }

    /// Whether an address is in one of the networks.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.entries.iter().any(|entry| matches!(entry, AllowedHost::Network(network) if network.contains(&address)))
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<AllowedHost, String> {
        let text = text.trim();
        let wanted = "expected a host, *.domain, an address or a network, the first three also with :port";
        let unusable = || format!("{text:?}: {wanted}");
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(AllowedHost::Network(network.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(AllowedHost::Network(IpNet::from(address.to_canonical())));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(unusable)?)),
            None => (text, None),
        };
        if host.contains('/') {
            return Err(format!(
                "{text:?}: a network has no port, and no scheme or path stands before or behind a host"
            ));
        }
        let (is_below, name) = host.strip_prefix("*.").map_or((false, host), |domain| (true, domain));
        match normal(name).ok_or_else(unusable)? {
            Host::Domain(name) if name.contains('*') => Err(unusable()),
            Host::Domain(name) if is_below => Ok(AllowedHost::Below(name, port)),
            Host::Domain(name) => Ok(AllowedHost::Name(name, port)),
            _ if is_below => Err(unusable()),
            Host::Ipv4(address) => Ok(at_port(address.into(), port)),
            Host::Ipv6(address) => Ok(at_port(IpAddr::V6(address).to_canonical(), port)),
        }
    }
}

fn at_port(address: IpAddr, port: Option<u16>) -> AllowedHost {
    port.map_or(AllowedHost::Network(IpNet::from(address)), |port| AllowedHost::Address(address, port))
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// As a browser reads it, so that `0x7f.1`, `127.0.0.1` and `2130706433` are one host, and capitals or a dot at the end make
/// no other.
fn normal(host: &str) -> Option<Host> {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let is_v6 = bare.contains(':') && !bare.starts_with('[');
    if is_v6 { Host::parse(&format!("[{bare}]")).ok() } else { Host::parse(bare).ok() }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Allowed, ByAddress, Refused};
    use super::*;

    fn list(entries: &[&str]) -> AllowedHosts {
        AllowedHosts::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    #[test]
    fn names_domains_addresses_and_ports_are_told_apart() {
        let names = list(&["hooks.example.com", "*.slack.com:443", "192.0.2.7:8080", "[2001:db8::1]:25"]);
        for (host, port, wanted) in [
            ("hooks.example.com", 80, Allowed),
            ("HOOKS.example.COM.", 443, Allowed),
            ("x.hooks.example.com", 443, Refused),
            ("evilhooks.example.com", 443, Refused),
            ("hooks.example.com.evil.test", 443, Refused),
            ("api.slack.com", 443, Allowed),
            ("a.b.slack.com", 443, Allowed),
            ("api.slack.com", 80, Refused),
            ("slack.com", 443, Refused),
            ("evilslack.com", 443, Refused),
            ("192.0.2.7", 8080, Allowed),
            ("192.0.2.7", 8081, Refused),
            ("3221225991", 8080, Allowed),
            ("0xc0.0.2.7", 8080, Allowed),
            ("[::ffff:192.0.2.7]", 8080, Allowed),
            ("[2001:db8::1]", 25, Allowed),
            ("2001:db8::1", 25, Allowed),
            ("", 80, Refused),
        ] {
            assert_eq!(names.judge(host, port), wanted, "{host}:{port}");
        }
    }

    #[test]
    fn networks_decide_by_the_address() {
        let networks = list(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]);
        for (host, wanted) in [
            ("10.1.2.3", Allowed),
            ("167838211", Allowed),
            ("[::ffff:10.1.2.3]", Allowed),
            ("[2001:db8::9]", Allowed),
            ("192.0.2.1", Allowed),
            ("192.0.2.2", Refused),
            ("127.0.0.1", Refused),
            ("[::1]", Refused),
            ("any.example.com", ByAddress),
        ] {
            assert_eq!(networks.judge(host, 443), wanted, "{host}");
        }
        let both = list(&["10.0.0.0/8", "a.example:443"]);
        assert_eq!((both.judge("a.example", 443), both.judge("a.example", 80)), (Allowed, Refused));
        assert!(networks.has("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!networks.has("169.254.169.254".parse().unwrap()));
    }

    #[test]
    fn what_is_no_entry_is_told() {
        for text in
            ["", "*", "*.", "http://a", "a/b", "a:0", "a:b", "10.0.0.0/8:80", "10.0.0.0/40", "*.10.0.0.1", "a*b", "a b"]
        {
            let error = text.parse::<AllowedHost>().unwrap_err();
            assert!(error.starts_with(&format!("{text:?}: ")), "{error}");
        }
    }
}
