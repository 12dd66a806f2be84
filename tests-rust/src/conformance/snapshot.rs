//! All counts of a host at one instant, and the invariants they must keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;
use std::time::Duration;

use xen_claims::{
    Claim, ClaimSet, DomainId, DomainInfo, Errno, HostMemory, HypercallError, Hypervisor, NodeId,
    NodeMemory, NodeSet, Pages, Target,
};

/// How long to wait before counts are read again, and how often.
const SETTLING_STEP: Duration = Duration::from_millis(200);
const SETTLING_STEPS: u32 = 50;

/// One domain's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainCounts {
    /// What the hypervisor says of it.
    pub info: DomainInfo,
    /// What GET says it claims; a dying domain has no GET.
    pub claims: Option<ClaimSet>,
    /// What it has of each node, where the hypervisor says so.
    pub pages: Vec<Pages>,
}

impl DomainCounts {
    fn claim(&self, target: Target) -> Pages {
        let claims = self.claims.as_ref();
        claims.map_or(Pages::ZERO, |claims| claims.pages_of(target))
    }

    fn total(&self) -> Pages {
        self.claims.as_ref().map_or(Pages::ZERO, ClaimSet::total)
    }
}

/// All counts of a host. It is only of one instant if nobody else is at work meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The host as a whole.
    pub host: HostMemory,
    /// Its online nodes.
    pub nodes: Vec<NodeMemory>,
    /// Its domains.
    pub domains: Vec<DomainCounts>,
}

impl Snapshot {
    /// Reads all counts.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected.
    pub fn take(hypervisor: &(impl Hypervisor + ?Sized)) -> Result<Self, HypercallError> {
        let mut domains = Vec::new();
        for info in hypervisor.domains()? {
            let claims = match hypervisor.get(info.domain) {
                Ok(claims) => Some(claims),
                Err(error) if error.errno == Errno::ESRCH => None,
                Err(error) => return Err(error),
            };
            let pages = match hypervisor.node_pages(info.domain) {
                Err(error) if error.errno == Errno::ESRCH => Vec::new(),
                pages => pages?,
            };
            domains.push(DomainCounts {
                info,
                claims,
                pages,
            });
        }
        Ok(Snapshot {
            host: hypervisor.host()?,
            nodes: hypervisor.nodes()?,
            domains,
        })
    }

    /// Reads all counts, again and again until they are `as_wanted`, or until that has taken too
    /// long. Where free counts move by themselves, the last memory of a destroyed domain comes back
    /// a moment later; elsewhere they are read once.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected.
    pub fn take_when(
        hypervisor: &(impl Hypervisor + ?Sized),
        slack: Pages,
        mut as_wanted: impl FnMut(&Self) -> bool,
    ) -> Result<Self, HypercallError> {
        let mut now = Self::take(hypervisor)?;
        for _ in 0..SETTLING_STEPS {
            if slack == Pages::ZERO || as_wanted(&now) {
                break;
            }
            thread::sleep(SETTLING_STEP);
            now = Self::take(hypervisor)?;
        }
        Ok(now)
    }

    /// The counts of one domain.
    pub fn domain(&self, id: DomainId) -> Option<&DomainCounts> {
        self.domains.iter().find(|d| d.info.domain == id)
    }

    /// What breaks I1 to I5 of `docs/contract.md`, 1.7: one line each, none if all hold. I3 is not
    /// asked of the domains that `may_exceed` their maximum, as those that lowered it may.
    pub fn violations(&self, may_exceed: impl Fn(DomainId) -> bool) -> Vec<String> {
        let mut found = self.host_violations();
        for node in &self.nodes {
            self.node_violations(node, &mut found);
        }
        let online: NodeSet = self.nodes.iter().map(|node| node.node).collect();
        for domain in &self.domains {
            domain_violations(domain, online, &may_exceed, &mut found);
        }
        found
    }

    fn host_violations(&self) -> Vec<String> {
        let HostMemory { free, claimed } = self.host;
        let domains = self.domains.iter();
        let sum: u128 = domains.map(|d| u128::from(d.total().get())).sum();
        let mut found = Vec::new();
        if u128::from(claimed.get()) != sum {
            found.push(format!(
                "I1: the host has {claimed} claimed, its domains claim {sum}"
            ));
        }
        if claimed > free {
            found.push(format!(
                "I1: the host has {claimed} claimed, but only {free} free"
            ));
        }
        found
    }

    fn node_violations(&self, memory: &NodeMemory, found: &mut Vec<String>) {
        let (node, claimed, free) = (memory.node, memory.claimed, memory.free);
        let claims = self.domains.iter().map(|d| d.claim(Target::Node(node)));
        let sum: u128 = claims.map(|pages| u128::from(pages.get())).sum();
        if u128::from(claimed.get()) != sum {
            found.push(format!(
                "I2: {node} has {claimed} claimed, the domains claim {sum} there"
            ));
        }
        if claimed > free {
            found.push(format!(
                "I2: {node} has {claimed} claimed, but only {free} free"
            ));
        }
    }

    /// What differs from `before`: one line each. Free and populated pages may differ by `slack`,
    /// claims never.
    pub fn changes_since(&self, before: &Snapshot, slack: Pages) -> Vec<String> {
        let all = |s: &Snapshot| {
            let mut counts = s.host_counts();
            counts.extend(s.domain_counts());
            counts
        };
        changes(&all(before), &all(self), slack)
    }

    /// As [`changes_since`](Self::changes_since), of the host and its nodes only.
    pub fn host_changes_since(&self, before: &Snapshot, slack: Pages) -> Vec<String> {
        changes(&before.host_counts(), &self.host_counts(), slack)
    }

    fn host_counts(&self) -> Counts {
        let mut counts = Counts::new();
        let HostMemory { free, claimed } = self.host;
        counts.insert("the host, free".to_owned(), Count::Moving(free.get()));
        counts.insert("the host, claimed".to_owned(), Count::Exact(claimed.get()));
        for node in &self.nodes {
            let mut note = |what, count| counts.insert(format!("{}, {what}", node.node), count);
            note("size", Count::Exact(node.size.get()));
            note("free", Count::Moving(node.free.get()));
            note("claimed", Count::Exact(node.claimed.get()));
        }
        counts
    }

    fn domain_counts(&self) -> Counts {
        let mut counts = Counts::new();
        for DomainCounts {
            info,
            claims,
            pages,
        } in &self.domains
        {
            let mut note = |what: &str, count| {
                counts.insert(format!("{}, {what}", info.domain), count);
            };
            for (node, pages) in NodeId::all().zip(pages) {
                note(&format!("on {node}"), Count::Moving(pages.get()));
            }
            note("populated", Count::Moving(info.tot_pages.get()));
            note("maximum", Count::Exact(info.max_pages.get()));
            note("outstanding", Count::Exact(info.outstanding_pages.get()));
            note("dying", Count::Exact(info.dying.into()));
            for claim in claims.iter().flat_map(ClaimSet::outstanding) {
                let what = format!("its claim on {}", claim.target);
                note(&what, Count::Exact(claim.pages.get()));
            }
        }
        counts
    }
}

/// Named counts, so that two snapshots can be compared one by one.
type Counts = BTreeMap<String, Count>;

#[derive(Debug, Clone, Copy)]
enum Count {
    /// Nobody but the test changes it.
    Exact(u64),
    /// On a live host, others change it too.
    Moving(u64),
}

fn changes(before: &Counts, now: &Counts, slack: Pages) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let text = |count: Option<&Count>| match count {
            Some(Count::Exact(n) | Count::Moving(n)) => n.to_string(),
            None => "absent".to_owned(),
        };
        let (before, now) = (before.get(name), now.get(name));
        let same = match (before, now) {
            (Some(Count::Exact(a)), Some(Count::Exact(b))) => a == b,
            (Some(Count::Moving(a)), Some(Count::Moving(b))) => a.abs_diff(*b) <= slack.get(),
            _ => false,
        };
        (!same).then(|| format!("{name}: {}, now {}", text(before), text(now)))
    });
    changed.collect()
}

fn domain_violations(
    domain: &DomainCounts,
    online: NodeSet,
    may_exceed: &impl Fn(DomainId) -> bool,
    found: &mut Vec<String>,
) {
    let info = &domain.info;
    let (id, outstanding) = (info.domain, info.outstanding_pages);
    if outstanding != domain.total() {
        found.push(format!(
            "I1: {id} has {outstanding} outstanding, but GET says {}",
            domain.total()
        ));
    }
    let most = info.tot_pages.checked_add(outstanding);
    if most.is_none_or(|most| most > info.max_pages) && !may_exceed(id) {
        found.push(format!(
            "I3: {id} has {} and {outstanding} outstanding, but a maximum of {}",
            info.tot_pages, info.max_pages
        ));
    }
    let on_nodes: u64 = domain.pages.iter().map(|pages| pages.get()).sum();
    // Dom0 is not asked: what it has changes by itself.
    if on_nodes != info.tot_pages.get() && !domain.pages.is_empty() && id != DomainId::DOM0 {
        found.push(format!(
            "I5: {id} has {}, but {on_nodes} on all nodes together",
            info.tot_pages
        ));
    }
    for claim in domain.claims.iter().flat_map(ClaimSet::outstanding) {
        if matches!(claim.target, Target::Node(node) if !online.contains(node)) {
            found.push(format!(
                "I4: {id} claims {} of {}, which is offline",
                claim.pages, claim.target
            ));
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostMemory { free, claimed } = self.host;
        let (free, claimed) = (free.get(), claimed.get());
        write!(f, "    host: free {free}, claimed {claimed}")?;
        for node in &self.nodes {
            let (id, size) = (node.node, node.size.get());
            let (free, claimed) = (node.free.get(), node.claimed.get());
            write!(f, "\n    {id}: size {size}, free {free}, claimed {claimed}")?;
        }
        for DomainCounts {
            info,
            claims,
            pages,
        } in &self.domains
        {
            let (tot, max) = (info.tot_pages.get(), info.max_pages.get());
            let outstanding = info.outstanding_pages.get();
            write!(f, "\n    {}: populated {tot}, maximum {max}", info.domain)?;
            write!(f, ", outstanding {outstanding}")?;
            let on_nodes = NodeId::all().zip(pages);
            for (node, pages) in on_nodes.filter(|(_, pages)| **pages > Pages::ZERO) {
                write!(f, ", {} on {node}", pages.get())?;
            }
            match claims {
                Some(set) => write!(f, ", claims {}", claim_list(set.outstanding()))?,
                None => write!(f, ", no GET")?,
            }
            if info.dying {
                write!(f, ", dying")?;
            }
        }
        Ok(())
    }
}

/// Claims for a reader: `{the host: 4, node 0: 2}`.
pub(super) fn claim_list(claims: impl IntoIterator<Item = Claim>) -> String {
    let claims = claims.into_iter();
    let texts: Vec<_> = claims
        .map(|claim| format!("{}: {}", claim.target, claim.pages.get()))
        .collect();
    format!("{{{}}}", texts.join(", "))
}
