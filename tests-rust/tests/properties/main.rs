//! What holds for every sequence of calls, on the embedded hypervisor, on hosts of 1 to 8 nodes.
//!
//! The expected answers come from [`reference`](mod@reference): `docs/contract.md` restated in the plainest way,
//! over nothing but the counts before the call. Above each test stands a wrong hypervisor that it
//! finds.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::collections::BTreeSet;

use xen_claims::claim::ClaimSetBuffer;
use xen_claims::limits::{CLAIM_COUNT, CLAIM_PAGES, NODE_ID};
use xen_claims::wire::{self, xen_memory_claim, XEN_DOMCTL_CLAIM_MEMORY_HOST as HOST};
use xen_claims::{
    Claim, ClaimSet, DomainControl, Errno, FaultInjection, Hypervisor, Model, NodeId, Pages, Target,
};
use xen_claims_tests::conformance::Snapshot;
use xen_claims_tests::reference::{self, Hidden};
use xen_claims_tests::sequences::{amounts, drive, sequences, Call, Step};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// Gives everything back; then a host is as new.
fn clear(host: &Model) -> Result<Snapshot, TestCaseError> {
    for domain in host.domains().map_err(fail)? {
        host.destroy(domain.domain).map_err(fail)?;
    }
    for node in host.nodes().map_err(fail)? {
        host.online_pages(node.node).map_err(fail)?;
    }
    Snapshot::take(host).map_err(fail)
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

proptest! {
    #![proptest_config(config())]

    // An allocation that lowers the host's claims but not the node's; a page that is offlined and
    // not counted; a domain that dies with its claims.
    #[test]
    fn any_sequence_keeps_the_invariants(sequence in sequences()) {
        let mut lowered = BTreeSet::new();
        let host = drive(&sequence, |step| {
            if let Call::MaxPages { domain, .. } = step.call {
                lowered.insert(*domain);
            }
            let after = &step.after;
            prop_assert_eq!(after.violations(|id| lowered.contains(&id)), Vec::<String>::new());
            let free: u64 = after.nodes.iter().map(|node| node.free.get()).sum();
            prop_assert_eq!(free, after.host.free.get());
            Ok(())
        })?;
        let end = clear(&host)?;
        for node in &end.nodes {
            prop_assert_eq!((node.free, node.claimed), (node.size, Pages::ZERO));
        }
        prop_assert_eq!(end.host.claimed, Pages::ZERO);
    }

    // A check that is forgotten, done in another order, off by one, against the wrong node, or in
    // arithmetic that wraps.
    #[test]
    fn every_claim_call_answers_as_the_table_says(sequence in sequences()) {
        drive(&sequence, |step| {
            let expected = match step.call {
                Call::Claim { domain, mode, nr_entries, entries } =>
                    reference::claim_memory(&step.before, *domain, *mode, *nr_entries, entries.as_deref()),
                Call::Legacy { domain, flags, pages } =>
                    reference::legacy(&step.before, *domain, *flags, *pages),
                _ => return Ok(()),
            };
            prop_assert_eq!(step.result.map(drop), expected);
            Ok(())
        })?;
    }

    // A set that is merged into the old one; one whose zero entries stay; one that takes the free
    // pages at once; a host entry that is counted on a node.
    #[test]
    fn what_is_set_is_what_is_got(sequence in sequences()) {
        drive(&sequence, |step| {
            let after = match (step.call, step.result) {
                (Call::Claim { domain, mode: 0, nr_entries, entries: Some(entries) }, Ok(_)) =>
                    reference::installed(&step.before, *domain, &entries[..*nr_entries as usize]),
                (Call::Legacy { domain, flags, pages }, Ok(_)) =>
                    reference::installed_legacy(&step.before, *domain, *flags, *pages),
                _ => return Ok(()),
            };
            prop_assert_eq!(&step.after, &after);
            Ok(())
        })?;
    }

    // A call that releases the old claims before it checks the new ones, or that installs entry by
    // entry; a GET that writes into an array that is too short.
    #[test]
    fn a_refused_call_changes_nothing(sequence in sequences()) {
        drive(&sequence, |step| {
            if step.result.is_err() {
                prop_assert_eq!(&step.after, &step.before);
                if let Call::Claim { mode, nr_entries, entries, .. } = step.call {
                    prop_assert_eq!(&step.entries, entries);
                    // Only a GET says how many there are, if that is all that is wrong.
                    let says = matches!(step.result, Err(Errno::ERANGE | Errno::EFAULT));
                    let says = *mode == 1 && says;
                    prop_assert!(says || step.nr_entries == *nr_entries);
                }
            }
            Ok(())
        })?;
    }

    // A GET that forgets the host entry of 0, has the nodes in another order, leaves rubbish in the
    // padding, or writes behind the last entry.
    #[test]
    fn get_writes_the_claims_and_nothing_else(sequence in sequences()) {
        drive(&sequence, |step| {
            let Call::Claim { domain, mode: 1, entries, .. } = step.call else {
                return Ok(());
            };
            let claims = reference::got(&step.before, *domain);
            if matches!(step.result, Ok(_) | Err(Errno::ERANGE | Errno::EFAULT)) {
                prop_assert_eq!(step.nr_entries as usize, claims.len());
            }
            if step.result.is_ok() {
                let (before, after) = (entries.as_deref(), step.entries.as_deref());
                let (before, after) = (before.unwrap_or(&[]), after.unwrap_or(&[]));
                prop_assert_eq!(&after[..claims.len()], &claims[..]);
                prop_assert_eq!(&after[claims.len()..], &before[claims.len()..]);
            }
            prop_assert_eq!(&step.after, &step.before);
            Ok(())
        })?;
    }

    // Host claims that are used up before the node's; the wrong node lowered; unclaimed pages that
    // do not make up for what a claim lacks, or the pages of others that do; nodes tried in
    // another order, those with claims too late, or those that make claims elsewhere burn; clean
    // memory that is not preferred, or preferred to claimed memory; an extent more than the
    // maximum; claims that come back when it is too many.
    #[test]
    fn populating_goes_node_by_node_and_redeems_in_order(sequence in sequences()) {
        let mut hidden = Hidden::default();
        drive(&sequence, |step| {
            match (step.call, step.result) {
                (Call::Affinity { domain, nodes }, Ok(_)) => hidden.set_affinity(*domain, *nodes),
                (Call::Populate { domain, order, extents, placement }, Ok(given)) => {
                    let mut after = step.before.clone();
                    let mut count = 0;
                    while count < *extents
                        && reference::populate(&mut after, &mut hidden, *domain, *order, *placement, None)
                    {
                        count += 1;
                    }
                    prop_assert_eq!(given, count);
                    prop_assert_eq!(&step.after, &after);
                }
                (call, _) => hidden.see(call, &step.before, &step.after),
            }
            Ok(())
        })?;
    }

    // A recall of more than is gone, of none, of the wrong target, or one that is not logged.
    #[test]
    fn offlining_recalls_what_is_gone_and_no_more(sequence in sequences()) {
        drive(&sequence, |step| {
            let (Call::OfflineFree { node }, Ok(_)) = (step.call, step.result) else {
                prop_assert_eq!(&step.recalled, &vec![]);
                return Ok(());
            };
            let expected = reference::counts_after_offlining(&step.before, *node);
            let found = (step.after.host, step.after.nodes.clone());
            prop_assert_eq!(&found, &expected);
            let lost = |s: &Snapshot| u128::from(s.host.claimed.get());
            let logged: u128 = step.recalled.iter().map(|r| u128::from(r.pages.get())).sum();
            prop_assert_eq!(lost(&step.before) - lost(&step.after), logged);
            let target = |t| t == Target::Host || t == Target::Node(*node);
            prop_assert!(step.recalled.iter().all(|r| target(r.target) && r.pages > Pages::ZERO));
            Ok(())
        })?;
    }

    // Pages freed that bring a claim back; a maximum that is lowered and takes claims with it; a
    // dying domain that keeps them; a destroyed one that takes another's.
    #[test]
    fn other_calls_leave_claims_alone(sequence in sequences()) {
        drive(&sequence, |step| {
            let ended = match step.call {
                Call::Claim { mode: 0, .. } | Call::Legacy { .. } => return Ok(()),
                Call::Populate { .. } | Call::OfflineFree { .. } => return Ok(()),
                Call::Destroy { domain } | Call::BeginDestroy { domain } => Some(*domain),
                _ => None,
            };
            for before in &step.before.domains {
                let id = before.info.domain;
                let outstanding = step.after.domain(id).map(|d| d.info.outstanding_pages);
                if Some(id) == ended {
                    prop_assert_eq!(outstanding.unwrap_or(Pages::ZERO), Pages::ZERO);
                } else {
                    prop_assert_eq!(step.after.domain(id).map(|d| &d.claims), Some(&before.claims));
                    prop_assert_eq!(outstanding, Some(before.info.outstanding_pages));
                }
            }
            Ok(())
        })?;
    }

    // Extents freed that are not of the order asked; pages freed to the wrong node, or that are
    // to go out of use and come back.
    #[test]
    fn depopulating_frees_what_the_domain_loses(sequence in sequences()) {
        drive(&sequence, |step| {
            let (Call::Depopulate { domain, order, extents }, Ok(_)) = (step.call, step.result) else {
                return Ok(());
            };
            let tot = |s: &Snapshot| s.domain(*domain).map_or(0, |d| d.info.tot_pages.get());
            let lost = extents << order;
            prop_assert_eq!(tot(&step.before) - tot(&step.after), lost);
            let gained = step.after.host.free.get() - step.before.host.free.get();
            prop_assert!(gained <= lost);
            prop_assert!(gained == lost || sequence.offlines_used_pages());
            Ok(())
        })?;
    }
}

/// Claims as a caller may have them in hand: any target, any pages, too many, none.
fn any_claims() -> impl Strategy<Value = Vec<Claim>> {
    let target = prop_oneof![
        1 => Just(Target::Host),
        6 => node_ids().prop_map(Target::Node),
    ];
    let pages = prop_oneof![
        4 => 0..1_u64 << 20,
        1 => (0..4_u64).prop_map(|below| CLAIM_PAGES.max - below),
        1 => (CLAIM_PAGES.max / 3)..(CLAIM_PAGES.max / 2),
        1 => any::<u64>(),
    ];
    let claim =
        (target, pages.prop_map(Pages::new)).prop_map(|(target, pages)| Claim { pages, target });
    prop_oneof![
        4 => prop::collection::vec(claim.clone(), 0..6),
        1 => prop::collection::vec(claim, 0..CLAIM_COUNT.max as usize + 3),
        1 => every_target(),
    ]
}

fn node_ids() -> impl Strategy<Value = NodeId> {
    NODE_ID
        .range()
        .prop_filter_map("a node id", |id| NodeId::new(id as i64).ok())
}

/// All 65 targets, or one less, or one twice.
fn every_target() -> impl Strategy<Value = Vec<Claim>> {
    let all: Vec<_> = NodeId::all()
        .map(Target::Node)
        .chain([Target::Host])
        .collect();
    let again = prop::option::of(0..all.len());
    (Just(all).prop_shuffle(), again, prop::bool::ANY).prop_map(|(mut targets, again, drop)| {
        if drop {
            targets.pop();
        }
        targets.extend(again.and_then(|n| targets.get(n)).copied());
        let pages = Pages::new(1 << 50);
        targets
            .into_iter()
            .map(|target| Claim { pages, target })
            .collect()
    })
}

/// `docs/contract.md`, 1.13, rule by rule.
fn is_a_claim_set(claims: &[Claim]) -> bool {
    let twice = |n: usize| claims[..n].iter().any(|c| c.target == claims[n].target);
    let sum: u128 = claims
        .iter()
        .map(|claim| u128::from(claim.pages.get()))
        .sum();
    !claims.is_empty() && claims.len() <= 65 && !(0..claims.len()).any(twice) && sum < 1 << 63
}

/// An entry of a set, or one that can't be of a set: a selector, no node, rubbish in the padding.
fn any_entry() -> impl Strategy<Value = xen_memory_claim> {
    let target = prop_oneof![
        6 => NODE_ID.range().prop_map(|id| id as u32),
        2 => Just(HOST),
        1 => prop::sample::select(vec![64, 256, 1 << 30, 3 << 30, u32::MAX]),
    ];
    let pages = prop_oneof![6 => 0..1_u64 << 40, 1 => amounts()];
    (pages, target).prop_map(|(pages, target)| xen_memory_claim {
        pages,
        target,
        pad: 0,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..config() })]

    // 64 entries taken for too many, or 66 for few enough; a sum that is checked in 64 bits, or only
    // where it wraps; a second host claim that is not seen because hosts are no nodes.
    #[test]
    fn a_claim_set_is_what_the_rules_say(claims in any_claims()) {
        let made = ClaimSet::new(claims.iter().copied());
        prop_assert_eq!(made.is_ok(), is_a_claim_set(&claims), "{:?}", made);
        if let Ok(set) = made {
            prop_assert_eq!(set.as_slice(), &claims[..]);
            let backwards = ClaimSet::new(claims.iter().rev().copied());
            prop_assert_eq!(&backwards, &Ok(set.clone()));
            let total: u64 = claims.iter().map(|claim| claim.pages.get()).sum();
            prop_assert_eq!(set.total().get(), total);
        }
    }

    // A selector swapped with a node; an entry lost; rubbish in the padding.
    #[test]
    fn a_set_survives_the_wire(claims in any_claims()) {
        let Ok(set) = ClaimSet::new(claims.iter().copied()) else {
            return Ok(());
        };
        let mut buffer = wire::NO_CLAIMS;
        let count = wire::encode(&set, &mut buffer).len();
        let (entries, rest) = buffer.split_at(count);
        let mut room = ClaimSetBuffer::new();
        prop_assert_eq!(wire::decode(entries, &mut room), Ok(&set));
        prop_assert_eq!(entries.len(), claims.len());
        prop_assert!(entries.iter().all(|entry| entry.pad == 0));
        prop_assert!(rest.iter().all(|entry| *entry == xen_memory_claim::default()));
        for claim in claims {
            let on_wire = match claim.target {
                Target::Host => 0x8000_0000,
                Target::Node(node) => node.index() as u32,
            };
            let pages = claim.pages.get();
            let entry = xen_memory_claim { pages, target: on_wire, pad: 0 };
            prop_assert!(entries.contains(&entry));
        }
    }

    // A target cut to 8 bits; the legacy selector handed out as a node; pages over 63 bits.
    #[test]
    fn what_is_no_set_is_not_decoded(entries in prop::collection::vec(any_entry(), 0..8)) {
        let mut room = ClaimSetBuffer::new();
        let decoded = wire::decode(&entries, &mut room);
        let targets = entries.iter().all(|e| e.target < 64 || e.target == HOST);
        let mut seen = BTreeSet::new();
        let distinct = entries.iter().all(|e| seen.insert(e.target));
        let sum: u128 = entries.iter().map(|e| u128::from(e.pages)).sum();
        let valid = !entries.is_empty() && targets && distinct && sum < 1 << 63;
        prop_assert_eq!(decoded.is_ok(), valid, "{:?}", decoded);
        if let Ok(set) = decoded {
            let mut buffer = wire::NO_CLAIMS;
            let encoded = wire::encode(set, &mut buffer).iter();
            let found: BTreeSet<_> = encoded.map(|e| (e.target, e.pages)).collect();
            prop_assert_eq!(found, entries.iter().map(|e| (e.target, e.pages)).collect());
        }
    }
}

/// What the tests above rely on: their sequences get somewhere.
#[test]
fn sequences_reach_every_answer() -> Result<(), TestCaseError> {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut answers = BTreeSet::new();
    for _ in 0..300 {
        let sequence = sequences().new_tree(&mut runner).map_err(fail)?.current();
        drive(&sequence, |step: &Step<'_>| {
            answers.insert(format!("{} {}", step.call.name(), step.answer()));
            Ok(())
        })?;
    }
    let expected = [
        "SET ok",
        "SET E2BIG",
        "SET EFAULT",
        "SET EINVAL",
        "SET ENOENT",
        "SET ENOMEM",
        "SET ESRCH",
        "GET ok",
        "GET ERANGE",
        "GET EFAULT",
        "GET ESRCH",
        "mode EOPNOTSUPP",
        "mode ESRCH",
        "legacy ok",
        "legacy EINVAL",
        "legacy ENOMEM",
        "populate all",
        "populate some",
        "populate none",
        "populate ESRCH",
        "depopulate ok",
        "depopulate EINVAL",
        "offline free ok",
        "offline free with recall",
        "offline free ENOENT",
        "offline used ok",
        "offline used ENOENT",
        "online ok",
        "affinity ok",
        "affinity EINVAL",
        "destroy ok",
        "begin destroy ok",
    ];
    let missing: Vec<_> = expected
        .iter()
        .filter(|answer| !answers.contains(**answer))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing:?} never came, only {answers:?}"
    );
    Ok(())
}
