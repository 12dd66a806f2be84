//! `docs/contract.md` once more, over nothing but counts: what each call must answer, and what the
//! counts must be after it. No sum of 64-bit numbers can wrap in the 128 bits used here.

use std::collections::BTreeMap;

use xen_claims::model::BlockAvailability;
use xen_claims::wire::{
    xen_memory_claim, XEN_DOMCTL_CLAIM_MEMORY_HOST as HOST,
    XEN_DOMCTL_CLAIM_MEMORY_LEGACY as LEGACY,
};
use xen_claims::{
    Claim, ClaimSet, DomainId, Errno, HostMemory, NodeId, NodeMemory, NodeSet, Pages, Placement,
    Target,
};

use crate::conformance::{DomainCounts, Snapshot};
use crate::sequences::Call;

fn wide(pages: Pages) -> i128 {
    pages.get().into()
}

/// F, C and out(d), or F[n], C[n] and c(d,n).
fn counts(s: &Snapshot, d: &DomainCounts, target: Target) -> Option<(i128, i128, i128)> {
    match target {
        Target::Host => Some((
            wide(s.host.free),
            wide(s.host.claimed),
            wide(d.info.outstanding_pages),
        )),
        Target::Node(node) => {
            let memory = s.nodes.iter().find(|memory| memory.node == node)?;
            Some((wide(memory.free), wide(memory.claimed), claim(d, target)))
        }
    }
}

/// What GET says that a domain claims of one target.
fn claim(d: &DomainCounts, target: Target) -> i128 {
    d.claims
        .as_ref()
        .map_or(0, |claims| wide(claims.pages_of(target)))
}

/// 1.4 and 1.5, row by row: what a claim call answers.
///
/// # Errors
///
/// As the table says.
pub fn claim_memory(
    s: &Snapshot,
    domain: DomainId,
    mode: u32,
    nr_entries: u32,
    entries: Option<&[xen_memory_claim]>,
) -> Result<(), Errno> {
    let d = s.domain(domain).ok_or(Errno::ESRCH)?; // 1
    match mode {
        0 => {}
        1 => return get(d, nr_entries, entries),
        _ => return Err(Errno::EOPNOTSUPP), // 4
    }
    if nr_entries == 0 {
        return Err(Errno::EINVAL); // 5
    }
    if nr_entries > 65 {
        return Err(Errno::E2BIG); // 6
    }
    if d.info.dying {
        return Err(Errno::ESRCH); // 7
    }
    let entries = entries.and_then(|entries| entries.get(..nr_entries as usize));
    let entries = entries.ok_or(Errno::EFAULT)?; // 9
    for n in 0..entries.len() {
        one_entry(s, d, entries, n)?;
    }
    if entries[0].target == LEGACY {
        return legacy(s, domain, 0, entries[0].pages);
    }
    let wanted: i128 = entries.iter().map(|entry| i128::from(entry.pages)).sum();
    if wanted == 0 {
        return Ok(());
    }
    if wanted + wide(d.info.tot_pages) > wide(d.info.max_pages) {
        return Err(Errno::EINVAL); // 15
    }
    let (free, claimed, own) = counts(s, d, Target::Host).ok_or(Errno::ENOENT)?;
    if wanted > free - claimed + own {
        return Err(Errno::ENOMEM); // 16
    }
    Ok(())
}

fn one_entry(
    s: &Snapshot,
    d: &DomainCounts,
    entries: &[xen_memory_claim],
    n: usize,
) -> Result<(), Errno> {
    let xen_memory_claim { pages, target, pad } = entries[n];
    let again = entries[..n].iter().any(|entry| entry.target == target);
    if pad != 0 {
        return Err(Errno::EINVAL); // 10
    }
    match target {
        HOST if again => return Err(Errno::EINVAL), // 11
        HOST => return Ok(()),
        LEGACY if entries.len() > 1 => return Err(Errno::EINVAL), // 1.6
        LEGACY => return Ok(()),
        _ => {}
    }
    let node = NodeId::new(target.into()).map_err(|_| Errno::ENOENT)?; // 12
    let (free, claimed, own) = counts(s, d, Target::Node(node)).ok_or(Errno::ENOENT)?; // 12
    if again {
        return Err(Errno::EINVAL); // 13
    }
    if i128::from(pages) > free - claimed + own {
        return Err(Errno::ENOMEM); // 14
    }
    Ok(())
}

fn get(
    d: &DomainCounts,
    nr_entries: u32,
    entries: Option<&[xen_memory_claim]>,
) -> Result<(), Errno> {
    if d.info.dying {
        return Err(Errno::ESRCH);
    }
    let count = claims_of(d).len();
    if (nr_entries as usize) < count {
        return Err(Errno::ERANGE);
    }
    if entries.is_none_or(|entries| entries.len() < count) {
        return Err(Errno::EFAULT);
    }
    Ok(())
}

fn claims_of(d: &DomainCounts) -> Vec<xen_memory_claim> {
    let on = |target| claim(d, target) as u64;
    let entry = |target, pages| xen_memory_claim {
        pages,
        target,
        pad: 0,
    };
    let mut claims = vec![entry(HOST, on(Target::Host))];
    for node in NodeId::all().filter(|node| on(Target::Node(*node)) > 0) {
        claims.push(entry(node.index() as u32, on(Target::Node(node))));
    }
    claims
}

/// What GET writes for a domain.
pub fn got(s: &Snapshot, domain: DomainId) -> Vec<xen_memory_claim> {
    s.domain(domain).map_or_else(Vec::new, claims_of)
}

/// 1.6: what a legacy call answers.
///
/// # Errors
///
/// As the rules say.
pub fn legacy(s: &Snapshot, domain: DomainId, flags: u32, pages: u64) -> Result<(), Errno> {
    let node = if flags == 0 {
        None
    } else {
        // Of bits 8 to 15 and 17; 0 in the former is no node.
        let named = (flags >> 8) & 0xFF;
        if flags != (1 << 17) + (named << 8) || named == 0 {
            return Err(Errno::EINVAL);
        }
        Some(i64::from(named) - 1)
    };
    let d = s.domain(domain).filter(|d| !d.info.dying);
    let d = d.ok_or(Errno::EINVAL)?;
    let (pages, tot) = (i128::from(pages), wide(d.info.tot_pages));
    if pages == 0 {
        return Ok(());
    }
    if wide(d.info.outstanding_pages) > 0 || pages <= tot || pages > wide(d.info.max_pages) {
        return Err(Errno::EINVAL);
    }
    if let Some(node) = node {
        let node = NodeId::new(node).map_err(|_| Errno::ENOENT)?;
        let (free, claimed, _) = counts(s, d, Target::Node(node)).ok_or(Errno::ENOENT)?;
        if pages - tot > free - claimed {
            return Err(Errno::ENOMEM);
        }
    }
    if pages - tot > wide(s.host.free) - wide(s.host.claimed) {
        return Err(Errno::ENOMEM);
    }
    Ok(())
}

/// The counts after a SET that succeeds.
pub fn installed(s: &Snapshot, domain: DomainId, entries: &[xen_memory_claim]) -> Snapshot {
    if let [xen_memory_claim {
        target: LEGACY,
        pages,
        ..
    }] = entries
    {
        return installed_legacy(s, domain, 0, *pages);
    }
    let mut claims = BTreeMap::new();
    for entry in entries {
        let node = NodeId::new(entry.target.into()).map(Target::Node);
        claims.insert(node.unwrap_or(Target::Host), i128::from(entry.pages));
    }
    with_claims(s, domain, &claims)
}

/// The counts after a legacy claim that succeeds.
pub fn installed_legacy(s: &Snapshot, domain: DomainId, flags: u32, pages: u64) -> Snapshot {
    let node = NodeId::new(i64::from((flags >> 8) & 0xFF) - 1);
    let target = node.map_or(Target::Host, Target::Node);
    let tot = s.domain(domain).map_or(0, |d| wide(d.info.tot_pages));
    let pages = (i128::from(pages) - tot).max(0);
    with_claims(s, domain, &BTreeMap::from([(target, pages)]))
}

/// The same counts, but for a domain that claims exactly this.
fn with_claims(s: &Snapshot, domain: DomainId, claims: &BTreeMap<Target, i128>) -> Snapshot {
    let mut after = s.clone();
    let Some(d) = after.domains.iter_mut().find(|d| d.info.domain == domain) else {
        return after;
    };
    let new = |target| claims.get(&target).copied().unwrap_or(0);
    let pages = |pages: i128| Pages::new(pages as u64);
    for memory in &mut after.nodes {
        let target = Target::Node(memory.node);
        memory.claimed = pages(wide(memory.claimed) - claim(d, target) + new(target));
    }
    let total: i128 = claims.values().sum();
    let old = wide(d.info.outstanding_pages);
    after.host.claimed = pages(wide(after.host.claimed) - old + total);
    d.info.outstanding_pages = pages(total);
    let nodes = NodeId::all().map(Target::Node).filter(|t| new(*t) > 0);
    let claims = [Target::Host].into_iter().chain(nodes);
    let claims: Vec<_> = claims
        .map(|target| Claim {
            pages: pages(new(target)),
            target,
        })
        .collect();
    d.claims = ClaimSet::new(claims).ok();
    after
}

/// What decides on which node an allocation ends, and no count shows.
#[derive(Debug, Default)]
pub struct Hidden {
    affinity: BTreeMap<DomainId, NodeSet>,
    last_node: BTreeMap<DomainId, usize>,
    /// Free pages that are to be scrubbed.
    dirty: BTreeMap<NodeId, i128>,
}

impl Hidden {
    /// The domain's node affinity is this from now on.
    pub fn set_affinity(&mut self, domain: DomainId, nodes: NodeSet) {
        self.affinity.insert(domain, nodes);
    }

    /// What a call but populating does to dirty memory: a domain that is gone leaves some.
    pub fn see(&mut self, call: &Call, before: &Snapshot, after: &Snapshot) {
        for (then, now) in before.nodes.iter().zip(&after.nodes) {
            let dirty = self.dirty.entry(now.node).or_default();
            match call {
                Call::Destroy { .. } => *dirty += wide(now.free) - wide(then.free),
                Call::Scrub => *dirty = 0,
                _ => *dirty = (*dirty).min(wide(now.free)),
            }
        }
    }

    /// 1.8: the nodes that come first, if claims are used, in order.
    fn first(&self, d: &DomainCounts, placement: Placement) -> Vec<NodeId> {
        let claimed = |node: &NodeId| claim(d, Target::Node(*node)) > 0;
        let mut nodes: Vec<_> = NodeId::all().filter(claimed).collect();
        let last = self.last_node.get(&d.info.domain).copied().unwrap_or(0);
        let affinity = self.affinity.get(&d.info.domain);
        nodes.sort_by_key(|node| {
            let far = affinity.is_some_and(|nodes| !nodes.contains(*node));
            (far, (node.index() + 63 - last) % 64)
        });
        match placement {
            _ if nodes.is_empty() => nodes,
            Placement::Any => nodes,
            Placement::Prefer(node) => [vec![node], nodes].concat(),
            Placement::Exact(node) => vec![node],
        }
    }

    /// 1.8: the nodes that are tried in Xen's own order.
    fn order(&self, online: &[NodeId], domain: DomainId, placement: Placement) -> Vec<NodeId> {
        let affinity = self.affinity.get(&domain);
        let near = |node: &&NodeId| affinity.is_none_or(|nodes| nodes.contains(**node));
        let (mut m, others): (Vec<NodeId>, Vec<NodeId>) = online.iter().partition(near);
        let start = match placement {
            Placement::Exact(node) => return vec![node],
            Placement::Prefer(node) => m.iter().position(|n| *n == node),
            Placement::Any => {
                let last = self.last_node.get(&domain).copied().unwrap_or(0);
                m.iter().position(|n| n.index() > last)
            }
        };
        m.rotate_left(start.unwrap_or(0));
        let first = match placement {
            Placement::Prefer(node) => Some(node),
            _ => None,
        };
        first.into_iter().chain(m).chain(others).collect()
    }
}

/// 1.8 and 1.9: one extent; true if it was given. In which pieces the memory of a node is, no count
/// shows: `best` tells the best block that a node has for the extent, where it is not as good as the
/// counts would have it.
pub fn populate(
    s: &mut Snapshot,
    hidden: &mut Hidden,
    domain: DomainId,
    order: u32,
    placement: Placement,
    best: Option<&dyn Fn(NodeId) -> BlockAvailability>,
) -> bool {
    let Some(d) = s.domain(domain).cloned().filter(|_| order <= 18) else {
        return false;
    };
    let r = 1_i128 << order;
    let (h, out) = (claim(&d, Target::Host), wide(d.info.outstanding_pages));
    let may_go_on = |target| counts(s, &d, target).is_some_and(|(f, c, own)| r <= f - c + own);
    if !may_go_on(Target::Host) {
        return false;
    }
    let may_have = |node: &NodeId| {
        let target = Target::Node(*node);
        let burns = claim(&d, target) + h < r && r <= out;
        let named = match placement {
            Placement::Any => false,
            Placement::Prefer(named) | Placement::Exact(named) => named == *node,
        };
        may_go_on(target) && (r == 1 || named || !burns)
    };
    let block = |node: &NodeId| {
        let free = counts(s, &d, Target::Node(*node)).map_or(0, |(f, _, _)| f);
        let dirty = hidden.dirty.get(node).copied().unwrap_or(0);
        match best {
            Some(best) => best(*node),
            None if r == 1 || r <= free - dirty => BlockAvailability::Clean,
            None => BlockAvailability::Dirty,
        }
    };
    let online: Vec<_> = s.nodes.iter().map(|memory| memory.node).collect();
    let first = hidden.first(&d, placement);
    let others = hidden.order(&online, domain, placement);
    // Whatever is where claims are; elsewhere the clean before the dirty, and low memory last.
    let at_least = |nodes: &[NodeId], least| {
        let mut nodes = nodes.iter().filter(|&node| may_have(node));
        nodes.find(|&node| block(node) >= least).copied()
    };
    let elsewhere = [
        BlockAvailability::Clean,
        BlockAvailability::Dirty,
        BlockAvailability::CleanInDma,
        BlockAvailability::DirtyInDma,
    ];
    let mut elsewhere = elsewhere.iter().map(|least| at_least(&others, *least));
    let node =
        at_least(&first, BlockAvailability::DirtyInDma).or_else(|| elsewhere.find_map(|node| node));
    let Some(node) = node else {
        return false;
    };
    hidden.last_node.insert(domain, node.index());
    let left = counts(s, &d, Target::Node(node)).map_or(0, |(f, _, _)| f - r);
    let dirty = hidden.dirty.entry(node).or_default();
    *dirty = (*dirty).min(left);
    redeem(s, &d, node, r);
    // The claims stay used up where the domain can't take the pages.
    if d.info.dying || wide(d.info.tot_pages) + r > wide(d.info.max_pages) {
        return false;
    }
    let taken = Pages::new(r as u64);
    s.host.free = s.host.free.saturating_sub(taken);
    for memory in s.nodes.iter_mut().filter(|memory| memory.node == node) {
        memory.free = memory.free.saturating_sub(taken);
    }
    for d in s.domains.iter_mut().filter(|d| d.info.domain == domain) {
        d.info.tot_pages = Pages::new(d.info.tot_pages.get() + (1 << order));
        let on_node = &mut d.pages[node.index()];
        *on_node = Pages::new(on_node.get() + (1 << order));
    }
    true
}

fn redeem(s: &mut Snapshot, d: &DomainCounts, node: NodeId, r: i128) {
    let mut left = r.min(wide(d.info.outstanding_pages));
    let mut claims = BTreeMap::new();
    let all = NodeId::all().map(Target::Node);
    for target in [Target::Node(node), Target::Host].into_iter().chain(all) {
        let has = claims.get(&target).copied().unwrap_or(claim(d, target));
        let taken = left.min(has);
        claims.insert(target, has - taken);
        left -= taken;
    }
    if !d.info.dying {
        *s = with_claims(s, d.info.domain, &claims);
    }
}

/// 1.11: what is free and claimed after a free page of a node went out of use.
pub fn counts_after_offlining(s: &Snapshot, node: NodeId) -> (HostMemory, Vec<NodeMemory>) {
    let one = Pages::new(1);
    let (mut host, mut nodes) = (s.host, s.nodes.clone());
    host.free = host.free.saturating_sub(one);
    for memory in nodes.iter_mut().filter(|memory| memory.node == node) {
        memory.free = memory.free.saturating_sub(one);
        let recalled = memory.claimed.saturating_sub(memory.free);
        memory.claimed = memory.claimed.saturating_sub(recalled);
        host.claimed = host.claimed.saturating_sub(recalled);
    }
    host.claimed = host.claimed.min(host.free);
    (host, nodes)
}
