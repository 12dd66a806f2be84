//! Judges one compiled host, in a process that may come to harm: it may hang, or a sanitizer may end
//! it. The tests of sanitizers and `mutate` start this.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, Result};
use clap::Parser;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xen_claims::{NodeId, Pages, Topology};
use xen_claims_lab::allocator::{Boot, Build, Host, Placing, Xen};
use xen_claims_tests::conformance::{self, Case, Outcome, Subject};
use xen_claims_tests::differential::{check, Compared};
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

fn main() -> ExitCode {
    match judge(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn judge(arguments: &Arguments) -> Result<()> {
    let build = Build {
        object: arguments.object.clone(),
        xen: Xen::Patched,
    };
    std::panic::set_hook(Box::new(|_| {})); // It is a result.
    let wanted =
        |case: &&Case| arguments.cases.is_empty() || arguments.cases.iter().any(|id| id == case.id);
    let mut shown = 0;
    for case in conformance::cases().filter(wanted) {
        shown += u32::from(run(case, &build, arguments)?);
    }
    let mut runner = TestRunner::deterministic();
    let mut compared = Compared::default();
    while compared.calls < arguments.calls {
        let tree = long_sequences().new_tree(&mut runner);
        let sequence = tree
            .map_err(|reason| anyhow::anyhow!("{reason}"))?
            .current();
        compared += check(&build, &sequence).map_err(anyhow::Error::msg)?;
    }
    println!("{shown} cases and {} calls", compared.calls);
    Ok(())
}

/// One case on a host of three nodes, the last there can be among them; true if it could be shown there.
fn run(case: &Case, build: &Build, arguments: &Arguments) -> Result<bool> {
    let nodes = NodeId::all().filter(|node| [0, 5, 63].contains(&node.index()));
    let nodes = nodes.map(|node| (node, Pages::new(10_000)));
    let boot = Boot::new(&Topology::new(nodes)?).placing(Placing::Packed);
    let host = Arc::new(Host::boot(build, &boot)?);
    let mut subject = Subject::new(host.clone());
    subject.soak = Duration::from_millis(arguments.soak);
    // An assertion may also fail when the case is over, and gives everything back.
    let ran = catch_unwind(AssertUnwindSafe(|| {
        conformance::run(case, &subject, &|_| {})
    }));
    let Ok(outcome) = ran else {
        bail!("{}: the host stopped", case.id);
    };
    if let Outcome::Failed(report) = outcome {
        bail!("{}: {}\n{report}", case.id, case.title);
    }
    match host.violations(true) {
        Ok(wrong) if wrong.is_empty() => Ok(outcome == Outcome::Passed),
        Ok(wrong) => bail!("{}: {wrong}", case.id),
        Err(errno) => bail!("{}: {errno}", case.id),
    }
}
