//! `tls_config` as meant: whom to trust, and who we are. Also used for e-mail.

use std::path::{Path, PathBuf};

use yaml::{Decoder, Fields, Node};

use crate::secret::{Secret, decode_secret};

/// How a connection is secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The authorities to trust instead of the system's.
    pub ca: Option<Pem>,
    /// Our certificate and its key.
    pub identity: Option<(Pem, Pem)>,
    /// The name the server's certificate must carry, instead of the host's.
    pub server_name: Option<String>,
    /// Trust anybody.
    pub insecure_skip_verify: bool,
    /// The oldest version to speak.
    pub min_version: Option<TlsVersion>,
    /// The newest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// PEM text, inline or from a file that is read again when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// Written in the configuration.
    Inline(Secret),
    /// In a file.
    File(PathBuf),
}

/// A version of TLS. Older ones than 1.2 are never spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.0; as a least version the same as 1.2.
    Tls10,
    /// 1.1; as a least version the same as 1.2.
    Tls11,
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

const VERSIONS: [(&str, TlsVersion); 4] = [
    ("TLS10", TlsVersion::Tls10),
    ("TLS11", TlsVersion::Tls11),
    ("TLS12", TlsVersion::Tls12),
    ("TLS13", TlsVersion::Tls13),
];

impl TlsConfig {
    /// Decodes a `tls_config` mapping; relative file names start at `base`. `None` after a mistake, which the decoder
    /// has.
    pub fn decode(node: &Node, decoder: &Decoder, base: &Path) -> Option<TlsConfig> {
        let mut fields = decoder.mapping(node, "a TLS configuration")?;
        let ca = pem(&mut fields, decoder, base, ("ca", "ca_file"));
        let cert = pem(&mut fields, decoder, base, ("cert", "cert_file"));
        let key = pem(&mut fields, decoder, base, ("key", "key_file"));
        let server_name = fields.optional("server_name").string().map(|name| name.value);
        let skip = fields.optional("insecure_skip_verify").boolean().is_some_and(|flag| flag.value);
        let min_version = fields.optional("min_version").one_of(&VERSIONS);
        let max_version = fields.optional("max_version").one_of(&VERSIONS);
        if cert.is_some() != key.is_some() {
            let (there, missing) = if cert.is_some() { ("certificate", "key") } else { ("key", "certificate") };
            decoder.error(fields.span(), format!("a client {there} is given without its {missing}"));
        }
        if let Some(max) = &max_version {
            if max.value < TlsVersion::Tls12 {
                decoder.error(max.span, "TLS 1.1 and older are not spoken").hint("use TLS12 or TLS13");
            } else if min_version.as_ref().is_some_and(|min| min.value > max.value) {
                decoder.error(max.span, "max_version is older than min_version");
            }
        }
        fields.finish();
        Some(TlsConfig {
            ca,
            identity: cert.zip(key),
            server_name: server_name.filter(|name| !name.is_empty()),
            insecure_skip_verify: skip,
            min_version: min_version.map(|version| version.value),
            max_version: max_version.map(|version| version.value),
        })
    }
}

impl TlsConfig {
    /// Whether a part of it is in a file, which may change.
    pub fn has_files(&self) -> bool {
        let identity = self.identity.iter().flat_map(|(cert, key)| [cert, key]);
        self.ca.iter().chain(identity).any(|pem| matches!(pem, Pem::File(_)))
    }
}

fn pem(fields: &mut Fields<'_>, decoder: &Decoder, base: &Path, keys: (&'static str, &'static str)) -> Option<Pem> {
    Some(match decode_secret(fields, decoder, base, keys)? {
        Secret::File(path) => Pem::File(path),
        inline => Pem::Inline(inline),
    })
}
