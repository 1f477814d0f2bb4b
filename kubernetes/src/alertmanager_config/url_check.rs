//! Addresses: http or https, with a host.

/// Whether a text is an address that can be asked. What is a template is checked when the whole configuration is read.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.contains("{{") {
        return Ok(());
    }
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(host)) if !host.is_empty() => Ok(()),
        ("http" | "https", _) => Err("there is no host in it".to_owned()),
        (scheme, _) => Err(format!("its scheme is {scheme:?}, not http or https")),
    }
}
