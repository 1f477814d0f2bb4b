//! Whether templates parse, found out when the configuration is read rather than when a page is due.

use templates::go_template::{Template, TemplateError, notifier_functions};
use templates::handlebars::Registry;
use yaml::{Decoder, Diagnostic, SourceFile, Span, Spanned};

/// Reports a Go template that does not parse, at the place in it; one that holds a secret is not shown.
pub(crate) fn check_go_template(decoder: &Decoder, text: &Spanned<String>, secret: bool) {
    let Err(error) = parse(&text.value) else { return };
    let report = decoder.error_in(text, offset(&error, &text.value), message(&error));
    if secret {
        let _hidden = report.without_excerpt();
    }
}

/// Reports what does not parse in a file of Go templates.
pub(crate) fn check_template_file(decoder: &Decoder, file: &SourceFile) {
    if let Err(error) = parse(file.text()) {
        let at = Span::at(offset(&error, file.text()));
        decoder.report(Diagnostic::error(file, at, message(&error)));
    }
}

/// Reports a Handlebars template that does not compile. What it includes is known later, to the renderer.
pub(crate) fn check_handlebars(decoder: &Decoder, text: &Spanned<String>) {
    if let Err(error) = Registry::check_syntax("template", &text.value) {
        let at = error.at.map_or(0, |(line, column)| byte_offset(&text.value, line, column.saturating_sub(1)));
        decoder.error_in(text, at, error.message);
    }
}

fn parse(text: &str) -> Result<(), TemplateError> {
    if !text.contains("{{") {
        return Ok(());
    }
    Template::parse("template", text, &notifier_functions::functions()).map(drop)
}

fn message(error: &TemplateError) -> String {
    format!("the template does not parse: {}", error.failure().message())
}

/// The byte of the text an error points at.
fn offset(error: &TemplateError, text: &str) -> usize {
    error.position().map_or(0, |position| byte_offset(text, position.line, position.column))
}

/// The byte at a line, counted from 1, and a column in bytes, counted from 0.
fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text.floor_char_boundary((before + column).min(text.len()))
}
