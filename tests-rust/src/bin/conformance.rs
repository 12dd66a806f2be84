//! Runs the conformance suite on a hypervisor and says, case by case, how it went.

use std::collections::HashSet;
use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use clap::Parser;
use xen_claims::xen::OpenError;
use xen_claims::{FaultInjection, Model, Pages, Topology};
use xen_claims_tests::conformance::{self, Case, Outcome, Process, Processes, Rival, Subject};

/// Runs the conformance cases of claim sets, on the embedded hypervisor or on the Xen below.
///
/// Exits with 0 if no case failed, 1 if one did, and 2 if the arguments are wrong.
#[derive(Parser, Debug)]
#[command(name = "conformance")]
struct Arguments {
    /// List the cases and run none.
    #[arg(long)]
    list: bool,

    /// Run only this case; can be given several times.
    #[arg(long = "case", value_name = "ID", value_parser = known_case)]
    cases: Vec<&'static str>,

    /// Say what each step of a case is.
    #[arg(long)]
    verbose: bool,

    /// The host: this (the nodes of this machine), uma (1 node), 2-socket, epyc-nps4 (8 nodes,
    /// enough for every case), or NODESxGiB such as 4x16.
    #[arg(long, default_value = "epyc-nps4")]
    host: Topology,

    /// The Xen this program runs on, in its control domain, instead of an embedded hypervisor. It
    /// must be idle: the cases claim and fill most of its memory.
    #[arg(long, conflicts_with = "host")]
    xen: bool,

    /// The security policy does not let this program claim: show what can be shown then.
    #[arg(long, requires = "xen")]
    may_not_claim: bool,

    /// Make the calls that come on standard input.
    #[arg(long, requires = "xen", hide = true)]
    obey: bool,
}

/// Free counts of a live Xen move by that much without our doing.
const SLACK_OF_XEN: Pages = Pages::new(200);

/// This program, started again.
#[derive(Debug)]
struct Again;

impl Processes for Again {
    fn start(&self) -> io::Result<Box<dyn Rival>> {
        let mut program = Command::new(std::env::current_exe()?);
        Ok(Box::new(Process::start(program.args(["--xen", "--obey"]))?))
    }
}

/// What [`Again`] starts.
fn obey() -> Result<(), Box<dyn Error>> {
    conformance::obey(&*open_xen()?, io::stdin().lock(), io::stdout())?;
    Ok(())
}

/// The Xen below.
#[cfg(feature = "domains")]
fn open_xen() -> Result<Arc<impl FaultInjection>, OpenError> {
    xen_claims::xen::XenWithDomains::open().map(Arc::new)
}

/// This build can't create domains there.
#[cfg(not(feature = "domains"))]
fn open_xen() -> Result<Arc<impl FaultInjection>, OpenError> {
    Err::<Arc<Model>, _>(OpenError::NotBuilt)
}

fn subject(arguments: &Arguments) -> Result<Subject, OpenError> {
    if !arguments.xen {
        return Ok(Subject::new(Arc::new(Model::new(&arguments.host))));
    }
    let mut subject = Subject::new(open_xen()?);
    subject.slack = SLACK_OF_XEN;
    subject.may_claim = !arguments.may_not_claim;
    subject.processes = Some(Arc::new(Again));
    Ok(subject)
}

fn known_case(id: &str) -> Result<&'static str, String> {
    let case = conformance::case(id).map(|case| case.id);
    case.ok_or_else(|| "there is no such case; --list shows all".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.obey {
        return match obey() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(error.as_ref()),
        };
    }
    let result = if arguments.list {
        list().map(|()| true)
    } else {
        match subject(&arguments) {
            Ok(subject) => run_all(&subject, &arguments),
            Err(error) => return failure(&error),
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Nobody reads the rest.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: cannot write the results: {error}");
            ExitCode::FAILURE
        }
    }
}

fn failure(error: &dyn Error) -> ExitCode {
    eprintln!("conformance: {error}");
    ExitCode::FAILURE
}

fn list() -> io::Result<()> {
    let mut out = io::stdout().lock();
    conformance::cases().try_for_each(|case| writeln!(out, "{:<4} {}", case.id, case.title))
}

/// True if no case failed.
fn run_all(subject: &Subject, arguments: &Arguments) -> io::Result<bool> {
    let wanted: HashSet<_> = arguments.cases.iter().collect();
    let cases = conformance::cases();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in cases.filter(|case| wanted.is_empty() || wanted.contains(&case.id)) {
        let outcome = run_one(case, subject, arguments.verbose)?;
        match outcome {
            Outcome::Passed => passed += 1,
            Outcome::Failed(_) => failed += 1,
            Outcome::Skipped(_) => skipped += 1,
        }
    }
    let mut out = io::stdout().lock();
    write!(out, "{passed} passed, {failed} failed")?;
    if skipped > 0 {
        write!(out, ", {skipped} skipped")?;
    }
    writeln!(out)?;
    Ok(failed == 0)
}

fn run_one(case: &Case, subject: &Subject, verbose: bool) -> io::Result<Outcome> {
    let on_step = |step: &str| {
        if verbose {
            // The result of the case is written next, and says whether writing works.
            let _ = writeln!(io::stdout(), "     {step}");
        }
    };
    let outcome = conformance::run(case, subject, &on_step);
    let mut out = io::stdout().lock();
    writeln!(out, "{:<4} {}: {outcome}", case.id, case.title)?;
    out.flush()?;
    Ok(outcome)
}
