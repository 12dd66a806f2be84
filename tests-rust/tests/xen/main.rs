//! Xen's own allocator, compiled as a program: the conformance suite, the embedded hypervisor beside
//! it, and the sanitizers.
//!
//! That takes the Xen tree of `./dev xen prepare`. Without one nothing of this is a test that passed.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use xen_claims_lab::allocator::Tree;
use xen_claims_lab::exit_code;

mod differential;
mod native;
mod sanitizers;

/// A test by its name, of what it takes.
type Test<T> = (&'static str, fn(&T) -> Result<()>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(tree) = Tree::find() else {
        println!("skipped: no Xen tree is prepared (./dev xen prepare makes one)");
        return ExitCode::SUCCESS;
    };
    match trials(&tree) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => exit_code(Err(error)),
    }
}

fn trials(tree: &Tree) -> Result<Vec<Trial>> {
    let builds = Arc::new(differential::Builds::new(tree)?);
    let mut trials = native::trials(&builds.patched)?;
    for (name, test) in differential::TESTS {
        let builds = builds.clone();
        trials.push(trial(name, move || test(&builds)));
    }
    for (name, test) in sanitizers::TESTS {
        let tree = tree.clone();
        trials.push(trial(name, move || test(&tree)));
    }
    Ok(trials)
}

fn trial(name: &str, test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    let shown = |error| Failed::from(format!("{error:#}"));
    Trial::test(name, move || test().map_err(shown))
}
