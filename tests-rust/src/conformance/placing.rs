//! P: a domain gets its pages where they are claimed, whatever else the host has to offer.

use std::collections::BTreeMap;

use xen_claims::{Claim, DomainId, NodeId, NodeSet, Pages, Placement, Target};

use super::context::{expect, host, on, skip, CaseContext, Check, Stop, ONE_GIB, PAGE, TWO_MIB};
use super::Case;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "P1",
        "populated by a builder that names no node, a domain gets what it claimed of each",
        |lab| table(lab, 0, |_| Placement::Any),
    ),
    Case::new(
        "P2",
        "populated by a builder that prefers the claimed nodes, it does so, too",
        |lab| table(lab, 1, Placement::Prefer),
    ),
    Case::new(
        "P3",
        "populated by a builder that names exact nodes, it does so, too",
        |lab| table(lab, 2, Placement::Exact),
    ),
    Case::new(
        "P4",
        "claimed nodes in the affinity come first, in turn, then those outside of it",
        in_turn,
    ),
    Case::new(
        "P5",
        "2 MiB that the claims cover, and no claimed node has, are refused; the pages are there",
        covered_in_pieces,
    ),
    Case::new(
        "P6",
        "2 MiB of which less is claimed come from wherever they are",
        more_than_claimed,
    ),
    Case::new(
        "P7",
        "a node that is named comes first, even if it is dirty and the claims are elsewhere",
        named_node,
    ),
    Case::new(
        "P8",
        "a domain with a host claim alone gets its pages where one without claims does",
        host_claim_alone,
    ),
    Case::new(
        "P9",
        "claims on a node whose memory is in pieces are redeemed in single pages",
        in_pieces,
    ),
];

/// What the free memory of the claimed nodes is like. That of the others is clean.
#[derive(Debug, Clone, Copy)]
enum Memory {
    Clean,
    Dirty,
    /// Half of what is claimed is clean.
    Mixed,
}

/// Where the node affinity of the domain is, to the nodes it claims memory of.
#[derive(Debug, Clone, Copy)]
enum Affinity {
    Inside,
    Across,
    Outside,
}

/// Free pages by node.
type Free = BTreeMap<NodeId, i128>;

fn free(lab: &CaseContext<'_>) -> Check<Free> {
    let nodes = lab.host.nodes()?.into_iter();
    Ok(nodes.map(|n| (n.node, n.free.get().into())).collect())
}

/// Scrubs what is dirty; false on a host that decides itself when to do so.
fn scrub(lab: &CaseContext<'_>) -> bool {
    lab.faults().scrub().is_ok()
}

/// Lets a domain have all of the nodes but `rest`, and end.
fn make_dirty(lab: &CaseContext<'_>, nodes: &[NodeId], rest: u64) -> Check {
    scrub(lab);
    let last = lab.create()?;
    for node in nodes {
        let mut left = lab.most_of(Target::Node(*node))?.saturating_sub(rest);
        for order in [ONE_GIB, TWO_MIB, PAGE] {
            let given = lab.populate_some(last, order, left >> order, Placement::Exact(*node))?;
            left -= given << order;
        }
    }
    lab.destroy(last)
}

/// A domain that claims so much, with its node affinity and the pages that were free then.
struct Build<'a> {
    lab: &'a CaseContext<'a>,
    domain: DomainId,
    claims: Vec<Claim>,
    free: Free,
}

impl<'a> Build<'a> {
    fn new(lab: &'a CaseContext<'a>, claims: Vec<Claim>, affinity: NodeSet) -> Check<Self> {
        let domain = lab.create()?;
        lab.set_affinity(domain, affinity)?;
        lab.set(domain, &claims)?;
        let free = free(lab)?;
        Ok(Build {
            lab,
            domain,
            claims,
            free,
        })
    }

    /// As libxenguest does it: large extents as far as they go, then smaller ones, in chunks of 1 GiB.
    fn populate(&self, pages: u64, order: u32, placement: Placement) -> Check {
        let mut left = pages;
        while left > 0 {
            let before = left;
            let mut chunk = left.min(1 << ONE_GIB);
            for order in [ONE_GIB, TWO_MIB, PAGE].into_iter().filter(|o| *o <= order) {
                if chunk >> order > 0 {
                    let lab = self.lab;
                    let given = lab.populate_some(self.domain, order, chunk >> order, placement)?;
                    chunk -= given << order;
                    left -= given << order;
                    self.no_claim_is_burnt()?;
                }
            }
            if left == before {
                return expect("pages that are still to come", 0, left);
            }
        }
        Ok(())
    }

    /// Pages of a node that went since the claims were made.
    fn taken(&self, now: &Free, node: NodeId) -> i128 {
        let pages = |free: &Free| free.get(&node).copied().unwrap_or(0);
        pages(&self.free) - pages(now)
    }

    fn slack(&self) -> i128 {
        self.lab.slack().into()
    }

    /// A claim on a node is used up by pages of that node, and by no others.
    fn no_claim_is_burnt(&self) -> Check {
        let (now, left) = (free(self.lab)?, self.lab.host.get(self.domain)?);
        for claim in &self.claims {
            let used: Pages = claim.pages.saturating_sub(left.pages_of(claim.target));
            if let Target::Node(node) = claim.target {
                let taken = self.taken(&now, node);
                if taken + self.slack() < used.get().into() {
                    let expected = format!("{used} of the claim on {node} used up by its pages");
                    return Err(Stop::failed(expected, taken));
                }
            }
        }
        Ok(())
    }

    /// All that was claimed of each node, and no more than the host claim allows.
    fn has_what_was_claimed(&self) -> Check {
        self.lab.expect_claims(self.domain, &[])?;
        let (now, mut more) = (free(self.lab)?, 0);
        for node in self.free.keys() {
            let claims = self.claims.iter();
            let mut claims = claims.filter(|claim| claim.target == Target::Node(*node));
            let claimed = claims.next().map_or(0, |claim| claim.pages.get().into());
            let taken = self.taken(&now, *node);
            if taken + self.slack() < claimed {
                return expect(format_args!("pages of {node}"), claimed, taken);
            }
            more += (taken - claimed).max(0);
        }
        let claims = self.claims.iter();
        let mut claims = claims.filter(|claim| claim.target == Target::Host);
        let anywhere = claims.next().map_or(0, |claim| claim.pages.get().into());
        if more > anywhere + self.slack() {
            return expect("pages beyond the claims on nodes", anywhere, more);
        }
        let populated = self.lab.populated(self.domain)?;
        let total = self.claims.iter().map(|claim| claim.pages.get()).sum();
        expect("pages it has", total, populated)
    }
}

const MEMORY: [Memory; 3] = [Memory::Clean, Memory::Dirty, Memory::Mixed];
const ORDERS: [u32; 3] = [PAGE, TWO_MIB, ONE_GIB];
const AFFINITIES: [Affinity; 3] = [Affinity::Inside, Affinity::Across, Affinity::Outside];

/// Every kind of memory, of one, two and all nodes, in extents of every order, with every affinity, and
/// in every other row a host claim. With more than three nodes there is one affinity a row, in turn.
///
/// A live host takes seconds to fill a node and to free it. There each table has three of its rows,
/// with each of these once, and other combinations than the other tables.
fn table(lab: &CaseContext<'_>, table: usize, placement: fn(NodeId) -> Placement) -> Check {
    let [_, _] = lab.nodes()?;
    let nodes = lab.all_nodes();
    let counts = [1, 2, nodes.len()];
    for row in 0..81 {
        let [kind, number, size, far] = [row / 27, row / 9 % 3, row / 3 % 3, row % 3];
        let on_live = number == (kind + table) % 3
            && size == (kind + 2 * table + 1) % 3
            && far == (2 * kind + table) % 3;
        let every = nodes.len() <= 3 || far == (kind + number + size) % 3;
        if on_live || lab.slack() == 0 && every {
            let (memory, count) = (MEMORY[kind], counts[number]);
            let (order, affinity) = (ORDERS[size], AFFINITIES[far]);
            table_row(lab, row, memory, count, order, affinity, placement)?;
        }
    }
    Ok(())
}

fn table_row(
    lab: &CaseContext<'_>,
    row: usize,
    memory: Memory,
    count: usize,
    order: u32,
    affinity: Affinity,
    placement: fn(NodeId) -> Placement,
) -> Check {
    let nodes = lab.all_nodes();
    let mut claimed = nodes.to_vec();
    claimed.rotate_left(row % nodes.len());
    let rest = claimed.split_off(count);
    let host_pages = 700 * (row as u64 % 2);
    lab.note(format_args!(
        "{memory:?} memory of {count} claimed nodes, order {order}, affinity {affinity:?}, \
         {host_pages} of the host"
    ));
    let near = match affinity {
        Affinity::Outside if !rest.is_empty() => rest.clone(),
        Affinity::Across => claimed
            .iter()
            .rev()
            .take(1)
            .chain(rest.first())
            .copied()
            .collect(),
        _ => claimed.clone(),
    };
    let near = near.into_iter().collect();
    build(lab, memory, &claimed, order, near, host_pages, placement)
}

#[allow(clippy::too_many_arguments)]
fn build(
    lab: &CaseContext<'_>,
    memory: Memory,
    nodes: &[NodeId],
    order: u32,
    affinity: NodeSet,
    host_pages: u64,
    placement: fn(NodeId) -> Placement,
) -> Check {
    let mut claims = Vec::new();
    for node in nodes {
        let most = lab.most_of(Target::Node(*node))? - 512;
        claims.push(on(*node, size(lab, order, most)));
    }
    let least = claims.iter().map(|claim| claim.pages.get()).min();
    match memory {
        Memory::Clean => drop(scrub(lab)),
        Memory::Dirty => make_dirty(lab, nodes, 0)?,
        Memory::Mixed => make_dirty(lab, nodes, least.unwrap_or(0) / 2)?,
    }
    if host_pages > 0 {
        claims.push(host(host_pages));
    }
    let build = Build::new(lab, claims, affinity)?;
    let all: u64 = build.claims.iter().map(|claim| claim.pages.get()).sum();
    let node = nodes.first().copied();
    match node.map(placement) {
        None | Some(Placement::Any) => build.populate(all, order, Placement::Any)?,
        Some(_) => {
            for claim in &build.claims {
                let placement = match claim.target {
                    Target::Node(node) => placement(node),
                    Target::Host => Placement::Any,
                };
                build.populate(claim.pages.get(), order, placement)?;
            }
        }
    }
    build.has_what_was_claimed()?;
    lab.destroy(build.domain)
}

/// Pages to claim of a node: enough for some extents and a few pages more. On a live host, enough that
/// the slack is little of it.
fn size(lab: &CaseContext<'_>, order: u32, most: u64) -> u64 {
    let wanted = match order {
        PAGE => 611,
        TWO_MIB => (5 << TWO_MIB) + 77,
        _ => (1 << ONE_GIB) + (1 << TWO_MIB) + 3,
    };
    wanted.max(100 * lab.slack()).min(most / 4 * 3)
}

fn in_turn(lab: &CaseContext<'_>) -> Check {
    let [n0, n1, n2] = lab.nodes()?;
    let claims = vec![on(n0, 2), on(n1, 2), on(n2, 2)];
    let build = Build::new(lab, claims, [n1, n2].into_iter().collect())?;
    let mut left = BTreeMap::from([(n0, 2), (n1, 2), (n2, 2)]);
    let expect_next = |left: &mut BTreeMap<NodeId, u64>, node: NodeId| {
        lab.populate(build.domain, PAGE, 1, Placement::Any)?;
        left.entry(node).and_modify(|pages| *pages -= 1);
        let claims = left.iter().filter(|(_, pages)| **pages > 0);
        let claims: Vec<_> = claims.map(|(node, pages)| on(*node, *pages)).collect();
        lab.expect_claims(build.domain, &claims)
    };
    // A new domain begins behind node 0.
    for node in [n1, n2, n1] {
        expect_next(&mut left, node)?;
    }
    lab.set_affinity(build.domain, [n0, n2].into_iter().collect())?;
    for node in [n2, n0, n0] {
        expect_next(&mut left, node)?;
    }
    Ok(())
}

fn covered_in_pieces(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    let claims = vec![on(n0, 300), on(n1, 300)];
    let both = [n0, n1].into_iter().collect();
    let build = Build::new(lab, claims.clone(), both)?;
    lab.populate_refused(build.domain, TWO_MIB, Placement::Any)?;
    lab.expect_claims(build.domain, &claims)?;
    build.populate(600, TWO_MIB, Placement::Any)?;
    build.has_what_was_claimed()?;
    // With what is claimed of the host, a node has enough.
    let claims = vec![on(n0, 300), on(n1, 300), host(212)];
    let build = Build::new(lab, claims, [n0].into_iter().collect())?;
    lab.populate(build.domain, TWO_MIB, 1, Placement::Any)?;
    lab.expect_claims(build.domain, &[on(n1, 300)])
}

fn more_than_claimed(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    let near = [n0].into_iter().collect();
    let build = Build::new(lab, vec![on(n0, 200), on(n1, 200)], near)?;
    lab.populate(build.domain, TWO_MIB, 1, Placement::Any)?;
    lab.expect_claims(build.domain, &[])?;
    let taken = build.taken(&free(lab)?, n0);
    near_enough(lab, "pages of the claimed node", 512, taken)?;
    // B leaves less on that node.
    let build = Build::new(lab, vec![on(n0, 200)], near)?;
    lab.set(lab.b, &[on(n0, lab.most_of(Target::Node(n0))?)])?;
    lab.populate(build.domain, TWO_MIB, 1, Placement::Any)?;
    lab.expect_claims(build.domain, &[])?;
    near_enough(
        lab,
        "pages of the claimed node",
        0,
        build.taken(&free(lab)?, n0),
    )
}

fn near_enough(lab: &CaseContext<'_>, what: &str, expected: i128, found: i128) -> Check {
    if (expected - found).abs() <= lab.slack().into() {
        return Ok(());
    }
    expect(what, expected, found)
}

fn named_node(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    make_dirty(lab, &[n1], 0)?;
    let near = [n0].into_iter().collect();
    let build = Build::new(lab, vec![on(n0, 4 << TWO_MIB)], near)?;
    let (mut taken, mut left) = (0, 4 << TWO_MIB);
    for placement in [Placement::Prefer(n1), Placement::Exact(n1)] {
        for (order, extents) in [(TWO_MIB, 1), (PAGE, 400)] {
            lab.populate(build.domain, order, extents, placement)?;
            taken += i128::from(extents << order);
            left -= extents << order;
            near_enough(
                lab,
                "pages of the node named",
                taken,
                build.taken(&free(lab)?, n1),
            )?;
            lab.expect_claims(build.domain, &[on(n0, left)])?;
        }
    }
    Ok(())
}

fn host_claim_alone(lab: &CaseContext<'_>) -> Check {
    let [n0, _] = lab.nodes()?;
    if !scrub(lab) {
        return skip("this host scrubs when it likes to, and what is clean comes first");
    }
    make_dirty(lab, &[n0], 0)?;
    let near = [n0].into_iter().collect();
    for order in [TWO_MIB, PAGE] {
        let taken = |claim| -> Check<Vec<i128>> {
            let build = Build::new(lab, vec![host(claim)], near)?;
            lab.populate(build.domain, order, 3, Placement::Any)?;
            let now = free(lab)?;
            let nodes = lab.all_nodes().iter();
            Ok(nodes.map(|n| build.taken(&now, *n)).collect())
        };
        let (with, without) = (taken(3 << order)?, taken(0)?);
        expect("pages of each node", &without, &with)?;
        if order == TWO_MIB {
            expect("pages of the dirty node", Some(&0), with.first())?;
        }
    }
    Ok(())
}

fn in_pieces(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    let pages = lab.break_up(n0)?;
    lab.destroy(lab.a)?;
    let claims = vec![on(n0, (pages / 2).min(1111)), on(n1, 100)];
    let build = Build::new(lab, claims, [n1].into_iter().collect())?;
    let all = build.claims.iter().map(|claim| claim.pages.get()).sum();
    build.populate(all, TWO_MIB, Placement::Any)?;
    build.has_what_was_claimed()
}
