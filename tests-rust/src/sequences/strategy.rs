//! Hosts and sequences at random.

use proptest::prelude::*;
use xen_claims::limits::{CLAIM_PAGES, DOMAIN_PAGES, EXTENT_ORDER, MAX_CLAIMS, MAX_NODES};
use xen_claims::wire::XENMEMF_EXACT_NODE_REQUEST;
use xen_claims::wire::XEN_DOMCTL_CLAIM_MEMORY_HOST as HOST;
use xen_claims::wire::XEN_DOMCTL_CLAIM_MEMORY_LEGACY as LEGACY;
use xen_claims::NodeId;

use super::{Aim, Amount, Plan, Sequence};
use xen_claims_lab::allocator::{Flags, Placing};

/// Numbers of pages at the limits of the interface.
pub fn amounts() -> impl Strategy<Value = u64> {
    let limits = vec![
        1,
        1 << 31,
        DOMAIN_PAGES.max,
        1 << 32,
        CLAIM_PAGES.max,
        CLAIM_PAGES.max + 1,
        u64::MAX,
    ];
    let near = (prop::sample::select(limits), -20..=20_i64);
    prop_oneof![
        near.prop_map(|(limit, by)| limit.wrapping_add_signed(by)),
        any::<u64>(),
    ]
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        6 => (0..600_u64).prop_map(Amount::Pages),
        1 => amounts().prop_map(Amount::Pages),
        4 => (-3..=1_i64).prop_map(Amount::Claimable),
        1 => (-600..=0_i64).prop_map(Amount::Claimable),
        2 => (-2..=1_i64).prop_map(Amount::Allowed),
    ]
}

fn aim() -> impl Strategy<Value = Aim> {
    let raw = prop_oneof![
        Just(LEGACY),
        Just(LEGACY | HOST),
        (0..=256 + MAX_NODES as u32),
        any::<u32>(),
    ];
    prop_oneof![
        2 => Just(Aim::Host),
        4 => any::<usize>().prop_map(Aim::Node),
        1 => raw.prop_map(Aim::Raw),
    ]
}

/// Flags of the legacy call are of 32 bits: a node plus one in the second byte, and bit 17 if no other
/// will do.
fn legacy_aim() -> impl Strategy<Value = Aim> {
    let raw = prop_oneof![
        any::<u8>().prop_map(|node| (u32::from(node) << 8) | XENMEMF_EXACT_NODE_REQUEST),
        any::<u8>().prop_map(|node| u32::from(node) << 8),
        any::<u32>(),
    ];
    prop_oneof![
        4 => Just(Aim::Host),
        4 => any::<usize>().prop_map(Aim::Node),
        1 => raw.prop_map(Aim::Raw),
    ]
}

fn hostile() -> impl Strategy<Value = Plan> {
    let pad = prop_oneof![12 => Just(0), 1 => any::<u32>()];
    let entry = (aim(), amount(), pad).boxed();
    let twice = (aim(), amount(), amount());
    let entries = prop_oneof![
        8 => prop::collection::vec(entry.clone(), 0..4),
        2 => twice.prop_map(|(aim, a, b)| vec![(aim, a, 0), (aim, b, 0)]),
        1 => prop::collection::vec(entry, MAX_CLAIMS - 1..MAX_CLAIMS + 2),
        1 => amount().prop_map(|amount| vec![(Aim::Raw(LEGACY), amount, 0)]),
    ];
    let mode = prop_oneof![10 => Just(0), 1 => 2..5_u32, 1 => any::<u32>().prop_filter("no GET", |m| *m != 1)];
    let more = prop_oneof![8 => Just(0), 1 => -1..=1, 1 => any::<i32>()];
    let entries = prop::option::weighted(0.9, entries);
    (slot(), mode, more, entries).prop_map(|(d, mode, more, e)| Plan::Hostile(d, mode, more, e))
}

fn slot() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..3_usize, 1 => any::<usize>()]
}

fn order() -> impl Strategy<Value = u32> {
    prop_oneof![
        6 => Just(0),
        4 => Just(9),
        1 => Just(EXTENT_ORDER.max as u32),
        1 => 0..=EXTENT_ORDER.max as u32 + 1,
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let max = prop_oneof![
        2 => 0..3000_u64,
        3 => (0..=2_u64).prop_map(|below| DOMAIN_PAGES.max - below),
        1 => amounts(),
    ];
    let n = any::<usize>;
    let claims = prop::collection::vec((prop::option::weighted(0.7, n()), amount()), 1..5);
    let room = prop_oneof![4 => Just(65), 2 => 0..4_usize];
    let capacity = prop_oneof![4 => Just(65), 3 => 0..5_u32, 1 => any::<u32>()];
    prop_oneof![
        2 => Just(Plan::Create),
        2 => (slot(), max).prop_map(|(d, pages)| Plan::MaxPages(d, pages)),
        1 => (slot(), any::<u64>()).prop_map(|(d, mask)| Plan::Affinity(d, mask)),
        9 => (slot(), claims).prop_map(|(d, claims)| Plan::Set(d, claims)),
        4 => hostile(),
        2 => (slot(), capacity, prop::option::weighted(0.9, room))
            .prop_map(|(d, capacity, room)| Plan::Get(d, capacity, room)),
        3 => (slot(), legacy_aim(), amount())
            .prop_map(|(d, aim, amount)| Plan::Legacy(d, aim, amount)),
        8 => (slot(), order(), 0..40_u64, 0..3_u8, n())
            .prop_map(|(d, order, extents, how, n)| Plan::Populate(d, order, extents, how, n)),
        4 => (slot(), -1..=1_i64, 0..4_u8, n())
            .prop_map(|(d, more, how, n)| Plan::Fill(d, more, how, n)),
        2 => (slot(), order(), 0..40_u64)
            .prop_map(|(d, order, extents)| Plan::Depopulate(d, order, extents)),
        3 => n().prop_map(Plan::OfflineFree),
        1 => (n(), slot()).prop_map(|(n, d)| Plan::OfflineUsed(n, d)),
        1 => n().prop_map(Plan::Online),
        1 => slot().prop_map(Plan::BeginDestroy),
        1 => slot().prop_map(Plan::Destroy),
        1 => Just(Plan::Scrub),
    ]
}

/// With what Xen's allocator has more of.
fn allocator_plan() -> impl Strategy<Value = Plan> {
    let one = || (slot(), order(), 0..3_u8, any::<usize>());
    prop_oneof![
        40 => plan(),
        1 => one().prop_map(|(d, order, how, n)| Plan::Uncounted(d, order, how, n)),
        1 => one().prop_map(|(d, order, how, n)| Plan::Low(d, order, how, n)),
    ]
}

/// The memory of a domain that is gone: dirty.
fn gone() -> impl Strategy<Value = Vec<Plan>> {
    let order = prop_oneof![Just(0), Just(9), 6..9_u32];
    (order, 0..40_u64, 0..3_u8, any::<usize>()).prop_map(|(order, extents, how, n)| {
        vec![
            Plan::Create,
            Plan::MaxPages(0, DOMAIN_PAGES.max),
            Plan::Populate(0, order, extents, how, n),
            Plan::Destroy(0),
        ]
    })
}

/// A domain that is built: it claims memory of some nodes, and is populated in ever smaller extents.
fn built() -> impl Strategy<Value = Vec<Plan>> {
    let amount = prop_oneof![
        2 => (100..500_u64).prop_map(Amount::Pages),
        1 => (500..1500_u64).prop_map(Amount::Pages),
        1 => (-400..=0_i64).prop_map(Amount::Claimable),
    ]
    .boxed();
    let target = prop::option::weighted(0.9, any::<usize>());
    let claims = prop::collection::vec((target, amount.clone()), 1..5);
    let claims = prop_oneof![
        5 => claims.prop_map(|claims| Plan::Set(0, claims)),
        1 => amount.prop_map(|amount| Plan::Legacy(0, Aim::Host, amount)),
    ];
    let extents = || {
        (
            0..8_u64,
            prop_oneof![2 => Just(0), 1 => 1..3_u8],
            any::<usize>(),
        )
    };
    let populate = prop::collection::vec((7..=9_u32, extents()), 1..4);
    let end = prop_oneof![
        3 => Just(vec![Plan::Destroy(0)]),
        1 => Just(vec![Plan::Destroy(0), Plan::Scrub]),
        2 => Just(vec![]),
    ];
    (any::<u64>(), claims, populate, extents(), end).prop_map(
        |(affinity, claims, mut populate, single, end)| {
            populate.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
            populate.push((0, single));
            let mut plans = vec![
                Plan::Create,
                Plan::MaxPages(0, DOMAIN_PAGES.max),
                Plan::Affinity(0, affinity),
                claims,
                Plan::Uncounted(0, populate[0].0, single.1, single.2),
            ];
            plans.push(Plan::Low(0, 0, single.1, single.2));
            let populate = populate.into_iter();
            plans.extend(
                populate
                    .map(|(order, (extents, how, n))| Plan::Populate(0, order, extents, how, n)),
            );
            plans.extend(end);
            plans
        },
    )
}

/// A host of 1 to 8 nodes of any id, with gaps, some without memory, and up to 40 calls.
pub fn sequences() -> impl Strategy<Value = Sequence> {
    let memory = (Flags::default(), Placing::default());
    (nodes(true), prop::collection::vec(plan(), 1..40))
        .prop_map(move |(nodes, plans)| Sequence {
            nodes,
            memory,
            plans,
        })
        .boxed()
}

/// The same with up to 250 calls, and with memory in several states. Few nodes are large, as large
/// extents take long where each of their pages is written to.
pub fn long_sequences() -> impl Strategy<Value = Sequence> {
    let some = prop_oneof![
        24 => allocator_plan().prop_map(|plan| vec![plan]),
        2 => gone(),
        3 => built(),
    ];
    let some = some.boxed();
    let plans = || prop::collection::vec(some.clone(), 90..150).prop_map(|some| some.concat());
    let state = |dirty, contents, dma| Flags {
        dirty,
        contents,
        dma,
    };
    let placing = prop_oneof![
        Just(Placing::Aligned),
        Just(Placing::Packed),
        Just(Placing::Split),
    ];
    let states = (any::<bool>(), prop::bool::weighted(0.1), any::<bool>());
    let states = states.prop_map(move |(dirty, contents, dma)| state(dirty, contents, dma));
    let small = (nodes(false), states, placing, plans());
    let large = (
        nodes(true),
        Just(Flags::default()),
        Just(Placing::Aligned),
        plans(),
    );
    prop_oneof![30 => small.boxed(), 1 => large.boxed()].prop_map(
        |(nodes, flags, placing, plans)| Sequence {
            nodes,
            memory: (flags, placing),
            plans,
        },
    )
}

fn nodes(large: bool) -> impl Strategy<Value = Vec<(NodeId, u64)>> {
    let all: Vec<_> = NodeId::all().collect();
    let ids = prop_oneof![
        2 => (1..=8_usize).prop_map({
            let all = all.clone();
            move |nodes| all[..nodes].to_vec()
        }),
        2 => prop::sample::subsequence(all.clone(), 1..=8),
        // With the last that there can be.
        1 => prop::sample::subsequence(all[..MAX_NODES - 1].to_vec(), 0..=7).prop_map(move |mut ids| {
            ids.extend(all.last());
            ids
        }),
    ];
    let small = prop_oneof![
        1 => 0..3_u64,
        5 => 3..64_u64,
        6 => 512..4096_u64,
    ];
    let size = match large {
        true => {
            let large = (0..2048_u64).prop_map(|more| (1 << EXTENT_ORDER.max) + more);
            prop_oneof![6 => small, 1 => large].boxed()
        }
        false => small.boxed(),
    };
    ids.prop_flat_map(move |ids| {
        let sizes = prop::collection::vec(size.clone(), ids.len());
        (Just(ids), sizes).prop_map(|(ids, sizes)| ids.into_iter().zip(sizes).collect())
    })
}
