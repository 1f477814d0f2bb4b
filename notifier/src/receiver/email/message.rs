//! A mail as a value, and as bytes.

use lettre::message::header::{self, ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue, Headers};
use lettre::message::{Body, Mailboxes, MultiPart, SinglePart};

/// A mail with its envelope. The same notification makes the same mail, byte for byte, however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailMessage {
    /// Address of the sender in the envelope.
    pub sender: String,
    /// Addresses of the recipients in the envelope.
    pub recipients: Vec<String>,
    /// Name and text of each header, in order, nothing encoded.
    pub headers: Vec<(String, String)>,
    /// The part of plain text.
    pub text: Option<String>,
    /// The part of HTML.
    pub html: Option<String>,
    /// Separates the parts; in none of them.
    pub boundary: String,
}

impl EmailMessage {
    /// The mail as it goes over the wire: ASCII, every line short, nothing in a header that could start another one.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut headers = Headers::new();
        for (name, text) in &self.headers {
            // names come from the configuration, which has checked them; a name too long for a header is left out
            if let Ok(name) = HeaderName::new_from_ascii(name.clone()) {
                headers.insert_raw(encoded(name, text));
            }
        }
        headers.set(header::MIME_VERSION_1_0);
        let parts = [(&self.text, ContentType::TEXT_PLAIN), (&self.html, ContentType::TEXT_HTML)];
        let parts =
            parts.into_iter().filter_map(|(part, content_type)| Some(single_part(part.as_deref()?, content_type)));
        let mut bytes = headers.to_string().into_bytes();
        let empty = MultiPart::alternative().boundary(self.boundary.clone()).build();
        bytes.extend(parts.fold(empty, MultiPart::singlepart).formatted());
        bytes
    }
}

fn single_part(text: &str, content_type: ContentType) -> SinglePart {
    let encoding = ContentTransferEncoding::QuotedPrintable;
    let body = Body::new_with_encoding(text.to_owned(), encoding).unwrap_or_else(Body::new);
    SinglePart::builder().header(content_type).body(body)
}

/// A header, encoded where it has to be. In lists of addresses only the names are, or nobody could answer.
fn encoded(name: HeaderName, text: &str) -> HeaderValue {
    let text = text.replace("\r\n", " ").replace(['\r', '\n'], " ");
    if !text.is_ascii()
        && let Ok(mailboxes) = text.parse::<Mailboxes>()
        && let Some(header) = addresses(&name, mailboxes)
    {
        return header;
    }
    HeaderValue::new(name, text)
}

fn addresses(name: &str, mailboxes: Mailboxes) -> Option<HeaderValue> {
    Some(match name {
        "From" => header::From::from(mailboxes).display(),
        "To" => header::To::from(mailboxes).display(),
        "Cc" => header::Cc::from(mailboxes).display(),
        "Bcc" => header::Bcc::from(mailboxes).display(),
        "Reply-To" => header::ReplyTo::from(mailboxes).display(),
        _ => return None,
    })
}
