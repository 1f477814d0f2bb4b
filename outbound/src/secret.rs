//! Secrets: passwords, tokens, keys, and URLs that are as good as a key.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yaml::{Decoder, Fields};
use zeroize::Zeroizing;

/// What is shown in place of a secret, in Alertmanager's words.
pub const SHOWN: &str = "<secret>";

/// A text that no log, error, metric or API answer may show.
///
/// One from a file is read again at each use, so a key can be rotated without a reload.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Written in the configuration.
    Inline(SecretText),
    /// Contents of a file, blanks and line breaks around them removed.
    File(PathBuf),
}

/// What a secret says. Shared, and overwritten in memory when nobody holds it any more. It has no `Display`, so that it gets
/// into no message by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<Zeroizing<String>>);

/// A secret's file that cannot be read. Names the file, never its contents.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the secret file {}: {source}", path.display())]
pub struct UnreadableSecret {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl Secret {
    /// A secret given as text.
    pub fn inline(text: impl Into<SecretText>) -> Secret {
        Secret::Inline(text.into())
    }

    /// The text, as it is now.
    ///
    /// # Errors
    /// Its file cannot be read or is not UTF-8.
    pub async fn read(&self) -> Result<SecretText, UnreadableSecret> {
        let path = match self {
            Secret::Inline(text) => return Ok(text.clone()),
            Secret::File(path) => path,
        };
        let unreadable = |source| UnreadableSecret { path: path.clone(), source };
        let text = Zeroizing::new(tokio::fs::read_to_string(path).await.map_err(unreadable)?);
        Ok(SecretText::from(text.trim()))
    }

    /// Whether it is an inline text without a character, which counts as not given.
    pub fn is_empty(&self) -> bool {
        matches!(self, Secret::Inline(text) if text.is_empty())
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> SecretText {
        SecretText(Arc::new(Zeroizing::new(text)))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> SecretText {
        text.to_owned().into()
    }
}

impl Deref for SecretText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Inline(_) => f.write_str(SHOWN),
            Secret::File(path) => write!(f, "{SHOWN} from {}", path.display()),
        }
    }
}

/// A file named in a configuration: relative names start at the configuration's folder.
///
/// Alertmanager does so for some keys only and takes the others from the process's working directory, which nobody
/// expects.
pub fn resolve_path(base: &Path, path: &str) -> PathBuf {
    base.join(path)
}

/// Reads a secret that is given inline or as the name of a file, by two keys of which at most one may be set. Empty
/// texts count as left out.
pub fn decode_secret(
    fields: &mut Fields<'_>,
    decoder: &Decoder,
    base: &Path,
    (key, file_key): (&'static str, &'static str),
) -> Option<Secret> {
    let inline = fields.optional(key).secret().string().filter(|text| !text.value.is_empty());
    let file = fields.optional(file_key).string().filter(|path| !path.value.is_empty());
    match (inline, file) {
        (Some(text), Some(_)) => {
            let second = fields.key_span(key).max(fields.key_span(file_key)).unwrap_or(fields.span());
            decoder.error(second, format!("both {key:?} and {file_key:?} are given")).hint("keep one of them");
            Some(Secret::inline(text.value))
        }
        (Some(text), None) => Some(Secret::inline(text.value)),
        (None, Some(path)) => Some(Secret::File(resolve_path(base, &path.value))),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_shown() {
        let inline = Secret::inline("hunter2");
        let file = Secret::File("/run/key".into());
        assert_eq!(format!("{inline} {inline:?} {file} {file:?}"), "<secret> <secret> <secret> <secret> from /run/key");
    }

    /// What makes [`SecretText`] overwrite: the text is all in a [`Zeroizing`], which a check of the type holds to.
    #[test]
    fn a_text_is_overwritten_with_its_last_holder() {
        let first = SecretText::from("hunter2");
        let second = first.clone();
        assert!(Arc::ptr_eq(&first.0, &second.0), "a clone is no copy");
        let held: &Arc<Zeroizing<String>> = &second.0;
        assert_eq!(Arc::strong_count(held), 2);
        drop(first);
        let mut last = Arc::try_unwrap(second.0).unwrap();
        zeroize::Zeroize::zeroize(&mut last);
        assert!(last.is_empty());
        assert_eq!(format!("{:?}", SecretText::from("hunter2")), "<secret>");
    }

    #[tokio::test]
    async fn files_are_read_at_each_use_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let secret = Secret::File(path.clone());
        let error = secret.read().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read the secret file {}: ", path.display())), "{error}");
        for (written, read) in [(" one\n", "one"), ("two", "two")] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(&*secret.read().await.unwrap(), read);
        }
    }
}
