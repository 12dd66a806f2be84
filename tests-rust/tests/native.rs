//! The conformance suite on Xen's own allocator: one test for each case and host.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use xen_claims::{NodeId, Pages, Topology};
use xen_claims_tests::conformance::{self, Case, Outcome, Subject, SOAK};
use xen_claims_tests::native::{Boot, Build, Flags, Host, Placing, Profile, Tree, Xen};

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let Some(tree) = Tree::find()? else {
        println!(
            "skipped: no Xen tree is prepared (./dev xen prepare makes one, ./dev test does it)"
        );
        return Ok(());
    };
    let build = Build::new(&tree, Xen::Patched, Profile::Debug)?;
    let mut trials = Vec::new();
    for (name, boot, soak) in hosts()? {
        for case in conformance::cases() {
            trials.push(trial(&name, case, &build, &boot, soak));
        }
    }
    libtest_mimic::run(&arguments, trials).exit()
}

fn hosts() -> Result<Vec<(String, Boot, Duration)>> {
    let short = Duration::from_millis(500);
    let mut hosts = Vec::new();
    for nodes in [1, 2, 4, 8] {
        // Some cases need 1 GiB of one or two nodes.
        let pages = |node| Pages::new(if node < 2 { 1 << 19 } else { 1 << 15 });
        let all = (0..nodes).map(|node| Ok((NodeId::new(node)?, pages(node))));
        let boot = Boot::new(&Topology::new(all.collect::<Result<Vec<_>>>()?)?);
        let soak = if nodes == 2 { SOAK } else { short };
        hosts.push((format!("{nodes}_nodes"), boot, soak));
    }
    let odd = [(0, 0), (3, 1 << 19), (8, 5000), (63, 1 << 20)];
    let odd: Result<Vec<_>> = odd
        .into_iter()
        .map(|(id, pages)| Ok((NodeId::new(id)?, Pages::new(pages))))
        .collect();
    hosts.push((
        "odd_nodes".to_owned(),
        Boot::new(&Topology::new(odd?)?),
        short,
    ));
    let all = NodeId::all().map(|node| (node, Pages::new(4096)));
    let all = Boot::new(&Topology::new(all)?).placing(Placing::Packed);
    hosts.push(("64_nodes".to_owned(), all, short));
    let small: Vec<_> = NodeId::all()
        .take(3)
        .map(|node| (node, Pages::new(10000)))
        .collect();
    let small = Boot::new(&Topology::new(small)?).flags(Flags {
        dirty: true,
        contents: true,
        dma: false,
    });
    hosts.push(("scrubbing".to_owned(), small, short));
    Ok(hosts)
}

fn trial(host: &str, case: &'static Case, build: &Build, boot: &Boot, soak: Duration) -> Trial {
    let (build, boot) = (build.clone(), boot.clone());
    Trial::ignorable_test(format!("{host}::{}", case.id), move || {
        let host = Arc::new(Host::boot(&build, &boot).map_err(Failed::from)?);
        let mut subject = Subject::new(host.clone());
        subject.soak = soak;
        let outcome = conformance::run(case, &subject, &|_| {});
        let wrong = host
            .violations(true)
            .map_err(|errno| Failed::from(errno.to_string()))?;
        match outcome {
            Outcome::Passed if wrong.is_empty() => Ok(Completion::Completed),
            Outcome::Passed => Err(Failed::from(format!("{}\n{wrong}", case.title))),
            Outcome::Skipped(reason) => Ok(Completion::ignored_with(reason)),
            Outcome::Failed(report) => {
                Err(Failed::from(format!("{}\n{report}\n{wrong}", case.title)))
            }
        }
    })
}
