//! What parts of an object may look like, as tables: the field, what it becomes in `alertmanager.yml`, and since when
//! Alertmanager knows it.

use yaml::Node;

use super::reader::Reader;

/// A mapping with known fields.
pub(crate) struct Shape {
    /// What messages call it, with its article.
    pub(crate) what: &'static str,
    /// Its fields, those that win over others of the same result later.
    pub(crate) fields: &'static [Field],
    /// Written in any case.
    pub(crate) constants: &'static [(&'static str, &'static str)],
    /// Whether it is left out if nothing is in it.
    pub(crate) only_filled: bool,
    /// What its fields must be together.
    pub(crate) check: Option<Check>,
}

/// Reports what is wrong with the fields of a mapping together.
pub(crate) type Check = fn(&Reader<'_>, &Node);

/// One field.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// Its name in the object.
    pub(crate) name: &'static str,
    /// Its name in `alertmanager.yml`.
    pub(crate) out: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// The text if it is left out or empty.
    pub(crate) default: Option<&'static str>,
    /// Alertmanager 0.N that knows it first, and what becomes of it before.
    pub(crate) since: Option<(u64, Before)>,
    /// Whether v1beta1 lacks it.
    pub(crate) only_v1alpha1: bool,
}

/// What becomes of a field that the target does not know yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It is left out, with a warning.
    Dropped,
    /// The object is refused.
    Refused,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A text; an empty one is left out.
    Text,
    /// A text; an empty one is kept.
    AnyText,
    /// A text that may not be empty.
    FilledText,
    /// An http or https address, or a template of one.
    Url,
    /// An address that may lack its scheme.
    LooseUrl,
    /// A duration, written in its shortest form.
    Duration,
    /// `true` or `false`, kept as written.
    Flag,
    /// `true`; `false` is left out.
    TrueFlag,
    /// A whole number; 0 is left out.
    Integer,
    /// One of a few words, each with what it becomes.
    OneOf(&'static [(&'static str, &'static str)]),
    /// A list of texts.
    Texts,
    /// A mapping of texts.
    TextMap,
    /// A list of `{key, value}` that becomes a mapping.
    Pairs,
    /// A key of a Secret.
    Secret,
    /// A key of a Secret that may not be empty.
    FilledSecret,
    /// A key of a Secret that holds an address.
    SecretUrl,
    /// A key of a Secret or a ConfigMap.
    Either,
    /// PEM in a key of a Secret or a ConfigMap; the second name is that of the field with a file's path.
    Pem(&'static str),
    /// PEM in a key of a Secret; likewise.
    SecretPem(&'static str),
    /// A mapping of lists of keys of Secrets.
    SecretLists,
    /// `{host, port}`, which becomes `host:port`.
    HostPort,
    /// A mapping.
    Part(&'static Shape),
    /// A list of mappings.
    Parts(&'static Shape),
}

/// A mapping without more ado.
pub(crate) const fn shape(what: &'static str, fields: &'static [Field]) -> Shape {
    Shape { what, fields, constants: &[], only_filled: false, check: None }
}

impl Shape {
    pub(crate) const fn checked(self, check: Check) -> Shape {
        Shape { check: Some(check), ..self }
    }

    pub(crate) const fn only_filled(self) -> Shape {
        Shape { only_filled: true, ..self }
    }

    pub(crate) const fn with(self, constants: &'static [(&'static str, &'static str)]) -> Shape {
        Shape { constants, ..self }
    }
}

/// A field of a kind.
pub(crate) const fn field(name: &'static str, out: &'static str, kind: Kind) -> Field {
    Field { name, out, kind, required: false, default: None, since: None, only_v1alpha1: false }
}

impl Field {
    pub(crate) const fn required(self) -> Field {
        Field { required: true, ..self }
    }

    pub(crate) const fn or(self, default: &'static str) -> Field {
        Field { default: Some(default), ..self }
    }

    /// Left out before Alertmanager 0.`minor`.
    pub(crate) const fn since(self, minor: u64) -> Field {
        Field { since: Some((minor, Before::Dropped)), ..self }
    }

    /// Refused before Alertmanager 0.`minor`.
    pub(crate) const fn refused_before(self, minor: u64) -> Field {
        Field { since: Some((minor, Before::Refused)), ..self }
    }

    pub(crate) const fn only_v1alpha1(self) -> Field {
        Field { only_v1alpha1: true, ..self }
    }
}
