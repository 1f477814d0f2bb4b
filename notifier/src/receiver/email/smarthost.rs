//! `host:port` of a mail server.

use std::fmt;
use std::str::FromStr;

/// Where mails are handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smarthost {
    /// Name or address, an IPv6 one without brackets; `localhost` if left out.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Service names that stand for a port.
const SERVICES: [(&str, u16); 4] = [("smtp", 25), ("smtps", 465), ("submissions", 465), ("submission", 587)];

impl Smarthost {
    /// Whether TLS starts with the connection unless the configuration says otherwise.
    pub fn is_implicit_tls(&self) -> bool {
        self.port == 465
    }
}

impl FromStr for Smarthost {
    type Err = String;

    fn from_str(text: &str) -> Result<Smarthost, String> {
        let (host, port) = text.rsplit_once(':').ok_or("a mail server is written host:port, the port is missing")?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(address)) => address,
            Some(None) => return Err("a bracket of the address is not closed".to_owned()),
            None if host.contains(':') => return Err("an IPv6 address is written in brackets: [::1]:25".to_owned()),
            None => host,
        };
        let service = SERVICES.iter().find(|(name, _)| *name == port).map(|(_, port)| *port);
        let port = service.or_else(|| port.parse().ok()).filter(|port| *port > 0);
        let port = port.ok_or_else(|| format!("{text:?} has no usable port"))?;
        Ok(Smarthost { host: if host.is_empty() { "localhost" } else { host }.to_owned(), port })
    }
}

impl fmt::Display for Smarthost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_and_port() {
        for (text, host, port) in [
            ("mail:25", "mail", 25),
            (":587", "localhost", 587),
            ("[::1]:465", "::1", 465),
            ("mail:smtps", "mail", 465),
        ] {
            assert_eq!(text.parse(), Ok(Smarthost { host: host.to_owned(), port }), "{text}");
        }
        for text in ["", "mail", "mail:", "mail:x", "mail:0", "mail:70000", "::1:25", "[::1:25"] {
            assert!(text.parse::<Smarthost>().is_err(), "{text}");
        }
    }
}
