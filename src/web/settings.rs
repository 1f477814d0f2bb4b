//! The web configuration file: TLS and basic authentication, in the format of Prometheus' exporter toolkit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use model::source::{Diagnostics, SourceFile};
use tracing::warn;
use yaml::{Decoder, Node};

use super::auth::Doorkeeper;
use super::tls::{Current, TlsFiles};
use crate::reload::Reloadable;
use crate::reload::files::FilePattern;

/// What the web configuration file says.
#[derive(Clone, Debug, Default)]
pub struct WebSettings {
    /// TLS, if the service speaks it.
    pub tls: Option<TlsSettings>,
    /// User to bcrypt hash; empty means everybody may come in.
    pub users: HashMap<String, String>,
    /// `http_server_config.http2: false`.
    pub http1_only: bool,
}

/// The web configuration in force. A reload changes who may come in and by which certificate.
pub struct WebFile {
    path: Option<PathBuf>,
    doorkeeper: Doorkeeper,
    tls: Option<Arc<TlsFiles>>,
}

/// `tls_server_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM chain.
    pub cert_file: PathBuf,
    /// PEM key.
    pub key_file: PathBuf,
    /// PEM authorities that client certificates must come from.
    pub client_ca_file: Option<PathBuf>,
    /// What is asked of clients.
    pub client_auth: ClientAuth,
    /// Refuse TLS 1.2 (`min_version: TLS13`).
    pub tls13_only: bool,
}

/// `client_auth_type`, as far as TLS libraries agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `NoClientCert`.
    None,
    /// `VerifyClientCertIfGiven`.
    IfGiven,
    /// `RequireAndVerifyClientCert`.
    Required,
}

impl WebFile {
    /// What was read from `path` and is in force.
    pub fn new(path: Option<PathBuf>, doorkeeper: Doorkeeper, tls: Option<Arc<TlsFiles>>) -> Self {
        Self { path, doorkeeper, tls }
    }
}

impl Reloadable for WebFile {
    fn prepare(&self) -> anyhow::Result<Box<dyn FnOnce() + Send>> {
        let WebSettings { tls, users, http1_only } = WebSettings::load(self.path.as_deref())?;
        if tls.is_some() != self.tls.is_some() {
            warn!("the web configuration turns TLS on or off: that takes a restart");
        }
        let changed = match (self.tls.clone(), tls) {
            (Some(files), Some(tls)) => Some((files, Current::read(tls, http1_only)?)),
            _ => None,
        };
        let doorkeeper = self.doorkeeper.clone();
        Ok(Box::new(move || {
            doorkeeper.adopt(users);
            if let Some((files, current)) = changed {
                files.adopt(current);
            }
        }))
    }

    fn files(&self) -> Vec<FilePattern> {
        self.path.iter().cloned().map(FilePattern::Path).collect()
    }
}

impl WebSettings {
    /// Reads the file; no file means no TLS and no users.
    ///
    /// # Errors
    /// The file cannot be read, or every mistake found in it.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = SourceFile::new(path.display().to_string(), text);
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&file, base).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))
    }

    fn parse(file: &SourceFile, base: &Path) -> Result<Self, Diagnostics> {
        let decoder = Decoder::new(file);
        let settings = decoder.first_document().map(|root| read(&root, &decoder, base));
        decoder.finish(settings).map(|(settings, _)| settings)
    }
}

fn read(root: &Node, decoder: &Decoder, base: &Path) -> WebSettings {
    let mut settings = WebSettings::default();
    if root.is_null() {
        return settings;
    }
    let Some(mut fields) = decoder.mapping(root, "a web configuration") else { return settings };
    settings.tls = fields.optional("tls_server_config").node().and_then(|node| read_tls(node, decoder, base));
    if let Some(mut http) =
        fields.optional("http_server_config").node().and_then(|node| decoder.mapping(node, "http_server_config"))
    {
        settings.http1_only = http.optional("http2").boolean().is_some_and(|http2| !http2.value);
        http.finish();
    }
    for (user, hash) in fields.optional("basic_auth_users").secret().string_map().unwrap_or_default() {
        if !hash.value.starts_with("$2") {
            decoder
                .error(hash.span, format!("the password of user {:?} is not a bcrypt hash", user.value))
                .without_excerpt()
                .hint("make one with: htpasswd -nBC 10 \"\"");
        }
        settings.users.insert(user.value, hash.value);
    }
    fields.finish();
    settings
}

fn read_tls(node: &Node, decoder: &Decoder, base: &Path) -> Option<TlsSettings> {
    let mut fields = decoder.mapping(node, "tls_server_config")?;
    let cert_file = fields.required("cert_file").string();
    let key_file = fields.required("key_file").string();
    let client_ca_file = fields.optional("client_ca_file").string();
    let client_auth = fields.optional("client_auth_type").one_of(&[
        ("NoClientCert", ClientAuth::None),
        ("VerifyClientCertIfGiven", ClientAuth::IfGiven),
        ("RequireAndVerifyClientCert", ClientAuth::Required),
    ]);
    let tls13_only = fields.optional("min_version").one_of(&[("TLS12", false), ("TLS13", true)]);
    let client_auth = client_auth.map_or(ClientAuth::None, |auth| auth.value);
    if client_auth != ClientAuth::None && client_ca_file.is_none() {
        decoder.error(fields.span(), "client_auth_type asks for certificates, but client_ca_file is missing");
    }
    fields.finish();
    Some(TlsSettings {
        cert_file: base.join(cert_file?.value),
        key_file: base.join(key_file?.value),
        client_ca_file: client_ca_file.map(|path| base.join(path.value)),
        client_auth,
        tls13_only: tls13_only.is_some_and(|only| only.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tls_and_users() {
        let text = "tls_server_config: {cert_file: a.pem, key_file: /b.pem, min_version: TLS13}\nbasic_auth_users: {ali: $2y$10$x}\n";
        let settings = WebSettings::parse(&SourceFile::new("web.yml", text), Path::new("/etc/w")).unwrap();
        let tls = settings.tls.unwrap();
        assert_eq!((tls.cert_file, tls.key_file), ("/etc/w/a.pem".into(), "/b.pem".into()));
        assert!(tls.tls13_only);
        assert_eq!(settings.users["ali"], "$2y$10$x");
    }

    #[test]
    fn all_mistakes_at_once_and_no_password_shown() {
        let text = "tls_server_config: {cert: a}\nbasic_auth_users:\n  ali: sesame\n";
        let shown = WebSettings::parse(&SourceFile::new("web.yml", text), Path::new("")).unwrap_err().to_string();
        for expected in ["cert_file", "\"cert\"", "web.yml:3:8", "htpasswd"] {
            assert!(shown.contains(expected), "{expected} in {shown}");
        }
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
