//! A: what is claimed, replaced and released is counted right.

use xen_claims::wire::{
    self, xenmemf_exact_node, XEN_DOMCTL_CLAIM_MEMORY_GET, XEN_DOMCTL_CLAIM_MEMORY_HOST as HOST,
};
use xen_claims::{Errno, Placement, Target};

use super::context::{entry, expect, host, on, CaseContext, Check, PAGE, TWO_MIB};
use super::Case;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "A1",
        "a claim of most of a node is counted exactly, and destroying the domain gives it back",
        most_of_a_node,
    ),
    Case::new(
        "A2",
        "a host claim is replaced after a page of it was populated",
        replace_host_claim,
    ),
    Case::new(
        "A3",
        "a node claim is replaced after a page of it was populated",
        replace_node_claim,
    ),
    Case::new(
        "A4",
        "a legacy claim of half the host goes down by what is populated",
        legacy_claim,
    ),
    Case::new(
        "A5",
        "a claim keeps others off its node, and moves to another node at once",
        move_between_nodes,
    ),
    Case::new("A6", "a legacy claim of 0 releases", legacy_release),
    Case::new("A7", "a host entry of 0 releases a node claim", release),
    Case::new(
        "A8",
        "every node and the host in one set; GET returns it, host first, nodes ascending",
        every_target,
    ),
    Case::new(
        "A9",
        "a set replaces all of the old one, also the targets it does not name",
        replace_other_targets,
    ),
    Case::new(
        "A10",
        "a set that fails on its last entry leaves the old one as it was",
        refused_on_last_entry,
    ),
    Case::new(
        "A11",
        "a set may use the pages that the old one held",
        reuse_own_claim,
    ),
    Case::new(
        "A12",
        "a legacy claim after a set is refused, a set after a legacy claim replaces it",
        legacy_and_set,
    ),
    Case::new(
        "A13",
        "a legacy claim is reduced by what is populated, a claim set is not",
        already_populated,
    ),
    Case::new(
        "A14",
        "GET into too short an array says how many there are and copies none",
        short_array,
    ),
    Case::new(
        "A15",
        "a legacy claim on a node is one of that node, less what the domain has anywhere",
        legacy_on_a_node,
    ),
    Case::new(
        "A16",
        "what a domain has of each node is counted as it comes and goes",
        pages_by_node,
    ),
];

fn most_of_a_node(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let most = lab.most_of(Target::Node(node))?;
    lab.set(lab.a, &[on(node, most)])?;
    lab.expect_claimed(Target::Host, most)?;
    lab.expect_claimed(Target::Node(node), most)?;
    lab.destroy(lab.a)?;
    lab.expect_claimed(Target::Host, 0)?;
    lab.expect_claimed(Target::Node(node), 0)
}

fn replace_host_claim(lab: &CaseContext<'_>) -> Check {
    let all = lab.most_of(Target::Host)?;
    lab.set(lab.a, &[host(all)])?;
    lab.populate(lab.a, PAGE, 1, Placement::Any)?;
    lab.expect_claimed(Target::Host, all - 1)?;
    // Not half minus 1: pages already populated are not subtracted from a claim set.
    lab.set(lab.a, &[host(all / 2)])?;
    lab.expect_claimed(Target::Host, all / 2)
}

fn replace_node_claim(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let all = lab.most_of(Target::Node(node))?;
    lab.set(lab.a, &[on(node, all)])?;
    lab.populate(lab.a, PAGE, 1, Placement::Exact(node))?;
    lab.expect_claimed(Target::Node(node), all - 1)?;
    lab.set(lab.a, &[on(node, all / 2)])?;
    lab.expect_claimed(Target::Node(node), all / 2)?;
    lab.expect_claimed(Target::Host, all / 2)
}

fn legacy_claim(lab: &CaseContext<'_>) -> Check {
    let half = lab.most_of(Target::Host)? / 2;
    lab.legacy(lab.a, half)?;
    lab.expect_claims(lab.a, &[host(half)])?;
    lab.populate(lab.a, PAGE, 10, Placement::Any)?;
    lab.expect_claimed(Target::Host, half - 10)?;
    if lab.subject.legacy_entry {
        // The same request through the new call, by a domain that has nothing yet.
        lab.destroy(lab.a)?;
        lab.legacy_entry(lab.b, half)?;
        lab.expect_claims(lab.b, &[host(half)])?;
        lab.legacy_entry(lab.b, 0)?;
        lab.expect_claims(lab.b, &[])?;
    }
    Ok(())
}

fn move_between_nodes(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    // On a live host, up to the slack is left for B; twice that is not.
    let some = (2 * lab.slack()).max(1);
    lab.set(lab.a, &[on(n0, lab.most_of(Target::Node(n0))?)])?;
    lab.deny(lab.b, some, Placement::Exact(n0))?;

    lab.set(lab.a, &[on(n1, lab.most_of(Target::Node(n1))?)])?;
    lab.populate(lab.b, PAGE, some, Placement::Exact(n0))?;
    lab.deny(lab.b, some, Placement::Exact(n1))?;

    lab.set(lab.a, &[host(0)])?;
    lab.populate(lab.b, PAGE, some, Placement::Exact(n1))
}

fn legacy_release(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.legacy(lab.a, 8)?;
    lab.expect_claimed(Target::Host, 8)?;
    lab.legacy(lab.a, 0)?;
    lab.expect_claimed(Target::Host, 0)?;
    // Whatever the domain holds goes, node claims included.
    lab.set(lab.a, &[host(8), on(node, 8)])?;
    lab.legacy(lab.a, 0)?;
    lab.expect_claimed(Target::Node(node), 0)?;
    lab.expect_claimed(Target::Host, 0)
}

fn release(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 8)])?;
    lab.expect_claimed(Target::Node(node), 8)?;
    lab.set(lab.a, &[host(0)])?;
    lab.expect_claimed(Target::Node(node), 0)?;
    lab.expect_claimed(Target::Host, 0)?;
    // Releasing succeeds whatever the limits of the domain are.
    lab.set(lab.a, &[on(node, 8)])?;
    lab.set_max_pages(lab.a, 1)?;
    lab.set(lab.a, &[host(0)])?;
    lab.populate(lab.a, PAGE, 1, Placement::Any)?;
    lab.set_max_pages(lab.a, 0)?;
    lab.set(lab.a, &[host(0), on(node, 0)])
}

fn every_target(lab: &CaseContext<'_>) -> Check {
    let nodes = lab.all_nodes().iter().zip(10..);
    let mut claims: Vec<_> = nodes.map(|(node, pages)| on(*node, pages)).collect();
    claims.push(host(9));
    // Whatever the order it was asked in.
    claims.reverse();
    lab.set(lab.a, &claims)?;
    claims[1..].reverse();
    let mut expected: Vec<_> = claims.iter().map(|claim| (*claim).into()).collect();

    // Rubbish in the array must not shine through, not even in the padding.
    let rubbish = wire::xen_memory_claim {
        pages: 7,
        target: 7,
        pad: 7,
    };
    let mut array = vec![rubbish; wire::NO_CLAIMS.len()];
    expected.resize(array.len(), rubbish);
    let room = array.len() as u32;
    let mode = XEN_DOMCTL_CLAIM_MEMORY_GET;
    let (count, result) = lab.call(lab.a, mode, room, Some(&mut array));
    expect("the result of GET", Ok(()), result)?;
    expect("entries there are", claims.len(), count as usize)?;
    expect("the array", expected, array)?;

    for (node, pages) in lab.all_nodes().iter().zip(10..) {
        lab.expect_claimed(Target::Node(*node), pages)?;
    }
    let total = claims.iter().map(|claim| claim.pages.get()).sum();
    lab.expect_claimed(Target::Host, total)
}

fn replace_other_targets(lab: &CaseContext<'_>) -> Check {
    let [n0, n1, n2] = lab.nodes()?;
    lab.set(lab.a, &[on(n0, 3), on(n1, 5), host(7)])?;
    lab.set(lab.a, &[on(n1, 11), on(n2, 13)])?;
    lab.expect_claims(lab.a, &[on(n1, 11), on(n2, 13)])?;
    lab.expect_claimed(Target::Node(n0), 0)?;
    lab.expect_claimed(Target::Node(n1), 11)?;
    lab.expect_claimed(Target::Node(n2), 13)?;
    lab.expect_claimed(Target::Host, 24)
}

fn refused_on_last_entry(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let last = lab.all_nodes().last().copied().unwrap_or(node);
    // All but a few, so that on a host of one node the host entries fit.
    lab.set(lab.b, &[on(last, lab.most_of(Target::Node(last))? - 64)])?;
    let mut old = vec![host(7)];
    let mut new = vec![host(3)];
    if node != last {
        old.push(on(node, 5));
        new.push(on(node, 11));
    }
    lab.set(lab.a, &old)?;
    new.push(on(last, 64 + 2 * lab.slack() + 1));
    lab.set_refused(lab.a, &new, Errno::ENOMEM)?;
    lab.expect_claims(lab.a, &old)
}

fn reuse_own_claim(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let full = lab.most_of(Target::Node(node))?;
    for pages in [full, full, full / 2] {
        lab.set(lab.a, &[on(node, pages)])?;
        lab.expect_claims(lab.a, &[on(node, pages)])?;
        lab.expect_claimed(Target::Node(node), pages)?;
    }
    // The same for the host as a whole.
    lab.set(lab.a, &[host(0)])?;
    let full = lab.most_of(Target::Host)?;
    for pages in [full, full, full / 2] {
        lab.set(lab.a, &[host(pages)])?;
        lab.expect_claimed(Target::Host, pages)?;
    }
    Ok(())
}

fn legacy_and_set(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 4)])?;
    lab.legacy_refused(lab.a, 8, Errno::EINVAL)?;
    lab.legacy(lab.a, 0)?;
    lab.legacy(lab.a, 8)?;
    lab.legacy_refused(lab.a, 9, Errno::EINVAL)?;
    lab.set(lab.a, &[host(2), on(node, 4)])?;
    lab.expect_claims(lab.a, &[host(2), on(node, 4)])?;
    lab.expect_claimed(Target::Host, 6)
}

fn already_populated(lab: &CaseContext<'_>) -> Check {
    lab.populate(lab.a, PAGE, 10, Placement::Any)?;
    // A legacy claim says how large the domain is to be, and it has that already.
    lab.legacy_refused(lab.a, 10, Errno::EINVAL)?;
    lab.legacy(lab.a, 100)?;
    lab.expect_claims(lab.a, &[host(90)])?;
    lab.set(lab.a, &[host(100)])?;
    lab.expect_claims(lab.a, &[host(100)])?;
    // So the one may go up to the maximum, and the other only that far beyond the 10.
    lab.legacy(lab.a, 0)?;
    lab.set_max_pages(lab.a, 100)?;
    lab.set_refused(lab.a, &[host(91)], Errno::EINVAL)?;
    lab.legacy_refused(lab.a, 101, Errno::EINVAL)?;
    lab.legacy(lab.a, 100)?;
    lab.expect_claims(lab.a, &[host(90)])
}

fn short_array(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 4), host(2)])?;
    let get =
        |room, array: Option<&mut [_]>| lab.call(lab.a, XEN_DOMCTL_CLAIM_MEMORY_GET, room, array);
    let too_short = (2, Err(Errno::ERANGE));
    expect("GET without an array", too_short, get(0, None))?;
    let untouched = [entry(7, 7); 2];
    let mut array = untouched;
    let short = get(1, Some(&mut array[..]));
    expect("GET into one entry", too_short, short)?;
    expect("the array", untouched, array)?;
    expect(
        "GET into two entries",
        (2, Ok(())),
        get(2, Some(&mut array[..])),
    )?;
    let claims = [entry(HOST, 2), on(node, 4).into()];
    expect("the array", claims, array)?;

    // The host entry is always there.
    lab.set(lab.a, &[host(0)])?;
    expect("GET of no claims", (1, Err(Errno::ERANGE)), get(0, None))?;
    expect(
        "GET of no claims",
        (1, Ok(())),
        get(2, Some(&mut array[..])),
    )?;
    expect("the host entry", entry(HOST, 0), array[0])
}

fn legacy_on_a_node(lab: &CaseContext<'_>) -> Check {
    let [node, other] = lab.nodes()?;
    lab.populate(lab.a, PAGE, 10, Placement::Exact(other))?;
    lab.legacy_on(lab.a, node, 100)?;
    lab.expect_claims(lab.a, &[on(node, 90)])?;
    // It is used up as a claim of a set is: pages of the node first, and it says where they are from.
    lab.populate(lab.a, PAGE, 40, Placement::Any)?;
    lab.expect_claims(lab.a, &[on(node, 50)])?;
    lab.expect_pages(lab.a, &[(node, 40), (other, 10)])?;
    // One claim at a time, whatever it is on, and 0 releases it whatever node is named.
    lab.legacy_refused(lab.a, 200, Errno::EINVAL)?;
    let flags = xenmemf_exact_node(other);
    lab.legacy_flags_refused("on another node", lab.a, flags, 200, Errno::EINVAL)?;
    lab.legacy_on(lab.a, other, 0)?;
    lab.expect_claimed(Target::Host, 0)?;
    // A set replaces it; it replaces no set.
    lab.legacy_on(lab.a, node, 60)?;
    lab.set(lab.a, &[on(other, 5), host(6)])?;
    lab.expect_claims(lab.a, &[host(6), on(other, 5)])?;
    lab.legacy_flags_refused("on a node", lab.a, flags, 200, Errno::EINVAL)?;
    // Others' claims on the node count against it, those on the host do not but on the host.
    lab.set(lab.a, &[host(0)])?;
    let most = lab.most_of(Target::Node(node))?;
    lab.set(lab.a, &[on(node, most)])?;
    let flags = xenmemf_exact_node(node);
    let more = 2 * lab.slack() + 1;
    lab.legacy_flags_refused("on a node claimed", lab.b, flags, more, Errno::ENOMEM)?;
    lab.set(lab.a, &[host(most)])?;
    lab.legacy_on(lab.b, node, more)?;
    lab.expect_claims(lab.b, &[on(node, more)])
}

fn pages_by_node(lab: &CaseContext<'_>) -> Check {
    let [first, second] = lab.nodes()?;
    lab.expect_pages(lab.a, &[])?;
    lab.populate(lab.a, TWO_MIB, 2, Placement::Exact(first))?;
    lab.populate(lab.a, PAGE, 3, Placement::Exact(second))?;
    lab.populate(lab.b, PAGE, 1, Placement::Exact(second))?;
    lab.expect_pages(lab.a, &[(first, 1024), (second, 3)])?;
    lab.expect_pages(lab.b, &[(second, 1)])?;
    // They are what was given, and not what was claimed.
    lab.set(lab.a, &[on(first, 7), host(8)])?;
    lab.depopulate(lab.a, PAGE, 2)?;
    lab.expect_pages(lab.a, &[(first, 1024), (second, 1)])?;
    lab.depopulate(lab.a, PAGE, 1)?;
    lab.depopulate(lab.a, TWO_MIB, 1)?;
    lab.expect_pages(lab.a, &[(first, 512)])?;
    lab.expect_pages(lab.b, &[(second, 1)])
}
