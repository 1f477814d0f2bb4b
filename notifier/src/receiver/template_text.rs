//! Texts and trees of texts that are rendered for each notification.

use yaml::{Decoder, Field, Kind, Node};

use super::template_check::{check_go_template, check_handlebars};

/// A text to render, in the language it is written in. The language is declared, never guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateText {
    /// Go's text/template, as in Alertmanager: the meaning of a plain text.
    Go(String),
    /// Handlebars, written as `{handlebars: "…"}`.
    Handlebars(String),
}

impl TemplateText {
    /// The text as written, without its language.
    pub fn as_str(&self) -> &str {
        match self {
            TemplateText::Go(text) | TemplateText::Handlebars(text) => text,
        }
    }

    /// Reads a text, or a mapping with the key `handlebars`. Mistakes in the template are reported at their place in it.
    pub fn decode(field: Field<'_>) -> Option<TemplateText> {
        let node = field.node()?;
        if node.as_mapping().is_none() {
            return field.decode(|node, decoder| go_text(node, decoder).map(TemplateText::Go));
        }
        field.decode(|node, decoder| {
            let mut fields = decoder.mapping(node, "a template with its language")?;
            let text = fields.required("handlebars").string();
            fields.finish();
            let text = text?;
            check_handlebars(decoder, &text);
            Some(TemplateText::Handlebars(text.value))
        })
    }
}

pub(crate) fn go_text(node: &Node, decoder: &Decoder) -> Option<String> {
    let text = decoder.value(node).string()?;
    check_go_template(decoder, &text, false);
    Some(text.value)
}

/// A YAML tree whose texts are rendered: a webhook's `payload`, PagerDuty's `details`.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplateTree {
    /// `null`
    Null,
    /// A truth value written without quotes.
    Bool(bool),
    /// A whole number written without quotes.
    Integer(i64),
    /// Any other number written without quotes.
    Float(f64),
    /// A text. Not a mapping `{handlebars: …}`: here every mapping is part of the tree.
    Text(String),
    /// A list.
    List(Vec<TemplateTree>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, TemplateTree)>),
}

impl TemplateTree {
    /// Reads any tree; its texts are Go templates.
    pub fn decode(node: &Node, decoder: &Decoder) -> Option<TemplateTree> {
        Some(match &node.kind {
            Kind::Null => TemplateTree::Null,
            Kind::Scalar(_) => match plain_value(node, decoder) {
                Some(value) => value,
                None => TemplateTree::Text(go_text(node, decoder)?),
            },
            Kind::Sequence(items) => {
                TemplateTree::List(items.iter().filter_map(|item| TemplateTree::decode(item, decoder)).collect())
            }
            Kind::Mapping(entries) => {
                let decode = |(key, node): &(yaml::Key, Node)| {
                    Some((key.text.to_string(), TemplateTree::decode(node, decoder)?))
                };
                TemplateTree::Map(entries.iter().filter_map(decode).collect())
            }
        })
    }
}

/// What an unquoted scalar means by itself, if it is no text.
fn plain_value(node: &Node, decoder: &Decoder) -> Option<TemplateTree> {
    // A reader reports what it cannot read, so the attempts go to a decoder of their own.
    let attempt = Decoder::new(decoder.file());
    let boolean = attempt.value(node).boolean().map(|value| TemplateTree::Bool(value.value));
    let integer = || attempt.value(node).integer().map(|value| TemplateTree::Integer(value.value));
    let float = || attempt.value(node).float().map(|value| TemplateTree::Float(value.value));
    boolean.or_else(integer).or_else(float)
}
