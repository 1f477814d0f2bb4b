//! Sources made to hang, overflow or fill the memory: each ends in an error, and soon.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::rule_functions::{self, RuleContext, RuleData};
use super::super::{
    At, Escape, Functions, Limits, Map, Render, Template, TemplateError, TemplateSet, Value, notifier_functions,
};

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(rule_functions::functions);
static SET: LazyLock<TemplateSet> = LazyLock::new(notifier_functions::template_set);

fn render(text: &str) -> Result<String, TemplateError> {
    let template = Template::parse("t", text, &FUNCTIONS)?;
    let data = RuleData { labels: Map::strings([("job", "api")]).into(), value: 1.5.into(), ..RuleData::default() };
    let context = RuleContext { now_seconds: 0.0, external_url: "", answers: &|_| Some(Ok(Vec::new())) };
    let (dot, variables, limits) = (data.dot(), data.variables(), Limits::default());
    template.execute(&Render {
        data: &dot,
        variables: &variables,
        context: &context,
        limits: &limits,
        escape: Escape::None,
    })
}

fn message(text: &str) -> String {
    render(text).expect_err("an error").to_string()
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("(index ", " 0)")] {
        let text = format!("{{{{ {}1{} }}}}", open.repeat(100_000), close.repeat(100_000));
        assert!(message(&text).contains("nested deeper than 100 levels"));
    }
    let text = "{{ if 1 }}".repeat(100_000) + &"{{ end }}".repeat(100_000);
    assert!(message(&text).contains("nested deeper than 100 levels"));
    let text = "{{ if 0 }}a".to_owned() + &"{{ else if 0 }}b".repeat(100_000) + "{{ end }}";
    assert!(message(&text).contains("nested deeper than 100 levels"));
}

#[test]
fn what_may_be_nested_runs_in_a_small_stack() {
    let run = || {
        let parens = format!("{{{{ {}1{} }}}}", "(print ".repeat(98), ")".repeat(98));
        assert_eq!(render(&parens).expect("output"), "1");
        let blocks = "{{ with 1 }}".repeat(98) + "x" + &"{{ end }}".repeat(98);
        assert_eq!(render(&blocks).expect("output"), "x");
        // as deep as blocks, parentheses and templates together can be
        let inner = format!("{{{{ $x := {}1{} }}}}", "(print ".repeat(40), ")".repeat(40));
        let body = "{{ with 1 }}".repeat(50) + &inner + "{{ template \"a\" }}" + &"{{ end }}".repeat(50);
        let text = format!("{{{{ define \"a\" }}}}{body}{{{{ end }}}}{{{{ template \"a\" }}}}");
        assert!(message(&text).contains("nested deeper than 500 levels"));
        let calls = format!("{{{{ define \"a\" }}}}{{{{ {}1{} }}}}{{{{ end }}}}", "(print ".repeat(98), ")".repeat(98));
        assert_eq!(render(&format!("{calls}{{{{ template \"a\" }}}}")).expect("output"), "1");
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).expect("a thread").join().expect("no panic");
}

/// Half of what threads of the runtime have.
const STACK_BYTES: usize = 1 << 20;

#[test]
fn endless_recursion_is_stopped() {
    let text = "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}";
    assert!(message(text).contains("exceeded maximum template depth (100)"));
    let text = "{{ define \"a\" }}{{ template \"b\" }}{{ end }}{{ define \"b\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}";
    assert!(message(text).contains("exceeded maximum template depth (100)"));
}

#[test]
fn long_loops_are_stopped() {
    for text in [
        "{{ range 1000000000000 }}{{ end }}",
        "{{ range 10000 }}{{ range 10000 }}{{ end }}{{ end }}",
        "{{ range 1000000 }}{{ $x := printf \"%1000000d\" 1 }}{{ end }}",
    ] {
        assert!(message(text).contains("stopped after 1000000 steps"), "{text}");
    }
    // many calls of cheap recursion: a tree of templates
    let text = "{{ define \"a\" }}{{ if lt (len .) 30 }}{{ $x := print . \"x\" }}{{ template \"a\" $x }}{{ template \"a\" $x }}{{ end }}{{ end }}{{ template \"a\" \"\" }}";
    assert!(message(text).contains("stopped after 1000000 steps"));
}

#[test]
fn large_texts_are_stopped() {
    for text in [
        "{{ $x := \"x\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := \"x\" }}{{ range 100 }}{{ $x = printf \"%s%[1]s\" $x }}{{ end }}",
        "{{ range 100 }}{{ printf \"%1000000d\" 1 }}{{ end }}",
        "{{ $x := printf \"%500000d\" 1 }}{{ reReplaceAll \"\" $x $x }}",
        "{{ $x := printf \"%1000000d\" 1 }}{{ $x }}{{ $x }}",
        "{{ printf \"%1000000d%1000000d\" 1 1 }}",
        "{{ $x := `\\` }}{{ range 100 }}{{ $x = js $x }}{{ end }}",
        "{{ $x := \"<\" }}{{ range 100 }}{{ $x = js $x $x }}{{ end }}",
    ] {
        let error = render(text).expect_err(text);
        assert!(error.is_limit(), "{error}");
        assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
    }
    assert_eq!(render("{{ printf \"%99999999999999999999d\" 1 }}").expect("output"), "%!(NOVERB)%!(EXTRA int=1)");
    assert_eq!(render("{{ printf \"%*d\" 99999999 1 }}").expect("output"), "%!(BADWIDTH)1");
}

#[test]
fn hostile_patterns_are_refused() {
    assert!(message("{{ match \"(((a{1000}){1000}){1000})\" \"a\" }}").contains("error parsing regexp"));
    assert!(message(&format!("{{{{ match `{}` \"a\" }}}}", "(".repeat(100_000))).contains("error parsing regexp"));
    assert_eq!(render("{{ match \"(a*)*b\" (printf \"%1000d\" 1) }}").expect("output"), "false");
}

#[test]
fn deeply_nested_values_print() {
    let mut value = Value::Nil;
    for _ in 0..200 {
        value = super::super::List::any(vec![value]).into();
    }
    assert!(super::super::format::plain(&value).contains("..."));
}

/// Pieces that make a random text look like a template.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    " ",
    "(",
    ")",
    "|",
    ".",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "\"",
    "\"a\"",
    "`",
    "'a'",
    "1",
    "-1",
    "1.5",
    "1e9",
    "0x",
    "nil",
    "true",
    "if ",
    "else ",
    "end ",
    "range ",
    "with ",
    "define ",
    "template ",
    "block ",
    "break",
    "continue",
    "{{ end }}",
    "{{ else }}",
    "{{ if 1 }}",
    "{{ range 3 }}",
    "printf ",
    "\"%d%s%v\" ",
    "\"%[2]*.3x\" ",
    "print ",
    "index ",
    "slice ",
    "len ",
    "eq ",
    "and ",
    "or ",
    ".Labels",
    ".job",
    "$labels",
    "$value",
    "humanize ",
    "query ",
    "first ",
    "match ",
    "reReplaceAll ",
    "toTime ",
    ".Format ",
    "stripPort ",
    "parseDuration ",
    "é",
    "\\",
    "\n",
    "/*",
    "*/",
];

/// Pieces of HTML with actions in odd places.
const MARKUP: &[&str] = &[
    "<",
    ">",
    "<a",
    "<a ",
    "</a>",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<title>",
    "</title",
    "\"",
    "'",
    "`",
    "=",
    " ",
    "href=",
    "style=",
    "onclick=",
    "srcset=\"",
    "/",
    "?",
    "#",
    "\\",
    "{{ . }}",
    "{{ \"a b\" }}",
    "{{ `<\"'>` }}",
    "{{ 1 }}",
    "{{ safeHtml `<b>` }}",
    "{{ safeUrl `x:y` }}",
    "{{ html `<` }}",
    "é",
    "<!doctype html>",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn nothing_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let _ = render(&pieces.concat());
    }

    #[test]
    fn no_pipeline_panics(words in prop::collection::vec(prop::sample::select(PIECES), 0..8)) {
        let _ = render(&format!("{{{{ {} }}}}", words.join(" ")));
    }

    #[test]
    fn no_markup_panics(pieces in prop::collection::vec(prop::sample::select(MARKUP), 0..20)) {
        let dot = Value::Nil;
        let limits = Limits::notifications();
        let render =
            Render { data: &dot, variables: &[], context: &At(0.0), limits: &limits, escape: Escape::Html };
        if let Ok(template) = SET.parse("t", &pieces.concat()) {
            let _ = template.execute(&render);
        }
    }

    #[test]
    fn no_text_runs_a_script(text in "[a-z<>\"'`=&; :/javscript\\\\#?%+\\-]{0,30}") {
        // whatever the text, markup around it stays what it was
        let dot = Value::from(text);
        let limits = Limits::notifications();
        let render = Render { data: &dot, variables: &[], context: &At(0.0), limits: &limits, escape: Escape::Html };
        let source = "<a href=\"{{ . }}\" title='{{ . }}' id={{ . }}>{{ . }}</a>";
        let out = SET.parse("t", source).expect("parses").execute(&render).expect("renders");
        prop_assert_eq!(out.matches(['<', '>']).count(), 4, "{}", out);
        prop_assert_eq!(out.matches('"').count(), 2, "{}", out);
        prop_assert_eq!(out.matches('\'').count(), 2, "{}", out);
        let href = out.trim_start_matches("<a href=\"").to_ascii_lowercase();
        prop_assert!(!href.starts_with("javascript:"), "{}", out);
    }

    #[test]
    fn no_time_panics(layout in "[0-9JanMoSTZ:. _,/+-]{0,24}", text in "[0-9JanMoSTZ:. _,/+-]{0,24}", seconds in any::<i64>()) {
        let _ = super::super::time_parse::parse(&layout, &text);
        if let Ok(at) = jiff::Timestamp::from_second(seconds % 200_000_000_000) {
            let _ = super::super::time_format::format(&at.to_zoned(jiff::tz::TimeZone::UTC), &layout);
        }
    }

    #[test]
    fn no_pattern_panics(pattern in "[a-c\\[\\](){}|*+?^$.:\\\\QEdwsDWSb0-9,&~-]{0,20}", text in ".{0,10}") {
        let patterns = super::super::pattern::Patterns::default();
        let _ = patterns.replace_all(&pattern, "$1x${2}$", &text, 1000);
    }

    #[test]
    fn no_format_panics(format in "%[-+# 0]{0,3}[0-9*]{0,3}(\\.[0-9*]{0,3})?(\\[[0-9]\\])?[a-zA-Z%]", number in any::<f64>(), int in any::<i64>(), text in ".{0,8}") {
        for value in [Value::Float(number), Value::Int(int), Value::from(text.clone()), Value::Duration(int), Value::Nil, Value::Bool(true)] {
            let _ = super::super::format::printf(&format, &[value.clone(), value], 1 << 20);
        }
    }
}
