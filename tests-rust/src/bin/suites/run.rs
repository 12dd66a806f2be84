//! Runs suites, and keeps what was not run because something it needs is not there.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use super::count::{Count, Line, Tally};
use super::skips::Expected;
use super::table::{Suite, Thing};
use xen_claims_lab::host::again;
use xen_claims_lab::run::need;

/// What came of a suite.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    tally: Tally,
    /// What was skipped, each with its reason.
    skips: Vec<String>,
}

impl Outcome {
    fn failed() -> Outcome {
        let tally = Tally {
            failed: 1,
            ..Tally::default()
        };
        Outcome {
            tally,
            skips: Vec::new(),
        }
    }
}

/// Where to show what a suite prints: at once or, of one that runs beside others, when it is over.
enum Screen {
    Now,
    Later(Mutex<String>),
}

impl Screen {
    fn show(&self, line: &str) {
        match self {
            Screen::Now => println!("{line}"),
            Screen::Later(text) => {
                let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Screen::Later(text) = self {
            let text = text.get_mut().unwrap_or_else(PoisonError::into_inner);
            print!("{text}");
        }
    }
}

/// Shows a stream line by line and adds up what it counts.
fn follow(stream: impl Read, count: Count, screen: &Screen) -> Outcome {
    let mut seen = Outcome::default();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let read = count.read(&line);
        if read != Line::Well {
            screen.show(&line);
        }
        match read {
            Line::Tally(tally) => seen.tally += tally,
            Line::Skipped(what, tally) => {
                seen.tally += tally;
                seen.skips.push(what);
            }
            Line::Well | Line::Other => {}
        }
    }
    seen
}

/// Runs a suite. One that ends badly without a failed test has failed itself, and so has one that
/// counts its tests and ran none. If a boot had to be tried again, `again` says of which console.
fn run(suite: &Suite, screen: &Screen, again: &Path) -> Outcome {
    if let Err(error) = need(suite.programs) {
        screen.show(&format!("{error:#}"));
        return Outcome::failed();
    }
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -o pipefail; {}", suite.command)])
        .env(again::VARIABLE, again)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // What the user names is for the main base, but for a directory, which is a place to look in.
    if suite.command.contains("--base ") {
        bash.env_remove("XEN_SOURCE");
        if std::env::var_os("XEN_TARBALL").is_some_and(|path| !Path::new(&path).is_dir()) {
            bash.env_remove("XEN_TARBALL");
        }
    }
    // RUST_BACKTRACE is for panics. An error says what is wrong in its own words.
    if std::env::var_os("RUST_LIB_BACKTRACE").is_none() {
        bash.env("RUST_LIB_BACKTRACE", "0");
    }
    let mut child = match bash.spawn() {
        Ok(child) => child,
        Err(error) => {
            screen.show(&format!("cannot run bash: {error}"));
            return Outcome::failed();
        }
    };
    let count = suite.count;
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let mut outcome = thread::scope(|scope| {
        let errors = errors.map(|stream| scope.spawn(move || follow(stream, count, screen)));
        let mut outcome = out
            .map(|stream| follow(stream, count, screen))
            .unwrap_or_default();
        match errors.map(thread::ScopedJoinHandle::join) {
            Some(Ok(more)) => {
                outcome.tally += more.tally;
                outcome.skips.extend(more.skips);
            }
            Some(Err(_)) => outcome.tally.failed += 1,
            None => {}
        }
        outcome
    });
    let ended_well = child.wait().is_ok_and(|status| status.success());
    let tally = &mut outcome.tally;
    if !ended_well && tally.failed == 0 {
        tally.failed = 1;
    }
    if ended_well && *tally == Tally::default() {
        if count == Count::One {
            tally.passed = 1;
        } else {
            screen.show("it counted no tests");
            tally.failed = 1;
        }
    }
    // Whoever reads the end is to know of every one.
    let unnamed = tally.skipped.saturating_sub(outcome.skips.len() as u64);
    if unnamed > 0 {
        outcome
            .skips
            .push(format!("{unnamed} more, which it does not name"));
    }
    outcome
}

/// What came of several suites.
#[derive(Debug, Default, Clone)]
struct Results {
    total: Tally,
    failed: Vec<&'static str>,
    skips: Vec<String>,
    /// What could not be made, and why what needs it is not run.
    missing: Vec<(Thing, &'static str)>,
}

impl Results {
    /// Runs a suite, if what it needs is there.
    fn take(&mut self, suite: &Suite, screen: &Screen, again: &Path) {
        let mut missing = self.missing.iter();
        let lack = missing.find(|(thing, _)| suite.needs == Some(*thing));
        if let Some(&(_, lack)) = lack {
            screen.show(&format!("-- {}: not run: {lack}", suite.name));
            self.skips.push(format!("{}: {lack}", suite.name));
            self.total.skipped += 1;
            self.missing.extend(suite.makes.map(|thing| (thing, lack)));
            return;
        }
        screen.show(&format!("== {}: {}", suite.name, suite.command));
        let start = Instant::now();
        let mut outcome = run(suite, screen, again);
        compare(&Expected::listed(), suite.name, &mut outcome, screen);
        let Outcome { tally, skips } = outcome;
        let (name, seconds) = (suite.name, start.elapsed().as_secs_f64());
        screen.show(&format!("-- {name}: {}, {seconds:.1} s", line(tally)));
        let skips = skips.iter().map(|what| format!("{name}: {what}"));
        self.skips.extend(skips);
        self.total += tally;
        if tally.failed > 0 {
            self.failed.push(name);
            if let Some(thing) = suite.makes {
                screen.show(thing.consequence());
                self.missing.push((thing, thing.lack()));
            }
        }
    }

    fn add(&mut self, other: Results) {
        self.total += other.total;
        self.failed.extend(other.failed);
        self.skips.extend(other.skips);
    }
}

/// Runs these suites, says what came of each and of all; whether all is well. Those that run beside
/// the others begin when the first of them is met, one after the other.
pub fn run_all(suites: &[&Suite]) -> ExitCode {
    let directory = match TempDir::new() {
        Ok(directory) => directory,
        Err(error) => {
            println!("cannot make a temporary directory: {error}");
            return ExitCode::FAILURE;
        }
    };
    let again = &directory.path().join("booted-again");
    let mut results = Results::default();
    let (beside, alone): (Vec<&Suite>, Vec<&Suite>) = suites.iter().partition(|suite| suite.beside);
    let first = suites.iter().position(|suite| suite.beside);
    let (before, after) = alone.split_at(first.unwrap_or(alone.len()));
    for suite in before {
        results.take(suite, &Screen::Now, again);
    }
    let mut others = Results {
        missing: results.missing.clone(),
        ..Results::default()
    };
    thread::scope(|scope| {
        let others = scope.spawn(move || {
            for suite in beside {
                others.take(suite, &Screen::Later(Mutex::default()), again);
            }
            others
        });
        for suite in after {
            results.take(suite, &Screen::Now, again);
        }
        match others.join() {
            Ok(others) => results.add(others),
            Err(_) => results.failed.push("what runs beside the others"),
        }
    });
    println!();
    for what in results.skips {
        println!("skipped: {what}");
    }
    if let Ok(console) = fs::read_to_string(again) {
        println!(
            "booted again, once, as Dom0's kernel had crashed: {}",
            console.trim()
        );
    }
    if !results.failed.is_empty() {
        println!("failed: {}", results.failed.join(", "));
    }
    println!("{}", line(results.total));
    // Running nothing proves nothing.
    if results.failed.is_empty() && results.total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A test that is skipped and not expected to be has failed.
fn compare(expected: &Expected, suite: &str, outcome: &mut Outcome, screen: &Screen) {
    let Outcome { tally, skips } = outcome;
    let compared = expected.compare(suite, skips);
    for what in &compared.unexpected {
        screen.show(&format!(
            "FAILED: skipped, and not in tests-rust/expected-skips.txt: {what}"
        ));
    }
    // One that failed may not have come to them.
    if tally.failed == 0 {
        for what in &compared.absent {
            screen.show(&format!(
                "not skipped, though in tests-rust/expected-skips.txt: {what}"
            ));
        }
    }
    tally.failed += compared.unexpected.len() as u64;
}

/// What CI reads.
fn line(tally: Tally) -> String {
    let Tally {
        passed,
        failed,
        skipped,
    } = tally;
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Tier;

    fn suite(command: &'static str, count: Count) -> Suite {
        Suite {
            name: "",
            command,
            count,
            programs: &[],
            needs: None,
            makes: None,
            tier: Tier::Both,
            beside: false,
        }
    }

    fn tally(command: &'static str, count: Count) -> (u64, u64, u64) {
        let Tally {
            passed,
            failed,
            skipped,
        } = run(&suite(command, count), &Screen::Now, Path::new("/")).tally;
        (passed, failed, skipped)
    }

    #[test]
    fn programs_of_a_suite_are_added_up() {
        let command =
            "echo '2 passed, 0 failed, 1 skipped'; echo '1 failure! in 0.1s. 3 tests run.'; false";
        assert_eq!(tally(command, Count::Lines), (4, 1, 1));
        let skips = run(&suite(command, Count::Lines), &Screen::Now, Path::new("/")).skips;
        assert_eq!(skips, ["1 more, which it does not name"]);
    }

    #[test]
    fn a_suite_that_ends_badly_or_tests_nothing_has_failed() {
        let command = "echo 'Test Successful in 0.1s. 2 tests run.'; false";
        assert_eq!(tally(command, Count::Lines), (2, 1, 0));
        assert_eq!(tally("true", Count::Lines), (0, 1, 0));
        assert_eq!(tally("true", Count::One), (1, 0, 0));
    }

    #[test]
    fn a_program_that_is_missing_is_a_failure() {
        let mut suite = suite("true", Count::One);
        suite.programs = &[("no-such-program", "a-package")];
        let outcome = run(&suite, &Screen::Now, Path::new("/"));
        assert_eq!(outcome, Outcome::failed());
    }

    /// Would fail if a test that stopped running went unnoticed.
    #[test]
    fn a_skip_that_nobody_expects_is_a_failure() {
        let command = "echo 'SKIP a: no reason'; echo '2 passed, 0 failed, 1 skipped'";
        let mut outcome = run(&suite(command, Count::Lines), &Screen::Now, Path::new("/"));
        compare(&Expected::listed(), "", &mut outcome, &Screen::Now);
        assert_eq!((outcome.tally.failed, outcome.tally.skipped), (1, 1));
    }
}
