//! What is done in a case.

use std::fmt::Display;

use xen_claims::limits::DOMAIN_PAGES;
use xen_claims::wire::{
    self, xen_memory_claim, XEN_DOMCTL_CLAIM_MEMORY_GET, XEN_DOMCTL_CLAIM_MEMORY_SET,
};
use xen_claims::{
    Claim, DomainId, Errno, FaultInjection, HypercallError, NodeId, NodeSet, Pages, Placement,
    Target,
};

use super::super::snapshot::claim_list;
use super::{claim_set, entry, expect, skip, CaseContext, Check, Stop, PAGE, TWO_MIB, WORKABLE};

impl CaseContext<'_> {
    /// One more domain, without a limit to its memory. Not a step.
    pub(in crate::conformance) fn create(&self) -> Check<DomainId> {
        let created = self.try_create()?;
        created.ok_or_else(|| Stop::failed("a new domain", Errno::ENOMEM))
    }

    /// The same, or none where the host has no memory for another domain.
    pub(in crate::conformance) fn try_create(&self) -> Check<Option<DomainId>> {
        let domain = match self.host.create() {
            Err(error) if error.errno == Errno::ENOMEM => return Ok(None),
            created => created?,
        };
        self.notes().domains.push(domain);
        let max = Pages::new(DOMAIN_PAGES.max);
        self.host.set_max_pages(domain, max)?;
        Ok(Some(domain))
    }

    /// The end of a domain. Not a step.
    pub(in crate::conformance) fn end(&self, domain: DomainId) -> Check {
        self.notes().domains.retain(|d| *d != domain);
        Ok(self.host.destroy(domain)?)
    }

    pub(in crate::conformance) fn destroy(&self, domain: DomainId) -> Check {
        let what = format!("{} is destroyed", self.name(domain));
        self.step(what, || self.end(domain))
    }

    /// The domain is dying from now on, and its memory still there.
    pub(in crate::conformance) fn begin_destroy(&self, domain: DomainId) -> Check {
        let faults = self.faults();
        let what = format!("{} begins to die", self.name(domain));
        self.step(what, || match faults.begin_destroy(domain) {
            Err(error) if error.errno == Errno::EOPNOTSUPP => {
                skip("a domain of this hypervisor can't be kept dying")
            }
            result => Ok(result?),
        })
    }

    pub(in crate::conformance) fn set_max_pages(&self, domain: DomainId, pages: u64) -> Check {
        let what = format!("the maximum of {} is {pages} pages", self.name(domain));
        if pages < self.populated(domain)? + self.outstanding(domain)? {
            self.notes().lowered.push(domain);
        }
        self.step(what, || {
            Ok(self.host.set_max_pages(domain, Pages::new(pages))?)
        })
    }

    pub(in crate::conformance) fn set_affinity(&self, domain: DomainId, nodes: NodeSet) -> Check {
        let name = self.name(domain);
        self.step(
            format_args!("the node affinity of {name} is {nodes:?}"),
            || Ok(self.host.set_node_affinity(domain, nodes)?),
        )
    }

    pub(in crate::conformance) fn set(&self, domain: DomainId, claims: &[Claim]) -> Check {
        let what = format!(
            "{} claims {}",
            self.name(domain),
            claim_list(claims.to_vec())
        );
        let set = claim_set(claims)?;
        self.step(what, || Ok(self.host.set(domain, &set)?))
    }

    /// A SET that fails with this errno and changes nothing.
    pub(in crate::conformance) fn set_refused(
        &self,
        domain: DomainId,
        claims: &[Claim],
        errno: Errno,
    ) -> Check {
        let what = format!(
            "{} claims {}, in vain",
            self.name(domain),
            claim_list(claims.to_vec())
        );
        let set = claim_set(claims)?;
        self.refused_step(what, || {
            expect_refusal(&[errno], self.host.set(domain, &set).map_err(|e| e.errno))
        })
    }

    pub(in crate::conformance) fn legacy(&self, domain: DomainId, pages: u64) -> Check {
        let what = format!("{} makes a legacy claim of {pages}", self.name(domain));
        self.step(what, || {
            Ok(self.host.claim_pages(domain, Pages::new(pages))?)
        })
    }

    /// A legacy claim that fails with this errno and changes nothing.
    pub(in crate::conformance) fn legacy_refused(
        &self,
        domain: DomainId,
        pages: u64,
        errno: Errno,
    ) -> Check {
        let name = self.name(domain);
        let what = format!("{name} makes a legacy claim of {pages}, in vain");
        self.refused_step(what, || {
            let result = self.host.claim_pages(domain, Pages::new(pages));
            expect_refusal(&[errno], result.map_err(|error| error.errno))
        })
    }

    /// A legacy claim on one node, which need not be there if it is of 0 pages.
    pub(in crate::conformance) fn legacy_on(
        &self,
        domain: DomainId,
        node: NodeId,
        pages: u64,
    ) -> Check {
        let name = self.name(domain);
        let what = format!("{name} makes a legacy claim of {pages} on {node}");
        self.step(what, || {
            Ok(self
                .host
                .claim_pages_node(domain, node, Pages::new(pages))?)
        })
    }

    /// A legacy claim with these flags that fails with this errno and changes nothing.
    pub(in crate::conformance) fn legacy_flags_refused(
        &self,
        what: &str,
        domain: DomainId,
        flags: u32,
        pages: u64,
        errno: Errno,
    ) -> Check {
        let name = self.name(domain);
        let what = format!("{name} makes a legacy claim of {pages}, {what}, in vain");
        self.refused_step(what, || {
            let pages = Pages::new(pages);
            let result = self.host.claim_pages_flags(domain, flags, pages);
            expect_refusal(&[errno], result.map_err(|error| error.errno))
        })
    }

    /// That the domain has so many pages on each node, and none on others.
    pub(in crate::conformance) fn expect_pages(
        &self,
        domain: DomainId,
        expected: &[(NodeId, u64)],
    ) -> Check {
        let pages = self.host.node_pages(domain)?;
        let on_nodes = NodeId::all().zip(pages.iter().map(|pages| pages.get()));
        let found: Vec<_> = on_nodes.filter(|(_, pages)| *pages > 0).collect();
        let name = self.name(domain);
        expect(format_args!("pages of {name}"), expected.to_vec(), found)
    }

    /// A SET of one LEGACY entry.
    pub(in crate::conformance) fn legacy_entry(&self, domain: DomainId, pages: u64) -> Check {
        let what = format!("{} sets a LEGACY entry of {pages}", self.name(domain));
        let mut entries = [entry(wire::XEN_DOMCTL_CLAIM_MEMORY_LEGACY, pages)];
        self.step(what, || {
            self.call(domain, XEN_DOMCTL_CLAIM_MEMORY_SET, 1, Some(&mut entries))
                .1
                .map_err(|errno| Stop::failed("success", errno))
        })
    }

    /// The call as it is on the wire, unchecked: the number of entries after it, and its result.
    pub(in crate::conformance) fn call(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> (u32, Result<(), Errno>) {
        let mut count = nr_entries;
        let result = self.host.claim_memory(domain, mode, &mut count, entries);
        (count, result)
    }

    /// A call on the wire that fails with one of these errnos and changes nothing.
    pub(in crate::conformance) fn call_refused(
        &self,
        what: &str,
        domain: DomainId,
        mode: u32,
        nr_entries: u32,
        entries: Option<&[xen_memory_claim]>,
        errnos: &[Errno],
    ) -> Check {
        let mut copy = entries.map(<[_]>::to_vec);
        self.refused_step(format!("{}: {what}", self.name(domain)), || {
            let result = self.call(domain, mode, nr_entries, copy.as_deref_mut()).1;
            expect_refusal(errnos, result)
        })
    }

    /// A SET of these entries that fails with one of these errnos and changes nothing.
    pub(in crate::conformance) fn entries_refused(
        &self,
        what: &str,
        domain: DomainId,
        entries: &[xen_memory_claim],
        errnos: &[Errno],
    ) -> Check {
        let mode = XEN_DOMCTL_CLAIM_MEMORY_SET;
        // OK because no case has that many entries.
        let count = entries.len() as u32;
        self.call_refused(what, domain, mode, count, Some(entries), errnos)
    }

    /// A GET that fails with this errno and changes nothing.
    pub(in crate::conformance) fn get_refused(&self, domain: DomainId, errno: Errno) -> Check {
        let (mode, room) = (XEN_DOMCTL_CLAIM_MEMORY_GET, wire::NO_CLAIMS);
        let count = room.len() as u32;
        self.call_refused("GET", domain, mode, count, Some(&room), &[errno])
    }

    /// Asks for extents and gets all of them.
    pub(in crate::conformance) fn populate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Check {
        let given = self.populate_some(domain, order, extents, placement)?;
        expect("extents populated", extents, given)
    }

    /// Asks for extents and gets so many.
    pub(in crate::conformance) fn populate_some(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Check<u64> {
        let name = self.name(domain);
        let what = format!("{name} populates {extents} of order {order}, {placement:?}");
        self.step(what, || {
            Ok(self.host.populate(domain, order, extents, placement)?)
        })
    }

    /// Asks for that many pages, does not get them all, and gives those back that it got: one
    /// step, as meanwhile the host may have no page left even for the hypervisor's own use.
    pub(in crate::conformance) fn deny(
        &self,
        domain: DomainId,
        pages: u64,
        placement: Placement,
    ) -> Check {
        let name = self.name(domain);
        let what = format!("{name} populates {pages} of order 0, {placement:?}, in vain");
        self.step(what, || {
            let given = self.host.populate(domain, PAGE, pages, placement)?;
            self.host.depopulate(domain, PAGE, given)?;
            if given >= pages {
                let expected = format!("fewer than {pages} pages populated");
                return Err(Stop::failed(expected, given));
            }
            Ok(())
        })
    }

    /// Asks for one extent and does not get it.
    pub(in crate::conformance) fn populate_refused(
        &self,
        domain: DomainId,
        order: u32,
        placement: Placement,
    ) -> Check {
        let name = self.name(domain);
        let what = format!("{name} populates one of order {order}, {placement:?}, in vain");
        self.refused_step(what, || {
            let given = self.host.populate(domain, order, 1, placement)?;
            expect("extents populated", 0, given)
        })
    }

    pub(in crate::conformance) fn depopulate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
    ) -> Check {
        let name = self.name(domain);
        let what = format!("{name} gives {extents} of order {order} back");
        self.step(what, || Ok(self.host.depopulate(domain, order, extents)?))
    }

    /// Every other page of what the node has left is B's, and A gave the others back; that many.
    pub(in crate::conformance) fn break_up(&self, node: NodeId) -> Check<u64> {
        let filler = self.create()?;
        let exact = Placement::Exact(node);
        let free = self.unclaimed(Target::Node(node))?;
        let filled = free.saturating_sub(WORKABLE) >> TWO_MIB;
        self.populate_some(filler, TWO_MIB, filled, exact)?;
        self.note("A and B populate page by page in turn, until the node has none left");
        let mut given = 0;
        let one = |domain| self.host.populate(domain, PAGE, 1, exact);
        while one(self.a)? + one(self.b)? == 2 {
            given += 1;
        }
        self.depopulate(self.a, PAGE, given)?;
        Ok(given)
    }

    /// A page of the node goes out of use; it comes back at the end of the case.
    pub(in crate::conformance) fn offline(
        &self,
        what: impl Display,
        node: NodeId,
        action: impl FnOnce(&dyn FaultInjection) -> Result<(), HypercallError>,
    ) -> Check {
        let faults = self.faults();
        self.step(format_args!("{what} of {node} goes out of use"), || {
            self.notes().offlined.push(node);
            Ok(action(faults)?)
        })
    }
}

fn expect_refusal(errnos: &[Errno], result: Result<(), Errno>) -> Check {
    match result {
        Err(errno) if errnos.contains(&errno) => Ok(()),
        found => {
            let errnos: Vec<_> = errnos.iter().map(Errno::to_string).collect();
            let found = found.map_or_else(|errno| errno.to_string(), |()| "success".to_owned());
            Err(Stop::failed(errnos.join(" or "), found))
        }
    }
}
