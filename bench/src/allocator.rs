//! What a guest's memory costs in Xen's allocator: with the series, and without.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xen_claims::{
    Claim, ClaimSet, DomainControl, DomainId, Hypervisor, NodeId, Pages, Target, Topology,
};
use xen_claims_lab::allocator::{Boot, Build, Host, Profile, Tree, Xen};

use crate::callgrind::{self, Counts};
use crate::rounds::Pair;

/// Orders of extents, and how many are measured at once.
const EXTENTS: [(u32, u64); 3] = [(0, 2000), (9, 64), (18, 1)];
const NODES: [usize; 3] = [1, 8, 64];
const OTHERS: usize = 100;

/// Who claims what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claims {
    /// Nobody.
    None,
    /// The domain that allocates: all of it, and a page of each other node. On stock Xen, as much
    /// of the host.
    Own,
    /// The same, and the domain's node affinity says where, as libxenguest has it: no node is named.
    OwnByAffinity,
    /// 100 others: a page of each node and one of the host. On stock Xen, as much of the host.
    Others,
}

const CLAIMS: [Claims; 4] = [
    Claims::None,
    Claims::Own,
    Claims::OwnByAffinity,
    Claims::Others,
];

/// What allocating and freeing one extent costs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// Of the host.
    pub nodes: usize,
    /// Who claims what.
    pub claims: Claims,
    /// 2^order pages.
    pub order: u32,
    /// Instructions: patched, stock.
    pub instructions: (f64, f64),
    /// Nanoseconds: patched, stock.
    pub ns: Pair,
}

fn node(index: usize) -> Result<NodeId> {
    Ok(NodeId::new(index as i64)?)
}

fn topology(nodes: usize) -> Result<Topology> {
    let each = |index| Ok((node(index)?, Pages::new(1 << 19)));
    Ok(Topology::new(
        (0..nodes).map(each).collect::<Result<Vec<_>>>()?,
    )?)
}

struct Setup {
    host: Host,
    xen: Xen,
    nodes: usize,
    domain: DomainId,
}

impl Setup {
    fn new(xen: Xen, nodes: usize) -> Result<Self> {
        let tree = Tree::prepared()?;
        let build = Build::new(&tree, xen, Profile::Release)?;
        let host = Host::boot(&build, &Boot::new(&topology(nodes)?))?;
        let domain = host.create()?;
        host.set_max_pages(domain, Pages::new(1 << 30))?;
        Ok(Setup {
            host,
            xen,
            nodes,
            domain,
        })
    }

    fn claim(&self, domain: DomainId, on_last: u64, on_host: u64) -> Result<()> {
        if self.xen == Xen::Stock {
            let pages = on_last + self.nodes as u64 - 1 + on_host;
            self.host.claim_pages(domain, Pages::ZERO)?;
            return Ok(self.host.claim_pages(domain, Pages::new(pages))?);
        }
        let of = |index, pages| {
            Ok(Claim {
                pages: Pages::new(pages),
                target: Target::Node(node(index)?),
            })
        };
        let mut claims: Vec<_> = (0..self.nodes - 1)
            .map(|n| of(n, 1))
            .collect::<Result<_>>()?;
        claims.push(of(self.nodes - 1, on_last)?);
        claims.push(Claim {
            pages: Pages::new(on_host),
            target: Target::Host,
        });
        Ok(self.host.set(domain, &ClaimSet::new(claims)?)?)
    }

    fn others(&self) -> Result<Vec<DomainId>> {
        let one = |_| {
            let domain = self.host.create()?;
            self.host.set_max_pages(domain, Pages::new(1 << 20))?;
            self.claim(domain, 1, 1)?;
            Ok(domain)
        };
        (0..OTHERS).map(one).collect()
    }

    /// Extents of the last node, which is the longest way to go.
    fn measure(&self, claims: Claims, order: u32, extents: u64) -> Result<f64> {
        let own = matches!(claims, Claims::Own | Claims::OwnByAffinity);
        if own {
            self.claim(self.domain, extents << order, 0)?;
        }
        let last = node(self.nodes - 1)?;
        let named = (claims != Claims::OwnByAffinity).then_some(last);
        if named.is_none() {
            self.host
                .set_node_affinity(self.domain, [last].into_iter().collect())?;
        }
        let cost = self.host.measure(self.domain, order, named, extents)?;
        if own {
            self.host.claim_pages(self.domain, Pages::ZERO)?;
        }
        Ok(cost.allocate + cost.free)
    }

    /// Calls `f` for each point, with the claims of that point made.
    fn each(&self, mut f: impl FnMut(&Self, Claims, u32, u64) -> Result<()>) -> Result<()> {
        for claims in CLAIMS {
            let others = if claims == Claims::Others {
                self.others()?
            } else {
                Vec::new()
            };
            for (order, extents) in EXTENTS {
                f(self, claims, order, extents)?;
            }
            for domain in others {
                self.host.destroy(domain)?;
            }
        }
        Ok(())
    }
}

fn name(xen: Xen, nodes: usize, claims: Claims, order: u32) -> String {
    format!("allocator {xen:?} {nodes} {claims:?} {order}")
}

/// Under callgrind: counts.
pub fn count() -> Result<()> {
    for nodes in NODES {
        for xen in [Xen::Patched, Xen::Stock] {
            Setup::new(xen, nodes)?.each(|lab, claims, order, extents| {
                lab.measure(claims, order, extents)?;
                let name = name(xen, nodes, claims, order);
                callgrind::count(&name, || lab.measure(claims, order, extents))??;
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Takes the time, and joins it with the counts.
pub fn run(rounds: usize, counts: &Counts) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for nodes in NODES {
        let (patched, stock) = (
            Setup::new(Xen::Patched, nodes)?,
            Setup::new(Xen::Stock, nodes)?,
        );
        for claims in CLAIMS {
            let others = claims == Claims::Others;
            let all = |lab: &Setup| if others { lab.others() } else { Ok(Vec::new()) };
            let claimants = [all(&patched)?, all(&stock)?];
            for (order, extents) in EXTENTS {
                let round = |_| {
                    Ok((
                        patched.measure(claims, order, extents)?,
                        stock.measure(claims, order, extents)?,
                    ))
                };
                let samples = (0..=rounds).map(round).collect::<Result<Vec<_>>>()?;
                let of = |xen| {
                    let count = counts.get(&name(xen, nodes, claims, order));
                    count
                        .map(|count| *count as f64 / extents as f64)
                        .context("not counted")
                };
                points.push(Point {
                    nodes,
                    claims,
                    order,
                    instructions: (of(Xen::Patched)?, of(Xen::Stock)?),
                    // The first round warms up.
                    ns: Pair::of(&samples[1..]),
                });
            }
            for (lab, domains) in [&patched, &stock].into_iter().zip(claimants) {
                for domain in domains {
                    lab.host.destroy(domain)?;
                }
            }
        }
    }
    Ok(points)
}
