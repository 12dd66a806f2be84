//! What tests, demonstrations and our own builder need of a hypervisor, and a production toolstack
//! does not: the life of domains, and faults on purpose. Feature `testing`.

use crate::claim::Target;
use crate::error::{Errno, HypercallError};
use crate::hypervisor::{DomainInfo, Hypervisor, Uuid};
use crate::units::{DomainId, NodeId, Pages};

/// What a domain has of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainMemory {
    /// Which domain.
    pub domain: DomainId,
    /// Which node.
    pub node: NodeId,
    /// How much, and never 0.
    pub pages: Pages,
}

/// Where the pages of a populate call shall come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The nodes that the domain has claims on in turn; without such claims, or where these have
    /// nothing, the nodes of its affinity in turn, then the others (`docs/contract.md`, 1.8).
    Any,
    /// This node first, then as [`Placement::Any`].
    Prefer(NodeId),
    /// This node or none.
    Exact(NodeId),
}

/// What a domain builder needs beside claims.
pub trait DomainControl: Hypervisor {
    /// A new domain, paused, without memory and with a maximum of 0 pages. Who was killed before this
    /// returned finds it again by `uuid`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the host can't hold another domain.
    fn create_as(&self, uuid: Uuid) -> Result<DomainId, HypercallError>;

    /// A new domain that nobody needs to find again.
    ///
    /// # Errors
    ///
    /// As [`create_as`](Self::create_as).
    fn create(&self) -> Result<DomainId, HypercallError> {
        self.create_as(Uuid::default())
    }

    /// Which nodes the memory of each domain is on, ascending by domain, then node. Domains that end
    /// meanwhile may be missing.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` on a Xen without the series.
    fn memory_of_domains(&self) -> Result<Vec<DomainMemory>, HypercallError> {
        let mut all = Vec::new();
        for DomainInfo { domain, .. } in self.domains()? {
            let pages = match self.node_pages(domain) {
                Err(error) if error.errno == Errno::ESRCH => continue,
                pages => pages?,
            };
            let on_nodes = NodeId::all().zip(pages);
            let on_nodes = on_nodes.filter(|(_, pages)| *pages > Pages::ZERO);
            all.extend(on_nodes.map(|(node, pages)| DomainMemory {
                domain,
                node,
                pages,
            }));
        }
        Ok(all)
    }

    /// Sets the most pages `domain` may have. What it has or claims already is not taken away. A
    /// number over [`limits::DOMAIN_PAGES`](crate::limits::DOMAIN_PAGES) means that largest one.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn set_max_pages(&self, domain: DomainId, max: Pages) -> Result<(), HypercallError>;

    /// Gives `domain` up to `extents` extents of 2^`order` pages and returns how many it gave: it
    /// goes one extent at a time and stops at the first that can't be had. Of more than one page none
    /// is given at the expense of claims on other nodes, while those of `domain` cover it and no node is
    /// named: go on with smaller extents (`docs/contract.md`, 1.8).
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn populate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Result<u64, HypercallError>;

    /// Takes the `extents` extents of 2^`order` pages back that `domain` was given last.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain; `EINVAL` if the last ones are of another order or
    /// fewer, and then nothing is taken.
    fn depopulate(&self, domain: DomainId, order: u32, extents: u64) -> Result<(), HypercallError>;

    /// Starts `domain`, or lets it go on.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `EINVAL` if it is not paused.
    fn unpause(&self, domain: DomainId) -> Result<(), HypercallError>;

    /// Ends `domain`: releases its claims, then frees its memory.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn destroy(&self, domain: DomainId) -> Result<(), HypercallError>;
}

/// Claims taken back from a domain because memory went away, in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// Whose claim it was.
    pub domain: DomainId,
    /// Node claim or host claim.
    pub target: Target,
    /// How much of it is gone.
    pub pages: Pages,
}

impl Recall {
    /// Reads a line of Xen's log, `... recalled 1 page claimed by d3 on node 0`, or without a
    /// node. Any other line is none.
    pub fn from_log(line: &str) -> Option<Self> {
        let words = line.split_once("recalled ")?.1;
        let mut words = words.split_whitespace();
        let pages = words.next()?.parse().ok()?;
        let domain = words.find_map(|word| word.strip_prefix('d')?.parse::<i64>().ok())?;
        let target = match words.skip_while(|word| *word != "node").nth(1) {
            None => Target::Host,
            Some(node) => Target::Node(NodeId::new(node.parse().ok()?).ok()?),
        };
        Some(Recall {
            domain: DomainId::new(domain).ok()?,
            target,
            pages: Pages::new(pages),
        })
    }
}

/// Faults on purpose, for tests.
pub trait FaultInjection: DomainControl {
    /// Takes one free page of `node` out of use.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the node has no free page.
    fn offline_free_page(&self, node: NodeId) -> Result<(), HypercallError>;

    /// Takes one page of `node` out of use that `domain` has: it goes when the domain frees it.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `ENOENT` if it has no page of that node.
    fn offline_used_page(&self, node: NodeId, domain: DomainId) -> Result<(), HypercallError>;

    /// Brings all pages of `node` back into use that are out of it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such node.
    fn online_pages(&self, node: NodeId) -> Result<(), HypercallError>;

    /// Makes ready what the faults here need, while memory is free and nothing is compared yet: on
    /// Xen that creates and destroys domains. Doing it again is harmless.
    ///
    /// # Errors
    ///
    /// What the hypervisor says.
    fn prepare(&self) -> Result<(), HypercallError> {
        Ok(())
    }

    /// The recalls so far, oldest first.
    fn recalls(&self) -> Vec<Recall>;

    /// Scrubs all free memory that is to be scrubbed before anybody gets it again, because a domain had
    /// it that is gone.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` where that can't be arranged, as on a Xen that does it when it is idle.
    fn scrub(&self) -> Result<(), HypercallError>;

    /// Lets the next extent of a populate call fail after the allocator's checks were passed.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` where that can't be arranged.
    fn fail_next_allocation(&self) -> Result<(), HypercallError>;

    /// Begins to destroy `domain`: its claims are released, its memory is still there. It stays
    /// dying until [`DomainControl::destroy`].
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn begin_destroy(&self, domain: DomainId) -> Result<(), HypercallError>;
}

#[cfg(test)]
mod tests {
    use super::Recall;
    use crate::claim::Target;

    #[test]
    fn recalls_are_read_from_the_log() {
        let line = "(XEN) [   8.1] Page offlining: recalled 1 page claimed by d3 on node 2";
        let found = Recall::from_log(line).unwrap();
        assert_eq!(found.domain.get(), 3);
        assert_eq!(found.target.to_string(), "node 2");
        let line = "(XEN) Page offlining: recalled 1 page claimed by d12";
        assert_eq!(Recall::from_log(line).unwrap().target, Target::Host);
        let line = "(XEN) Page offlining: recalled nothing";
        assert_eq!(Recall::from_log(line), None);
    }
}
