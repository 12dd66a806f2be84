//! A claim set goes to the hypervisor without heap memory: a toolstack that is short of memory
//! must be able to give some back.

use std::error::Error;

use xen_claims::{Claim, ClaimSet, DomainControl, Hypervisor, Model, NodeId, Pages, Target};

// What it would find: entries collected in a vector, a message formatted on the way, a boxed error.
#[test]
fn set_of_three_claims_allocates_nothing() -> Result<(), Box<dyn Error>> {
    let host = Model::new(&"2-socket".parse()?);
    let domain = host.create()?;
    host.set_max_pages(domain, Pages::new(1 << 20))?;
    let nodes = [NodeId::new(0)?, NodeId::new(1)?];
    let claim = |pages, target| Claim {
        pages: Pages::new(pages),
        target,
    };

    let mut result = Ok(Ok(()));
    let heap = allocation_counter::measure(|| {
        let set = ClaimSet::new([
            claim(300, Target::Node(nodes[1])),
            claim(100, Target::Host),
            claim(200, Target::Node(nodes[0])),
        ]);
        result = set.map(|set| host.set(domain, &set));
    });
    result??;
    assert_eq!(heap.count_total, 0, "allocations of a SET that succeeds");
    assert_eq!(host.get(domain)?.total(), Pages::new(600));

    // A refusal neither: the error holds numbers.
    let heap = allocation_counter::measure(|| {
        result = Ok(host.set(domain, &ClaimSet::host(Pages::new(1 << 30))));
    });
    assert!(result?.is_err());
    assert_eq!(heap.count_total, 0, "allocations of a SET that is refused");

    // The counter counts.
    let heap = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8; 64])));
    assert_eq!(heap.count_total, 1, "allocations of a vector");
    Ok(())
}
