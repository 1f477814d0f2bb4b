//! Which addresses of a configuration can be reached at all: found when it is read, not when somebody is to be woken.

use model::source::{Diagnostic, Diagnostics, SourceFile, Span};
use outbound::http_config::{Auth, ProxyServer};
use outbound::{Guard, HttpConfig, Secret};
use url::Url;
use yaml::{Decoder, Node};

use super::Config;
use crate::receiver::sns::{SnsSettings, host};
use crate::receiver::{Integration, Settings};

/// A SOCKS proxy's port, if none is given.
const SOCKS_PORT: u16 = 1080;

/// Where an integration leads, as the configuration has it.
struct Address {
    /// As it is written, to be found again; may be secret.
    text: String,
    host: String,
    port: u16,
}

impl Config {
    /// Every address that a guard can never allow, with its place in `file` if it stands there. Addresses from files, and
    /// those whose host is a template, are checked when something is sent.
    pub fn out_of_reach(&self, file: Option<&SourceFile>, guard: &Guard) -> Diagnostics {
        let mut found = Diagnostics::new();
        if guard.allows_all() {
            return found;
        }
        let root = file.and_then(|file| Decoder::new(file).first_document());
        for receiver in self.receivers_in_order() {
            for integration in &receiver.integrations {
                for address in addresses(integration) {
                    if guard.knows(&address.host, address.port) {
                        continue;
                    }
                    let message = format!(
                        "receiver {:?}, {}_configs[{}]: {}:{} is not among the allowed hosts",
                        receiver.name, integration.kind, integration.index, address.host, address.port
                    );
                    let unnamed = SourceFile::new("configuration", "");
                    let place = file
                        .zip(root.as_ref())
                        .map(|(file, root)| (file, span(root, &receiver.name, integration, &address.text)));
                    let report = match place {
                        Some((file, span)) => Diagnostic::error(file, span, message),
                        None => Diagnostic::whole_file(&unnamed, message),
                    };
                    found.push(report.hint("add it to --receiver.allowed-hosts, or send elsewhere").without_excerpt());
                }
            }
        }
        found
    }
}

/// Where the address stands: in the integration, else in `global`, else it is a default of the integration.
fn span(root: &Node, receiver: &str, integration: &Integration, text: &str) -> Span {
    let receivers = root.get("receivers").and_then(Node::as_sequence).unwrap_or_default();
    let named = receivers.iter().find(|node| node.get("name").and_then(Node::as_text) == Some(receiver));
    let section = format!("{}_configs", integration.kind);
    let item = named.and_then(|node| node.get(&section)?.as_sequence()?.get(integration.index));
    let inside = item.and_then(|item| place_of(item, text));
    let inside = inside.or_else(|| place_of(root.get("global")?, text));
    inside.or(item.map(|item| item.span)).unwrap_or(root.span)
}

fn place_of(node: &Node, text: &str) -> Option<Span> {
    if node.as_text() == Some(text) {
        return Some(node.span);
    }
    let items = node.as_sequence().unwrap_or_default().iter();
    let values = node.as_mapping().unwrap_or_default().iter().map(|(_, value)| value);
    items.chain(values).find_map(|below| place_of(below, text))
}

fn addresses(integration: &Integration) -> Vec<Address> {
    let (own, http): (Vec<Address>, _) = match &integration.settings {
        Settings::Email(settings) => {
            let mail = &settings.smarthost;
            return vec![Address { text: mail.to_string(), host: mail.host.clone(), port: mail.port }];
        }
        Settings::PagerDuty(settings) => (of_secret(&settings.url).collect(), &settings.http),
        Settings::Webhook(settings) => (of_secret(&settings.url).collect(), &settings.http),
        Settings::Jira(settings) => (of_secret(&settings.url).collect(), &settings.http),
        Settings::Sns(settings) => (of_sns(settings), &settings.http),
        Settings::Preset(settings) => {
            (settings.addresses().iter().filter_map(|text| of_text(text)).collect(), settings.http())
        }
    };
    own.into_iter().chain(on_the_way(http)).collect()
}

fn of_sns(settings: &SnsSettings) -> Vec<Address> {
    match (&settings.api_url, &settings.region) {
        (Some(url), _) => of_secret(url).collect(),
        (None, Some(region)) => of_text(&host("sns", region)).into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// The proxies and the server of tokens.
fn on_the_way(http: &HttpConfig) -> impl Iterator<Item = Address> {
    let oauth2 = match &http.auth {
        Auth::OAuth2(oauth2) => Some(oauth2),
        _ => None,
    };
    let proxies = std::iter::once(&http.proxy).chain(oauth2.map(|oauth2| &oauth2.proxy));
    let proxies = proxies.filter_map(|proxy| match &proxy.server {
        ProxyServer::Url(url) => Some(url),
        ProxyServer::Direct | ProxyServer::Environment => None,
    });
    proxies.chain(oauth2.map(|oauth2| &oauth2.token_url)).flat_map(of_secret)
}

fn of_secret(secret: &Secret) -> impl Iterator<Item = Address> {
    let text = match secret {
        Secret::Inline(text) => of_text(text),
        Secret::File(_) => None,
    };
    text.into_iter()
}

/// Nothing if the host is not known before a template is rendered.
fn of_text(text: &str) -> Option<Address> {
    let fixed = text.split("{{").next().unwrap_or_default();
    let with_scheme = if fixed.contains("://") { fixed.to_owned() } else { format!("http://{fixed}") };
    let (_, authority) = with_scheme.split_once("://")?;
    if fixed.len() < text.len() && !authority.contains(['/', '?', '#']) {
        return None;
    }
    let url = Url::parse(&with_scheme).ok()?;
    let port = url.port_or_known_default().unwrap_or(SOCKS_PORT);
    Some(Address { text: text.to_owned(), host: url.host_str()?.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use model::matcher::parse::ParseMode;

    use super::*;

    const FILE: &str = "\
global:
  smtp_smarthost: mail.example:25
  smtp_from: a@b.example
  slack_api_url: https://hooks.slack.example/T0/hunter2
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
  - url: https://good.example/hunter2
  - url: http://evil.example:8080/hunter2?x={{ .Status }}
    http_config:
      proxy_url: http://u:hunter2@proxy.example:3128
      oauth2: {client_id: i, client_secret: hunter2, token_url: 'https://token.example/hunter2'}
  - url: http://{{ .GroupLabels.team }}.example/
  - url_file: /run/url
  email_configs: [{to: x@y.example}]
  slack_configs: [{channel: c}]
  pagerduty_configs: [{routing_key: hunter2}]
  pushover_configs: [{token: hunter2, user_key: hunter2}]
";

    fn found(entries: &[&str]) -> Vec<String> {
        let file = SourceFile::new("am.yml", FILE);
        let (config, _) = Config::parse(&file, std::path::Path::new("/"), ParseMode::Fallback, &|_| {
            Err(std::io::Error::other("there is none"))
        })
        .unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let entries = entries.iter().map(|entry| entry.parse().unwrap()).collect();
        let guard = Guard::new(Some(outbound::AllowedHosts::new(entries)));
        let found = config.out_of_reach(Some(&file), &guard);
        assert!(!found.to_string().contains("hunter2"), "{found}");
        found.iter().map(|one| format!("{}:{} {}", one.line().unwrap(), one.column().unwrap(), one.message)).collect()
    }

    #[test]
    fn every_address_that_cannot_be_reached_is_named_with_its_place() {
        let is_not = "is not among the allowed hosts";
        assert_eq!(
            found(&["good.example"]),
            [
                format!("2:19 receiver \"r\", email_configs[0]: mail.example:25 {is_not}"),
                format!("4:18 receiver \"r\", slack_configs[0]: hooks.slack.example:443 {is_not}"),
                format!("10:10 receiver \"r\", webhook_configs[1]: evil.example:8080 {is_not}"),
                format!("12:18 receiver \"r\", webhook_configs[1]: proxy.example:3128 {is_not}"),
                format!("13:65 receiver \"r\", webhook_configs[1]: token.example:443 {is_not}"),
                format!("18:23 receiver \"r\", pagerduty_configs[0]: events.pagerduty.com:443 {is_not}"),
                format!("19:22 receiver \"r\", pushover_configs[0]: api.pushover.net:443 {is_not}"),
            ]
        );
        assert_eq!(found(&["*.example", "*.pagerduty.com:443", "api.pushover.net"]), [""; 0]);
        assert_eq!(found(&["10.0.0.0/8"]), [""; 0], "what names resolve to decides later");
    }
}
