//! The naive reference judges Xen's own allocator: what each call answers, and what every count is
//! after it. Nothing that the embedded hypervisor says is asked.

use std::collections::BTreeMap;

use anyhow::{anyhow, ensure, Result};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xen_claims::model::BlockAvailability;
use xen_claims::{DomainControl, DomainId, Errno, Hypervisor, NodeId, NodeMemory, Pages};
use xen_claims_lab::allocator::{Boot, Build, Host};
use xen_claims_tests::conformance::Snapshot;
use xen_claims_tests::differential::snapshot;
use xen_claims_tests::reference::{self, Hidden};
use xen_claims_tests::sequences::{first_domains, long_sequences, make, Call, Sequence};

use super::differential::Builds;
use super::Test;

pub const TESTS: &[Test<Builds>] = &[("the_reference_judges_xen", the_reference_judges_xen)];

// What the properties of the embedded hypervisor find, on this one.
fn the_reference_judges_xen(Builds { patched, .. }: &Builds) -> Result<()> {
    let mut runner = TestRunner::deterministic();
    let mut judged = BTreeMap::new();
    for _ in 0..200 {
        let tree = long_sequences().new_tree(&mut runner);
        let sequence = tree.map_err(|reason| anyhow!("{reason}"))?.current();
        judge(patched, &sequence, &mut judged)?;
    }
    println!("{judged:?}");
    let reached = |answer: &str| judged.get(answer).is_some_and(|times| *times > 1);
    for answer in [
        "SET ok",
        "SET EINVAL",
        "SET ENOENT",
        "SET ENOMEM",
        "GET ok",
        "GET ERANGE",
        "legacy ok",
        "legacy EINVAL",
        "legacy on node ok",
        "legacy on node EINVAL",
        "populate given",
        "populate refused",
        "offline free ok",
    ] {
        ensure!(reached(answer), "{answer}: too rarely, {judged:?}");
    }
    Ok(())
}

/// Makes the calls of a sequence, and holds each against the reference.
fn judge(build: &Build, sequence: &Sequence, judged: &mut BTreeMap<String, u64>) -> Result<()> {
    let topology = sequence.topology().map_err(|error| anyhow!("{error}"))?;
    let (flags, placing) = sequence.memory;
    let host = Host::boot(build, &Boot::new(&topology).flags(flags).placing(placing))?;
    let mut known = first_domains(&host)?;
    let mut hidden = Hidden::default();
    let mut before = snapshot(&host)?;
    for plan in &sequence.plans {
        let call = plan.call(&before, &known, &sequence.nodes);
        let mut count = |answer: &str| {
            *judged
                .entry(format!("{} {answer}", call.name()))
                .or_default() += 1;
        };
        match &call {
            Call::Populate { .. } => populate(&host, &call, &mut hidden, &before, &mut count)?,
            // These are not the toolstack's calls, and the reference knows nothing of them.
            Call::Uncounted { .. } | Call::Low { .. } => continue,
            _ => {
                let answer = one(&host, &call, &before)?;
                count(&answer.map_or_else(|errno| errno.to_string(), |_| "ok".to_owned()));
                if let (Call::Create, Ok(id)) = (&call, answer) {
                    known.push(DomainId::new(i64::try_from(id)?)?);
                }
                if let (Call::Affinity { domain, nodes }, Ok(_)) = (&call, answer) {
                    hidden.set_affinity(*domain, *nodes);
                }
            }
        }
        before = snapshot(&host)?;
    }
    Ok(())
}

/// A call that is not populating: its answer, which is the reference's, as the counts are after it.
fn one(host: &Host, call: &Call, before: &Snapshot) -> Result<Result<u64, Errno>> {
    let (mut nr_entries, mut entries) = match call {
        Call::Claim {
            nr_entries,
            entries,
            ..
        } => (*nr_entries, entries.clone()),
        _ => (0, None),
    };
    let answer = match call {
        // To the end would be for ever: Xen counts dirty pages that went out of use.
        Call::Scrub => host.scrub_some().map(|_| 0),
        _ => make(host, call, &mut nr_entries, entries.as_deref_mut()),
    };
    let after = snapshot(host)?;
    let what = format!("{call:?} on\n{before}\nanswers {answer:?}, and leaves\n{after}");
    let (expected, counts) = match call {
        Call::Claim {
            domain,
            mode,
            nr_entries: count,
            entries: given,
        } => {
            let answer = reference::claim_memory(before, *domain, *mode, *count, given.as_deref());
            let claims = reference::got(before, *domain);
            if *mode == 1 && answer.is_ok() {
                let written = entries.as_deref().unwrap_or(&[]);
                ensure!(written.get(..claims.len()) == Some(&claims[..]), "{what}");
            }
            if *mode == 1 && matches!(answer, Ok(()) | Err(Errno::ERANGE | Errno::EFAULT)) {
                ensure!(nr_entries as usize == claims.len(), "{what}");
            }
            let installed = match (mode, given) {
                (0, Some(given)) if answer.is_ok() => {
                    reference::installed(before, *domain, &given[..*count as usize])
                }
                _ => before.clone(),
            };
            (answer, installed)
        }
        Call::Legacy {
            domain,
            flags,
            pages,
        } => {
            let answer = reference::legacy(before, *domain, *flags, *pages);
            let installed =
                answer.map(|()| reference::installed_legacy(before, *domain, *flags, *pages));
            (answer, installed.unwrap_or_else(|_| before.clone()))
        }
        Call::OfflineFree { node } if answer.is_ok() => {
            let (host, nodes) = reference::counts_after_offlining(before, *node);
            ensure!(after.host == host && after.nodes == nodes, "{what}");
            return Ok(answer);
        }
        _ => {
            others_keep_their_claims(call, before, &after).map_err(|id| anyhow!("{id}: {what}"))?;
            return Ok(answer);
        }
    };
    ensure!(answer.map(drop) == expected, "not {expected:?}: {what}");
    ensure!(after == counts, "not\n{counts}\n{what}");
    Ok(answer)
}

/// No call but these changes claims, but that a domain's end releases its own.
fn others_keep_their_claims(
    call: &Call,
    before: &Snapshot,
    after: &Snapshot,
) -> Result<(), DomainId> {
    let ended = match call {
        Call::Destroy { domain } | Call::BeginDestroy { domain } => Some(*domain),
        _ => None,
    };
    for domain in &before.domains {
        let id = domain.info.domain;
        let outstanding = after.domain(id).map(|d| d.info.outstanding_pages);
        let kept = if Some(id) == ended {
            outstanding.is_none_or(|pages| pages == Pages::ZERO)
        } else {
            outstanding == Some(domain.info.outstanding_pages)
                && after.domain(id).map(|d| &d.claims) == Some(&domain.claims)
        };
        if !kept {
            return Err(id);
        }
    }
    Ok(())
}

/// Extent after extent, with what Xen's lists have for it: all that can't be known from counts.
fn populate(
    host: &Host,
    call: &Call,
    hidden: &mut Hidden,
    before: &Snapshot,
    count: &mut impl FnMut(&str),
) -> Result<()> {
    let Call::Populate {
        domain,
        order,
        extents,
        placement,
    } = *call
    else {
        return Ok(());
    };
    let mut expected = before.clone();
    for _ in 0..extents {
        let mut blocks = BTreeMap::new();
        for NodeMemory { node, .. } in host.nodes()? {
            let found = host.blocks(node, order, false);
            blocks.insert(node, found.map_err(|errno| anyhow!("{errno}"))?);
        }
        let best = |node: NodeId| {
            blocks
                .get(&node)
                .copied()
                .unwrap_or(BlockAvailability::None)
        };
        let given =
            reference::populate(&mut expected, hidden, domain, order, placement, Some(&best));
        let found = host.populate(domain, order, 1, placement).unwrap_or(0) == 1;
        let after = snapshot(host)?;
        let what = || format!("{call:?} on\n{before}\nwith {blocks:?}");
        ensure!(found == given, "given: {found}, {}", what());
        ensure!(
            after == expected,
            "{}\nleaves\n{after}\nnot\n{expected}",
            what()
        );
        count(if given { "given" } else { "refused" });
        if !given {
            break;
        }
    }
    Ok(())
}
