//! The conformance suite on Xen's own allocator: one test for each case and host.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::{Completion, Failed, Trial};
use xen_claims::{
    Claim, ClaimSet, DomainBuilder, Errno, Hypervisor, NodeId, Pages, Target, Topology,
};
use xen_claims_tests::conformance::{self, Case, Outcome, Subject, SOAK};
use xen_claims_tests::native::{Boot, Build, Flags, Host, Placing};

pub fn trials(build: &Build) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for (name, boot, soak) in hosts()? {
        for case in conformance::cases() {
            trials.push(trial(&name, case, build, &boot, soak));
        }
    }
    let build = build.clone();
    trials.push(Trial::test("suite::full_host", move || full_host(&build)));
    Ok(trials)
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

/// Where Xen has no memory for itself, what is claimed can be looked at, replaced and given back:
/// only a domain's first claims on nodes need any. Would fail for a buffer that is allocated.
fn full_host(build: &Build) -> Result<(), Failed> {
    let host = Host::boot(build, &Boot::new(&"2x1".parse()?)).map_err(Failed::from)?;
    let (a, b) = (host.create()?, host.create()?);
    for domain in [a, b] {
        host.set_max_pages(domain, Pages::new(1000))?;
    }
    let (any, n0) = (Target::Host, Target::Node(NodeId::new(0)?));
    let n1 = Target::Node(NodeId::new(1)?);
    let set = |domain, claims: &[(Target, u64)]| {
        let claims = claims.iter().map(|&(target, pages)| Claim {
            pages: Pages::new(pages),
            target,
        });
        let set = ClaimSet::new(claims).map_err(|error| Failed::from(error.to_string()))?;
        Ok::<_, Failed>(host.set(domain, &set).map_err(|error| error.errno))
    };
    let no_heap = || {
        host.fail_heap()
            .map_err(|errno| Failed::from(errno.to_string()))
    };

    assert_eq!(set(a, &[(n0, 8), (any, 8)])?, Ok(()));
    no_heap()?;
    assert_eq!(host.get(a)?.total(), Pages::new(16));
    assert_eq!(set(a, &[(n1, 4), (n0, 2)])?, Ok(()));
    assert_eq!(set(b, &[(any, 4)])?, Ok(()));
    assert_eq!(set(b, &[(n0, 0), (n1, 0)])?, Ok(()));
    host.release(a)?;
    // None of these took the failure that is due.
    assert_eq!(set(b, &[(any, 1), (n0, 1)])?, Err(Errno::ENOMEM));
    assert_eq!(host.host()?.claimed, Pages::ZERO);
    Ok(())
}
