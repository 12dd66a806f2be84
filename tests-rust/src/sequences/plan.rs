//! What a plan comes to on a host as it is.

use xen_claims::wire::{
    xen_memory_claim, xenmemf_exact_node, XEN_DOMCTL_CLAIM_MEMORY_HOST as HOST,
};
use xen_claims::{DomainId, NodeId, Pages, Placement, Target};

use super::{Aim, Amount, Call, Plan};
use crate::conformance::Snapshot;

impl Plan {
    /// The call for the host as it is now.
    pub fn call(&self, now: &Snapshot, known: &[DomainId], nodes: &[(NodeId, u64)]) -> Call {
        // The last ones are more often alive.
        let dom = |n: usize| known[known.len() - 1 - n % known.len()];
        let node = |n: usize| nodes[n % nodes.len()].0;
        match self.clone() {
            Plan::Create => Call::Create,
            Plan::MaxPages(d, pages) => Call::MaxPages {
                domain: dom(d),
                pages,
            },
            Plan::Affinity(d, mask) => {
                let nodes = (0..nodes.len()).filter(|n| mask & (1 << n) != 0).map(node);
                Call::Affinity {
                    domain: dom(d),
                    nodes: nodes.collect(),
                }
            }
            Plan::Set(d, claims) => {
                let mut entries = Vec::<xen_memory_claim>::new();
                for (aim, amount) in claims {
                    let aim = aim.map_or(Aim::Host, Aim::Node);
                    let entry = entry(now, dom(d), nodes, aim, amount, 0);
                    if entries.iter().all(|e| e.target != entry.target) {
                        entries.push(entry);
                    }
                }
                Call::Claim {
                    domain: dom(d),
                    mode: 0,
                    nr_entries: entries.len() as u32,
                    entries: Some(entries),
                }
            }
            Plan::Hostile(d, mode, more, claims) => {
                let entries: Option<Vec<_>> = claims.map(|claims| {
                    let claims = claims.into_iter();
                    claims
                        .map(|(aim, amount, pad)| entry(now, dom(d), nodes, aim, amount, pad))
                        .collect()
                });
                let count = entries.as_ref().map_or(1, |entries| entries.len() as i32);
                Call::Claim {
                    domain: dom(d),
                    mode,
                    nr_entries: count.saturating_add(more).max(0) as u32,
                    entries,
                }
            }
            Plan::Get(d, nr_entries, room) => {
                let rubbish = xen_memory_claim {
                    pages: 7,
                    target: 7,
                    pad: 7,
                };
                Call::Claim {
                    domain: dom(d),
                    mode: 1,
                    nr_entries,
                    entries: room.map(|room| vec![rubbish; room]),
                }
            }
            Plan::Legacy(d, aim, amount) => {
                let (target, flags) = match aim {
                    Aim::Host => (Target::Host, 0),
                    Aim::Node(n) => (Target::Node(node(n)), xenmemf_exact_node(node(n))),
                    Aim::Raw(flags) => (Target::Host, flags),
                };
                let pages = resolve(now, dom(d), target, amount);
                // The legacy call counts from what the domain has.
                let has = now.domain(dom(d)).map_or(0, |d| d.info.tot_pages.get());
                let pages = if matches!(amount, Amount::Pages(_)) {
                    pages
                } else {
                    pages.wrapping_add(has)
                };
                Call::Legacy {
                    domain: dom(d),
                    flags,
                    pages,
                }
            }
            Plan::Populate(d, order, extents, how, n) => Call::Populate {
                domain: dom(d),
                order,
                extents,
                placement: placement(how, node(n)),
            },
            Plan::Fill(d, more, how, n) => {
                let amount = Amount::Claimable(more);
                let extents = resolve(now, dom(d), Target::Node(node(n)), amount);
                Call::Populate {
                    domain: dom(d),
                    order: 0,
                    extents: extents.min(100),
                    placement: placement(how, node(n)),
                }
            }
            Plan::Depopulate(d, order, extents) => Call::Depopulate {
                domain: dom(d),
                order,
                extents,
            },
            Plan::OfflineFree(n) => Call::OfflineFree { node: node(n) },
            Plan::OfflineUsed(n, d) => Call::OfflineUsed {
                node: node(n),
                domain: dom(d),
            },
            Plan::Online(n) => Call::Online { node: node(n) },
            Plan::BeginDestroy(d) => Call::BeginDestroy { domain: dom(d) },
            Plan::Destroy(d) => Call::Destroy { domain: dom(d) },
            Plan::Uncounted(d, order, how, n) => Call::Uncounted {
                domain: dom(d),
                order,
                placement: placement(how, node(n)),
            },
            Plan::Low(d, order, how, n) => Call::Low {
                domain: dom(d),
                order,
                placement: placement(how, node(n)),
            },
            Plan::Scrub => Call::Scrub,
        }
    }
}

fn placement(how: u8, node: NodeId) -> Placement {
    match how {
        0 => Placement::Any,
        1 => Placement::Prefer(node),
        _ => Placement::Exact(node),
    }
}

fn entry(
    now: &Snapshot,
    domain: DomainId,
    nodes: &[(NodeId, u64)],
    aim: Aim,
    amount: Amount,
    pad: u32,
) -> xen_memory_claim {
    let (target, raw) = match aim {
        Aim::Host => (Target::Host, HOST),
        Aim::Node(n) => {
            let node = nodes[n % nodes.len()].0;
            (Target::Node(node), node.index() as u32)
        }
        Aim::Raw(raw) => (Target::Host, raw),
    };
    let pages = resolve(now, domain, target, amount);
    xen_memory_claim {
        pages,
        target: raw,
        pad,
    }
}

fn resolve(now: &Snapshot, domain: DomainId, target: Target, amount: Amount) -> u64 {
    let counts = now.domain(domain);
    let claims = counts.and_then(|counts| counts.claims.clone());
    match amount {
        Amount::Pages(pages) => pages,
        Amount::Claimable(more) => {
            let (free, claimed, own) = match target {
                Target::Host => {
                    let own = claims.map_or(0, |claims| claims.total().get());
                    (now.host.free, now.host.claimed, own)
                }
                Target::Node(node) => {
                    let own = claims.map_or(0, |claims| claims.pages_of(target).get());
                    let memory = now.nodes.iter().find(|memory| memory.node == node);
                    memory.map_or((Pages::ZERO, Pages::ZERO, 0), |m| (m.free, m.claimed, own))
                }
            };
            (free.get() - claimed.get() + own).saturating_add_signed(more)
        }
        Amount::Allowed(more) => {
            let room = counts.map(|d| d.info.max_pages.saturating_sub(d.info.tot_pages));
            room.map_or(0, Pages::get).saturating_add_signed(more)
        }
    }
}
