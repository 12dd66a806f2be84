//! Plays a storm on a hypervisor: builders that look at the host, decide, claim or do not, and populate.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use xen_claims::{
    Claim, ClaimSet, DomainId, Errno, FaultInjection, NodeId, Pages, Placement, Target, Topology,
};

use super::mode::{Builder, Claims, Mode};
use super::plan::{self, Plan};
use super::storm::{Micros, Storm, Vm, ORDER, SECOND};

const PAGES: u64 = 1 << ORDER;
/// What a builder populates before others come in between: 1 GiB of the host that this one stands for.
const STEP: u64 = 4;
/// Plans that are tried when another builder is faster: as many as `Claims.claim` tries.
const ATTEMPTS: u32 = 16;
/// Until the toolstack notices that a builder was killed.
const RESTART: Micros = 3 * SECOND;
const SAMPLE: Micros = SECOND / 4;

/// What became of a VM.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Built,
    /// Before it had a page.
    Refused {
        free_pages: u64,
        outrun: bool,
    },
    /// After it had so many.
    Failed {
        populated: u64,
    },
}

/// A VM, when it is done. Memory is in pages, by node.
#[derive(Debug, Clone, Serialize)]
pub struct Played {
    pub pages: u64,
    pub outcome: Outcome,
    pub planned: Plan,
    pub memory: Plan,
    pub retries: u32,
    /// Populated by a builder that was killed, or for a VM that failed.
    pub wasted: u64,
    pub started: f64,
    pub ended: f64,
}

impl Played {
    /// Pages that are not where they were planned.
    pub fn stray(&self) -> u64 {
        let planned = |node| {
            self.planned
                .iter()
                .find(|(n, _)| *n == node)
                .map_or(0, |(_, p)| *p)
        };
        let beyond = |&(node, pages): &(usize, u64)| pages.saturating_sub(planned(node));
        self.memory.iter().map(beyond).sum()
    }
}

/// Memory of each node at a time, in pages: size, free, claimed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    pub time: f64,
    pub nodes: Vec<(u64, u64, u64)>,
}

/// How a storm went.
#[derive(Debug, Clone, Serialize)]
pub struct Course {
    pub vms: Vec<Played>,
    pub seconds: f64,
    /// Pages that are free on each node in the end.
    pub left: Vec<u64>,
    /// Empty if nobody asked for it.
    pub samples: Vec<Sample>,
}

/// The host that a storm wants.
pub fn topology(storm: &Storm) -> Result<Topology> {
    let node = |(node, &extents): (usize, &u64)| {
        Ok((NodeId::new(node as i64)?, Pages::new(extents * PAGES)))
    };
    let nodes = storm.nodes.iter().enumerate().map(node);
    Ok(Topology::new(nodes.collect::<Result<Vec<_>>>()?)?)
}

pub fn node_id(node: usize) -> NodeId {
    // OK because plans have nodes of the host only.
    NodeId::all().nth(node).unwrap_or_else(|| unreachable!())
}

/// A new domain that may have so many pages.
pub fn domain_of<H: FaultInjection>(hypervisor: &H, pages: u64) -> Result<DomainId> {
    let domain = hypervisor.create()?;
    hypervisor.set_max_pages(domain, Pages::new(pages))?;
    Ok(domain)
}

/// Puts what is there before where it is, and takes away what leaves dirty memory: who leaves later, and when.
pub fn occupy<H: FaultInjection>(hypervisor: &H, storm: &Storm) -> Result<Vec<(Micros, DomainId)>> {
    let mut leaving = Vec::new();
    for occupant in &storm.occupants {
        let domain = domain_of(hypervisor, occupant.extents * PAGES)?;
        let exact = Placement::Exact(node_id(occupant.node));
        let given = hypervisor.populate(domain, ORDER, occupant.extents, exact)?;
        // Xen's node may begin in the middle of an extent.
        let rest = (occupant.extents - given) * PAGES;
        let pages = hypervisor.populate(domain, 0, rest, exact)?;
        ensure!(pages == rest, "node {} is too small", occupant.node);
        leaving.extend(occupant.leaves.map(|time| (time, domain)));
    }
    for (_, domain) in leaving.iter().filter(|(time, _)| *time == 0) {
        hypervisor.destroy(*domain)?;
    }
    leaving.retain(|(time, _)| *time > 0);
    Ok(leaving)
}

/// Lets builders take turns, each of which says when it has its next one, or none any more. Who is furthest
/// behind goes first, and of these the one with the lowest number.
pub fn take_turns<N>(
    builders: usize,
    first: fn() -> N,
    mut turn: impl FnMut(Micros, N) -> Result<Option<(Micros, N)>>,
) -> Result<()> {
    let mut nexts: Vec<_> = (0..builders).map(|_| Some(first())).collect();
    let mut turns: BinaryHeap<_> = (0..builders).map(|id| Reverse((0, id))).collect();
    while let Some(Reverse((now, id))) = turns.pop() {
        let Some(next) = nexts[id].take() else {
            continue;
        };
        if let Some((time, next)) = turn(now, next)? {
            nexts[id] = Some(next);
            turns.push(Reverse((time, id)));
        }
    }
    Ok(())
}

/// Gives back what a built domain claims and did not use, and says what it has on which node.
pub fn settle<H: FaultInjection>(hypervisor: &H, domain: DomainId) -> Result<Plan> {
    hypervisor.claim_pages(domain, Pages::ZERO)?;
    let pages = hypervisor.node_pages(domain)?;
    let all = pages.iter().map(|pages| pages.get()).enumerate();
    Ok(all.filter(|(_, pages)| *pages > 0).collect())
}

/// All VMs, when all is over.
pub fn all_played(played: Vec<Option<Played>>) -> Result<Vec<Played>> {
    let all: Option<Vec<Played>> = played.into_iter().collect();
    all.context("not every VM was built or turned away")
}

/// How a storm went, when nobody is left but these VMs.
pub fn course<H: FaultInjection>(
    hypervisor: &H,
    vms: Vec<Played>,
    samples: Vec<Sample>,
) -> Result<Course> {
    let claimed = hypervisor.host()?.claimed;
    ensure!(
        claimed == Pages::ZERO,
        "{claimed} pages are claimed when all is over"
    );
    let nodes = hypervisor.nodes()?;
    Ok(Course {
        seconds: last_end(&vms),
        vms,
        left: nodes.iter().map(|node| node.free.get()).collect(),
        samples,
    })
}

fn last_end(vms: &[Played]) -> f64 {
    vms.iter().fold(0.0, |end, vm| end.max(vm.ended))
}

/// A build under way.
struct Build {
    vm: usize,
    domain: DomainId,
    plan: Plan,
    /// What is still to be populated: order, extents.
    todo: Vec<(u32, u64, Placement)>,
    populated: u64,
    wasted: u64,
    retries: u32,
    started: Micros,
    /// Its builder has been killed before.
    again: bool,
}

/// What a builder does when it is its turn.
enum Next {
    Take,
    Claim(Build),
    Populate(Build),
    Restart(Build),
}

struct Player<'a, H> {
    hypervisor: &'a H,
    storm: &'a Storm,
    mode: Mode,
    next_vm: usize,
    played: Vec<Option<Played>>,
}

fn seconds(time: Micros) -> f64 {
    time as f64 / SECOND as f64
}

impl<H: FaultInjection> Player<'_, H> {
    fn vm(&self, build: &Build) -> &Vm {
        &self.storm.vms[build.vm]
    }

    fn pages(&self, build: &Build) -> u64 {
        self.vm(build).extents * PAGES
    }

    /// A plan for the host as it is.
    fn look(&self, pages: u64) -> Result<Option<Plan>> {
        let nodes = self.hypervisor.nodes()?;
        let host = self.hypervisor.host()?;
        if host.free.saturating_sub(host.claimed).get() < pages {
            return Ok(None);
        }
        let rooms = nodes
            .iter()
            .map(|node| (node.node.index(), node.claimable().get()));
        Ok(plan::fewest(&rooms.collect::<Vec<_>>(), pages))
    }

    fn done(&mut self, now: Micros, build: Build, outcome: Outcome) -> Result<()> {
        let mut memory = Plan::new();
        let mut wasted = build.wasted;
        if outcome == Outcome::Built {
            memory = settle(self.hypervisor, build.domain)?;
        } else {
            self.hypervisor.destroy(build.domain)?;
            wasted += build.populated;
        }
        self.played[build.vm] = Some(Played {
            pages: self.pages(&build),
            outcome,
            planned: build.plan,
            memory,
            retries: build.retries,
            wasted,
            started: seconds(build.started),
            ended: seconds(now),
        });
        Ok(())
    }

    fn refuse(
        &mut self,
        now: Micros,
        build: Build,
        outrun: bool,
    ) -> Result<Option<(Micros, Next)>> {
        let free_pages = self.hypervisor.host()?.free.get();
        self.done(now, build, Outcome::Refused { free_pages, outrun })?;
        Ok(Some((now, Next::Take)))
    }

    /// What a builder does next, and when; none: there is nothing left for it.
    fn turn(&mut self, now: Micros, next: Next) -> Result<Option<(Micros, Next)>> {
        match next {
            Next::Take => {
                let Some(vm) = self.storm.vms.get(self.next_vm) else {
                    return Ok(None);
                };
                if vm.arrives > now {
                    return Ok(Some((vm.arrives, Next::Take)));
                }
                let build = Build {
                    vm: self.next_vm,
                    domain: domain_of(self.hypervisor, vm.extents * PAGES)?,
                    plan: Plan::new(),
                    todo: Vec::new(),
                    populated: 0,
                    wasted: 0,
                    retries: 0,
                    started: now,
                    again: false,
                };
                self.next_vm += 1;
                self.decide(now, build)
            }
            Next::Claim(build) => self.claim(now, build),
            Next::Populate(build) => self.populate(now, build),
            Next::Restart(mut build) => {
                self.hypervisor.destroy(build.domain)?;
                build.wasted += std::mem::take(&mut build.populated);
                build.again = true;
                build.domain = domain_of(self.hypervisor, self.pages(&build))?;
                self.decide(now, build)
            }
        }
    }

    fn decide(&mut self, now: Micros, mut build: Build) -> Result<Option<(Micros, Next)>> {
        match self.look(self.pages(&build))? {
            None => self.refuse(now, build, false),
            Some(plan) => {
                build.plan = plan;
                Ok(Some((now + self.vm(&build).decides, Next::Claim(build))))
            }
        }
    }

    fn claim(&mut self, now: Micros, mut build: Build) -> Result<Option<(Micros, Next)>> {
        let pages = Pages::new(self.pages(&build));
        let claimed = match self.mode.claims {
            Claims::None => Ok(()),
            Claims::Host => self.hypervisor.claim_pages(build.domain, pages),
            Claims::Node => {
                // Nobody comes between looking and claiming.
                match self.look(pages.get())? {
                    None => return self.refuse(now, build, false),
                    Some(plan) => build.plan = plan,
                }
                match build.plan[..] {
                    [(node, _)] => {
                        let node = node_id(node);
                        self.hypervisor.claim_pages_node(build.domain, node, pages)
                    }
                    _ => self.hypervisor.claim_pages(build.domain, pages),
                }
            }
            Claims::Set => {
                let claim = |&(node, pages): &(usize, u64)| Claim {
                    pages: Pages::new(pages),
                    target: Target::Node(node_id(node)),
                };
                let set = ClaimSet::new(build.plan.iter().map(claim).collect::<Vec<_>>())?;
                self.hypervisor.set(build.domain, &set)
            }
        };
        match claimed {
            Ok(()) => {}
            Err(error) if error.errno == Errno::ENOMEM => {
                build.retries += 1;
                if build.retries == ATTEMPTS {
                    return self.refuse(now, build, true);
                }
                return self.decide(now, build);
            }
            Err(error) => return Err(error.into()),
        }
        let nodes = build.plan.iter().map(|(node, _)| node_id(*node)).collect();
        self.hypervisor.set_node_affinity(build.domain, nodes)?;
        build.todo = match self.mode.builder {
            Builder::Affinity => vec![(ORDER, pages.get(), Placement::Any)],
            Builder::Exact => {
                let exact =
                    |&(node, pages): &(usize, u64)| (ORDER, pages, Placement::Exact(node_id(node)));
                build.plan.iter().map(exact).collect()
            }
        };
        build.todo.reverse();
        Ok(Some((now + self.vm(&build).begins, Next::Populate(build))))
    }

    /// A step: large extents while there are any, then single pages.
    fn populate(&mut self, now: Micros, mut build: Build) -> Result<Option<(Micros, Next)>> {
        let vm = self.vm(&build);
        let dies = vm
            .killed_at
            .filter(|_| !build.again)
            .map(|extents| extents * PAGES);
        let per_extent = vm.per_extent;
        let until_killed = dies.map(|at| at.saturating_sub(build.populated));
        let mut room = until_killed.unwrap_or(u64::MAX).min(STEP * PAGES);
        let mut spent = 0;
        while let Some((order, pages, placement)) = build.todo.pop() {
            if dies.is_some_and(|at| build.populated >= at) {
                return Ok(Some((now + spent + RESTART, Next::Restart(build))));
            }
            // Where nodes end within an extent, shares do too.
            let order = if pages >> order == 0 { 0 } else { order };
            let wanted = pages.min(room) >> order;
            if wanted == 0 {
                build.todo.push((order, pages, placement));
                break;
            }
            let given = self
                .hypervisor
                .populate(build.domain, order, wanted, placement)?;
            let got = given << order;
            build.populated += got;
            room -= got;
            spent += got * per_extent / PAGES;
            let left = pages - got;
            if given < wanted && order == 0 {
                let populated = build.populated;
                self.done(now + spent, build, Outcome::Failed { populated })?;
                return Ok(Some((now + spent, Next::Take)));
            }
            if left > 0 {
                let order = if given < wanted { 0 } else { order };
                build.todo.push((order, left, placement));
            }
            if room == 0 {
                break;
            }
        }
        if build.todo.is_empty() {
            self.done(now + spent, build, Outcome::Built)?;
            return Ok(Some((now + spent, Next::Take)));
        }
        Ok(Some((now + spent, Next::Populate(build))))
    }
}

/// Plays `storm` on `hypervisor`, which is a host of [`topology`], new.
///
/// # Errors
///
/// What the hypervisor says, where a builder has no answer to it.
pub fn play<H: FaultInjection>(
    hypervisor: &H,
    storm: &Storm,
    mode: Mode,
    sampled: bool,
) -> Result<Course> {
    let mut player = Player {
        hypervisor,
        storm,
        mode,
        next_vm: 0,
        played: vec![None; storm.vms.len()],
    };
    let mut leaving = occupy(hypervisor, storm)?;
    leaving.sort_unstable_by_key(|(time, _)| Reverse(*time));
    let mut samples = Vec::new();
    let mut sample = |now| {
        let nodes = hypervisor.nodes()?;
        let numbers = nodes
            .iter()
            .map(|n| (n.size.get(), n.free.get(), n.claimed.get()));
        let nodes = numbers.collect();
        samples.push(Sample {
            time: seconds(now),
            nodes,
        });
        anyhow::Ok(())
    };
    let mut next_sample = 0;
    take_turns(
        storm.builders,
        || Next::Take,
        |now, next| {
            while sampled && next_sample <= now {
                sample(next_sample)?;
                next_sample += SAMPLE;
            }
            while leaving.last().is_some_and(|(time, _)| *time <= now) {
                if let Some((_, domain)) = leaving.pop() {
                    hypervisor.destroy(domain)?;
                }
            }
            player.turn(now, next)
        },
    )?;
    let vms = all_played(player.played)?;
    if sampled {
        sample((last_end(&vms) * SECOND as f64) as Micros)?;
    }
    for (_, domain) in leaving {
        hypervisor.destroy(domain)?;
    }
    course(hypervisor, vms, samples)
}
