//! Runs the conformance suite on a hypervisor and says, case by case, how it went.

use std::collections::HashSet;
use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use xen_claims::xen::OpenError;
use xen_claims::{FaultInjection, Model, Pages, Topology};
use xen_claims_tests::conformance::{
    self, Case, Outcome, Process, Processes, RemoteBuilder, Subject, SOAK,
};

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

    /// Milliseconds that C5 may take, and rounds of C4 and F4.
    #[arg(long, default_value_t = SOAK.as_millis() as u64)]
    soak: u64,

    /// Make the calls that come on standard input.
    #[arg(long, requires = "xen", hide = true)]
    serve_requests: bool,
}

/// Free counts of a live Xen may differ by what they move while nobody of ours is at work, and by so much
/// more: the 12 pages of a domain can come back seconds after it is gone, and a case has up to three.
const MARGIN: Pages = Pages::new(40);

/// This program, started again.
#[derive(Debug)]
struct SelfExec;

impl Processes for SelfExec {
    fn start(&self) -> io::Result<Box<dyn RemoteBuilder>> {
        let mut program = Command::new(std::env::current_exe()?);
        Ok(Box::new(Process::start(
            program.args(["--xen", "--serve-requests"]),
        )?))
    }
}

/// What [`SelfExec`] starts.
fn serve() -> Result<(), Box<dyn Error>> {
    conformance::serve_requests(&*open_xen()?, io::stdin().lock(), io::stdout())?;
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

fn subject(arguments: &Arguments) -> Result<Subject, Box<dyn Error>> {
    let soak = Duration::from_millis(arguments.soak);
    if !arguments.xen {
        let mut subject = Subject::new(Arc::new(Model::new(&arguments.host)));
        subject.soak = soak;
        return Ok(subject);
    }
    let mut subject = Subject::new(open_xen()?);
    subject.soak = soak;
    // The first case would do it, and have domains of every node come back meanwhile.
    let _ = subject.faults.prepare();
    let moved = conformance::movement(&*subject.hypervisor)?;
    subject.slack = Pages::new(moved.get() + MARGIN.get());
    println!(
        "free counts move by {moved} by themselves; a difference of {} is let pass",
        subject.slack
    );
    subject.may_claim = !arguments.may_not_claim;
    subject.processes = Some(Arc::new(SelfExec));
    Ok(subject)
}

fn known_case(id: &str) -> Result<&'static str, String> {
    let case = conformance::case(id).map(|case| case.id);
    case.ok_or_else(|| "there is no such case; --list shows all".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.serve_requests {
        return match serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(error.as_ref()),
        };
    }
    let result = if arguments.list {
        list().map(|()| true)
    } else {
        match subject(&arguments) {
            Ok(subject) => run_all(&subject, &arguments),
            Err(error) => return failure(error.as_ref()),
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
