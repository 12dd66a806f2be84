//! I: what can't be is refused, with the right errno, and changes nothing.

use xen_claims::limits::{DOMAIN_ID, MAX_CLAIMS, MAX_NODES};
use xen_claims::wire::{
    xenmemf_exact_node, XENMEMF_EXACT_NODE_REQUEST, XEN_DOMCTL_CLAIM_MEMORY_GET as GET,
    XEN_DOMCTL_CLAIM_MEMORY_HOST as HOST, XEN_DOMCTL_CLAIM_MEMORY_LEGACY as LEGACY,
    XEN_DOMCTL_CLAIM_MEMORY_SET as SET,
};
use xen_claims::{DomainId, Errno, NodeId, Pages, Placement, Target};

use super::context::{entry, expect, host, on, skip, CaseContext, Check, PAGE};
use super::Case;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "I1",
        "a target that is the number of nodes: ENOENT",
        past_the_nodes,
    ),
    Case::new("I2", "256 entries: E2BIG", many_entries),
    Case::new("I3", "target 256: ENOENT", target_256),
    Case::new("I4", "2^31 pages on a node: ENOMEM", two_to_31),
    Case::new("I5", "pad = 1: EINVAL", pad),
    Case::new("I6", "0 entries, null: EINVAL", none_null),
    Case::new("I7", "1 entry, null: EFAULT", one_null),
    Case::new("I8", "0 entries, a pointer: EINVAL", none_with_pointer),
    Case::new(
        "I9",
        "free + 1 pages: legacy, host, node: ENOMEM",
        one_too_many,
    ),
    Case::new("I10", "the same node twice; the host twice: EINVAL", twice),
    Case::new(
        "I11",
        "2^64 - 1 pages 65 times; sums that wrap: never success",
        wrap,
    ),
    Case::new("I12", "mode 2: EOPNOTSUPP", mode_2),
    Case::new("I13", "an unknown domid; a dying domain: ESRCH", no_domain),
    Case::new(
        "I14",
        "more than max_pages in total though free: EINVAL",
        over_max,
    ),
    Case::new(
        "I15",
        "LEGACY beside another entry; LEGACY twice: EINVAL",
        legacy_beside,
    ),
    Case::new("I16", "an unprivileged caller: EPERM", unprivileged).without_permission(),
    Case::new(
        "I17",
        "a legacy claim with other flags: EINVAL; on a node there is not: ENOENT",
        legacy_flags,
    ),
];

/// A node as a target on the wire.
fn target(node: NodeId) -> u32 {
    // OK because a node id is below 64.
    node.index() as u32
}

fn past_the_nodes(lab: &CaseContext<'_>) -> Check {
    let entries = [entry(lab.number_of_nodes(), 1)];
    lab.entries_refused("a node there is not", lab.a, &entries, &[Errno::ENOENT])
}

fn many_entries(lab: &CaseContext<'_>) -> Check {
    let entries = [entry(HOST, 1); 256];
    lab.entries_refused("256 entries", lab.a, &entries, &[Errno::E2BIG])?;
    let entries = &entries[..MAX_CLAIMS + 1];
    lab.entries_refused("66 entries", lab.a, entries, &[Errno::E2BIG])?;
    // 65 are not too many: now the second one is wrong.
    let entries = &entries[..MAX_CLAIMS];
    lab.entries_refused("65 entries", lab.a, entries, &[Errno::EINVAL])?;
    // The number is looked at before the array is.
    lab.call_refused("256 entries, null", lab.a, SET, 256, None, &[Errno::E2BIG])
}

fn target_256(lab: &CaseContext<'_>) -> Check {
    // A hypervisor that keeps 8 bits of it would take it for node 0.
    lab.entries_refused("node 256", lab.a, &[entry(256, 1)], &[Errno::ENOENT])
}

fn two_to_31(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let pages = 1 << 31;
    if lab.unclaimed(Target::Node(node))? >= pages {
        return skip("a node of this host has as many pages");
    }
    lab.set_refused(lab.a, &[on(node, pages)], Errno::ENOMEM)?;
    // Nor must the low 32 bits be taken for the number.
    lab.set_refused(lab.a, &[on(node, (1 << 32) + 1)], Errno::ENOMEM)
}

fn pad(lab: &CaseContext<'_>) -> Check {
    let node = target(lab.node()?);
    for bad in [entry(node, 1), entry(HOST, 1), entry(LEGACY, 1)] {
        let mut bad = bad;
        bad.pad = 1;
        lab.entries_refused("pad = 1", lab.a, &[bad], &[Errno::EINVAL])?;
    }
    // Before the target is looked at, and in every entry.
    let mut bad = entry(256, 1);
    bad.pad = 1;
    let entries = [entry(HOST, 1), bad];
    lab.entries_refused("pad = 1, target 256", lab.a, &entries, &[Errno::EINVAL])
}

fn none_null(lab: &CaseContext<'_>) -> Check {
    lab.call_refused("0 entries, null", lab.a, SET, 0, None, &[Errno::EINVAL])
}

fn one_null(lab: &CaseContext<'_>) -> Check {
    lab.call_refused("1 entry, null", lab.a, SET, 1, None, &[Errno::EFAULT])?;
    lab.call_refused("GET into null", lab.a, GET, 1, None, &[Errno::EFAULT])?;
    // 1.14: it says how many entries there are.
    let mut count = 9;
    let refused = lab.host.claim_memory(lab.a, GET, &mut count, None);
    expect(
        "GET of 9 into null",
        (Err(Errno::EFAULT), 1),
        (refused, count),
    )
}

fn none_with_pointer(lab: &CaseContext<'_>) -> Check {
    // It must not be taken for "release everything".
    lab.set(lab.a, &[host(8)])?;
    let entries = [entry(HOST, 1)];
    let what = "0 entries, a pointer";
    lab.call_refused(what, lab.a, SET, 0, Some(&entries), &[Errno::EINVAL])
}

fn one_too_many(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    // Nothing is claimed, so that unclaimed is free. On a live host more may get free meanwhile.
    let beyond = lab.slack() + 1;
    let on_host = lab.most_of(Target::Host)? + lab.slack();
    let on_node = lab.unclaimed(Target::Node(node))?;
    lab.legacy_refused(lab.a, on_host + beyond, Errno::ENOMEM)?;
    lab.set_refused(lab.a, &[host(on_host + beyond)], Errno::ENOMEM)?;
    lab.set_refused(lab.a, &[on(node, on_node + beyond)], Errno::ENOMEM)?;
    // Node claims count against the host as well.
    let set = [on(node, 8), host(on_host - 8 + beyond)];
    lab.set_refused(lab.a, &set, Errno::ENOMEM)
}

fn twice(lab: &CaseContext<'_>) -> Check {
    let node = target(lab.node()?);
    let refused = |what, entries: &[_]| {
        let errnos = &[Errno::EINVAL];
        lab.entries_refused(what, lab.a, entries, errnos)
    };
    refused("a node twice", &[entry(node, 1), entry(node, 1)])?;
    refused("the host twice", &[entry(HOST, 1), entry(HOST, 1)])?;
    // Entries of 0 pages are entries.
    refused("a node twice, empty", &[entry(node, 0), entry(node, 0)])?;
    let apart = [entry(HOST, 0), entry(node, 1), entry(HOST, 0)];
    refused("the host twice, empty", &apart)?;
    // Before its pages are looked at.
    let too_many = [entry(node, 1), entry(node, u64::MAX)];
    refused("a node twice, and too many pages", &too_many)
}

fn wrap(lab: &CaseContext<'_>) -> Check {
    let node = target(lab.node()?);
    let refused = |what, entries: &[_]| {
        let errnos = &[Errno::ENOMEM, Errno::EINVAL];
        lab.entries_refused(what, lab.a, entries, errnos)
    };
    // OK because there are 64 nodes.
    let mut all: Vec<_> = (0..MAX_NODES as u32).map(|n| entry(n, u64::MAX)).collect();
    all.push(entry(HOST, u64::MAX));
    all.sort_by_key(|e| e.target != node);
    refused("65 entries of 2^64 - 1", &all)?;
    let wraps = [entry(HOST, u64::MAX - 7), entry(node, 16)];
    refused("a sum that wraps to 8", &wraps)?;
    let wraps = [entry(node, 16), entry(HOST, u64::MAX - 7)];
    refused("the same, the host last", &wraps)?;
    // With what the domain has: 10 pages, and a claim that wraps with them but not by itself.
    lab.populate(lab.a, PAGE, 10, Placement::Any)?;
    refused("2^64 - 1 and 10 populated", &[entry(HOST, u64::MAX)])?;
    // With what it claims already.
    lab.set(lab.a, &[host(4)])?;
    refused("2^64 - 4 and 4 claimed", &[entry(node, u64::MAX - 3)])?;
    refused("2^64 - 4 and 4 claimed", &[entry(HOST, u64::MAX - 3)])
}

fn mode_2(lab: &CaseContext<'_>) -> Check {
    let entries = [entry(HOST, 1)];
    let errnos = &[Errno::EOPNOTSUPP];
    lab.call_refused("mode 2", lab.a, 2, 1, Some(&entries), errnos)?;
    // Before the number of entries is looked at.
    lab.call_refused("mode 2, 0 entries", lab.a, 2, 0, None, errnos)
}

fn no_domain(lab: &CaseContext<'_>) -> Check {
    let known: Vec<_> = lab.host.domains()?.iter().map(|d| d.domain).collect();
    let ids = DOMAIN_ID.range().rev();
    let ids = ids.filter_map(|id| DomainId::new(id as i64).ok());
    let Some(unknown) = ids.into_iter().find(|id| !known.contains(id)) else {
        return skip("this host has every domain there can be");
    };
    lab.set_refused(unknown, &[host(1)], Errno::ESRCH)?;
    lab.get_refused(unknown, Errno::ESRCH)?;
    // Before anything else is looked at.
    lab.call_refused("mode 2", unknown, 2, 0, None, &[Errno::ESRCH])?;
    lab.legacy_refused(unknown, 1, Errno::EINVAL)?;
    let pages = lab.host.node_pages(unknown).map_err(|error| error.errno);
    expect("pages by node", Err(Errno::ESRCH), pages)?;

    lab.populate(lab.a, PAGE, 2, Placement::Any)?;
    lab.set(lab.a, &[host(8)])?;
    lab.begin_destroy(lab.a)?;
    // What it still has can be seen; that this is all it has is I5.
    let has = lab.host.node_pages(lab.a)?;
    let some = has.iter().any(|pages| *pages > Pages::ZERO);
    expect("some pages by node", true, some)?;
    lab.expect_claimed(Target::Host, 0)?;
    lab.set_refused(lab.a, &[host(1)], Errno::ESRCH)?;
    lab.set_refused(lab.a, &[host(0)], Errno::ESRCH)?;
    lab.get_refused(lab.a, Errno::ESRCH)?;
    lab.legacy_refused(lab.a, 1, Errno::EINVAL)
}

fn over_max(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set_max_pages(lab.a, 100)?;
    lab.set_refused(lab.a, &[on(node, 101)], Errno::EINVAL)?;
    lab.set_refused(lab.a, &[host(101)], Errno::EINVAL)?;
    lab.set_refused(lab.a, &[on(node, 50), host(51)], Errno::EINVAL)?;
    lab.set(lab.a, &[on(node, 50), host(50)])?;
    // What is populated counts, and what is claimed already does not count twice.
    lab.set(lab.a, &[host(0)])?;
    lab.populate(lab.a, PAGE, 40, Placement::Any)?;
    lab.set_refused(lab.a, &[on(node, 61)], Errno::EINVAL)?;
    lab.set(lab.a, &[on(node, 60)])?;
    expect("pages outstanding", 60, lab.outstanding(lab.a)?)
}

fn legacy_beside(lab: &CaseContext<'_>) -> Check {
    if !lab.subject.legacy_entry {
        return skip("this hypervisor takes no LEGACY entry");
    }
    let node = target(lab.node()?);
    let refused = |what, entries: &[_]| {
        let errnos = &[Errno::EINVAL];
        lab.entries_refused(what, lab.a, entries, errnos)
    };
    refused("LEGACY and a node", &[entry(LEGACY, 1), entry(node, 1)])?;
    refused("a node and LEGACY", &[entry(node, 1), entry(LEGACY, 1)])?;
    refused("LEGACY and the host", &[entry(LEGACY, 0), entry(HOST, 0)])?;
    refused("LEGACY twice", &[entry(LEGACY, 1), entry(LEGACY, 1)])?;
    // Its pages are not cut to 32 bits, of which 1 would be left.
    refused("LEGACY of many pages", &[entry(LEGACY, (1 << 32) + 1)])?;
    // Neither selector is taken out of a number that has both bits.
    let both = [entry(LEGACY | HOST, 1)];
    lab.entries_refused("both selectors", lab.a, &both, &[Errno::ENOENT])
}

fn legacy_flags(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let exact = xenmemf_exact_node(node);
    let prefer = exact & !XENMEMF_EXACT_NODE_REQUEST;
    let others = [
        ("preferring a node", prefer),
        ("of exactly no node", XENMEMF_EXACT_NODE_REQUEST),
        ("with an address limit too", exact | 32),
        ("populated on demand too", exact | (1 << 16)),
        ("with a flag that is none", exact | (1 << 31)),
    ];
    lab.set(lab.a, &[on(node, 8)])?;
    for (what, flags) in others {
        lab.legacy_flags_refused(what, lab.b, flags, 8, Errno::EINVAL)?;
        // Not to release either.
        lab.legacy_flags_refused(what, lab.a, flags, 0, Errno::EINVAL)?;
    }
    let of = |node: u32| ((node + 1) << 8) | XENMEMF_EXACT_NODE_REQUEST;
    for past in [lab.number_of_nodes(), 64, 254] {
        let what = format!("on node {past}");
        lab.legacy_flags_refused(&what, lab.b, of(past), 8, Errno::ENOENT)?;
        // More than the domain may have, or having a claim already, comes first.
        lab.legacy_flags_refused(&what, lab.b, of(past), u64::MAX, Errno::EINVAL)?;
        lab.legacy_flags_refused(&what, lab.a, of(past), 8, Errno::EINVAL)?;
    }
    let Some(offline) = NodeId::all()
        .last()
        .filter(|n| !lab.all_nodes().contains(n))
    else {
        return Ok(());
    };
    // To release, no node is looked at.
    lab.legacy_on(lab.a, offline, 0)?;
    lab.expect_claimed(Target::Host, 0)
}

fn unprivileged(lab: &CaseContext<'_>) -> Check {
    // FLASK answers EACCES, to this call as to every other.
    let errnos = &[Errno::EPERM, Errno::EACCES];
    lab.entries_refused("1 page of the host", lab.a, &[entry(HOST, 1)], errnos)?;
    // Not to release either; and before anything but the domain is looked at.
    lab.entries_refused("0 pages of the host", lab.a, &[entry(HOST, 0)], errnos)?;
    lab.call_refused("0 entries, null", lab.a, SET, 0, None, errnos)
}
