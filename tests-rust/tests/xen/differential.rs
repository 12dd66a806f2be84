//! Xen's own allocator against the embedded hypervisor, and with the series against without it.
//! Above each test stands what it finds; `./dev fuzz` makes many more calls.

use super::Test;
use anyhow::Result;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xen_claims::{DomainControl, Hypervisor, NodeId, Pages};
use xen_claims_lab::allocator::{Boot, Build, Flags, Host, Placing, Profile, Tree, Xen};
use xen_claims_tests::differential::{check, shortest, unchanged, Compared, PLACEMENTS};
use xen_claims_tests::sequences::{long_sequences, Aim, Amount, Plan, Sequence};

/// The hosts that are compared.
#[derive(Debug)]
pub struct Builds {
    pub patched: Build,
    pub stock: Build,
    /// As users of Xen have them: optimised, without assertions.
    pub released: [Build; 2],
}

impl Builds {
    pub fn new(tree: &Tree) -> Result<Builds> {
        Ok(Builds {
            patched: Build::new(tree, Xen::Patched, Profile::Debug)?,
            stock: Build::new(tree, Xen::Stock, Profile::Debug)?,
            released: [
                Build::new(tree, Xen::Patched, Profile::Release)?,
                Build::new(tree, Xen::Stock, Profile::Release)?,
            ],
        })
    }
}

/// A test of these builds, or of none.
pub const TESTS: &[Test<Builds>] = &[
    ("xen_and_the_model_agree", xen_and_the_model_agree),
    (
        "without_claims_every_page_is_the_same",
        without_claims_every_page_is_the_same,
    ),
    ("what_was_found_once_is_right", what_was_found_once_is_right),
    (
        "sequences_shrink_to_what_is_needed",
        sequences_shrink_to_what_is_needed,
    ),
    (
        "hosts_of_1_to_64_nodes_give_and_take_all_their_pages",
        hosts_of_1_to_64_nodes_give_and_take_all_their_pages,
    ),
];

fn sequences(count: usize) -> impl Iterator<Item = Sequence> {
    let mut runner = TestRunner::deterministic();
    let trees = (0..count).filter_map(move |_| long_sequences().new_tree(&mut runner).ok());
    trees.map(|tree| tree.current())
}

// A check left out, done in another order, off by one or against the wrong node; claims used up in
// another order, given back, forgotten; counts that part from the lists.
fn xen_and_the_model_agree(Builds { patched, .. }: &Builds) -> Result<()> {
    let mut all = Compared::default();
    for sequence in sequences(40) {
        all += check(patched, &sequence).map_err(anyhow::Error::msg)?;
    }
    // Else blocks were never asked for.
    assert!(all.in_pieces > 0 && all.calls > 4000, "{all:?}");
    for (what, times) in PLACEMENTS.iter().zip(all.placed) {
        println!("{times:6} times: {what}");
    }
    for (what, times) in PLACEMENTS.iter().zip(all.placed) {
        assert!(times > 4, "{times} times: {what}");
    }
    Ok(())
}

// A node skipped that has unclaimed pages; a block split in another way; lists in another order.
fn without_claims_every_page_is_the_same(Builds { patched, stock, .. }: &Builds) -> Result<()> {
    let mut all = Compared::default();
    for sequence in sequences(40) {
        all += unchanged(stock, patched, &sequence).map_err(anyhow::Error::msg)?;
    }
    assert!(all.legacy > 10, "{all:?}");
    Ok(())
}

/// Sequences that once differed, as short as could be found, and why they did.
fn what_was_found_once_is_right(Builds { patched, .. }: &Builds) -> Result<()> {
    let on = |nodes: &[(i64, u64)], memory, plans: Vec<Plan>| -> Result<Sequence> {
        let nodes = nodes
            .iter()
            .map(|(id, pages)| Ok((NodeId::new(*id)?, *pages)));
        Ok(Sequence {
            nodes: nodes.collect::<Result<_>>()?,
            memory,
            plans,
        })
    };
    let plain = (Flags::default(), Placing::Aligned);
    let found = [
        // A legacy claim of nothing for a dying domain: an error, not a release.
        on(
            &[(12, 1774)],
            plain,
            vec![
                Plan::BeginDestroy(0),
                Plan::Legacy(0, Aim::Host, Amount::Pages(0)),
            ],
        )?,
        // GET into no array: how many entries there are is said all the same.
        on(&[(0, 64)], plain, vec![Plan::Get(0, 65, None)])?,
        // Offlined pages go with the extent they are of, not with whatever is freed first.
        on(
            &[(0, 64)],
            plain,
            vec![
                Plan::Populate(0, 0, 4, 0, 0),
                Plan::OfflineUsed(0, 0),
                Plan::Populate(0, 0, 4, 0, 0),
                Plan::Depopulate(0, 0, 4),
                Plan::Depopulate(0, 0, 4),
            ],
        )?,
    ];
    for sequence in &found {
        check(patched, sequence).map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

// A shrinking that stops early, or that loses what it looks for.
fn sequences_shrink_to_what_is_needed(_: &Builds) -> Result<()> {
    let sequence = sequences(1)
        .next()
        .ok_or_else(|| anyhow::anyhow!("no sequence"))?;
    let needed = |s: &Sequence| {
        let count = |f: fn(&Plan) -> bool| s.plans.iter().filter(|plan| f(plan)).count();
        count(|p| matches!(p, Plan::Set(..))) >= 2
            && count(|p| matches!(p, Plan::Populate(..))) >= 1
    };
    assert!(needed(&sequence));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    assert_eq!(shortest(&sequence, end, needed).plans.len(), 3);
    Ok(())
}

// Memory of one host that the next one finds; a node that is lost among many.
fn hosts_of_1_to_64_nodes_give_and_take_all_their_pages(builds: &Builds) -> Result<()> {
    let Builds {
        patched,
        stock,
        released,
    } = builds;
    let [release, stock_release] = released;
    for (count, build) in [
        (1, patched),
        (2, stock),
        (7, release),
        (8, stock_release),
        (64, patched),
        (64, stock),
    ] {
        let nodes = NodeId::all()
            .take(count)
            .map(|node| (node, Pages::new(700)));
        let topology = xen_claims::Topology::new(nodes)?;
        let host = Host::boot(build, &Boot::new(&topology).placing(Placing::Packed))?;
        let all = Pages::new(700 * count as u64);
        assert_eq!(host.host()?.free, all);
        let domain = host.create()?;
        host.set_max_pages(domain, all)?;
        let given = host.populate(domain, 0, all.get() + 1, xen_claims::Placement::Any)?;
        assert_eq!((given, host.host()?.free), (all.get(), Pages::ZERO));
        host.destroy(domain)?;
        assert_eq!(host.host()?.free, all);
        let wrong = host.violations(true);
        assert_eq!(wrong.map_err(|errno| anyhow::anyhow!("{errno}"))?, "");
    }
    Ok(())
}
