//! amtool takes its flags before the command too: `amtool --alertmanager.url=… alert`. They are moved behind it.

use std::ffi::OsString;

/// Commands that ask a notifier.
const COMMANDS: [&str; 9] =
    ["alert", "silence", "config", "route", "template", "cluster", "check-config", "explain", "history"];

/// Flags that may stand before such a command, with a value behind them.
const WITH_VALUE: [&str; 9] = [
    "--alertmanager.url",
    "--output",
    "-o",
    "--timeout",
    "--http.config.file",
    "--date.format",
    "--enable-feature",
    "--log.level",
    "--log.format",
];

/// Those without.
const ALONE: [&str; 4] = ["--version-check", "--no-version-check", "--verbose", "-v"];

/// The words of a command line with flags that stand before a command of `COMMANDS` put behind it. Any other command
/// line comes back as it is.
pub fn behind_command(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let Some(command) = command_at(&words) else { return words };
    // Behind the program's name the command comes first; the flags keep their order.
    if let Some(until_command) = words.get_mut(1..=command) {
        until_command.rotate_right(1);
    }
    words
}

/// Where the command stands, if only known flags stand before it.
fn command_at(words: &[OsString]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?.to_str()?;
        at += match word {
            word if COMMANDS.contains(&word) => return Some(at),
            word if ALONE.contains(&word) => 1,
            word if WITH_VALUE.contains(&word) => 2,
            word if has_value_in_it(word) => 1,
            _ => return None,
        };
    }
}

/// `--output=json`, `-ojson`.
fn has_value_in_it(word: &str) -> bool {
    WITH_VALUE.iter().any(|flag| match word.strip_prefix(flag) {
        Some(value) => value.starts_with('=') || !flag.starts_with("--"),
        None => false,
    })
}

/// The words this program was started with, so ordered.
pub fn of_process() -> Vec<OsString> {
    behind_command(std::env::args_os())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_flags_before_a_client_command_move() {
        for (written, expected) in [
            ("w --alertmanager.url=http://a -o json alert -s", "w alert --alertmanager.url=http://a -o json -s"),
            ("w -ojson --no-version-check silence add x", "w silence -ojson --no-version-check add x"),
            ("w --output alert silence", "w silence --output alert"),
            ("w alert -o json", "w alert -o json"),
            ("w --log.level=debug run", "w --log.level=debug run"),
            ("w --version alert", "w --version alert"),
            ("w --outputs=x alert", "w --outputs=x alert"),
            ("w --output", "w --output"),
            ("w", "w"),
        ] {
            let words = behind_command(written.split(' ').map(OsString::from));
            let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(words.join(" "), expected);
        }
    }
}
