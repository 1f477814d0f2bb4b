//! What became of a file's tests, as text and as JUnit's XML.

use std::fmt::Write;
use std::time::Duration;

/// The outcome of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOutcome {
    /// Its path.
    pub file: String,
    /// Why it, or a rule file of it, cannot be used.
    pub mistakes: Vec<String>,
    /// Its tests that were run.
    pub tests: Vec<TestOutcome>,
}

/// The outcome of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// Its name, if it has one.
    pub name: String,
    /// A text for each difference.
    pub failures: Vec<String>,
    /// Every series at its end, if asked for.
    pub series: Vec<String>,
}

impl FileOutcome {
    pub(super) fn new(file: String) -> Self {
        Self { file, mistakes: Vec::new(), tests: Vec::new() }
    }

    /// Whether everything is as expected.
    pub fn passed(&self) -> bool {
        self.mistakes.is_empty() && self.tests.iter().all(|test| test.failures.is_empty())
    }

    /// Everything that is not.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        let failures = self.tests.iter().flat_map(|test| &test.failures);
        self.mistakes.iter().chain(failures).map(String::as_str)
    }
}

impl TestOutcome {
    pub(super) fn new(name: String) -> Self {
        Self { name, failures: Vec::new(), series: Vec::new() }
    }
}

/// The outcomes as JUnit's XML, a suite per file.
pub fn junit(outcomes: &[FileOutcome]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for outcome in outcomes {
        let failed = outcome.tests.iter().filter(|test| !test.failures.is_empty()).count();
        let (file, tests, errors) = (escaped(&outcome.file), outcome.tests.len(), outcome.mistakes.len());
        // Writing to a text cannot fail.
        let _ =
            writeln!(xml, "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\">");
        for mistake in &outcome.mistakes {
            let _ = writeln!(xml, "    <testcase name=\"load\"><error>{}</error></testcase>", escaped(mistake));
        }
        for test in &outcome.tests {
            let failures: String =
                test.failures.iter().map(|text| format!("<failure>{}</failure>", escaped(text))).collect();
            let _ = writeln!(xml, "    <testcase name=\"{}\">{failures}</testcase>", escaped(&test.name));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

/// Text as XML and HTML take it, in elements and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            // XML 1.0 has no other control characters, not even escaped.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A length of time as Go prints it: `1h0m0s`, `1m30s`, `59.999s`, `0s`.
pub(super) fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let within_minute = Duration::new(seconds % 60, duration.subsec_nanos());
    if duration < Duration::from_secs(1) && !duration.is_zero() {
        return format!("{}ms", duration.as_secs_f64() * 1000.0);
    }
    let rest = format!("{}s", within_minute.as_secs_f64());
    match (hours, minutes) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_prints_them() {
        for (ms, shown) in [(0, "0s"), (500, "500ms"), (59_999, "59.999s"), (90_000, "1m30s"), (3_600_000, "1h0m0s")] {
            assert_eq!(go_duration(Duration::from_millis(ms)), shown);
        }
    }

    #[test]
    fn junit_escapes_what_it_tells() {
        let test = TestOutcome { name: "a<b".to_owned(), failures: vec!["x & \"y\"".to_owned()], series: Vec::new() };
        let outcome = FileOutcome { file: "t.yml".to_owned(), mistakes: Vec::new(), tests: vec![test] };
        let case = "<testcase name=\"a&lt;b\"><failure>x &amp; &quot;y&quot;</failure></testcase>";
        assert!(junit(&[outcome]).contains(case));
    }
}
