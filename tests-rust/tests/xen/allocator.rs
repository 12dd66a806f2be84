//! The conformance suite on Xen's own allocator: one test for each case and host.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::{Completion, Failed, Trial};
use xen_claims::{
    Claim, ClaimSet, DomainControl, Errno, Hypervisor, NodeId, Pages, Placement, Target, Topology,
};
use xen_claims_lab::allocator::{Boot, Build, Flags, Host, Placing};
use xen_claims_tests::conformance::{self, Case, Outcome, Snapshot, Subject, SOAK};
use xen_claims_tests::shown::Shown;

type Test = fn(&Build) -> Result<(), Failed>;

pub fn trials(build: &Build, shown: &Arc<Shown>) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for (name, boot, soak) in hosts()? {
        // Where zones make a difference.
        let wanted = |case: &&Case| !name.starts_with("dma") || case.id.starts_with(['P', 'R']);
        for case in conformance::cases().filter(wanted) {
            trials.push(trial(&name, case, build, &boot, soak, shown));
        }
    }
    let tests = [
        ("full_host", full_host as Test),
        ("set_amid_populating", set_amid_populating),
        ("low_memory", low_memory),
    ];
    for (name, test) in tests {
        let build = build.clone();
        let name = format!("suite::{name}");
        trials.push(Trial::test(name, move || test(&build)));
    }
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
    // The whole first node is in the DMA zone, and no other; half of each.
    let dma = |contents| Flags {
        dirty: contents,
        contents,
        dma: true,
    };
    let large = NodeId::all()
        .take(3)
        .map(|node| (node, Pages::new(1 << 19)));
    let first = Boot::new(&Topology::new(large)?).flags(dma(false));
    hosts.push(("dma_node".to_owned(), first, short));
    let half = NodeId::all().take(3).map(|node| (node, Pages::new(20000)));
    let half = Boot::new(&Topology::new(half)?).flags(dma(true));
    hosts.push(("dma_halves".to_owned(), half.placing(Placing::Split), short));
    Ok(hosts)
}

fn trial(
    host: &str,
    case: &'static Case,
    build: &Build,
    boot: &Boot,
    soak: Duration,
    shown: &Arc<Shown>,
) -> Trial {
    let (build, boot, shown) = (build.clone(), boot.clone(), shown.clone());
    Trial::ignorable_test(format!("{host}::{}", case.id), move || {
        let host = Arc::new(Host::boot(&build, &boot).map_err(Failed::from)?);
        let mut subject = Subject::new(host.clone());
        subject.soak = soak;
        let outcome = conformance::run(case, &subject, &|_| {});
        let wrong = host
            .violations(true)
            .map_err(|errno| Failed::from(errno.to_string()))?;
        match outcome {
            Outcome::Passed if wrong.is_empty() => {
                shown.passed(case);
                Ok(Completion::Completed)
            }
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
        host.fail_heap(true)
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
    let wrong = host.violations(true);
    assert_eq!(wrong.map_err(|errno| Failed::from(errno.to_string()))?, "");
    Ok(())
}

/// 1.14: a SET between redeeming and assigning does not see what is on its way. What the domain claims
/// beyond its maximum then is its own affair, and ends with it.
fn set_amid_populating(build: &Build) -> Result<(), Failed> {
    // So that there is something to scrub.
    let dirty = Flags {
        dirty: true,
        ..Flags::default()
    };
    let host = Host::boot(build, &Boot::new(&"2x1".parse()?).flags(dirty))?;
    let (a, b) = (host.create()?, host.create()?);
    let n0 = NodeId::new(0)?;
    let claims = |domain, target, pages| {
        let pages = Pages::new(pages);
        let set = ClaimSet::new([Claim { pages, target }]);
        let set = set.map_err(|error| Failed::from(error.to_string()))?;
        host.set(domain, &set).map_err(Failed::from)
    };
    for domain in [a, b] {
        host.set_max_pages(domain, Pages::new(1024))?;
    }
    claims(b, Target::Node(n0), 300)?;
    claims(a, Target::Node(n0), 512)?;
    let failed = |errno: Errno| Failed::from(errno.to_string());
    host.claim_amid(a, Pages::new(1024)).map_err(failed)?;
    assert_eq!(host.populate(a, 9, 1, Placement::Exact(n0))?, 1);

    // 512 it has and 1024 it claims are more than 1024.
    let only_a = [format!("I3: {a}")];
    let broken = Snapshot::take(&host)?.violations(|_| false);
    assert!(
        broken.len() == 1 && broken[0].starts_with(&only_a[0]),
        "{broken:?}"
    );
    assert_eq!(host.violations(true).map_err(failed)?, "");
    assert_eq!(host.get(b)?.total(), Pages::new(300));
    assert_eq!(host.populate(a, 9, 1, Placement::Any)?, 1);
    assert_eq!(host.domain(a)?.outstanding_pages, Pages::new(512));
    assert_eq!(host.populate(b, 0, 300, Placement::Any)?, 300);
    host.release(a)?;
    assert_eq!(host.host()?.claimed, Pages::ZERO);

    host.destroy(a)?;
    let a = host.create()?;
    host.set_max_pages(a, Pages::new(512))?;
    host.claim_amid(a, Pages::new(512)).map_err(failed)?;
    assert_eq!(host.populate(a, 9, 1, Placement::Any)?, 1);
    assert_eq!(host.host()?.claimed, Pages::new(512));
    host.destroy(a)?;
    assert_eq!(host.host()?.claimed, Pages::ZERO);
    assert_eq!(host.violations(true).map_err(failed)?, "");
    Ok(())
}

/// 1.14: low memory is claimed like any other, and who needs some of a node has to leave it unclaimed.
/// Would fail for pages below the end of the DMA zone that are kept off claims, or claims off them.
fn low_memory(build: &Build) -> Result<(), Failed> {
    let dma = Flags {
        dma: true,
        ..Flags::default()
    };
    let nodes = NodeId::all().take(2).map(|node| (node, Pages::new(4096)));
    let boot = Boot::new(&Topology::new(nodes)?).flags(dma);
    let host = Host::boot(build, &boot.placing(Placing::Split))?;
    let (a, n0) = (host.create()?, NodeId::new(0)?);
    host.set_max_pages(a, Pages::new(8192))?;
    let claim = |pages| {
        let (pages, target) = (Pages::new(pages), Target::Node(n0));
        let set = ClaimSet::new([Claim { pages, target }]);
        let set = set.map_err(|error| Failed::from(error.to_string()))?;
        host.set(a, &set).map_err(Failed::from)
    };
    let own = |placement| host.populate_extent(a, 0, placement, false);
    claim(4096)?;
    assert_eq!(own(Placement::Exact(n0))?, None);
    assert!(own(Placement::Prefer(n0))?.is_some(), "of the other node");
    claim(4000)?;
    for _ in 0..96 {
        assert!(own(Placement::Exact(n0))?.is_some());
    }
    assert_eq!(own(Placement::Exact(n0))?, None);
    assert_eq!(host.populate(a, 0, 4000, Placement::Any)?, 4000);
    assert_eq!(host.host()?.claimed, Pages::ZERO);
    Ok(())
}
