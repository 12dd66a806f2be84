//! The conformance suite on embedded hosts: one test for each case and host, ignored where a host
//! can't show the case.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use xen_claims::model::Fault;
use xen_claims::{Errno, Hypervisor, Model, NodeId, Pages, Topology};
use xen_claims_tests::conformance::{
    self, Answer, Case, Outcome, Processes, RemoteBuilder, Request, Subject, SOAK,
};
use xen_claims_tests::shown::Shown;

/// What these hosts can't show: there is one process, and it may do everything. Dom0 shows them.
const ELSEWHERE: &[&str] = &["F1", "I16"];

fn main() -> Result<(), Box<dyn Error>> {
    hush_injected_panics();
    let shown = Arc::new(Shown::default());
    let mut trials = Vec::new();
    for (host, subject) in hosts()? {
        trials.extend(conformance::cases().map(|case| trial(&host, case, subject.clone(), &shown)));
    }
    for id in ["C4", "F1", "F4"] {
        let name = format!("suite::{id}_with_processes");
        trials.push(Trial::test(name, move || processes(id)));
    }
    trials.push(Trial::test("suite::panic_is_a_failure", panicking));
    trials.push(Trial::test("suite::ids_are_unique", ids_are_unique));
    trials.push(Trial::test("suite::only_a_race_is_tried_again", no_retry));
    let arguments = Arguments::from_args();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let nowhere = shown.nowhere(ELSEWHERE);
    if conclusion.num_filtered_out == 0 && !arguments.list && !nowhere.is_empty() {
        return Err(format!("these cases passed on no host: {}", nowhere.join(", ")).into());
    }
    conclusion.exit()
}

/// A new host of that topology for each case, by the name of the host.
fn hosts() -> Result<Vec<(String, Description)>, Box<dyn Error>> {
    let mut hosts = Vec::new();
    for nodes in [1, 2, 4, 8] {
        let topology: Topology = format!("{nodes}x4").parse()?;
        let mut host = Description::of(topology);
        // C4, C5 and F4 get their time once.
        if nodes == 4 {
            host.soak = SOAK;
        }
        hosts.push((format!("{nodes}_nodes"), host));
    }
    // Ids with gaps up to the highest there is, and a node without memory.
    let mut odd = Vec::new();
    for (id, pages) in [(0, 0), (3, 1 << 19), (8, 5000), (63, 1 << 20)] {
        odd.push((NodeId::new(id)?, Pages::new(pages)));
    }
    hosts.push(("odd_nodes".to_owned(), Description::of(Topology::new(odd)?)));
    // As on a live Xen, whose free counts move by themselves.
    let mut live = Description::of("3x2".parse()?);
    live.slack = Pages::new(200);
    hosts.push(("with_slack".to_owned(), live));
    Ok(hosts)
}

#[derive(Debug, Clone)]
struct Description {
    topology: Topology,
    slack: Pages,
    soak: Duration,
}

impl Description {
    fn of(topology: Topology) -> Self {
        Description {
            topology,
            slack: Pages::ZERO,
            soak: Duration::from_millis(500),
        }
    }

    fn subject(&self) -> Subject {
        let mut subject = Subject::new(Arc::new(Model::new(&self.topology)));
        subject.slack = self.slack;
        subject.soak = self.soak;
        subject
    }
}

fn trial(host: &str, case: &'static Case, description: Description, shown: &Arc<Shown>) -> Trial {
    let shown = shown.clone();
    Trial::ignorable_test(
        format!("{host}::{}", case.id),
        move || match conformance::run(case, &description.subject(), &|_| {}) {
            Outcome::Passed => {
                shown.passed(case);
                Ok(Completion::Completed)
            }
            Outcome::Skipped(reason) => Ok(Completion::ignored_with(reason)),
            Outcome::Failed(report) => Err(Failed::from(format!("{}\n{report}", case.title))),
        },
    )
}

fn case(id: &str) -> Result<&'static Case, Failed> {
    conformance::case(id).ok_or_else(|| Failed::from(format!("no case {id}")))
}

/// Processes that would build, had the embedded hypervisor more than one. What the cases do with
/// them is the same.
#[derive(Debug)]
struct Pretended(Arc<Model>);

impl Processes for Pretended {
    fn start(&self) -> io::Result<Box<dyn RemoteBuilder>> {
        Ok(Box::new(Pretended(self.0.clone())))
    }
}

impl RemoteBuilder for Pretended {
    fn make(&mut self, call: &Request) -> io::Result<Answer> {
        let (line, mut answer) = (serde_json::to_string(call)?, Vec::new());
        conformance::serve_requests(&*self.0, line.as_bytes(), &mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }

    fn kill(&mut self) -> io::Result<i32> {
        Ok(9)
    }
}

/// The cases with other processes.
fn processes(id: &str) -> Result<(), Failed> {
    let model = Arc::new(Model::new(&"2x1".parse()?));
    let mut subject = Subject::new(model.clone());
    subject.processes = Some(Arc::new(Pretended(model)));
    let outcome = conformance::run(case(id)?, &subject, &|_| {});
    (outcome == Outcome::Passed)
        .then_some(())
        .ok_or_else(|| Failed::from(outcome.to_string()))
}

/// Nobody wants to read the panic that a test asks for.
fn hush_injected_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains("injected") {
            report(panic);
        }
    }));
}

/// Where free counts move, all of a node is claimed in several attempts. One that is refused for another
/// reason than the want of memory is no such attempt.
fn no_retry() -> Result<(), Failed> {
    let model = Arc::new(Model::new(&"2x1".parse()?));
    let mut subject = Subject::new(model.clone());
    subject.slack = Pages::new(200);
    let refuse = |errno| {
        let once = AtomicBool::new(true);
        let model = model.clone();
        move |step: &str| {
            if step.starts_with("A claims all") && once.swap(false, Ordering::Relaxed) {
                model.inject(Fault::Refuse(errno));
            }
        }
    };
    let outcome = conformance::run(case("F3")?, &subject, &refuse(Errno::EPERM));
    if !matches!(outcome, Outcome::Failed(_)) {
        return Err(Failed::from(format!("EPERM: {outcome}")));
    }
    let outcome = conformance::run(case("F3")?, &subject, &refuse(Errno::ENOMEM));
    (outcome == Outcome::Passed)
        .then_some(())
        .ok_or_else(|| Failed::from(format!("ENOMEM: {outcome}")))
}

/// A case that panics is reported like one that fails, with its step, and leaves no domain.
fn panicking() -> Result<(), Failed> {
    let model = Arc::new(Model::new(&"2x1".parse()?));
    let subject = Subject::new(model.clone());
    let on_step = |step: &str| {
        // At a step of the case, so that what prepares and what checks it is spared.
        if step.starts_with("A claims") {
            model.inject(Fault::Panic);
        }
    };
    let outcome = conformance::run(case("A7")?, &subject, &on_step);
    let Outcome::Failed(report) = outcome else {
        return Err(Failed::from(format!("{outcome:?}")));
    };
    for part in [
        "step: A claims {node 0: 8}",
        "injected",
        "A = domid 1",
        "node 1: size",
    ] {
        if !report.contains(part) {
            return Err(Failed::from(format!("no '{part}' in\n{report}")));
        }
    }
    match model.domains()?.as_slice() {
        [] => Ok(()),
        left => Err(Failed::from(format!("{left:?} are left"))),
    }
}

fn ids_are_unique() -> Result<(), Failed> {
    let ids: Vec<_> = conformance::cases().map(|case| case.id).collect();
    let expected = [('A', 16), ('R', 9), ('P', 9), ('I', 17), ('C', 5), ('F', 6)];
    let expected = expected
        .iter()
        .flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number}")));
    if ids.iter().copied().eq(expected) {
        return Ok(());
    }
    Err(Failed::from(format!("{ids:?}")))
}
