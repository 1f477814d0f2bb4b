//! Amazon's request signature, version 4, for a POST with a body.

use model::Timestamp;
use outbound::Request;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use url::Url;

use super::role::Keys;

/// Bytes that HMAC pads its key to.
const BLOCK: usize = 64;

/// What a signature is good for.
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// Adds date and signature. Nothing if the address or a header cannot be used.
pub(crate) fn sign(request: &mut Request, keys: &Keys, scope: &Scope<'_>, now: Timestamp) -> Option<()> {
    let url = Url::parse(&request.url).ok()?;
    let host = url.host_str()?;
    let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    let second = now.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = second.get(..8)?;
    let content_type = request.headers.get(CONTENT_TYPE)?.to_str().ok()?.to_owned();
    let (signed, token) = match &keys.session_token {
        Some(token) => {
            ("content-type;host;x-amz-date;x-amz-security-token", format!("x-amz-security-token:{}\n", &**token))
        }
        None => ("content-type;host;x-amz-date", String::new()),
    };
    let canonical = format!(
        "{}\n{}\n{}\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{second}\n{token}\n{signed}\n{}",
        request.method,
        url.path(),
        url.query().unwrap_or_default(),
        hex::encode(Sha256::digest(&request.body)),
    );
    let parts = [day, scope.region, scope.service, "aws4_request"];
    let scope = parts.join("/");
    let to_sign = format!("AWS4-HMAC-SHA256\n{second}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let start = format!("AWS4{}", &*keys.secret_key).into_bytes();
    let key = parts.iter().fold(start, |key, part| hmac(&key, part.as_bytes()));
    let signature = hex::encode(hmac(&key, to_sign.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        &*keys.access_key
    );
    let mut authorization = HeaderValue::try_from(authorization).ok()?;
    authorization.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, authorization);
    if let Some(token) = &keys.session_token {
        let mut token = HeaderValue::from_str(token).ok()?;
        token.set_sensitive(true);
        request.headers.insert(HeaderName::from_static("x-amz-security-token"), token);
    }
    request.headers.insert(HeaderName::from_static("x-amz-date"), HeaderValue::try_from(second).ok()?);
    Some(())
}

/// HMAC-SHA256.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(BLOCK, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn hmac_of_rfc_4231() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::encode(long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    /// The case `post-x-www-form-urlencoded` of Amazon's own suite.
    #[test]
    fn amazons_own_case() {
        let mut request = Request {
            method: Method::POST,
            url: "https://example.amazonaws.com/".to_owned(),
            headers: HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )]),
            body: "Param1=value1".into(),
        };
        let keys = Keys {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            region: "us-east-1".into(),
        };
        let scope = Scope { region: "us-east-1", service: "service" };
        sign(&mut request, &keys, &scope, Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").unwrap()).unwrap();
        let authorization = request.headers.get(AUTHORIZATION).unwrap().to_str().unwrap();
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        assert_eq!(request.headers.get("x-amz-date").unwrap(), "20150830T123600Z");
    }
}
