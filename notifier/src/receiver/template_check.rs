//! Whether templates parse, found out when the configuration is read rather than when a page is due.

use templates::go_template::{FunctionFailure, Functions, Param, Signature, Template, TemplateError};
use yaml::{Decoder, Diagnostic, SourceFile, Span, Spanned};

/// The functions that notification templates may call beside Go's own, as Alertmanager 0.34 has them.
const FUNCTIONS: [&str; 25] = [
    "append",
    "base64decode",
    "base64encode",
    "date",
    "dict",
    "humanizeDuration",
    "join",
    "list",
    "match",
    "mustToDate",
    "now",
    "reReplaceAll",
    "routeLabels",
    "safeHtml",
    "safeUrl",
    "since",
    "stringSlice",
    "title",
    "toDate",
    "toJson",
    "toLower",
    "toUpper",
    "trimSpace",
    "tz",
    "urlUnescape",
];

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

fn parse(text: &str) -> Result<(), TemplateError> {
    if !text.contains("{{") {
        return Ok(());
    }
    let mut functions = Functions::builtins();
    for name in FUNCTIONS {
        // Only the names matter for parsing; nothing is executed here.
        let unused = |_: templates::go_template::Call<'_>, _: &[_]| Err(FunctionFailure::from("not executed"));
        functions.add(name, Signature::variadic(&[], Param::Any), unused);
    }
    Template::parse("template", text, &functions).map(drop)
}

fn message(error: &TemplateError) -> String {
    format!("the template does not parse: {}", error.failure().message())
}

/// The byte of the text an error points at.
fn offset(error: &TemplateError, text: &str) -> usize {
    let Some(position) = error.position() else { return 0 };
    let before: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    text.floor_char_boundary((before + position.column).min(text.len()))
}
