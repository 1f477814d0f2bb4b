//! Debian's amtool, every command of its help with every flag: it cannot tell our notifier from the real one.

use std::collections::BTreeSet;

use super::*;

/// A command and what may differ from its outcome against Alertmanager 0.25.
struct Step {
    args: &'static str,
    difference: Option<&'static str>,
}

const fn step(args: &'static str) -> Step {
    Step { args, difference: None }
}

const fn differs(args: &'static str, why: &'static str) -> Step {
    Step { args, difference: Some(why) }
}

const NEWER: &str = "0.34 answers 404 for a silence nobody knows, 0.25 500";
const LATER_WORDS: &str = "0.34 says `invalid silence`, 0.25 `silence invalid`";
const OUR_WORDS: &str = "a bad regular expression is explained in our words";
const AS_WRITTEN: &str = "the configuration is shown as written, not printed anew";

/// In turn, so each sees what those before it did. `{first}` and `{last}` are ids that `silence add` printed, `_` is a blank;
/// what stands behind `<` is the input: `{exported}` is what `silence query -o json` printed last.
const STEPS: &[Step] = &[
    step("help"),
    step("--version"),
    step("help silence add"),
    // alerts
    step("alert add First team=a sev=x --start=2026-01-01T00:00:00Z --end=2099-01-01T00:00:00Z"),
    step(
        "alert add alertname=Second team=b --annotation=summary=s --annotation runbook=http://r/?a=b --generator-url=http://g/x?y=z --start=2026-01-02T00:00:00Z --end=2099-01-01T00:00:00Z",
    ),
    step("alert add Ended team=a --start=2020-01-01T00:00:00Z --end=2020-01-02T00:00:00Z"),
    step("alert add Odd label=ü=x,y --start=2026-01-03T00:00:00Z --end=2099-01-01T00:00:00Z"),
    step("alert add alertname=First alertname=Other"),
    step("alert add team=a --start=2026-01-03T00:00:00Z --end=2025-01-03T00:00:00Z"),
    step("alert add 0bad=x"),
    step("alert add First --start=yesterday"),
    step("alert add First --annotation=bare"),
    step("alert add First --generator-url=:"),
    step("alert add"),
    step("alert"),
    step("alert query"),
    step("alert query First"),
    step("alert query First team=a"),
    step("alert query alertname=~F.* team!=b sev=~x|y"),
    step("alert query team!~a"),
    step("alert query nosuch=label"),
    step("alert query nosuch="),
    step("alert query First second"),
    step("alert query a=~("),
    step("alert query --output=extended"),
    step("alert query -o json"),
    step("alert query -o simple --date.format=2006"),
    step("alert query -o xml"),
    step("alert query --inhibited"),
    step("alert query --silenced"),
    step("alert query --active"),
    step("alert query --unprocessed"),
    step("alert query -i -s -a -u -o extended"),
    step("alert query --receiver=team-.*"),
    step("alert query -r rest"),
    differs("alert query -r (", OUR_WORDS),
    step("alert query --timeout=5s -v"),
    step("alert query --nosuch"),
    step("alert nosuch"),
    // silences
    step("silence add First team=a -c why -a me -d 2h"),
    step(
        "silence add alertname=~S.* --comment=later --author=you --start=2090-01-01T00:00:00Z --end=2091-01-01T00:00:00Z",
    ),
    step("silence add alertname=Odd label!=x -c both -d 1d2h3m"),
    step("silence add a!~b c=d --comment=c --end=2098-01-01T00:00:00Z"),
    step("silence add First"),
    step("silence add First --no-require-comment --author=none"),
    step("silence add -c nothing"),
    differs("silence add a= -c empty", LATER_WORDS),
    differs("silence add a=~.* -c all", LATER_WORDS),
    step("silence add a=~( -c regex"),
    step("silence add First -c c -d 0s"),
    step("silence add First -c c -d soon"),
    step("silence add First -c c --end=2020-01-01T00:00:00Z"),
    step("silence add First -c c --start=2030-01-01T00:00:00Z --end=2029-01-01T00:00:00Z"),
    step("silence add First -c c --start=never"),
    step("silence"),
    step("silence query"),
    step("silence query -o extended"),
    step("silence query -o json"),
    step("silence query -q"),
    step("silence query --quiet -o json"),
    step("silence query First"),
    step("silence query alertname=First team=a"),
    step("silence query alertname=~S.*"),
    step("silence query alertname=S"),
    step("silence query label!=x"),
    step("silence query nosuch=x"),
    step("silence query --created-by=me"),
    step("silence query --within=3h"),
    step("silence query --within 1d"),
    step("silence query --within nosuch"),
    step("silence query --expired"),
    step("silence query --expired --within=1h -q"),
    step("alert query -s"),
    step("alert query -a"),
    step("silence update {first} -c changed -d 3h -o json"),
    step("silence update {first} --end=2097-01-01T00:00:00Z -q"),
    step("silence update {first} --start=2097-01-01T00:00:00Z"),
    step("silence update {last} {first} --comment=both"),
    step("silence update {first} -d 0s"),
    step("silence update {first} -d nosuch"),
    step("silence update nosuch -c c"),
    step("silence update 00000000-0000-0000-0000-000000000000 -c c"),
    step("silence update"),
    step("silence query -o extended --date.format=2006-01"),
    step("silence query -o json"),
    step("silence import < {exported}"),
    step("silence import --force --worker=1 < {exported}"),
    step("silence import -f -w 3 < []"),
    step("silence import < {}"),
    step("silence import < nonsense"),
    step("silence import nosuch.json"),
    step("silence import --worker=0 < []"),
    step("silence query First -q"),
    step("silence expire {last}"),
    step("silence expire {first}"),
    step("silence expire {first} {last}"),
    differs("silence expire 00000000-0000-0000-0000-000000000000", NEWER),
    step("silence expire nosuch"),
    step("silence expire"),
    step("silence query --expired -o simple"),
    step("silence query --expired -o extended First"),
    step("silence query --expired --within 1h -o json"),
    step("alert query"),
    // configuration, routes, cluster
    differs("config", AS_WRITTEN),
    differs("config show", AS_WRITTEN),
    differs("config show -o extended", AS_WRITTEN),
    differs("config show -o json", AS_WRITTEN),
    step("config routes"),
    step("config routes show"),
    step("config routes show --config.file=alertmanager.yml"),
    step("config routes test team=a sev=x env=prod"),
    step("config routes test --tree team=a sev=x env=prod"),
    step("config routes test --verify.receivers=def,rest team=b"),
    step("config routes test --verify.receivers=nosuch team=b"),
    step("config routes test --config.file=alertmanager.yml team=b"),
    step("config routes test --config.file=nosuch.yml team=b"),
    step("config routes test"),
    step("config routes test bare"),
    step("cluster"),
    step("cluster show"),
    step("cluster show -o extended"),
    step("cluster show -o json"),
    // without a notifier
    step("check-config alertmanager.yml"),
    step("check-config nosuch.yml"),
    step("check-config alertmanager.yml http.yml"),
    step("check-config"),
    step("template render --template.glob=*.tmpl --template.text={{template_\"mine\"_.}} --template.data=data.json"),
    step(
        "template render --template.glob=*.tmpl --template.text={{template_\"mine\"_.}} --template.type=html --template.data=data.json",
    ),
    step("template render --template.glob=*.tmpl --template.text={{.Nosuch}}"),
    step("template render --template.glob=*.tmpl"),
    // how to get there
    step("alert query --http.config.file=http.yml"),
    step("alert query --http.config.file=nosuch.yml"),
    step("alert query --alertmanager.url=http://127.0.0.1:1"),
    step("alert query --alertmanager.url=nonsense"),
];

/// Flags of the help; each must be in the table.
const FLAGS: [&str; 38] = [
    "--date.format",
    "-v",
    "--alertmanager.url",
    "-o",
    "--output",
    "--timeout",
    "--http.config.file",
    "--version",
    "--inhibited",
    "-i",
    "--silenced",
    "-s",
    "--active",
    "-a",
    "--unprocessed",
    "-u",
    "--receiver",
    "-r",
    "--generator-url",
    "--start",
    "--end",
    "--annotation",
    "--author",
    "-d",
    "-c",
    "--comment",
    "--force",
    "-f",
    "--worker",
    "-w",
    "--expired",
    "-q",
    "--quiet",
    "--created-by",
    "--within",
    "--verify.receivers",
    "--tree",
    "--config.file",
];

/// What amtool printed, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct Told {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

struct Session {
    program: &'static str,
    url: String,
    folder: PathBuf,
    ids: Vec<String>,
    exported: String,
}

impl Session {
    fn new(program: &'static str, url: &str, folder: &Path) -> Self {
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("alertmanager.yml", CONFIG);
        write("http.yml", "basic_auth: {username: me, password: secret}\n");
        write("mine.tmpl", r#"{{ define "mine" }}{{ .Receiver }} {{ len .Alerts }}{{ end }}"#);
        write("data.json", r#"{"receiver":"<r>","alerts":[{"status":"firing","labels":{"a":"b"}}]}"#);
        Session { program, url: url.to_owned(), folder: folder.to_owned(), ids: Vec::new(), exported: String::new() }
    }

    fn run(&mut self, step: &Step) -> Told {
        let first = self.ids.first().cloned().unwrap_or_default();
        let last = self.ids.last().cloned().unwrap_or_default();
        let (args, input) = step.args.split_once(" < ").unwrap_or((step.args, ""));
        let args: Vec<String> =
            args.split(' ').map(|arg| arg.replace("{first}", &first).replace("{last}", &last)).collect();
        let args: Vec<String> = args.iter().map(|arg| arg.replace('_', " ")).collect();
        let input = input.replace("{exported}", &self.exported);
        let url = format!("--alertmanager.url={}", self.url);
        let url = Some(url.as_str()).filter(|_| !step.args.contains("--alertmanager.url"));
        let args: Vec<&str> = url.into_iter().chain(args.iter().map(String::as_str)).collect();
        let output = super::run(self.program, &args, &self.folder, &input);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let told = Told {
            stdout: self.plain(&stdout),
            stderr: self.plain(&String::from_utf8_lossy(&output.stderr)),
            code: output.status.code(),
        };
        if step.args.starts_with("silence add") && told.code == Some(0) {
            self.ids.push(stdout.trim().to_owned());
        }
        if step.args == "silence query -o json" {
            self.exported = stdout;
        }
        told
    }

    /// Without ids, instants of this run and the address.
    fn plain(&self, text: &str) -> String {
        let text = text.replace(self.url.trim_start_matches("http://"), "HOST");
        let text = text.replace(&*self.folder.to_string_lossy(), "FOLDER");
        let varying = [
            ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
            (r#""(updatedAt|startsAt|endsAt)":"20(26|27)-[^"]*""#, "TIME"),
            (r"20(26|27)-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
            (r"0xc[0-9a-f]+", "ADDRESS"),
            (r#""uptime":"[^"]*""#, "UPTIME"),
            // since 0.28
            (r#""mutedBy":\[\],"#, ""),
        ];
        let mut text = text;
        for (pattern, shown) in varying {
            text = Regex::new(pattern).unwrap().replace_all(&text, shown).into_owned();
        }
        text
    }
}

/// Runs all in turn.
fn run_all(program: &'static str, url: &str, folder: &Path, steps: impl Iterator<Item = &'static Step>) -> Vec<Told> {
    let mut session = Session::new(program, url, folder);
    steps.map(|step| session.run(step)).collect()
}

#[test]
fn every_flag_of_the_help_is_in_the_table() {
    let used: BTreeSet<&str> =
        STEPS.iter().flat_map(|step| step.args.split([' ', '='])).filter(|word| word.starts_with('-')).collect();
    let missing: Vec<_> = FLAGS.iter().filter(|flag| !used.contains(**flag)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_cannot_tell_us_from_alertmanager() {
    if !installed("amtool_cannot_tell_us_from_alertmanager", &[AMTOOL, ALERTMANAGER]) {
        return;
    }
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let notifier = our_notifier(ours.path()).await;
    let (_process, url) = real_notifier(theirs.path()).await;
    let (told_ours, told_theirs) = tokio::task::block_in_place(|| {
        (run_all(AMTOOL, &notifier.url, ours.path(), STEPS.iter()), run_all(AMTOOL, &url, theirs.path(), STEPS.iter()))
    });
    let mut table = Vec::new();
    let mut wrong = Vec::new();
    for ((step, ours), theirs) in STEPS.iter().zip(&told_ours).zip(&told_theirs) {
        let is_same = ours == theirs;
        let outcome = match step.difference {
            _ if is_same => "same".to_owned(),
            Some(why) => format!("differs: {why}"),
            None => "DIFFERS".to_owned(),
        };
        table.push(format!("{:?} {outcome}: amtool {}", theirs.code, step.args));
        if !is_same && step.difference.is_none() {
            wrong.push(format!("amtool {}\n  ours   {ours:?}\n  theirs {theirs:?}", step.args));
        }
    }
    eprintln!("{}", table.join("\n"));
    assert!(wrong.is_empty(), "{} of {} commands:\n{}", wrong.len(), STEPS.len(), wrong.join("\n"));
}

/// Commands whose output or exit code is not amtool's; `docs/differences.md` has the reasons.
const OF_OURS: &[&str] = &[
    "silence query --within 1d",
    "silence update {first} --end=2097-01-01T00:00:00Z -q",
    "silence import < {}",
    "silence import --worker=0 < []",
    "config show -o extended",
    "check-config nosuch.yml",
    "check-config alertmanager.yml http.yml",
    "check-config",
];

/// What amtool says about itself, and a label that 0.25 takes for a name of an alert.
const OF_ITS_OWN: &[&str] = &["help", "--version", "help silence add", "alert add 0bad=x"];

#[tokio::test(flavor = "multi_thread")]
async fn our_commands_print_what_amtool_prints() {
    if !installed("our_commands_print_what_amtool_prints", &[AMTOOL]) {
        return;
    }
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let asked_by_ours = our_notifier(ours.path()).await;
    let asked_by_theirs = our_notifier(theirs.path()).await;
    let program = env!("CARGO_BIN_EXE_watchfire");
    let steps = || STEPS.iter().filter(|step| !OF_ITS_OWN.contains(&step.args));
    let (told_ours, told_theirs) = tokio::task::block_in_place(|| {
        (
            run_all(program, &asked_by_ours.url, ours.path(), steps()),
            run_all(AMTOOL, &asked_by_theirs.url, theirs.path(), steps()),
        )
    });
    let mut wrong = Vec::new();
    for ((step, ours), theirs) in steps().zip(&told_ours).zip(&told_theirs) {
        // errors are told in other words
        let is_same = (&ours.stdout, ours.code) == (&theirs.stdout, theirs.code);
        if is_same == OF_OURS.contains(&step.args) {
            wrong.push(format!("{}\n  ours   {ours:?}\n  theirs {theirs:?}", step.args));
        }
    }
    assert!(wrong.is_empty(), "{} of {} commands:\n{}", wrong.len(), told_ours.len(), wrong.join("\n"));
}
