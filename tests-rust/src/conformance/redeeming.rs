//! R: what a domain is given uses up its claims, in order, and nobody else's.

use xen_claims::{Claim, NodeId, Placement, Target};

use super::context::{expect, host, on, skip, CaseContext, Check, ONE_GIB, PAGE, TWO_MIB};
use super::race::Dice;
use super::Case;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "R1",
        "pages of a node use up the claim on that node",
        node_claim,
    ),
    Case::new(
        "R2",
        "when the node claim is used up, the host claim is next",
        node_claim_then_host_claim,
    ),
    Case::new(
        "R3",
        "when that is used up too, the claims on other nodes are next",
        claims_on_other_nodes,
    ),
    Case::new(
        "R4",
        "2 MiB of which half is claimed and half unclaimed are had as one extent",
        half_claimed,
    ),
    Case::new(
        "R5",
        "2 MiB are refused where claim and unclaimed together are one page short",
        one_page_short,
    ),
    Case::new(
        "R6",
        "a domain without claims gets every unclaimed page of a node and not one more",
        unclaimed_pages,
    ),
    Case::new(
        "R7",
        "a domain populated from the wrong nodes never has and claims more than its maximum",
        wrong_nodes,
    ),
    Case::new("R8", "freeing pages gives no claim back", freeing),
    Case::new(
        "R9",
        "1 GiB, 2 MiB and 4 KiB in random order redeem to exactly 0",
        mixed_orders,
    ),
];

fn node_claim(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 4), host(4)])?;
    lab.populate(lab.a, PAGE, 3, Placement::Exact(node))?;
    lab.expect_claims(lab.a, &[host(4), on(node, 1)])?;
    lab.expect_claimed(Target::Node(node), 1)?;
    lab.expect_claimed(Target::Host, 5)
}

fn node_claim_then_host_claim(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    node_claim(lab)?;
    lab.populate(lab.a, PAGE, 4, Placement::Exact(node))?;
    lab.expect_claims(lab.a, &[host(1)])?;
    lab.expect_claimed(Target::Node(node), 0)?;
    lab.expect_claimed(Target::Host, 1)
}

fn claims_on_other_nodes(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    lab.set(lab.a, &[on(n0, 4), on(n1, 4)])?;
    lab.populate(lab.a, PAGE, 6, Placement::Exact(n1))?;
    lab.expect_claims(lab.a, &[on(n0, 2)])?;
    // In ascending order, and only after the host claim.
    if let Ok([n0, n1, n2]) = lab.nodes() {
        lab.set(lab.a, &[host(1), on(n0, 4), on(n1, 4)])?;
        lab.populate(lab.a, PAGE, 6, Placement::Exact(n2))?;
        lab.expect_claims(lab.a, &[on(n1, 3)])?;
    }
    Ok(())
}

/// B claims all that is unclaimed, but for `rest` pages of `node` (and the slack on each node).
fn leave(lab: &CaseContext<'_>, node: NodeId, rest: u64) -> Check {
    let mut claims = Vec::<Claim>::new();
    for &other in lab.all_nodes() {
        let pages = lab.most_of(Target::Node(other))?;
        let rest = if other == node { rest } else { 0 };
        claims.push(on(other, pages.saturating_sub(rest)));
    }
    // As one set they may be more than a domain may have, even though each is not.
    lab.most_of(Target::Host)?;
    lab.set(lab.b, &claims)
}

fn half_claimed(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 256)])?;
    leave(lab, node, 256)?;
    lab.populate(lab.a, TWO_MIB, 1, Placement::Exact(node))?;
    lab.expect_claims(lab.a, &[])
}

fn one_page_short(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 256)])?;
    // On a live host the slack is left as well, and may grow.
    let rest = match lab.slack() {
        0 => 255,
        slack if slack < 256 => 0,
        _ => return skip("the slack is larger than what is short"),
    };
    leave(lab, node, rest)?;
    lab.populate_refused(lab.a, TWO_MIB, Placement::Exact(node))?;
    lab.populate_refused(lab.a, TWO_MIB, Placement::Any)?;
    lab.expect_claims(lab.a, &[on(node, 256)])
}

fn unclaimed_pages(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let claim = lab.most_of(Target::Node(node))? - 64;
    lab.set(lab.a, &[on(node, claim)])?;
    let unclaimed = lab.unclaimed(Target::Node(node))?;
    let wanted = unclaimed + lab.slack() + 1;
    let given = lab.populate_some(lab.b, PAGE, wanted, Placement::Exact(node))?;
    if given.abs_diff(unclaimed) > lab.slack() {
        return expect("pages B gets", unclaimed, given);
    }
    // A's are still all there.
    lab.expect_claims(lab.a, &[on(node, claim)])?;
    lab.populate(lab.a, PAGE, 64, Placement::Exact(node))
}

fn wrong_nodes(lab: &CaseContext<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    lab.set_max_pages(lab.a, 64)?;
    lab.set(lab.a, &[host(24), on(n1, 40)])?;
    for page in 1..=64 {
        lab.populate(lab.a, PAGE, 1, Placement::Exact(n0))?;
        expect("pages outstanding", 64 - page, lab.outstanding(lab.a)?)?;
    }
    lab.expect_claims(lab.a, &[])?;
    lab.populate_refused(lab.a, PAGE, Placement::Exact(n0))
}

fn freeing(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    lab.set(lab.a, &[on(node, 8), host(8)])?;
    lab.populate(lab.a, PAGE, 10, Placement::Exact(node))?;
    lab.expect_claims(lab.a, &[host(6)])?;
    lab.depopulate(lab.a, PAGE, 10)?;
    expect("pages A has", 0, lab.populated(lab.a)?)?;
    lab.expect_claims(lab.a, &[host(6)])?;
    lab.expect_claimed(Target::Host, 6)
}

fn mixed_orders(lab: &CaseContext<'_>) -> Check {
    let orders = [(ONE_GIB, 1), (TWO_MIB, 20), (PAGE, 50)];
    let pages = |(order, extents): (u32, u64)| extents << order;
    let all: u64 = orders.map(pages).iter().sum();
    let mut large = None;
    for &node in lab.all_nodes() {
        if large.is_some() || lab.most_of(Target::Node(node))? < all {
            continue;
        }
        // On a live host they may be in pieces.
        let gib = lab.populate_some(lab.b, ONE_GIB, 1, Placement::Exact(node))?;
        lab.depopulate(lab.b, ONE_GIB, gib)?;
        large = (gib > 0 || lab.slack() == 0).then_some(node);
    }
    let Some(node) = large else {
        return skip(format_args!(
            "it needs {all} free pages on a node, and 1 GiB of them in one piece"
        ));
    };

    lab.set(lab.a, &[on(node, all / 2), host(all - all / 2)])?;
    let mut extents: Vec<u32> = orders
        .iter()
        .flat_map(|&(order, extents)| (0..extents).map(move |_| order))
        .collect();
    Dice::new(9).shuffle(&mut extents);
    let mut left = all;
    for order in extents {
        lab.populate(lab.a, order, 1, Placement::Exact(node))?;
        left -= 1 << order;
        expect("pages outstanding", left, lab.outstanding(lab.a)?)?;
    }
    lab.expect_claims(lab.a, &[])
}
