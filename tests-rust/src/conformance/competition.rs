//! C: what one domain has claimed, no other domain can claim or have.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use xen_claims::limits::DOMAIN_PAGES;
use xen_claims::{ClaimSet, DomainId, Errno, Placement, Target};

use super::lab::{claim_set, expect, host, on, skip, Builder, Check, Lab, Stop, PAGE, TWO_MIB};
use super::race::{race, Dice, ROUNDS};
use super::rival::Call;
use super::{Case, SOAK};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "C1",
        "what A's legacy claim leaves of the host is all that B can claim",
        against_legacy_claim,
    ),
    Case::new(
        "C2",
        "what A's host claim leaves of the host is all that B can claim",
        against_host_claim,
    ),
    Case::new(
        "C3",
        "A's claim on a node keeps B off that node, and off no other",
        against_node_claim,
    ),
    Case::new(
        "C4",
        "of two builders that race for more than half of a node, exactly one wins: 10,000 times",
        race_for_a_node,
    ),
    Case::new(
        "C5",
        "16 builders at random for 10 s: the invariants hold at 100 stops",
        sixteen_builders,
    ),
];

fn against_legacy_claim(lab: &Lab<'_>) -> Check {
    lab.legacy(lab.a, lab.most_of(Target::Host)?)?;
    nothing_left_for_b(lab)
}

fn against_host_claim(lab: &Lab<'_>) -> Check {
    lab.set(lab.a, &[host(lab.most_of(Target::Host)?)])?;
    nothing_left_for_b(lab)
}

fn nothing_left_for_b(lab: &Lab<'_>) -> Check {
    let beyond = 2 * lab.slack() + 1;
    lab.set_refused(lab.b, &[host(beyond)], Errno::ENOMEM)?;
    lab.legacy_refused(lab.b, beyond, Errno::ENOMEM)?;
    // No node has a claim, but the host has none left to give.
    for node in lab.all_nodes() {
        lab.set_refused(lab.b, &[on(*node, beyond)], Errno::ENOMEM)?;
        lab.deny(lab.b, beyond, Placement::Exact(*node))?;
    }
    // Nor can B have without a claim what it can't claim.
    lab.deny(lab.b, beyond, Placement::Any)
}

fn against_node_claim(lab: &Lab<'_>) -> Check {
    let [n0, n1] = lab.nodes()?;
    lab.set(lab.a, &[on(n0, lab.most_of(Target::Node(n0))?)])?;
    let beyond = 2 * lab.slack() + 1;
    lab.set_refused(lab.b, &[on(n0, beyond)], Errno::ENOMEM)?;
    lab.set_refused(lab.b, &[on(n0, beyond), on(n1, 1)], Errno::ENOMEM)?;
    // A host claim of B's does not open the node, nor does a claim on another one.
    lab.set(lab.b, &[host(beyond), on(n1, beyond)])?;
    lab.deny(lab.b, beyond, Placement::Exact(n0))?;
    let most = lab.most_of(Target::Node(n1))?;
    lab.set(lab.b, &[on(n1, most)])?;
    lab.expect_claims(lab.b, &[on(n1, most)])
}

fn race_for_a_node(lab: &Lab<'_>) -> Check {
    let node = lab.node()?;
    let target = Target::Node(node);
    let more_than_half = lab.most_of(target)? / 2 + lab.slack() + 1;
    lab.note(format_args!(
        "A and B race to claim {more_than_half} of {node}, {ROUNDS} times"
    ));
    let set = claim_set(&[on(node, more_than_half)])?;
    let builders = [lab.rival()?, lab.rival()?];
    let judge = |(), a: Check<_>, b: Check<_>| {
        let winner = match (a?, b?) {
            (Ok(_), Err(Errno::ENOMEM)) => lab.a,
            (Err(Errno::ENOMEM), Ok(_)) => lab.b,
            both => {
                let found = format!("{both:?}");
                return Err(Stop::failed("one success and one ENOMEM", found));
            }
        };
        lab.check()?;
        lab.expect_claimed(target, more_than_half)?;
        expect(
            "the winner's claims",
            more_than_half,
            lab.outstanding(winner)?,
        )?;
        Ok(lab.host.release(winner)?)
    };
    race(
        || Ok(()),
        |()| builders[0].make(&Call::set(lab.a, &set)),
        |()| builders[1].make(&Call::set(lab.b, &set)),
        judge,
    )
}

const BUILDERS: u64 = 16;
const DOMAINS: usize = 12;
const STOPS: u32 = 100;

/// What the builders of C5 share. There are fewer domains than builders, so that they meet on them.
struct Site<'a> {
    lab: &'a Lab<'a>,
    domains: [Mutex<DomainId>; DOMAINS],
    /// A builder holds it for reading during a call; nobody is in a call while it is held for writing.
    gate: RwLock<()>,
    closed: AtomicBool,
    failure: Mutex<Option<Stop>>,
    done: [AtomicU64; 4],
}

/// Indices of [`Site::done`].
const INSTALLED: usize = 0;
const POPULATED: usize = 1;
const INSPECTED: usize = 2;
const DESTROYED: usize = 3;

/// The builders stop, however the supervision ends.
struct Close<'a>(&'a AtomicBool);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn sixteen_builders(lab: &Lab<'_>) -> Check {
    lab.node()?;
    let soak = lab.subject.soak;
    lab.note(format_args!("{BUILDERS} builders at random for {soak:?}"));
    let mut domains = Vec::new();
    for _ in 0..DOMAINS {
        domains.push(lab.create()?);
    }
    let site = Site {
        lab,
        domains: std::array::from_fn(|n| Mutex::new(domains[n])),
        gate: RwLock::new(()),
        closed: AtomicBool::new(false),
        failure: Mutex::new(None),
        done: Default::default(),
    };
    let builders = (0..BUILDERS).map(|_| lab.rival());
    let builders = builders.collect::<Check<Vec<_>>>()?;
    thread::scope(|scope| {
        let _close = Close(&site.closed);
        for (seed, builder) in (0..).zip(builders) {
            let site = &site;
            scope.spawn(move || site.build(seed, &builder));
        }
        site.supervise()
    })?;
    if let Some(failure) = lock(&site.failure).take() {
        return Err(failure);
    }
    lab.check()?;
    // Otherwise the invariants held because nothing happened.
    for (done, what) in site.done.iter().zip(["SET", "populate", "GET", "destroy"]) {
        let done = done.load(Ordering::Relaxed) > 0;
        expect(format_args!("some {what} succeeded"), true, done)?;
    }
    if soak < SOAK {
        return skip(format_args!(
            "it had {soak:?} only, in which nothing was wrong"
        ));
    }
    Ok(())
}

impl Site<'_> {
    /// Stops all builders at random instants and looks whether everything adds up.
    fn supervise(&self) -> Check {
        let mut dice = Dice::new(u64::MAX);
        let mean = self.lab.subject.soak / STOPS;
        for _ in 0..STOPS {
            thread::sleep(mean.mul_f64(0.5 + dice.below(1000) as f64 / 1000.0));
            let _quiet = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.lab.check()?;
        }
        Ok(())
    }

    /// One builder: one call after the other, until told to stop or surprised by a result.
    fn build(&self, seed: u64, builder: &Builder<'_>) {
        let mut dice = Dice::new(seed);
        while !self.closed.load(Ordering::Relaxed) {
            let _in_call = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            if let Err(failure) = self.one_call(&mut dice, builder) {
                lock(&self.failure).get_or_insert(failure);
                return;
            }
        }
    }

    fn one_call(&self, dice: &mut Dice, builder: &Builder<'_>) -> Check {
        let slot = &self.domains[dice.below(DOMAINS as u64) as usize];
        let domain = *lock(slot);
        let make = |done, call| self.tolerate(done, builder.make(&call)?);
        match dice.below(20) {
            0..=7 => {
                let set = self.random_set(dice)?;
                make(INSTALLED, Call::set(domain, &set))
            }
            8 => make(INSTALLED, Call::claim_pages(domain, dice.below(1 << 16))),
            9..=13 => {
                let (order, extents) = (dice.pick(&[PAGE, TWO_MIB]), 1 + dice.below(16));
                let node = dice.pick(self.lab.all_nodes());
                let placements = [
                    Placement::Any,
                    Placement::Prefer(node),
                    Placement::Exact(node),
                ];
                let from = dice.pick(&placements);
                make(POPULATED, Call::populate(domain, order, extents, from))
            }
            14 => {
                let (order, extents) = (dice.pick(&[PAGE, TWO_MIB]), dice.below(8));
                make(POPULATED, Call::depopulate(domain, order, extents))
            }
            15..=17 => make(INSPECTED, Call::get(domain)),
            18 => {
                let max = dice.pick(&[DOMAIN_PAGES.max, 1 << 16, 0]);
                // Raised again before anybody looks: I3 is for those who do not lower it.
                make(INSPECTED, Call::set_max_pages(domain, max))?;
                make(INSPECTED, Call::set_max_pages(domain, DOMAIN_PAGES.max))
            }
            _ => {
                // A domain takes some memory of the host by itself, and all may be claimed.
                let Some(new) = self.lab.try_create()? else {
                    return Ok(());
                };
                // Whoever still has the old id meets a domain that is dying, or gone.
                let old = std::mem::replace(&mut *lock(slot), new);
                self.lab.end(old)?;
                self.done[DESTROYED].fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Up to three claims, small enough that many of them fit and all of them do not.
    fn random_set(&self, dice: &mut Dice) -> Check<ClaimSet> {
        let nodes = self.lab.all_nodes();
        let first = dice.below(nodes.len() as u64) as usize;
        let mut claims = vec![host(dice.below(1 << 14))];
        for node in nodes.iter().cycle().skip(first).take(nodes.len().min(2)) {
            claims.push(on(*node, dice.below(1 << 16)));
        }
        let some = 1 + dice.below(claims.len() as u64) as usize;
        dice.shuffle(&mut claims);
        claims.truncate(some);
        claim_set(&claims)
    }

    /// In a crowd there may be no memory, no such domain any more, or other claims than a moment
    /// ago; nothing else may happen.
    fn tolerate(&self, done: usize, result: Result<u64, Errno>) -> Check {
        match result {
            Ok(_) => {
                self.done[done].fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(Errno::ENOMEM | Errno::ESRCH | Errno::EINVAL) => Ok(()),
            Err(errno) => Err(Stop::failed("success, ENOMEM, ESRCH or EINVAL", errno)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
