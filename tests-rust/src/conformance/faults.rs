//! F: builders that die, memory that goes away, allocations that fail.

use xen_claims::{Claim, Errno, NodeId, Pages, Placement, Recall, Target};

use super::builders::Request;
use super::context::{claim_set, expect, host, on, skip, CaseContext, Check, Stop, PAGE, TWO_MIB};
use super::race::{race, First};
use super::Case;

/// Pages of an extent of 2 MiB.
const LARGE: u64 = 1 << TWO_MIB;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F1",
        "a builder is killed amid its work: its claims stand, another process finds and releases them",
        killed_builder,
    ),
    Case::new(
        "F2",
        "offlining a free page of a fully claimed node recalls one claimed page of its first domain, and logs it",
        offline_claimed,
    ),
    Case::new(
        "F3",
        "offlining a page in use of a claimed node recalls nothing",
        offline_used,
    ),
    Case::new(
        "F4",
        "claims installed while their domain is destroyed do not leak, whichever is first",
        claim_while_dying,
    ),
    Case::new(
        "F5",
        "an allocation that fails after claims were checked changes no count",
        failed_allocation,
    ),
    Case::new(
        "F6",
        "domains that come and go with claims on nodes leave no memory of Xen's behind",
        no_memory_left,
    ),
];

/// What a process is killed by, so that nothing in it can clean up.
const SIGKILL: i32 = 9;

fn killed_builder(lab: &CaseContext<'_>) -> Check {
    if lab.subject.processes.is_none() {
        return skip("this hypervisor dies with its process");
    }
    let node = lab.node()?;
    let set = claim_set(&[host(4), on(node, 8)])?;
    lab.note("another process claims for A, begins to populate it, and is killed");
    let other = lab.other_builder()?;
    other.make(&Request::set(lab.a, &set))??;
    let begun = Request::populate(lab.a, PAGE, 2, Placement::Exact(node));
    expect("extents populated", 2, other.make(&begun)??)?;
    expect("the signal that ended it", SIGKILL, other.kill()?)?;
    lab.check()?;
    expect("pages of A", 2, lab.populated(lab.a)?)?;
    lab.expect_claims(lab.a, &[host(4), on(node, 6)])?;
    lab.expect_claimed(Target::Host, 10)?;
    lab.set(lab.a, &[host(0)])?;
    lab.expect_claimed(Target::Node(node), 0)?;
    lab.expect_claimed(Target::Host, 0)
}

/// A claims all of a target, not only most. On a live host some of it may be gone before it is
/// claimed; that is tried again, and nothing else is.
fn claim_all(lab: &CaseContext<'_>, target: Target) -> Check<Claim> {
    let mut retries = if lab.slack() == 0 { 0 } else { 20 };
    loop {
        let pages = Pages::new(lab.most_of(target)? + lab.slack());
        let claim = Claim { pages, target };
        let set = claim_set(&[claim])?;
        lab.note(format_args!("A claims all of {target}: {pages}"));
        let answer = lab.host.set(lab.a, &set);
        lab.check()?;
        match answer {
            Err(error) if error.errno == Errno::ENOMEM && retries > 0 => retries -= 1,
            answer => return Ok(answer.map(|()| claim)?),
        }
    }
}

fn offline_claimed(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    recall_one(lab, node, Target::Node(node))?;
    // The node has pages that it did not promise, the host as a whole has not.
    lab.set(lab.a, &[host(0)])?;
    recall_one(lab, node, Target::Host)
}

/// All of `target` is claimed, by two domains, and a page of `node` goes away.
fn recall_one(lab: &CaseContext<'_>, node: NodeId, target: Target) -> Check {
    let faults = lab.faults();
    let pages = Pages::new(2);
    let little = Claim { pages, target };
    lab.set(lab.b, &[little])?;
    let rest = claim_all(lab, target)?;
    let before = faults.recalls().len();
    // On a live host some pages may have come free since all of them were claimed; those go first.
    let attempts = if lab.slack() == 0 { 1 } else { 12 };
    for _ in 0..attempts {
        lab.offline("a free page", node, |faults| faults.offline_free_page(node))?;
        if faults.recalls().len() > before {
            break;
        }
    }
    let recalls = faults.recalls().split_off(before);
    // 1.11: the one that was created first.
    let domain = lab.a.min(lab.b);
    let pages = Pages::new(1);
    let recall = Recall {
        domain,
        target,
        pages,
    };
    expect("recalls logged", vec![recall], recalls)?;
    for (holder, claim) in [(lab.a, rest), (lab.b, little)] {
        let lost = Pages::new(u64::from(holder == domain));
        let pages = claim.pages.saturating_sub(lost);
        lab.expect_claims(holder, &[Claim { pages, target }])?;
    }
    lab.expect_claimed(target, rest.pages.get() + 1)
}

fn offline_used(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let faults = lab.faults();
    // A single page may be one that Xen freed of its own image, and never lets go out of use.
    lab.populate(lab.a, TWO_MIB, 1, Placement::Exact(node))?;
    let claim = claim_all(lab, Target::Node(node))?;
    let before = faults.recalls();
    lab.offline("a page that A has", node, |faults| {
        faults.offline_used_page(node, lab.a)
    })?;
    lab.expect_claims(lab.a, &[claim])?;
    expect("recalls", &before, &faults.recalls())?;
    // It goes when it is freed: of the 512, 511 come back.
    lab.depopulate(lab.a, TWO_MIB, 1)?;
    let unclaimed = lab.unclaimed(Target::Node(node))?;
    if unclaimed.abs_diff(511) > lab.slack() {
        return expect("pages that came back", 511, unclaimed);
    }
    lab.expect_claims(lab.a, &[claim])?;
    expect("recalls", &before, &faults.recalls())
}

fn claim_while_dying(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let claims = [host(4), on(node, 8)];
    let set = claim_set(&claims)?;
    let rounds = lab.subject.rounds();
    lab.note(format_args!(
        "a domain is destroyed while claims are installed on it, {rounds} times"
    ));
    let other = lab.other_builder()?;
    race(
        rounds,
        || lab.create(),
        |domain| lab.end(domain),
        |domain| other.make(&Request::set(domain, &set)),
        |_, destroyed, installed| {
            destroyed?;
            // In time, or too late; either way they are gone with the domain.
            let first = match installed? {
                Err(Errno::ESRCH) => First::Left,
                Ok(_) => First::Right,
                Err(errno) => return Err(Stop::failed("success or ESRCH", errno)),
            };
            lab.expect_claimed(Target::Node(node), 0)?;
            lab.expect_claimed(Target::Host, 0)?;
            Ok(first)
        },
    )?;
    lab.check()
}

/// So many domains for each page that free counts may move by themselves. Two would do: a Xen that keeps
/// what it takes for the claims of a domain has lost 201 pages after 341 domains.
const DOMAINS_PER_PAGE: u64 = 10;

/// If it stayed when they are gone, it would be more than free counts move by themselves.
fn no_memory_left(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let set = claim_set(&[on(node, 8)])?;
    let domains = (lab.slack() + 2) * DOMAINS_PER_PAGE;
    lab.note(format_args!(
        "{domains} domains claim of {node} and are destroyed, one after the other"
    ));
    for _ in 0..domains {
        let domain = lab.create()?;
        lab.host.set(domain, &set)?;
        lab.end(domain)?;
    }
    // Where their memory comes back late, it is waited for when the case is closed.
    lab.check()
}

fn failed_allocation(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let faults = lab.faults();
    match faults.fail_next_allocation() {
        Err(error) if error.errno == Errno::EOPNOTSUPP => return no_large_page(lab, node),
        result => result?,
    }
    lab.set(lab.a, &[on(node, 8), host(8)])?;
    lab.populate_refused(lab.a, PAGE, Placement::Exact(node))?;
    lab.expect_claims(lab.a, &[host(8), on(node, 8)])?;
    lab.populate(lab.a, PAGE, 1, Placement::Exact(node))?;
    lab.expect_claims(lab.a, &[host(8), on(node, 7)])
}

/// The same without a fault: the pages that are claimed are there, but no two of them in a row.
fn no_large_page(lab: &CaseContext<'_>, node: NodeId) -> Check {
    lab.break_up(node)?;
    let (c, exact) = (lab.create()?, Placement::Exact(node));
    let claims = [on(node, LARGE)];
    lab.set(c, &claims)?;
    lab.populate_refused(c, TWO_MIB, exact)?;
    lab.expect_claims(c, &claims)?;
    lab.populate(c, PAGE, 1, exact)?;
    lab.expect_claims(c, &[on(node, LARGE - 1)])
}
