//! Runs every suite of the project, one after the other, shows what each prints, and ends with one
//! line for all of them: `N passed, N failed`.
//!
//! A suite that counts its tests is added up; one that only succeeds or fails is one test.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::ops::AddAssign;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

/// How many tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// How a line of a suite's output counts tests; `None` for any other line.
type Counter = fn(&str) -> Option<Tally>;

/// `test result: ok. 7 passed; 0 failed; 1 ignored; ...`
fn cargo(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| {
        let part = counts.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Tally {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
    })
}

/// `Test Successful in 0.003s. 12 tests run.` or `2 failures! in 0.003s. 12 tests run.`
fn alcotest(line: &str) -> Option<Tally> {
    let (verdict, rest) = line.split_once(" in ")?;
    let run = rest
        .split_once("s. ")?
        .1
        .strip_suffix(" run.")?
        .strip_suffix_any(&[" tests", " test"])?
        .parse::<u64>()
        .ok()?;
    let failed = match verdict {
        "Test Successful" => 0,
        _ => verdict
            .strip_suffix_any(&[" failures!", " failure!"])?
            .parse()
            .ok()?,
    };
    Some(Tally {
        passed: run.checked_sub(failed)?,
        failed,
        skipped: 0,
    })
}

trait StripSuffixAny {
    fn strip_suffix_any(&self, suffixes: &[&str]) -> Option<&str>;
}

impl StripSuffixAny for str {
    fn strip_suffix_any(&self, suffixes: &[&str]) -> Option<&str> {
        suffixes.iter().find_map(|suffix| self.strip_suffix(suffix))
    }
}

/// `12 passed, 1 failed` or `12 passed, 1 failed, 2 skipped`
fn checks(line: &str) -> Option<Tally> {
    let (passed, rest) = line.split_once(" passed, ")?;
    let (failed, rest) = rest.split_once(" failed")?;
    let skipped = match rest {
        "" => "0",
        rest => rest.strip_prefix(", ")?.strip_suffix(" skipped")?,
    };
    Some(Tally {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
        skipped: skipped.parse().ok()?,
    })
}

/// The output of several programs, each counting its tests in one of two ways.
fn checks_or_alcotest(line: &str) -> Option<Tally> {
    checks(line).or_else(|| alcotest(line))
}

/// Nothing in the output counts: the suite is one test.
fn whole(_line: &str) -> Option<Tally> {
    None
}

struct Suite {
    name: &'static str,
    command: &'static str,
    counter: Counter,
}

const fn suite(name: &'static str, command: &'static str, counter: Counter) -> Suite {
    Suite {
        name,
        command,
        counter,
    }
}

const SUITES: &[Suite] = &[
    suite("Rust format", "cargo fmt --all --check", whole),
    suite(
        "Rust lints",
        "cargo clippy --quiet --locked --workspace --all-targets -- -D warnings",
        whole,
    ),
    suite(
        "Rust documentation",
        "RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --workspace --no-deps",
        whole,
    ),
    suite("Xen source and series", "tools/xen.sh prepare", whole),
    suite(
        "Rust tests",
        "NATIVE_XEN=required cargo test --quiet --locked --workspace",
        cargo,
    ),
    suite(
        "Xen's allocator against the model",
        "cargo run --quiet --locked --release --bin fuzz -- --calls 1000000",
        checks,
    ),
    suite("OCaml build", "dune build", whole),
    suite("OCaml format", "dune build @fmt", whole),
    suite("OCaml documentation", "dune build @doc", whole),
    suite("OCaml tests", "dune test --force", alcotest),
    suite("Report in a browser", "dune build @browser --force", checks),
    suite("Package, installed", "tools/package.sh", whole),
    suite("Xen build", "tools/xen.sh build", whole),
    suite("Xen series style", "tools/xen.sh check --style", checks),
    suite(
        "Rust lints, Xen's headers",
        "cargo clippy --quiet --locked --workspace --all-targets --features xen-claims-tests/domains -- -D warnings",
        whole,
    ),
    suite(
        "Rust layouts, Xen's headers",
        "NATIVE_XEN=required cargo test --quiet --locked --package xen-claims-tests --features domains --test layout --test headers",
        cargo,
    ),
    suite(
        "Xen conformance",
        "tools/xen.sh conformance --nodes 2,4",
        checks,
    ),
    suite(
        "Xen in-tree tests, OCaml tests on Xen",
        "tools/xen.sh boot --nodes 2 -- all-tests",
        checks_or_alcotest,
    ),
    suite("Boot storm on Xen", "tools/demo.sh --xen", whole),
    suite(
        "Builder killed on Xen",
        "tools/xen.sh boot --nodes 4 -- env TERM=dumb killed-on-xen.sh /boot-storm.json",
        whole,
    ),
    suite(
        "shell scripts",
        "git ls-files -z -- dev .ci/run '*.sh' | xargs -0 shellcheck --external-sources",
        whole,
    ),
];

/// Shows a stream line by line and adds up what it counts.
fn follow(stream: impl Read, counter: Counter) -> Tally {
    let mut tally = Tally::default();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(counted) = counter(line.trim_end()) {
            tally += counted;
        }
    }
    tally
}

/// Runs a suite. One that ends badly without a failed test has failed itself.
fn run(suite: &Suite) -> Tally {
    let child = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {}", suite.command)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            println!("cannot run bash: {error}");
            return Tally {
                failed: 1,
                ..Tally::default()
            };
        }
    };
    let mut tally = Tally::default();
    let counter = suite.counter;
    let errors = child
        .stderr
        .take()
        .map(|s| thread::spawn(move || follow(s, counter)));
    if let Some(output) = child.stdout.take() {
        tally += follow(output, counter);
    }
    if let Some(counted) = errors.and_then(|thread| thread.join().ok()) {
        tally += counted;
    }
    let ended_well = child.wait().is_ok_and(|status| status.success());
    if !ended_well && tally.failed == 0 {
        tally.failed = 1;
    }
    if ended_well && tally == Tally::default() {
        tally.passed = 1;
    }
    tally
}

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let mut total = Tally::default();
    let mut failed = Vec::new();
    for suite in SUITES {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == suite.name) {
            continue;
        }
        println!("== {}: {}", suite.name, suite.command);
        let start = Instant::now();
        let tally = run(suite);
        let seconds = start.elapsed().as_secs_f64();
        let Tally {
            passed,
            failed: bad,
            ..
        } = tally;
        println!(
            "-- {}: {passed} passed, {bad} failed, {seconds:.1} s",
            suite.name
        );
        if bad > 0 {
            failed.push(suite.name);
        }
        total += tally;
    }
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    // Running nothing proves nothing.
    if failed.is_empty() && total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Option<Tally> {
        Some(Tally {
            passed,
            failed,
            skipped,
        })
    }

    #[test]
    fn totals_are_read_and_other_lines_are_not() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(cargo(line), tally(5, 2, 1));
        assert_eq!(cargo("test result_of_set ... ok"), None);
        assert_eq!(
            alcotest("Test Successful in 0.003s. 12 tests run."),
            tally(12, 0, 0)
        );
        assert_eq!(
            alcotest("1 failure! in 0.003s. 1 test run."),
            tally(0, 1, 0)
        );
        assert_eq!(
            alcotest("3 failures! in 1.003s. 12 tests run."),
            tally(9, 3, 0)
        );
        assert_eq!(alcotest("built in 3s. 4 tests run"), None);
        assert_eq!(checks("12 passed, 1 failed"), tally(12, 1, 0));
        assert_eq!(checks("12 passed, 1 failed, 3 skipped"), tally(12, 1, 3));
        assert_eq!(checks("ok      12 passed, 1 failed"), None);
    }

    #[test]
    fn programs_of_a_suite_are_added_up() {
        let both = suite(
            "",
            "echo '2 passed, 0 failed'; echo '1 failure! in 0.1s. 3 tests run.'; false",
            checks_or_alcotest,
        );
        assert_eq!(Some(run(&both)), tally(4, 1, 0));
    }

    #[test]
    fn a_suite_that_ends_badly_has_failed() {
        let failing = suite(
            "",
            "echo 'Test Successful in 0.1s. 2 tests run.'; false",
            alcotest,
        );
        assert_eq!(Some(run(&failing)), tally(2, 1, 0));
        assert_eq!(Some(run(&suite("", "true", whole))), tally(1, 0, 0));
    }
}
