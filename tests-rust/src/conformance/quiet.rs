//! How far the counts of a live host move without anybody of ours.

use std::thread;
use std::time::{Duration, Instant};

use xen_claims::{HypercallError, Hypervisor, Pages};

/// For so long the counts are looked at, and so often; and again while they move, as domains that are
/// gone may be coming back.
const LOOK: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(20);
const LOOKS: u32 = 10;

/// The most that the free pages of the host, or of one of its nodes, differ while nobody of ours is at
/// work.
///
/// # Errors
///
/// What the hypervisor says; none is expected.
pub fn movement(hypervisor: &(impl Hypervisor + ?Sized)) -> Result<Pages, HypercallError> {
    let mut moved = movement_once(hypervisor)?;
    for _ in 1..LOOKS {
        if moved == Pages::ZERO {
            break;
        }
        moved = movement_once(hypervisor)?;
    }
    Ok(moved)
}

fn movement_once(hypervisor: &(impl Hypervisor + ?Sized)) -> Result<Pages, HypercallError> {
    let free = || -> Result<Vec<Pages>, HypercallError> {
        let nodes = hypervisor.nodes()?.into_iter().map(|node| node.free);
        Ok(nodes.chain([hypervisor.host()?.free]).collect())
    };
    let start = Instant::now();
    let (mut least, mut most) = (free()?, free()?);
    while start.elapsed() < LOOK {
        thread::sleep(STEP);
        for ((least, most), now) in least.iter_mut().zip(&mut most).zip(free()?) {
            *least = now.min(*least);
            *most = now.max(*most);
        }
    }
    let moved = most.iter().zip(least);
    let moved = moved.map(|(most, least)| most.saturating_sub(least));
    Ok(moved.max().unwrap_or(Pages::ZERO))
}
