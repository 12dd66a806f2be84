//! How many claim calls the embedded hypervisor takes: Criterion's part of `./dev bench`, which reads
//! what this leaves in `target/criterion`.
#![allow(missing_docs)] // In what `criterion_group` expands to.

use std::time::{Duration, Instant};

use criterion::{criterion_group, criterion_main, Criterion};
use xen_claims::{
    Claim, ClaimSet, DomainControl, DomainId, Hypervisor, Model, NodeId, Pages, Target,
};

/// A host with a domain for each thread.
fn host(nodes: usize, threads: u64) -> (Model, Vec<DomainId>) {
    let topology = format!("{nodes}x1").parse().expect("a topology");
    let host = Model::new(&topology);
    let domain = |_| {
        let domain = host.create().expect("room for a domain");
        host.set_max_pages(domain, Pages::new(1 << 20))
            .expect("a domain");
        domain
    };
    let domains = (0..threads).map(domain).collect();
    (host, domains)
}

/// A page of each of up to four nodes, or two.
fn set(nodes: usize, pages: u64) -> ClaimSet {
    let claim = |node: i32| Claim {
        pages: Pages::new(pages),
        target: Target::Node(NodeId::new(node.into()).expect("a node")),
    };
    ClaimSet::new((0..nodes.min(4) as i32).map(claim)).expect("a claim set")
}

/// Each call changes something.
fn sets(host: &Model, domain: DomainId, sets: &[ClaimSet; 2], calls: u64) {
    for call in 0..calls {
        host.set(domain, &sets[call as usize & 1])
            .expect("free pages");
    }
}

fn gets(host: &Model, domain: DomainId, _: &[ClaimSet; 2], calls: u64) {
    for _ in 0..calls {
        std::hint::black_box(host.get(domain)).expect("a domain");
    }
}

type Calls = fn(&Model, DomainId, &[ClaimSet; 2], u64);

fn embedded(criterion: &mut Criterion) {
    for (name, calls) in [("set", sets as Calls), ("get", gets as Calls)] {
        for nodes in [1, 8, 64] {
            for threads in [1, 8] {
                let (host, domains) = host(nodes, threads);
                let sets = [set(nodes, 1), set(nodes, 2)];
                host.set(domains[0], &sets[0]).expect("free pages");
                let run = |total: u64| {
                    let start = Instant::now();
                    std::thread::scope(|scope| {
                        for domain in &domains[1..] {
                            scope.spawn(|| calls(&host, *domain, &sets, total / threads));
                        }
                        calls(
                            &host,
                            domains[0],
                            &sets,
                            total - total / threads * (threads - 1),
                        );
                    });
                    start.elapsed()
                };
                let id = format!("{name}-{nodes}-{threads}");
                criterion.bench_function(&id, |bencher| bencher.iter_custom(run));
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = embedded
}
criterion_main!(benches);
