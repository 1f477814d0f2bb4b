//! Links, hosts and the address of this program.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::function::Functions;
use super::super::value::Value;
use super::{NOTHING, TEXT, text};
use crate::escape;

pub(super) fn install(functions: &mut Functions) {
    functions.add("graphLink", TEXT, |_, args| Ok(link(text(args, 0), 0)));
    functions.add("tableLink", TEXT, |_, args| Ok(link(text(args, 0), 1)));
    functions.add("stripPort", TEXT, |_, args| {
        let address = text(args, 0);
        Ok(Value::from(split_host_port(address).map_or(address, |(host, _)| host)))
    });
    functions.add("stripDomain", TEXT, |_, args| Ok(Value::from(strip_domain(text(args, 0)))));
    functions.add("externalURL", NOTHING, |call, _| Ok(Value::from(call.context.external_url())));
    functions.add("pathPrefix", NOTHING, |call, _| Ok(Value::from(path(call.context.external_url()))));
}

fn link(expression: &str, tab: u8) -> Value {
    Value::from(format!("/graph?g0.expr={}&g0.tab={tab}", escape::url_query(expression)))
}

/// Go's `net.SplitHostPort`: `host:port` or `[host]:port`, nothing else.
fn split_host_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let stray = |text: &str| text.contains(['[', ']']);
    (!stray(host) && !stray(port)).then_some((host, port))
}

/// The first label of a host name, with its port; addresses stay as they are.
fn strip_domain(address: &str) -> String {
    let (host, port) = split_host_port(address).unwrap_or((address, ""));
    if host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok() {
        return address.to_owned();
    }
    let label = host.split('.').next().unwrap_or_default();
    match port {
        "" => label.to_owned(),
        _ if label.contains([':', '%']) => format!("[{label}]:{port}"),
        _ => format!("{label}:{port}"),
    }
}

/// The path of a URL, percent-decoded as Go keeps it.
fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.find('/').and_then(|start| rest.get(start..)).unwrap_or_default();
    escape::percent_decoded(path, false).unwrap_or_else(|_| path.to_owned())
}
