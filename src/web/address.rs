//! Where a service listens and what it is called from outside.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::{Context, bail};

/// Outside name of a service and the prefix of its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// Without trailing slash: `http://host:9093/alerts`.
    pub url: String,
    /// "" or `/alerts`.
    pub prefix: String,
}

/// Reads `HOST:PORT`, `:PORT` or `[::1]:PORT`.
///
/// # Errors
/// The text is no such address, or the host does not resolve.
pub fn parse_listen(text: &str) -> anyhow::Result<SocketAddr> {
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().with_context(|| format!("--web.listen-address {text:?}: the port is not a number"))?;
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        bail!("--web.listen-address {text:?}: write HOST:PORT or :PORT");
    };
    let port: u16 = port.parse().with_context(|| format!("--web.listen-address {text:?}: the port is not a number"))?;
    let mut addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))
        .with_context(|| format!("--web.listen-address {text:?}: cannot resolve {host:?}"))?;
    addresses.next().with_context(|| format!("--web.listen-address {text:?}: {host:?} has no address"))
}

/// The external URL: as given, or built from the host name and port as Alertmanager does.
///
/// # Errors
/// The given URL is not `http://` or `https://`.
pub fn external(given: Option<&str>, route_prefix: Option<&str>, host: &str, port: u16) -> anyhow::Result<External> {
    let url = match given {
        Some(text) if !text.is_empty() => {
            let url = url::Url::parse(text).with_context(|| format!("--web.external-url {text:?}"))?;
            if !matches!(url.scheme(), "http" | "https") {
                bail!("--web.external-url {text:?}: only http and https are understood");
            }
            text.trim_end_matches('/').to_owned()
        }
        _ => format!("http://{host}:{port}"),
    };
    let path = url::Url::parse(&url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    let prefix = match route_prefix {
        None => path,
        Some(prefix) => match prefix.trim_matches('/') {
            "" => String::new(),
            inner => format!("/{inner}"),
        },
    };
    Ok(External { url, prefix })
}

/// The machine's host name, for the default external URL.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        assert_eq!(parse_listen("127.0.0.1:9093").unwrap().to_string(), "127.0.0.1:9093");
        assert_eq!(parse_listen(":9093").unwrap().to_string(), "[::]:9093");
        for bad in ["9093", "x", "127.0.0.1:x", ":99999"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn external_url_and_prefix() {
        let case = |given, prefix| external(given, prefix, "host", 9093).map(|e| (e.url, e.prefix)).ok();
        assert_eq!(case(None, None), Some(("http://host:9093".into(), String::new())));
        assert_eq!(case(Some("https://a.example/am/"), None), Some(("https://a.example/am".into(), "/am".into())));
        assert_eq!(case(Some("https://a.example/am"), Some("/")), Some(("https://a.example/am".into(), String::new())));
        assert_eq!(case(None, Some("x/y/")), Some(("http://host:9093".into(), "/x/y".into())));
        assert_eq!(case(Some("ftp://a"), None), None);
    }
}
