//! `tls_server_config`.

use std::path::{Path, PathBuf};

use rustls::CipherSuite;
use rustls::NamedGroup;
use yaml::{Decoder, Fields, Node};

/// `tls_server_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The server's chain.
    pub certificate: Pem,
    /// Its key.
    pub key: Pem,
    /// The authorities that client certificates must come from.
    pub client_authorities: Option<Pem>,
    /// What is asked of clients.
    pub client_auth: ClientAuth,
    /// One of these names must be in a client's certificate; empty: none must.
    pub client_allowed_sans: Vec<String>,
    /// Refuse TLS 1.3 (`max_version: TLS12`).
    pub tls12_only: bool,
    /// Refuse TLS 1.2 (`min_version: TLS13`).
    pub tls13_only: bool,
    /// For TLS 1.2, in the order of preference; empty: all that are safe.
    pub cipher_suites: Vec<CipherSuite>,
    /// The client's order of preference counts.
    pub client_order: bool,
    /// In the order of preference; empty: all that there are.
    pub curves: Vec<NamedGroup>,
}

impl TlsSettings {
    /// A certificate in files, without anything else.
    pub fn of_files(certificate: PathBuf, key: PathBuf) -> TlsSettings {
        TlsSettings {
            certificate: Pem::File(certificate),
            key: Pem::File(key),
            client_authorities: None,
            client_auth: ClientAuth::None,
            client_allowed_sans: Vec::new(),
            tls12_only: false,
            tls13_only: false,
            cipher_suites: Vec::new(),
            client_order: false,
            curves: Vec::new(),
        }
    }
}

/// PEM in a file or in the settings themselves.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// In a file, which may change.
    File(PathBuf),
    /// As written.
    Inline(String),
}

impl Pem {
    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Inline(_) => None,
        }
    }
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Inline(_) => f.write_str("(given inline)"),
        }
    }
}

/// `client_auth_type`, as Go names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `NoClientCert`.
    None,
    /// `RequestClientCert`: asked for, not looked at.
    Requested,
    /// `RequireAnyClientCert`: there must be one, from anybody.
    Any,
    /// `VerifyClientCertIfGiven`.
    IfGiven,
    /// `RequireAndVerifyClientCert`.
    Verified,
}

impl ClientAuth {
    /// Whether a certificate that is shown must come from an authority.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::IfGiven | Self::Verified)
    }

    /// Whether nobody comes in without a certificate.
    pub fn is_required(self) -> bool {
        matches!(self, Self::Any | Self::Verified)
    }
}

const CLIENT_AUTH: [(&str, ClientAuth); 6] = [
    ("", ClientAuth::None),
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Requested),
    ("RequireAnyClientCert", ClientAuth::Any),
    ("VerifyClientCertIfGiven", ClientAuth::IfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::Verified),
];

/// Go's names; `None`: not spoken here, as it is not safe or not of TLS 1.2.
const CIPHER_SUITES: [(&str, Option<CipherSuite>); 13] = [
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Some(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_AES_128_GCM_SHA256", None),
    ("TLS_AES_256_GCM_SHA384", None),
    ("TLS_CHACHA20_POLY1305_SHA256", None),
];

const CURVES: [(&str, Option<NamedGroup>); 5] = [
    ("X25519", Some(NamedGroup::X25519)),
    ("CurveP256", Some(NamedGroup::secp256r1)),
    ("CurveP384", Some(NamedGroup::secp384r1)),
    ("CurveP521", None),
    ("X25519MLKEM768", None),
];

const VERSIONS: [(&str, u8); 4] = [("TLS10", 10), ("TLS11", 11), ("TLS12", 12), ("TLS13", 13)];

pub(super) fn read(node: &Node, decoder: &Decoder, base: &Path) -> Option<TlsSettings> {
    let mut fields = decoder.mapping(node, "tls_server_config")?;
    let certificate = pem(&mut fields, decoder, base, "cert_file", "cert");
    let key = pem(&mut fields, decoder, base, "key_file", "key");
    for (name, found) in [("cert_file", &certificate), ("key_file", &key)] {
        if found.is_none() && !decoder.has_errors() {
            decoder.error(fields.span(), format!("tls_server_config: {name} is missing"));
        }
    }
    let client_authorities = pem(&mut fields, decoder, base, "client_ca_file", "client_ca");
    let client_auth = fields.optional("client_auth_type").one_of(&CLIENT_AUTH);
    let client_auth = client_auth.map_or(ClientAuth::None, |auth| auth.value);
    match (client_auth, &client_authorities) {
        (ClientAuth::Verified | ClientAuth::IfGiven, None) => {
            decoder.error(fields.span(), "client_auth_type asks for certificates, but client_ca_file is missing");
        }
        (ClientAuth::None, Some(_)) => {
            decoder
                .error(fields.span(), "client_ca_file is of no use: client_auth_type asks for no certificates")
                .hint("write client_auth_type: RequireAndVerifyClientCert");
        }
        _ => {}
    }
    let sans = fields.optional("client_allowed_sans");
    let has_sans = sans.is_present();
    let client_allowed_sans: Vec<String> =
        sans.string_list().unwrap_or_default().into_iter().map(|san| san.value).collect();
    if has_sans && !client_allowed_sans.is_empty() && !client_auth.is_required() {
        decoder
            .error(
                fields.span(),
                "client_allowed_sans needs certificates, but client_auth_type lets clients in without",
            )
            .hint("write client_auth_type: RequireAndVerifyClientCert");
    }
    let oldest = fields.optional("min_version").one_of(&VERSIONS);
    let newest = fields.optional("max_version").one_of(&VERSIONS);
    if let Some(oldest) = oldest.as_ref().filter(|oldest| oldest.value < 12) {
        decoder.warning(oldest.span, "min_version: TLS 1.2 is the oldest version spoken here");
    }
    if let Some(newest) = &newest
        && newest.value < oldest.as_ref().map_or(12, |oldest| oldest.value.max(12))
    {
        decoder.error(newest.span, "max_version leaves no version that is spoken here: TLS 1.2 and TLS 1.3 are");
    }
    let cipher_suites = known(&mut fields, decoder, "cipher_suites", &CIPHER_SUITES);
    let curves = known(&mut fields, decoder, "curve_preferences", &CURVES);
    let client_order = fields.optional("prefer_server_cipher_suites").boolean().is_some_and(|server| !server.value);
    fields.finish();
    Some(TlsSettings {
        certificate: certificate?,
        key: key?,
        client_authorities,
        client_auth,
        client_allowed_sans,
        tls12_only: newest.is_some_and(|newest| newest.value == 12),
        tls13_only: oldest.is_some_and(|oldest| oldest.value == 13),
        cipher_suites,
        client_order,
        curves,
    })
}

fn pem(
    fields: &mut Fields<'_>,
    decoder: &Decoder,
    base: &Path,
    file: &'static str,
    inline: &'static str,
) -> Option<Pem> {
    let path = fields.optional(file).string().filter(|path| !path.value.is_empty());
    let text = fields.optional(inline).secret().string().filter(|text| !text.value.is_empty());
    if let (Some(path), Some(_)) = (&path, &text) {
        decoder.error(path.span, format!("{file} and {inline} exclude each other"));
    }
    text.map(|text| Pem::Inline(text.value)).or_else(|| path.map(|path| Pem::File(base.join(path.value))))
}

/// Those of a list that are spoken here. A list that leaves none is a mistake.
fn known<T: Copy>(fields: &mut Fields<'_>, decoder: &Decoder, name: &'static str, all: &[(&str, Option<T>)]) -> Vec<T> {
    let given = fields.optional(name).string_list().unwrap_or_default();
    let mut spoken = Vec::new();
    let mut is_sound = true;
    for one in &given {
        match all.iter().find(|(known, _)| *known == one.value) {
            Some((_, Some(value))) => spoken.push(*value),
            Some((_, None)) => drop(decoder.warning(one.span, format!("{name}: {} has no effect here", one.value))),
            None => {
                is_sound = false;
                let names: Vec<&str> = all.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
                decoder
                    .error(one.span, format!("{name}: {:?} is not known", one.value))
                    .hint(format!("known are {}", names.join(", ")));
            }
        }
    }
    if let Some(first) = given.first().filter(|_| is_sound && spoken.is_empty()) {
        decoder.error(first.span, format!("{name} leaves nothing that is spoken here"));
    }
    spoken
}
