//! What the claim calls cost under the heap lock, where everybody else waits.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xen_claims::{
    Claim, ClaimSet, DomainControl, DomainId, FaultInjection, Hypervisor, NodeId, Pages, Target,
};
use xen_claims_lab::allocator::{Boot, Build, Host, Profile, Tree, Xen};

use crate::callgrind::{self, Counts};
use crate::rounds::Median;

/// The sizes that are varied, one at a time; the rest are the last of each.
const ENTRIES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 65];
const NODES: [usize; 4] = [1, 8, 32, 64];
const DOMAINS: [usize; 4] = [1, 10, 100, 1000];

/// What one call costs while it has the lock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// `SET`, `GET` or `recall`.
    pub call: String,
    /// Of the set.
    pub entries: usize,
    /// Of the host.
    pub nodes: usize,
    /// On the host, each with claims.
    pub domains: usize,
    /// Instructions under the lock.
    pub instructions: f64,
    /// Nanoseconds for which the lock is held.
    pub ns: Median,
}

/// What is done so often that it can be measured.
const CALLS: u64 = 100;

fn node(index: usize) -> Result<NodeId> {
    Ok(NodeId::new(index as i64)?)
}

fn set(entries: usize, pages: u64) -> Result<ClaimSet> {
    let target = |index: usize| match index {
        0 => Ok(Target::Host),
        _ => Ok::<_, anyhow::Error>(Target::Node(node(index - 1)?)),
    };
    let claim = |index| {
        Ok(Claim {
            pages: Pages::new(pages),
            target: target(index)?,
        })
    };
    // Nodes first, as long as one of the host is not needed to get there.
    let from = usize::from(entries < 65);
    let claims: Result<Vec<_>> = (from..from + entries).map(claim).collect();
    Ok(ClaimSet::new(claims?)?)
}

struct Setup {
    host: Host,
    domains: Vec<DomainId>,
}

impl Setup {
    /// A host where each domain claims a page of the host, and the last is the one to look at.
    fn new(profile: Profile, nodes: usize, domains: usize) -> Result<Self> {
        let tree = Tree::prepared()?;
        let build = Build::new(&tree, Xen::Patched, profile)?;
        let each = (0..nodes).map(|index| Ok((node(index)?, Pages::new(1 << 14))));
        let topology = xen_claims::Topology::new(each.collect::<Result<Vec<_>>>()?)?;
        let host = Host::boot(&build, &Boot::new(&topology))?;
        let one = |_| {
            let domain = host.create()?;
            host.set_max_pages(domain, Pages::new(1 << 20))?;
            host.set(domain, &ClaimSet::host(Pages::new(1)))?;
            Ok(domain)
        };
        let domains = (0..domains).map(one).collect::<Result<_>>()?;
        Ok(Setup { host, domains })
    }

    fn last(&self) -> Result<DomainId> {
        self.domains.last().copied().context("no domain")
    }

    /// Two sets in turn, so that each call changes something.
    fn set(&self, entries: usize) -> Result<()> {
        let sets = [set(entries, 1)?, set(entries, 2)?];
        for call in 0..CALLS {
            self.host.set(self.last()?, &sets[call as usize & 1])?;
        }
        Ok(())
    }

    fn get(&self) -> Result<()> {
        for _ in 0..CALLS {
            self.host.get(self.last()?)?;
        }
        Ok(())
    }

    /// The last domain has claimed all of a node when a page of that goes out of use.
    fn before_recall(&self) -> Result<()> {
        self.host.online_pages(node(0)?)?;
        let free = self.host.nodes()?[0].free;
        let claim = Claim {
            pages: free,
            target: Target::Node(node(0)?),
        };
        Ok(self.host.set(self.last()?, &ClaimSet::new([claim])?)?)
    }

    fn recall(&self) -> Result<()> {
        Ok(self.host.offline_free_page(node(0)?)?)
    }
}

/// Calls `f` for each point, with what is to be measured there and what comes before.
fn each(profile: Profile, mut f: impl FnMut(&Setup, Point) -> Result<()>) -> Result<()> {
    let mut at = |lab: &Setup, call: &str, entries, nodes, domains| {
        f(
            lab,
            Point {
                call: call.to_owned(),
                entries,
                nodes,
                domains,
                instructions: 0.0,
                ns: Median::default(),
            },
        )
    };
    let lab = Setup::new(profile, 64, 1)?;
    for entries in ENTRIES {
        at(&lab, "SET", entries, 64, 1)?;
        at(&lab, "GET", entries, 64, 1)?;
    }
    for nodes in NODES {
        let lab = Setup::new(profile, nodes, 1)?;
        at(&lab, "SET", 1, nodes, 1)?;
        at(&lab, "GET", 1, nodes, 1)?;
    }
    for domains in DOMAINS {
        let lab = Setup::new(profile, 64, domains)?;
        at(&lab, "SET", 4, 64, domains)?;
        at(&lab, "GET", 4, 64, domains)?;
        at(&lab, "recall", 1, 64, domains)?;
    }
    Ok(())
}

fn name(point: &Point) -> String {
    format!(
        "{} {} {} {}",
        point.call, point.entries, point.nodes, point.domains
    )
}

fn once(lab: &Setup, point: &Point) -> Result<()> {
    match point.call.as_str() {
        "SET" => lab.set(point.entries),
        "GET" => lab.get(),
        _ => lab.recall(),
    }
}

fn before(lab: &Setup, point: &Point) -> Result<()> {
    match point.call.as_str() {
        "SET" => lab.set(point.entries),
        "GET" => Ok(lab.host.set(lab.last()?, &set(point.entries, 1)?)?),
        _ => lab.before_recall(),
    }
}

fn calls(point: &Point) -> f64 {
    if point.call == "recall" {
        1.0
    } else {
        CALLS as f64
    }
}

/// Under callgrind: counts.
pub fn count() -> Result<()> {
    each(Profile::Release, |lab, point| {
        before(lab, &point)?;
        callgrind::count(&name(&point), || once(lab, &point))??;
        Ok(())
    })
}

/// Takes the time, and joins it with the counts.
pub fn run(rounds: usize, counts: &Counts) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    each(Profile::Held, |lab, mut point| {
        let count = counts.get(&name(&point)).context("not counted")?;
        point.instructions = *count as f64 / calls(&point);
        let mut samples = Vec::new();
        for _ in 0..rounds {
            before(lab, &point)?;
            lab.host.held()?;
            once(lab, &point)?;
            let (_, ns) = lab.host.held()?;
            samples.push(ns as f64 / calls(&point));
        }
        point.ns = Median::of(samples);
        points.push(point);
        Ok(())
    })?;
    Ok(points)
}
