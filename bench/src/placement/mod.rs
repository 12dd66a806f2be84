//! How often a VM lands where it was planned, and what it costs to make sure: `./dev bench --placement`.

mod figures;
mod mode;
mod plan;
mod player;
mod replay;
mod storm;
mod tables;
pub(crate) mod xl;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result};
use xen_claims::Model;
use xen_claims_lab::allocator::{Boot, Build, Host, Profile, Tree, Xen};
use xen_claims_lab::run::on_every_processor;

use figures::Tally;
use mode::{Claims, Mode, MODES};
use player::Course;
use storm::{Mix, Storm};

/// Which hypervisor storms are played on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum On {
    /// The embedded one
    Embedded,
    /// Xen's allocator, in a process
    Allocator,
}

const HYPERVISORS: [On; 2] = [On::Embedded, On::Allocator];

impl On {
    const fn name(self) -> &'static str {
        match self {
            On::Embedded => "the embedded hypervisor",
            On::Allocator => "Xen's allocator, in a process",
        }
    }
}

/// What was counted of one storm, for each mode.
struct Counted {
    seed: u64,
    mix: Mix,
    full: f64,
    modes: [Tally; MODES.len()],
}

fn play(on: On, build: &Build, storm: &Storm, mode: Mode, sampled: bool) -> Result<Course> {
    let topology = player::topology(storm)?;
    match on {
        On::Embedded => player::play(&Model::new(&topology), storm, mode, sampled),
        On::Allocator => {
            let host = Host::boot(build, &Boot::new(&topology))?;
            player::play(&host, storm, mode, sampled)
        }
    }
    .with_context(|| format!("storm {}, {}, {}", storm.seed, mode.name(), on.name()))
}

fn patched() -> Result<Build> {
    Build::new(&Tree::prepared()?, Xen::Patched, Profile::Release)
}

fn count(on: On, build: &Build, seed: u64) -> Result<Counted> {
    let storm = Storm::draw(seed);
    let mut modes = Vec::new();
    for mode in MODES {
        let course = play(on, build, &storm, mode, false)?;
        modes.push(Tally::of(&storm, &course));
    }
    // OK because there is one of each.
    let modes = modes.try_into().unwrap_or_else(|_| unreachable!());
    Ok(Counted {
        seed,
        mix: storm.mix,
        full: storm.full,
        modes,
    })
}

/// What `job` says of each of `count`, as many at once as there are processors.
fn of_each<T: Send>(count: usize, job: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new((0..count).map(|_| None).collect::<Vec<_>>());
    on_every_processor(|| loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return Ok(());
        }
        let result = job(index)?;
        if let Ok(mut results) = results.lock() {
            results[index] = Some(result);
        }
    })?;
    let results = results.into_inner().ok().context("a storm panicked")?;
    results
        .into_iter()
        .map(|result| result.context("a storm was not played"))
        .collect()
}

/// The storms of the seeds from 1 on.
fn count_all(on: On, build: &Build, storms: usize) -> Result<Vec<Counted>> {
    of_each(storms, |index| count(on, build, index as u64 + 1))
}

/// Plays all of them, and prints tables; `page`: writes them into docs/placement.md.
pub(crate) fn run(storms: usize, page: bool) -> Result<()> {
    let start = Instant::now();
    let build = patched()?;
    let mut counted = Vec::new();
    for on in HYPERVISORS {
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("bench: {seconds:3.0} s  {storms} storms, {}", on.name());
        counted.push((on, count_all(on, &build, storms)?));
    }
    eprintln!("bench: {:3.0} s  done", start.elapsed().as_secs_f64());
    if page {
        tables::write(&counted)?;
    }
    print!("{}", tables::tables(&counted));
    Ok(())
}

/// Plays one of them, and writes the report of it.
pub(crate) fn replay(seed: u64, on: On, directory: &Path) -> Result<()> {
    let build = patched()?;
    let storm = Storm::draw(seed);
    let mut courses = Vec::new();
    for mode in MODES {
        let course = play(on, &build, &storm, mode, true)?;
        courses.push((mode.name(), mode.claims != Claims::None, course));
    }
    replay::report(&storm, on.name(), &courses, directory)
}

#[cfg(test)]
mod tests {
    use super::mode::Builder;
    use super::player::Outcome;
    use super::*;

    fn on_model(seed: u64, mode: Mode) -> (Storm, Course) {
        let storm = Storm::draw(seed);
        let host = Model::new(&player::topology(&storm).unwrap());
        let course = player::play(&host, &storm, mode, false).unwrap();
        (storm, course)
    }

    #[test]
    fn a_storm_adds_up_and_claim_sets_keep_what_they_promise() {
        let (mut spread, mut failed) = (0, 0);
        for seed in 1..=40 {
            for mode in MODES {
                let (storm, course) = on_model(seed, mode);
                let staying = storm.occupants.iter().filter(|o| o.leaves.is_none());
                let staying: u64 = staying.map(|o| o.extents << storm::ORDER).sum();
                let host = storm.nodes.iter().sum::<u64>() << storm::ORDER;
                let built = course.vms.iter().filter(|vm| vm.outcome == Outcome::Built);
                let memory = built.map(|vm| {
                    assert_eq!(vm.memory.iter().map(|m| m.1).sum::<u64>(), vm.pages);
                    assert_eq!(vm.planned.iter().map(|m| m.1).sum::<u64>(), vm.pages);
                    vm.pages
                });
                assert_eq!(
                    memory.sum::<u64>() + staying + course.left.iter().sum::<u64>(),
                    host
                );
                let tally = Tally::of(&storm, &course);
                assert_eq!(
                    tally.planned + tally.spread + tally.failed + tally.refused,
                    tally.vms
                );
                match (mode.claims, mode.builder) {
                    (Claims::Set, _) => assert_eq!((tally.spread, tally.failed), (0, 0), "{seed}"),
                    (Claims::Host | Claims::Node, Builder::Affinity) => {
                        assert_eq!(tally.failed, 0, "{seed}");
                    }
                    (_, Builder::Exact) => assert_eq!(tally.spread, 0, "{seed}"),
                    _ => {}
                }
                spread += tally.spread;
                failed += tally.failed;
            }
        }
        // There is something to keep.
        assert!(
            spread > 1000 && failed > 100,
            "{spread} spread, {failed} failed"
        );
    }
}
