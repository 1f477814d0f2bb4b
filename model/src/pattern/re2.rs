//! Patterns in RE2's syntax, as Go reads it, for the `regex` crate.
//!
//! The crate's syntax is near RE2's but not it: braces that are no repetition, brackets and operators inside classes,
//! octal escapes and `\Q…\E` are read otherwise, and its `\d`, `\w`, `\s` and `\b` know all of Unicode.

/// A repetition count above this is refused by RE2.
const MAX_REPEAT: u32 = 1000;

/// The same pattern for the `regex` crate.
///
/// # Errors
/// What is wrong with it, in the words of Go's `regexp`.
pub(super) fn translated(pattern: &str) -> Result<String, String> {
    Translator { rest: pattern, out: String::with_capacity(pattern.len() + 8), open_groups: 0, repeats: false }
        .translate()
}

/// What the crate found, in Go's words where they are known; it otherwise draws the pattern with markers under it.
pub(super) fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let gist = text.lines().rev().find_map(|line| line.trim().strip_prefix("error: ")).unwrap_or(text.trim());
    match gist {
        "repetition operator missing expression" => "missing argument to repetition operator".to_owned(),
        other => other.to_owned(),
    }
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    open_groups: usize,
    /// A repetition was read last; RE2 has none of a repetition.
    repeats: bool,
}

impl Translator<'_> {
    fn translate(mut self) -> Result<String, String> {
        while let Some(c) = self.bump() {
            let repeated = std::mem::take(&mut self.repeats);
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '{' => self.brace(repeated)?,
                '*' | '+' | '?' => self.repetition(repeated, &c.to_string())?,
                '(' => self.group()?,
                ')' => {
                    let Some(left) = self.open_groups.checked_sub(1) else {
                        return Err("unexpected )".into());
                    };
                    self.open_groups = left;
                    self.out.push(')');
                }
                '.' | '|' | '^' | '$' => self.out.push(c),
                c => self.literal(c),
            }
        }
        if self.open_groups > 0 { Err("missing closing )".into()) } else { Ok(self.out) }
    }

    fn repetition(&mut self, repeated: bool, operator: &str) -> Result<(), String> {
        if repeated {
            return Err(format!("invalid nested repetition operator: `{operator}`"));
        }
        self.out.push_str(operator);
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.out.push('?');
            self.rest = rest;
        }
        self.repeats = true;
        Ok(())
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// A character that stands for itself, inside a class or outside.
    fn literal(&mut self, c: char) {
        if "\\.+*?()|[]{}^$#&-~".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.bump() else { return Err("trailing backslash at end of expression".into()) };
        match c {
            'Q' => {
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(quoted));
                self.rest = rest;
            }
            'A' | 'z' => self.out.extend(['\\', c]),
            'b' | 'B' => self.out.push_str(&format!("(?-u:\\{c})")),
            'd' | 's' | 'w' => self.out.push_str(&format!("[{}]", perl_class(c))),
            'D' | 'S' | 'W' => self.out.push_str(&format!("[^{}]", perl_class(c))),
            c => self.shared_escape(c)?,
        }
        Ok(())
    }

    /// Escapes that mean the same inside and outside of classes; `c` stood behind the backslash.
    fn shared_escape(&mut self, c: char) -> Result<(), String> {
        match c {
            'p' | 'P' | 'x' => {
                self.out.extend(['\\', c]);
                self.braced_name();
            }
            'a' | 'f' | 'n' | 'r' | 't' | 'v' => self.out.extend(['\\', c]),
            '0'..='7' => self.octal(c)?,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => self.literal(c),
            c => return Err(format!("invalid escape sequence: `\\{c}`")),
        }
        Ok(())
    }

    /// The `{…}` of `\p{Greek}` and `\x{1F600}`, if there is one.
    fn braced_name(&mut self) {
        if self.rest.starts_with('{') {
            let end = self.rest.find('}').map_or(self.rest.len(), |brace| brace + 1);
            let (name, rest) = self.rest.split_at(end);
            self.out.push_str(name);
            self.rest = rest;
        }
    }

    /// `\0`, `\12`, `\123`; a single digit other than 0 would refer back to a group, which RE2 cannot.
    fn octal(&mut self, first: char) -> Result<(), String> {
        let more = self.rest.chars().take(2).take_while(|c| ('0'..='7').contains(c)).count();
        if first != '0' && more == 0 {
            return Err(format!("invalid escape sequence: `\\{first}`"));
        }
        let (digits, rest) = self.rest.split_at(more);
        let code = u32::from_str_radix(&format!("{first}{digits}"), 8).unwrap_or_default();
        self.rest = rest;
        self.out.push_str(&format!("\\x{{{code:x}}}"));
        Ok(())
    }

    /// `{2}`, `{2,}` and `{2,3}` repeat; any other brace is a character.
    fn brace(&mut self, repeated: bool) -> Result<(), String> {
        let counts = self.rest.split_once('}').and_then(|(inner, rest)| {
            let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
            let is_count = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            (is_count(least) && (most.is_empty() || is_count(most))).then_some((inner, least, most, rest))
        });
        let Some((inner, least, most, rest)) = counts else {
            self.literal('{');
            return Ok(());
        };
        let too_large = |text: &str| !text.is_empty() && !text.parse::<u32>().is_ok_and(|n| n <= MAX_REPEAT);
        if too_large(least) || too_large(most) {
            return Err(format!("invalid repeat count: `{{{inner}}}`"));
        }
        self.rest = rest;
        self.repetition(repeated, &format!("{{{inner}}}"))
    }

    /// Behind a `(`. Names and flags are written alike; what RE2 does not have is refused.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        self.open_groups += 1;
        let Some(flags) = self.rest.strip_prefix('?') else { return Ok(()) };
        let named = flags.starts_with("P<") || flags.starts_with('<');
        let end = if named { flags.find('>') } else { flags.find([':', ')']) };
        let (header, _) = flags.split_at(end.unwrap_or(flags.len()));
        let is_flag = |c| matches!(c, 'i' | 'm' | 's' | 'U' | '-');
        if end.is_none() || !(named || header.chars().all(is_flag)) {
            return Err(format!("invalid or unsupported Perl syntax: `(?{header}`"));
        }
        let (header, rest) = self.rest.split_at(header.len() + 2);
        self.out.push_str(header);
        self.rest = rest;
        if header.ends_with(')') {
            self.open_groups -= 1;
        }
        Ok(())
    }

    /// Behind a `[`. Only `\`, `]`, `-`, a leading `^` and `[:name:]` are special in there.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            if let Some((name, rest)) = posix_class(self.rest) {
                self.out.push_str(name);
                self.rest = rest;
                first = false;
                continue;
            }
            let is_char = match self.bump() {
                None => return Err("missing closing ]".into()),
                Some(']') if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                Some('\\') => self.class_escape()?,
                Some(c) => {
                    self.literal(c);
                    true
                }
            };
            if is_char {
                self.range_end()?;
            }
            first = false;
        }
    }

    /// Behind a character of a class. A hyphen makes a range unless it stands last.
    fn range_end(&mut self) -> Result<(), String> {
        let Some(rest) = self.rest.strip_prefix('-').filter(|rest| !rest.starts_with(']')) else { return Ok(()) };
        self.rest = rest;
        self.out.push('-');
        let is_char = match self.bump() {
            None => return Err("missing closing ]".into()),
            Some('\\') => self.class_escape()?,
            Some(c) => {
                self.literal(c);
                true
            }
        };
        if is_char { Ok(()) } else { Err("invalid character class range".into()) }
    }

    /// Says whether it was an escape for one character.
    fn class_escape(&mut self) -> Result<bool, String> {
        let Some(c) = self.bump() else { return Err("missing closing ]".into()) };
        match c {
            'd' | 's' | 'w' => self.out.push_str(perl_class(c)),
            'D' | 'S' | 'W' => self.out.push_str(&format!("[^{}]", perl_class(c))),
            c => self.shared_escape(c)?,
        }
        Ok(!"dswDSWpP".contains(c))
    }
}

/// RE2's Perl classes know ASCII only.
fn perl_class(c: char) -> &'static str {
    match c {
        'd' | 'D' => "0-9",
        's' | 'S' => "\\t\\n\\f\\r ",
        _ => "0-9A-Za-z_",
    }
}

/// A class such as `[:alpha:]` at the start of `text`, and the text behind it.
fn posix_class(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("[:")?;
    let end = inner.find(":]")?;
    let name = inner.get(..end)?;
    let is_name = name.strip_prefix('^').unwrap_or(name).bytes().all(|byte| byte.is_ascii_lowercase());
    (is_name && !name.is_empty()).then(|| text.split_at(end + 4))
}

#[cfg(test)]
mod tests {
    use crate::pattern::anchored_dotall as anchored;

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        let table = [
            ("a.c", "a\nc", true),
            ("a|bc", "abc", false),
            (r"\Qa.b\E+", "a.bbb", true),
            (r"\Qa.b\E", "axb", false),
            (r"\Qa(", "a(", true),
            (r"\d+", "12", true),
            (r"\d+", "٣", false),
            (r"\w", "é", false),
            (r"[\w-]+", "a-b_9", true),
            (r"[\W]", "é", true),
            (r"a{2,3}", "aaa", true),
            ("a{,3}", "a{,3}", true),
            ("{job}", "{job}", true),
            ("a{x", "a{x", true),
            ("[a&&b]+", "a&b", true),
            ("[[a]+", "[a", true),
            ("[]a]+", "]a", true),
            ("[^]]", "]", false),
            ("[a~~b]+", "a~b", true),
            ("[+--]+", "+,-", true),
            ("[a-c-e]+", "b-e", true),
            ("[a-c-e]", "d", false),
            (r"[\w-.]+", "a-.b", true),
            (r"[\x{41}-\103]", "B", true),
            ("[--/]+", "-./", true),
            ("[[:alpha:]_]+", "aB_", true),
            (r"[\d.]+", "1.2", true),
            (r"\101\x42\x{43}", "ABC", true),
            (r"(?i)ab", "AB", true),
            (r"(?i:a)b", "Ab", true),
            (r"(?P<x>a)(?:b)", "ab", true),
            ("(?s-i:a)(?U)b", "ab", true),
            ("(?i-s)a.", "A\n", false),
            (r"\/\-\_\ ", "/-_ ", true),
            ("[a-]+", "a-", true),
            ("", "", true),
            (r"\pL+", "éa", true),
            (r"a\b", "a", true),
            (r"a\Bb", "ab", true),
            (r"\p{Greek}\x{1F600}[\x{41}\p{Lu}]", "α😀A", true),
            (r"\<a\>", "<a>", true),
            ("(?:a*)*b+?", "aab", true),
        ];
        for (pattern, text, matches) in table {
            let regex = anchored(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn patterns_go_refuses() {
        for pattern in [
            "(", ")", "a)|(b", "[", "[a", "*", "a**", r"\", r"\1", r"\8", r"\y", "(?=a)", "(?x)a", "a{1001}", "[b-a]",
            "[b--c]", r"[a-\d]", r"\pX", "(?P<n>a", "(?P=n)",
        ] {
            assert!(anchored(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn nothing_large_is_compiled() {
        assert!(anchored(&format!("{}a{}", "(".repeat(5000), ")".repeat(5000))).is_err());
        assert!(anchored("((a{1000}){1000}){1000}").is_err());
        assert!(anchored(".{1000}").is_ok());
    }
}
