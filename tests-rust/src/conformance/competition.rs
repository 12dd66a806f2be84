//! C: what one domain has claimed, no other domain can claim or have.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use xen_claims::limits::DOMAIN_PAGES;
use xen_claims::{ClaimSet, DomainId, Errno, Placement, Target};

use super::builders::Request;
use super::context::{
    claim_set, expect, host, on, Builder, CaseContext, Check, Stop, PAGE, TWO_MIB,
};
use super::race::{race, Dice, First};
use super::Case;

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
        "of two builders that race for more than half of a node, exactly one wins, and each sometimes",
        race_for_a_node,
    ),
    Case::new(
        "C5",
        "16 builders at random: the invariants hold whenever they are stopped",
        sixteen_builders,
    ),
];

fn against_legacy_claim(lab: &CaseContext<'_>) -> Check {
    lab.legacy(lab.a, lab.most_of(Target::Host)?)?;
    nothing_left_for_b(lab)
}

fn against_host_claim(lab: &CaseContext<'_>) -> Check {
    lab.set(lab.a, &[host(lab.most_of(Target::Host)?)])?;
    nothing_left_for_b(lab)
}

fn nothing_left_for_b(lab: &CaseContext<'_>) -> Check {
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

fn against_node_claim(lab: &CaseContext<'_>) -> Check {
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

fn race_for_a_node(lab: &CaseContext<'_>) -> Check {
    let node = lab.node()?;
    let target = Target::Node(node);
    let more_than_half = lab.most_of(target)? / 2 + lab.slack() + 1;
    let rounds = lab.subject.rounds();
    lab.note(format_args!(
        "A and B race to claim {more_than_half} of {node}, {rounds} times"
    ));
    let set = claim_set(&[on(node, more_than_half)])?;
    let builders = [lab.other_builder()?, lab.other_builder()?];
    let judge = |(), a: Check<_>, b: Check<_>| {
        let (first, winner) = match (a?, b?) {
            (Ok(_), Err(Errno::ENOMEM)) => (First::Left, lab.a),
            (Err(Errno::ENOMEM), Ok(_)) => (First::Right, lab.b),
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
        lab.host.release(winner)?;
        Ok(first)
    };
    race(
        rounds,
        || Ok(()),
        |()| builders[0].make(&Request::set(lab.a, &set)),
        |()| builders[1].make(&Request::set(lab.b, &set)),
        judge,
    )
}

const BUILDERS: u64 = 16;
const DOMAINS: usize = 12;
/// There are ten stops a second, and at least so many.
const LEAST_STOPS: u32 = 5;

/// What the builders of C5 share. There are fewer domains than builders, so that they meet on them.
struct Site<'a> {
    lab: &'a CaseContext<'a>,
    domains: [Mutex<DomainId>; DOMAINS],
    /// Unclaimed pages of the first node at the beginning.
    free: u64,
    /// A builder holds it for reading during a call; nobody is in a call while it is held for writing.
    gate: RwLock<()>,
    closed: AtomicBool,
    failure: Mutex<Option<Stop>>,
    /// The domain that was destroyed last.
    ended: Mutex<Option<DomainId>>,
    seen: [AtomicU64; 7],
}

/// What is to happen in C5, at the indices of [`Site::seen`]. Otherwise the invariants hold because
/// nothing happened.
const EVENTS: [&str; 7] = [
    "SET that was granted",
    "SET that was refused",
    "populating that gave pages",
    "populating that gave none",
    "GET",
    "destroying of a domain",
    "call for a domain that is gone",
];
const GRANTED: usize = 0;
const REFUSED: usize = 1;
const POPULATED: usize = 2;
const POPULATED_NOT: usize = 3;
const INSPECTED: usize = 4;
const DESTROYED: usize = 5;
const GONE: usize = 6;

/// The builders stop, however the supervision ends.
struct Close<'a>(&'a AtomicBool);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn sixteen_builders(lab: &CaseContext<'_>) -> Check {
    let free = lab.unclaimed(Target::Node(lab.node()?))?;
    let soak = lab.subject.soak;
    lab.note(format_args!("{BUILDERS} builders at random for {soak:?}"));
    let mut domains = Vec::new();
    for _ in 0..DOMAINS {
        domains.push(lab.create()?);
    }
    let site = Site {
        lab,
        domains: std::array::from_fn(|n| Mutex::new(domains[n])),
        free,
        gate: RwLock::new(()),
        closed: AtomicBool::new(false),
        failure: Mutex::new(None),
        ended: Mutex::new(None),
        seen: Default::default(),
    };
    let builders = (0..BUILDERS).map(|_| lab.other_builder());
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
    for (seen, what) in site.seen.iter().zip(EVENTS) {
        let seen = seen.load(Ordering::Relaxed) > 0;
        expect(format_args!("some {what}"), true, seen)?;
    }
    Ok(())
}

impl Site<'_> {
    /// Stops all builders at random instants and looks whether everything adds up.
    fn supervise(&self) -> Check {
        let mut dice = Dice::new(u64::MAX);
        let soak = self.lab.subject.soak;
        let stops = (soak.as_millis() as u32 / 100).max(LEAST_STOPS);
        let mean = soak / stops;
        for _ in 0..stops {
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
        let domain = match *lock(&self.ended) {
            Some(ended) if dice.below(20) == 0 => ended,
            _ => *lock(slot),
        };
        let make = |events, call| self.tolerate(events, builder.make(&call)?);
        match dice.below(20) {
            0..=7 => {
                let set = self.random_set(dice)?;
                make(Some([GRANTED, REFUSED]), Request::set(domain, &set))
            }
            8 => make(
                Some([GRANTED, REFUSED]),
                Request::claim_pages(domain, dice.below(1 << 16)),
            ),
            9..=13 => {
                let (order, extents) = (dice.pick(&[PAGE, TWO_MIB]), 1 + dice.below(16));
                let node = dice.pick(self.lab.all_nodes());
                let placements = [
                    Placement::Any,
                    Placement::Prefer(node),
                    Placement::Exact(node),
                ];
                let from = dice.pick(&placements);
                let answer = builder.make(&Request::populate(domain, order, extents, from))?;
                let given = answer.is_ok_and(|given| given > 0);
                self.happened(if given { POPULATED } else { POPULATED_NOT });
                self.tolerate(None, answer)
            }
            14 => {
                let (order, extents) = (dice.pick(&[PAGE, TWO_MIB]), dice.below(8));
                make(None, Request::depopulate(domain, order, extents))
            }
            15..=17 => {
                let answer = builder.make(&Request::get(domain))?;
                if answer.is_ok() {
                    self.happened(INSPECTED);
                }
                self.tolerate(None, answer)
            }
            18 => {
                let max = dice.pick(&[DOMAIN_PAGES.max, 1 << 16, 0]);
                // Raised again before anybody looks: I3 is for those who do not lower it.
                make(None, Request::set_max_pages(domain, max))?;
                make(None, Request::set_max_pages(domain, DOMAIN_PAGES.max))
            }
            _ => {
                // A domain takes some memory of the host by itself, and all may be claimed.
                let Some(new) = self.lab.try_create()? else {
                    return Ok(());
                };
                // Whoever still has the old id meets a domain that is dying, or gone.
                let old = std::mem::replace(&mut *lock(slot), new);
                *lock(&self.ended) = Some(old);
                self.lab.end(old)?;
                self.happened(DESTROYED);
                Ok(())
            }
        }
    }

    /// Up to three claims, mostly small enough that many of them fit and all of them do not.
    fn random_set(&self, dice: &mut Dice) -> Check<ClaimSet> {
        let nodes = self.lab.all_nodes();
        let first = dice.below(nodes.len() as u64) as usize;
        let most = self.free / if dice.below(8) == 0 { 1 } else { 8 } + 2 * self.lab.slack();
        let mut claims = vec![host(dice.below(most / 4))];
        for node in nodes.iter().cycle().skip(first).take(nodes.len().min(2)) {
            claims.push(on(*node, dice.below(most)));
        }
        let some = 1 + dice.below(claims.len() as u64) as usize;
        dice.shuffle(&mut claims);
        claims.truncate(some);
        claim_set(&claims)
    }

    /// In a crowd there may be no memory, no such domain any more, or other claims than a moment
    /// ago; nothing else may happen. Notes which it was: granted or refused, and domains that are gone.
    fn tolerate(&self, events: Option<[usize; 2]>, answer: Result<u64, Errno>) -> Check {
        match (answer, events) {
            (Ok(_), Some([granted, _])) => self.happened(granted),
            (Err(Errno::ENOMEM), Some([_, refused])) => self.happened(refused),
            (Err(Errno::ESRCH), _) => self.happened(GONE),
            (Ok(_) | Err(Errno::ENOMEM | Errno::EINVAL), _) => {}
            (Err(errno), _) => {
                return Err(Stop::failed("success, ENOMEM, ESRCH or EINVAL", errno));
            }
        }
        Ok(())
    }

    fn happened(&self, event: usize) {
        self.seen[event].fetch_add(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
