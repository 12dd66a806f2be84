//! Xen's own allocator, compiled as a program: the conformance suite, the embedded hypervisor beside
//! it, and the sanitizers.
//!
//! That takes the Xen tree of `./dev xen prepare`. Without one nothing of this is a test that passed.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, ensure, Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use xen_claims::Errno;
use xen_claims_lab::allocator::Tree;
use xen_claims_lab::exit_code;
use xen_claims_tests::shown::Shown;

mod allocator;
mod differential;
mod reference;
mod sanitizers;

/// What these hosts can't show: there is one process, and it may do everything. Dom0 shows them.
const ELSEWHERE: &[&str] = &["F1", "I16"];

/// A test by its name, of what it takes.
type Test<T> = (&'static str, fn(&T) -> Result<()>);

const TESTS: &[Test<Tree>] = &[("error_numbers_are_those_of_xen", error_numbers)];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(tree) = Tree::find() else {
        let why = "no Xen tree is prepared: ./dev xen prepare makes one";
        let ignored = Trial::ignorable_test("all", move || Ok(Completion::ignored_with(why)));
        return libtest_mimic::run(&arguments, vec![ignored]).exit_code();
    };
    let shown = Arc::new(Shown::default());
    let trials = match trials(&tree, &shown) {
        Ok(trials) => trials,
        Err(error) => return exit_code(Err(error)),
    };
    let conclusion = libtest_mimic::run(&arguments, trials);
    let nowhere = shown.nowhere(ELSEWHERE);
    if conclusion.num_filtered_out == 0 && !arguments.list && !nowhere.is_empty() {
        let nowhere = nowhere.join(", ");
        return exit_code(Err(anyhow!("these cases passed on no host: {nowhere}")));
    }
    conclusion.exit_code()
}

fn trials(tree: &Tree, shown: &Arc<Shown>) -> Result<Vec<Trial>> {
    let builds = Arc::new(differential::Builds::new(tree)?);
    let mut trials = allocator::trials(&builds.patched, shown)?;
    for (name, test) in differential::TESTS.iter().chain(reference::TESTS) {
        let builds = builds.clone();
        trials.push(trial(name, move || test(&builds)));
    }
    for (name, test) in sanitizers::TESTS.iter().chain(TESTS) {
        let tree = tree.clone();
        trials.push(trial(name, move || test(&tree)));
    }
    Ok(trials)
}

// A number that is mistyped, or one of Xen's that has no name here.
fn error_numbers(tree: &Tree) -> Result<()> {
    let header = fs::read_to_string(tree.file("include/public/errno.h"))?;
    let lines = header.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("XEN_ERRNO(E"));
    let mut seen = 0;
    for (name, rest) in lines.filter_map(|line| line.split_once(',')) {
        let number = rest.split(')').next().context("no number")?;
        let known = Errno(number.trim().parse()?).name().unwrap_or("E");
        let is_alias = ["WOULDBLOCK", "DEADLOCK"].contains(&name);
        ensure!(
            known[1..] == *name || is_alias,
            "E{name} is{number} and {known}"
        );
        seen += 1;
    }
    ensure!(seen > 40, "errno.h has {seen} numbers only");
    Ok(())
}

fn trial(name: &str, test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    let shown = |error| Failed::from(format!("{error:#}"));
    Trial::test(name, move || test().map_err(shown))
}
