//! Judges one compiled host, in a process that may come to harm: it may hang, or a sanitizer may end
//! it. The tests of sanitizers and `mutate` start this.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xen_claims::{NodeId, Pages, Topology};
use xen_claims_lab::allocator::{Boot, Build, Host, Placing, Xen};
use xen_claims_tests::conformance::{self, Case, Outcome, Subject};
use xen_claims_tests::differential::{check, Compared};
use xen_claims_tests::judge::FOUND;
use xen_claims_tests::sequences::long_sequences;

/// The conformance suite and random sequences on one compiled host.
#[derive(Debug, Parser)]
struct Arguments {
    /// The shared object.
    object: PathBuf,
    /// Only these cases; can be given several times.
    #[arg(long = "case")]
    cases: Vec<String>,
    /// Milliseconds that C5 may take, and rounds of C4 and F4.
    #[arg(long, default_value_t = 300)]
    soak: u64,
    /// Calls to compare with the model.
    #[arg(long, default_value_t = 0)]
    calls: u64,
}

/// Exits with 1 if something was found, and with 2 if it could not be looked for.
fn main() -> ExitCode {
    match judge(&Arguments::parse()) {
        Ok(Ok(done)) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Ok(Err(found)) => {
            println!("{FOUND}{found}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// How much was looked at, or what was found.
fn judge(arguments: &Arguments) -> Result<Result<String, String>> {
    let build = Build {
        object: arguments.object.clone(),
        xen: Xen::Patched,
    };
    std::panic::set_hook(Box::new(|_| {})); // It is a result.
    let wanted =
        |case: &&Case| arguments.cases.is_empty() || arguments.cases.iter().any(|id| id == case.id);
    let mut shown = 0;
    for case in conformance::cases().filter(wanted) {
        match run(case, &build, arguments)? {
            Ok(passed) => shown += u32::from(passed),
            Err(found) => return Ok(Err(format!("{}: {found}", case.id))),
        }
    }
    let mut runner = TestRunner::deterministic();
    let mut compared = Compared::default();
    while compared.calls < arguments.calls {
        let tree = long_sequences().new_tree(&mut runner);
        let sequence = tree
            .map_err(|reason| anyhow::anyhow!("{reason}"))?
            .current();
        match check(&build, &sequence) {
            Ok(more) => compared += more,
            Err(found) => return Ok(Err(found)),
        }
    }
    Ok(Ok(format!("{shown} cases and {} calls", compared.calls)))
}

/// One case on a host of three nodes, the last there can be among them; true if it could be shown there.
fn run(case: &Case, build: &Build, arguments: &Arguments) -> Result<Result<bool, String>> {
    let nodes = NodeId::all().filter(|node| [0, 5, 63].contains(&node.index()));
    let nodes = nodes.map(|node| (node, Pages::new(10_000)));
    let boot = Boot::new(&Topology::new(nodes)?).placing(Placing::Packed);
    let host = match Host::boot(build, &boot) {
        Err(error) if error.to_string().contains("does not boot") => {
            return Ok(Err(error.to_string()));
        }
        host => Arc::new(host?),
    };
    let mut subject = Subject::new(host.clone());
    subject.soak = Duration::from_millis(arguments.soak);
    // An assertion may also fail when the case is over, and gives everything back.
    let ran = catch_unwind(AssertUnwindSafe(|| {
        conformance::run(case, &subject, &|_| {})
    }));
    let Ok(outcome) = ran else {
        return Ok(Err("the host stopped".to_owned()));
    };
    if let Outcome::Failed(report) = outcome {
        return Ok(Err(format!("{}\n{report}", case.title)));
    }
    Ok(match host.violations(true) {
        Ok(wrong) if wrong.is_empty() => Ok(outcome == Outcome::Passed),
        Ok(wrong) => Err(wrong),
        Err(errno) => Err(errno.to_string()),
    })
}
