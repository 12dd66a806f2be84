//! The same storms in simulated time: as many `xl create` as there are builders, each of which looks, places
//! the domain, loads its kernel, populates it, and does the rest.

use anyhow::{ensure, Context, Result};
use rand::seq::IndexedRandom;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use xen_claims::{
    Claim, ClaimSet, DomainId, Errno, FaultInjection, HypercallError, Pages, Placement, Target,
};

use super::super::plan;
use super::super::player::{
    all_played, course, domain_of, node_id, occupy, settle, take_turns, Course, Outcome, Played,
};
use super::super::storm::{Micros, Storm, ORDER, SECOND};
use super::host::RealCourse;
use super::libxl::{self, Node};

const PAGES: u64 = 1 << ORDER;
/// Extents that libxenguest asks for at once: after a refusal, it goes on with large ones in the next lot.
const LOT: u64 = 512;

/// How long the steps of an `xl create` took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    until_it_looks: Micros,
    until_placed: Micros,
    until_it_populates: Micros,
    per_extent: Micros,
    the_rest: Micros,
}

fn micros(from: f64, to: f64) -> Micros {
    ((to - from).max(0.0) * SECOND as f64) as Micros
}

/// The paces of all guests that were built in storms that were timed.
pub fn paces(courses: &[RealCourse], claims: bool) -> Result<Vec<Pace>> {
    let mut paces = Vec::new();
    for course in courses.iter().filter(|course| course.claims == claims) {
        for (vm, steps) in course.course.vms.iter().zip(&course.steps) {
            let (Some(looks), Some(placed), Some(populates), Some(populated)) =
                (steps.looks, steps.placed, steps.populates, steps.populated)
            else {
                continue;
            };
            paces.push(Pace {
                until_it_looks: micros(vm.started, looks),
                until_placed: micros(looks, placed),
                until_it_populates: micros(placed, populates),
                per_extent: micros(populates, populated) / (vm.pages / super::host::EXTENT).max(1),
                the_rest: micros(populated, vm.ended),
            });
        }
    }
    ensure!(
        paces.len() >= 10,
        "only {} 'xl create' said when they came to what",
        paces.len()
    );
    Ok(paces)
}

/// Medians, in seconds, of each step, and of populating a GiB.
pub fn medians(paces: &[Pace]) -> [f64; 5] {
    let steps: [fn(&Pace) -> Micros; 5] = [
        |pace| pace.until_it_looks,
        |pace| pace.until_placed,
        |pace| pace.until_it_populates,
        |pace| pace.per_extent * 512,
        |pace| pace.the_rest,
    ];
    steps.map(|step| {
        let mut times: Vec<Micros> = paces.iter().map(step).collect();
        times.sort_unstable();
        times[times.len() / 2] as f64 / SECOND as f64
    })
}

/// What is taken for true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumed {
    /// Where domains are placed: as libxl does, or as `Claims.plan` does.
    pub libxl: bool,
    /// Whether what others freed before is still to be scrubbed.
    pub dirty: bool,
    /// Whether libxl sees the host as it is when it has placed the domain, and not when it begins to.
    pub looks_late: bool,
    /// Whether memory is populated all at once.
    pub at_once: bool,
}

pub const AS_MEASURED: Assumed = Assumed {
    libxl: true,
    dirty: false,
    looks_late: false,
    at_once: false,
};

struct Build {
    vm: usize,
    domain: DomainId,
    pace: Pace,
    /// As libxl saw the host.
    seen: Vec<Node>,
    /// What libxl placed it on.
    nodes: Vec<usize>,
    populated: u64,
    /// Of this lot, extents that are still to be asked for at once; of all, those after it; then single pages.
    lot: u64,
    lots: u64,
    single: u64,
    started: Micros,
}

enum Next {
    Take,
    Look(Build),
    Place(Build),
    Populate(Build),
}

struct Player<'a, H> {
    hypervisor: &'a H,
    storm: &'a Storm,
    claims: bool,
    assumed: Assumed,
    paces: &'a [Pace],
    dice: ChaCha8Rng,
    next_vm: usize,
    /// Of each node, processors of domains that were placed there.
    vcpus: Vec<u64>,
    played: Vec<Option<Played>>,
}

type Turn = Result<Option<(Micros, Next)>>;

fn refused<T>(result: Result<T, HypercallError>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.errno == Errno::ENOMEM => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl<H: FaultInjection> Player<'_, H> {
    fn extents(&self, build: &Build) -> u64 {
        self.storm.vms[build.vm].extents
    }

    fn look(&self) -> Result<Vec<Node>> {
        let nodes = self.hypervisor.nodes()?;
        let node = |(node, vcpus): (&xen_claims::NodeMemory, &u64)| Node {
            room: node.claimable().get() / PAGES,
            vcpus: *vcpus,
        };
        Ok(nodes.iter().zip(&self.vcpus).map(node).collect())
    }

    fn turn(&mut self, now: Micros, next: Next) -> Turn {
        match next {
            Next::Take => self.take(now),
            Next::Look(mut build) => {
                build.seen = self.look()?;
                Ok(Some((now + build.pace.until_placed, Next::Place(build))))
            }
            Next::Place(build) => self.place(now, build),
            Next::Populate(build) => self.populate(now, build),
        }
    }

    fn take(&mut self, now: Micros) -> Turn {
        let Some(vm) = self.storm.vms.get(self.next_vm) else {
            return Ok(None);
        };
        let domain = domain_of(self.hypervisor, vm.extents * PAGES)?;
        let pace = *self.paces.choose(&mut self.dice).context("no paces")?;
        let build = Build {
            vm: self.next_vm,
            domain,
            pace,
            seen: Vec::new(),
            nodes: Vec::new(),
            populated: 0,
            lot: 0,
            lots: vm.extents,
            single: 0,
            started: now,
        };
        self.next_vm += 1;
        Ok(Some((now + pace.until_it_looks, Next::Look(build))))
    }

    fn done(&mut self, now: Micros, build: Build, outcome: Outcome) -> Turn {
        let mut memory = Vec::new();
        if outcome == Outcome::Built {
            memory = settle(self.hypervisor, build.domain)?;
        } else {
            self.hypervisor.destroy(build.domain)?;
            for node in &build.nodes {
                self.vcpus[*node] -= 1;
            }
        }
        let pages = self.extents(&build) * PAGES;
        let seconds = |time| time as f64 / SECOND as f64;
        let wasted = if outcome == Outcome::Built {
            0
        } else {
            build.populated
        };
        let ended = now + build.pace.the_rest;
        self.played[build.vm] = Some(Played {
            pages,
            outcome,
            // All nodes it was placed on are right for any page.
            planned: build.nodes.iter().map(|node| (*node, pages)).collect(),
            memory,
            retries: 0,
            wasted,
            started: seconds(build.started),
            ended: seconds(ended),
        });
        Ok(Some((ended, Next::Take)))
    }

    fn refuse(&mut self, now: Micros, build: Build) -> Turn {
        let free_pages = self.hypervisor.host()?.free.get();
        let outcome = Outcome::Refused {
            free_pages,
            outrun: false,
        };
        self.done(now, build, outcome)
    }

    /// Sets of nodes to be placed on, best first.
    fn candidates(&self, build: &Build) -> Vec<Vec<usize>> {
        let extents = self.extents(build);
        if self.assumed.libxl {
            return libxl::candidates(&build.seen, libxl::needed(extents));
        }
        let rooms = build
            .seen
            .iter()
            .enumerate()
            .map(|(node, seen)| (node, seen.room));
        let plan = plan::fewest(&rooms.collect::<Vec<_>>(), extents);
        plan.map(|plan| plan.iter().map(|(node, _)| *node).collect())
            .into_iter()
            .collect()
    }

    fn place(&mut self, now: Micros, mut build: Build) -> Turn {
        if self.assumed.looks_late {
            build.seen = self.look()?;
        }
        let candidates = self.candidates(&build);
        let all: Vec<usize> = (0..build.seen.len()).collect();
        if self.claims {
            let mut claimed = None;
            for candidate in candidates {
                if self.claim_on(&build, &candidate)? {
                    claimed = Some(candidate);
                    break;
                }
            }
            if claimed.is_none() {
                let pages = Pages::new(self.extents(&build) * PAGES);
                if refused(self.hypervisor.claim_pages(build.domain, pages))?.is_none() {
                    return self.refuse(now, build);
                }
            }
            build.nodes = claimed.unwrap_or(all);
        } else {
            build.nodes = candidates.into_iter().next().unwrap_or(all);
        }
        for node in &build.nodes {
            self.vcpus[*node] += 1;
        }
        let nodes = build.nodes.iter().map(|node| node_id(*node)).collect();
        self.hypervisor.set_node_affinity(build.domain, nodes)?;
        Ok(Some((
            now + build.pace.until_it_populates,
            Next::Populate(build),
        )))
    }

    fn claim_on(&self, build: &Build, candidate: &[usize]) -> Result<bool> {
        let now = self.look()?;
        let rooms: Vec<_> = candidate
            .iter()
            .map(|node| (*node, now[*node].room))
            .collect();
        let Some(shares) = libxl::shares(&rooms, self.extents(build)) else {
            return Ok(false);
        };
        let claim = |(node, extents): (usize, u64)| Claim {
            pages: Pages::new(extents * PAGES),
            target: Target::Node(node_id(node)),
        };
        let set = ClaimSet::new(shares.into_iter().map(claim).collect::<Vec<_>>())?;
        Ok(refused(self.hypervisor.set(build.domain, &set))?.is_some())
    }

    /// An extent, or what has to do in its place when there are none.
    fn populate(&mut self, now: Micros, mut build: Build) -> Turn {
        if build.populated == 0 && build.single == 0 && !self.claims {
            // libxenguest claims host-wide here, all that it is about to populate.
            let pages = Pages::new(self.extents(&build) * PAGES);
            if refused(self.hypervisor.claim_pages(build.domain, pages))?.is_none() {
                return self.refuse(now, build);
            }
        }
        let mut spent = 0;
        loop {
            if build.lot == 0 {
                build.lot = build.lots.min(LOT);
                build.lots -= build.lot;
            }
            if build.lot > 0 {
                let given = self
                    .hypervisor
                    .populate(build.domain, ORDER, 1, Placement::Any)?;
                build.populated += given * PAGES;
                if given == 1 {
                    build.lot -= 1;
                } else {
                    build.single += std::mem::take(&mut build.lot);
                }
            } else if build.single > 0 {
                build.single -= 1;
                let given = self
                    .hypervisor
                    .populate(build.domain, 0, PAGES, Placement::Any)?;
                build.populated += given;
                if given < PAGES {
                    let populated = build.populated;
                    return self.done(now + spent, build, Outcome::Failed { populated });
                }
            } else {
                return self.done(now + spent, build, Outcome::Built);
            }
            spent += build.pace.per_extent;
            if !self.assumed.at_once {
                return Ok(Some((now + spent, Next::Populate(build))));
            }
        }
    }
}

/// Plays `storm` with times drawn from `paces` by `seed`.
///
/// # Errors
///
/// What the hypervisor says, where xl has no answer to it.
pub fn play<H: FaultInjection>(
    hypervisor: &H,
    storm: &Storm,
    claims: bool,
    assumed: Assumed,
    paces: &[Pace],
    seed: u64,
) -> Result<Course> {
    let mut player = Player {
        hypervisor,
        storm,
        claims,
        assumed,
        paces,
        dice: ChaCha8Rng::seed_from_u64((storm.seed << 32) | seed),
        next_vm: 0,
        vcpus: vec![0; storm.nodes.len()],
        played: vec![None; storm.vms.len()],
    };
    occupy(hypervisor, storm)?;
    take_turns(
        storm.builders,
        || Next::Take,
        |now, next| player.turn(now, next),
    )?;
    course(hypervisor, all_played(player.played)?, Vec::new())
}
