//! Breaks the OCaml library, and the Rust under it, in every way that the lists in
//! `lab/mutants/library/` have, and shows that the tests in `tests-ocaml` notice. `./dev mutate --library`
//! runs this, in the checkout.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use clap::Parser;
use tempfile::TempDir;
use wait_timeout::ChildExt;
use xen_claims_lab::exit_code;
use xen_claims_lab::mutants::{self, Mutant};
use xen_claims_lab::run::{git, on_every_processor, output};

/// Breaks the OCaml library in every way that is listed, and shows that its tests notice.
#[derive(Debug, Parser)]
#[command(name = "./dev mutate --library")]
struct Arguments {
    /// Only these mutants.
    names: Vec<String>,
}

/// Those of `tests-ocaml`, those that end soonest first.
const TESTS: &[&str] = &[
    "claims",
    "refusals",
    "allocation",
    "building",
    "input",
    "properties",
    "plan",
    "toolstack",
    "signals",
    "handles",
    "parallel",
    "blocking",
];

/// None of these takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    let mutants = mutants::only(mutants::library()?, &arguments.names)?;
    // All of them, before any takes its time.
    let texts = mutants
        .iter()
        .map(|mutant| mutant.apply(&fs::read_to_string(mutant.file)?));
    let texts = texts.collect::<Result<Vec<_>>>()?;

    println!("{:40} noticed by", "mutant");
    let work = Mutex::new(mutants.iter().zip(&texts));
    let noticed = AtomicUsize::new(0);
    let next = || work.lock().ok().and_then(|mut work| work.next());
    on_every_processor(|| {
        let copy = Copy::of(Path::new("."))?;
        if let Some(verdict) = copy.judge()? {
            bail!("the tests fail as they are: {verdict:?}");
        }
        while let Some((mutant, text)) = next() {
            let verdict = copy
                .broken(mutant, text)
                .with_context(|| mutant.name.clone())?;
            if matches!(verdict, Some(Verdict::Found(_))) {
                noticed.fetch_add(1, Ordering::Relaxed);
            }
            let verdict = match verdict {
                None => "nobody".to_owned(),
                Some(Verdict::Found(test)) => test,
                Some(Verdict::Unclear(what)) => format!("nobody: {what}"),
            };
            println!("{:40} {verdict}", mutant.name);
        }
        Ok(())
    })?;
    Ok(mutants::tell(noticed.into_inner(), mutants.len()))
}

/// What the first test program says that does not pass.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// A test, by its name: something is wrong, and it is known what.
    Found(String),
    /// A crash, or no end.
    Unclear(String),
}

/// A copy of the checkout, where files are broken.
struct Copy(TempDir);

impl Copy {
    fn of(checkout: &Path) -> Result<Copy> {
        let copy = Copy(TempDir::new()?);
        let files = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        for file in output(git(checkout).args(files))?.split_terminator('\0') {
            let from = checkout.join(file);
            // One that was removed, and git not told yet.
            if from.is_file() {
                let to = copy.0.path().join(file);
                fs::create_dir_all(to.parent().context("no directory")?)?;
                fs::copy(from, to)?;
            }
        }
        Ok(copy)
    }

    fn broken(&self, mutant: &Mutant, text: &str) -> Result<Option<Verdict>> {
        let path = self.0.path().join(mutant.file);
        let original = fs::read(&path)?;
        fs::write(&path, text)?;
        let verdict = self.judge();
        fs::write(&path, original)?;
        verdict
    }

    fn judge(&self) -> Result<Option<Verdict>> {
        let programs = TESTS
            .iter()
            .map(|test| format!("./tests-ocaml/test_{test}.exe"));
        // Not as developers do: what a mutant leaves unused is no error.
        let mut dune = Command::new("dune");
        dune.args(["build", "--profile", "release", "--root", "."])
            .args(programs)
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(self.0.path());
        output(&mut dune)?;
        for test in TESTS {
            let verdict = self.run(test)?;
            if verdict.is_some() {
                return Ok(verdict);
            }
        }
        Ok(None)
    }

    fn run(&self, test: &str) -> Result<Option<Verdict>> {
        let place = self.0.path().join("_build/default/tests-ocaml");
        let said = self.0.path().join("said");
        let out = File::create(&said)?;
        let mut child = Command::new(place.join(format!("test_{test}.exe")))
            .current_dir(&place)
            .env("ALCOTEST_COLUMNS", "200")
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out)
            .spawn()?;
        let status = child.wait_timeout(LIMIT)?;
        if status.is_none() {
            child.kill()?;
            child.wait()?;
        }
        let said = String::from_utf8_lossy(&fs::read(said)?).into_owned();
        Ok(match status {
            None => Some(Verdict::Unclear(format!("{test} hangs"))),
            Some(status) if status.success() => None,
            Some(status) => Some(match (status.code(), first_failed(&said)) {
                (Some(1), Some(name)) => Verdict::Found(format!("{test}, {name}")),
                _ => Verdict::Unclear(format!("{test}: {status}")),
            }),
        })
    }
}

/// The name of the first test that Alcotest says failed: what comes after its area and number.
fn first_failed(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains("[FAIL]"))?;
    let name = line.split("[FAIL]").nth(1)?.trim();
    let words: Vec<&str> = name.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a program that ends otherwise than by a failed test counted as one.
    #[test]
    fn only_a_failed_test_has_a_name() {
        let said =
            "Testing `plan'.\n  [OK]          a   0   b.\n> [FAIL]        c d         3   the e.\n";
        assert_eq!(first_failed(said).as_deref(), Some("c d 3 the e."));
        assert_eq!(
            first_failed("Fatal error: exception Stack_overflow\n"),
            None
        );
    }
}
