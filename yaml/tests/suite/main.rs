//! The crate as its users see it: documents, diagnostics, the corpus and hostile input.

mod corpus;
mod diagnostics;
mod documents;
mod hostile;
mod positions;
