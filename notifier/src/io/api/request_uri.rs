//! Which texts Go's `url.ParseRequestURI` takes: go-openapi's `format: uri`.

/// Whether a text is an absolute URL, an absolute path or `*`.
pub(super) fn is_request_uri(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    if text.is_empty() || text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return false;
    }
    let (path, _query) = text.split_once('?').unwrap_or((text, ""));
    if path.starts_with('/') && !path.starts_with("//") {
        return has_whole_escapes(path);
    }
    let rest = match path.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ if path.starts_with("//") => path,
        _ => return false,
    };
    match rest.strip_prefix("//") {
        // `mailto:a@b` is opaque; nothing in it is looked at.
        None => !rest.starts_with('/') || has_whole_escapes(rest),
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            is_host(host) && has_whole_escapes(path)
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A name or an address, and digits after the last colon.
fn is_host(text: &str) -> bool {
    let allowed =
        |byte: u8| !byte.is_ascii() || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte);
    let port = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((_, after)) => after,
            None => return false,
        },
        None => text.find(':').and_then(|at| text.get(at..)).unwrap_or(""),
    };
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|byte| byte.is_ascii_digit()));
    is_port && text.bytes().all(allowed)
}

/// Every `%` is followed by two hexadecimal digits.
fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the real Alertmanager 0.25 answered.
    #[test]
    fn agrees_with_alertmanager() {
        let good = [
            "/g?x=1",
            "http://a/b c",
            "mailto:a@b",
            "*",
            "http://prometheus_1:9090/graph?g0.expr=a%20b",
            "http://[::1]:9/x",
            "https://a",
            "http://a?x=%zz",
        ];
        let bad = [
            "x",
            "x y",
            "http://[::1",
            "%zz",
            "http://a b/c",
            "http://a/%zz",
            "http://a:port",
            "1http://a",
            "http://a#b",
        ];
        for text in good {
            assert!(is_request_uri(text), "{text}");
        }
        for text in bad {
            assert!(!is_request_uri(text), "{text}");
        }
    }
}
