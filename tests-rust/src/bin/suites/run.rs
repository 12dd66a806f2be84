//! Runs suites, and keeps what was not run because something it needs is not there.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

use super::count::{Count, Line, Tally};
use super::table::{Suite, Thing};
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

/// Shows a stream line by line and adds up what it counts.
fn follow(stream: impl Read, count: Count) -> Outcome {
    let mut seen = Outcome::default();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let read = count.read(&line);
        if read != Line::Well {
            println!("{line}");
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
/// counts its tests and ran none.
fn run(suite: &Suite) -> Outcome {
    if let Err(error) = need(suite.programs) {
        println!("{error:#}");
        return Outcome::failed();
    }
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -o pipefail; {}", suite.command)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // RUST_BACKTRACE is for panics. An error says what is wrong in its own words.
    if std::env::var_os("RUST_LIB_BACKTRACE").is_none() {
        bash.env("RUST_LIB_BACKTRACE", "0");
    }
    let mut child = match bash.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("cannot run bash: {error}");
            return Outcome::failed();
        }
    };
    let count = suite.count;
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let errors = errors.map(|stream| thread::spawn(move || follow(stream, count)));
    let mut outcome = out.map(|stream| follow(stream, count)).unwrap_or_default();
    if let Some(more) = errors.and_then(|thread| thread.join().ok()) {
        outcome.tally += more.tally;
        outcome.skips.extend(more.skips);
    }
    let ended_well = child.wait().is_ok_and(|status| status.success());
    let tally = &mut outcome.tally;
    if !ended_well && tally.failed == 0 {
        tally.failed = 1;
    }
    if ended_well && *tally == Tally::default() {
        if count == Count::One {
            tally.passed = 1;
        } else {
            println!("it counted no tests");
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

/// Runs these suites, says what came of each and of all; whether all is well.
pub fn run_all(suites: &[&Suite]) -> ExitCode {
    let mut total = Tally::default();
    let (mut failed, mut skips) = (Vec::new(), Vec::new());
    let mut missing: Vec<(Thing, &str)> = Vec::new();
    for suite in suites {
        let lack = missing
            .iter()
            .find(|(thing, _)| suite.needs == Some(*thing));
        if let Some(&(_, lack)) = lack {
            println!("-- {}: not run: {lack}", suite.name);
            skips.push(format!("{}: {lack}", suite.name));
            total.skipped += 1;
            missing.extend(suite.makes.map(|thing| (thing, lack)));
            continue;
        }
        println!("== {}: {}", suite.name, suite.command);
        let start = Instant::now();
        let Outcome { tally, skips: more } = run(suite);
        let seconds = start.elapsed().as_secs_f64();
        println!("-- {}: {}, {seconds:.1} s", suite.name, line(tally));
        skips.extend(more.iter().map(|what| format!("{}: {what}", suite.name)));
        total += tally;
        if tally.failed > 0 {
            failed.push(suite.name);
            if let Some(thing) = suite.makes {
                println!("{}", thing.consequence());
                missing.push((thing, thing.lack()));
            }
        }
    }
    println!();
    for what in skips {
        println!("skipped: {what}");
    }
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{}", line(total));
    // Running nothing proves nothing.
    if failed.is_empty() && total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
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
        }
    }

    fn tally(command: &'static str, count: Count) -> (u64, u64, u64) {
        let Tally {
            passed,
            failed,
            skipped,
        } = run(&suite(command, count)).tally;
        (passed, failed, skipped)
    }

    #[test]
    fn programs_of_a_suite_are_added_up() {
        let command =
            "echo '2 passed, 0 failed, 1 skipped'; echo '1 failure! in 0.1s. 3 tests run.'; false";
        assert_eq!(tally(command, Count::Lines), (4, 1, 1));
        let skips = run(&suite(command, Count::Lines)).skips;
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
        assert_eq!(run(&suite), Outcome::failed());
    }
}
