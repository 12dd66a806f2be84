//! Storms drawn at random: a host, who is there already, and the VMs that come. A seed is a storm.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Amounts are extents, of which every host has as many: each stands for 256 MiB of a host of 512 GiB.
pub const HOST_EXTENTS: u64 = 2048;
/// Each is 256 KiB, so that Xen's allocator, which goes through all pages, plays a storm in milliseconds.
pub const ORDER: u32 = 6;

/// Simulated time, in microseconds: whole, so that it is the same everywhere.
pub type Micros = u64;

pub const SECOND: Micros = 1_000_000;

/// 4 GiB/s for each builder.
const MICROS_PER_EXTENT: f64 = 62_500.0;

/// What kind of VMs come, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Many alike, within seconds.
    Desktops,
    /// Some of them large, now and then.
    Databases,
    /// All at once, on what they had before, which is to be scrubbed.
    Reboot,
    /// One after another, while others leave.
    Evacuation,
}

pub const MIXES: [Mix; 4] = [Mix::Desktops, Mix::Databases, Mix::Reboot, Mix::Evacuation];

impl Mix {
    pub const fn name(self) -> &'static str {
        match self {
            Mix::Desktops => "desktops",
            Mix::Databases => "databases",
            Mix::Reboot => "reboot of everything",
            Mix::Evacuation => "evacuation",
        }
    }

    /// Sizes in GiB, and how common each is.
    const fn sizes(self) -> &'static [(f64, u32)] {
        match self {
            Mix::Desktops => &[(2.0, 5), (4.0, 4), (8.0, 1)],
            Mix::Databases => &[(16.0, 10), (32.0, 5), (64.0, 3), (128.0, 2)],
            Mix::Reboot => &[(1.0, 2), (2.0, 3), (4.0, 4), (8.0, 3), (16.0, 2), (32.0, 1)],
            Mix::Evacuation => &[(4.0, 5), (8.0, 4), (16.0, 2), (64.0, 1)],
        }
    }
}

/// A VM that comes.
#[derive(Debug, Clone)]
pub struct Vm {
    pub extents: u64,
    pub arrives: Micros,
    /// Between reading the host and deciding.
    pub decides: Micros,
    /// Between deciding and the first page.
    pub begins: Micros,
    pub per_extent: Micros,
    /// Its builder is killed when it has populated that many.
    pub killed_at: Option<u64>,
}

/// What is there before, on one node.
#[derive(Debug, Clone, Copy)]
pub struct Occupant {
    pub node: usize,
    pub extents: u64,
    /// Never, or then; what leaves at 0 leaves dirty memory for the storm.
    pub leaves: Option<Micros>,
}

#[derive(Debug, Clone)]
pub struct Storm {
    pub seed: u64,
    pub mix: Mix,
    /// What each node has.
    pub nodes: Vec<u64>,
    pub even: bool,
    pub occupants: Vec<Occupant>,
    /// How much of the host is in use when everybody is there; over 1: there is no room for all.
    pub full: f64,
    /// How much of what is free at first is to be scrubbed.
    pub dirty: f64,
    pub builders: usize,
    pub vms: Vec<Vm>,
}

/// `total` in proportion to `weights`, rounded down.
fn split(total: u64, weights: &[f64]) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    let part = |weight: &f64| (total as f64 * weight / sum) as u64;
    weights.iter().map(part).collect()
}

/// A host that is there, so that a storm is drawn for it, and is smaller.
#[derive(Debug, Clone, Copy)]
pub struct Real<'a> {
    /// What each node has, in extents.
    pub nodes: &'a [u64],
    pub builders: usize,
    /// The smallest VM that can be.
    pub least: u64,
}

impl Storm {
    pub fn draw(seed: u64) -> Storm {
        Storm::draw_on(seed, None)
    }

    /// What the storm of that seed is on a `real` host: as full, of the same mix, on as much dirty memory,
    /// with fewer VMs. All come at once, nobody is killed, and who was to leave meanwhile has left.
    pub fn draw_on(seed: u64, real: Option<Real>) -> Storm {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mix = pick(&mut dice, &MIXES);
        let even = dice.random_bool(0.5);
        let count = dice.random_range(2..=8);
        let weight = |_| {
            if even {
                1.0
            } else {
                dice.random_range(0.5..1.5)
            }
        };
        let weights: Vec<f64> = (0..count).map(weight).collect();
        let (nodes, size) = match real {
            Some(real) => (real.nodes.to_vec(), real.nodes.iter().sum()),
            None => (split(HOST_EXTENTS, &weights), HOST_EXTENTS),
        };

        let full = dice.random_range(0.60..1.10);
        let stays = dice.random_range(0.0..if mix == Mix::Reboot { 0.05 } else { 0.2 });
        let dirty = dice.random_range(match mix {
            Mix::Reboot => 0.8..1.0,
            Mix::Desktops | Mix::Databases | Mix::Evacuation => 0.0..0.6,
        });
        let mut occupants = Vec::new();
        let mut staying = 0;
        for (node, &size) in nodes.iter().enumerate() {
            let part = |share: f64| (size as f64 * share) as u64;
            let mut there = |extents, leaves| {
                if extents > 0 {
                    occupants.push(Occupant {
                        node,
                        extents,
                        leaves,
                    });
                }
                extents
            };
            let stay = there(part(stays * dice.random_range(0.5..1.5)), None);
            staying += stay;
            let mut left = size - stay;
            if mix == Mix::Evacuation {
                let when = dice.random_range(0..20 * SECOND);
                let when = if real.is_some() { 0 } else { when.max(1) };
                left -= there(part(0.1), Some(when));
            }
            there((left as f64 * dirty) as u64, Some(0));
        }

        let count = dice.random_range(if real.is_some() { 10..=16 } else { 40..=80 });
        let weight = |_| pick_weighted(&mut dice, mix.sizes());
        let sizes: Vec<f64> = (0..count).map(weight).collect();
        let wanted = (size as f64 * full) as u64 - staying;
        let extents = split(wanted, &sizes);
        let least = real.map_or(1, |real| real.least);
        let killed = dice.random_bool(0.5) && real.is_none();
        let mut arrivals: Vec<Micros> = (0..count as u64)
            .map(|index| match mix {
                _ if real.is_some() => 0,
                Mix::Desktops => dice.random_range(0..5 * SECOND),
                Mix::Databases => dice.random_range(0..30 * SECOND),
                Mix::Reboot => 0,
                Mix::Evacuation => SECOND / 3 * index + dice.random_range(0..SECOND / 3),
            })
            .collect();
        arrivals.sort_unstable();
        let vm = |(extents, arrives): (u64, Micros)| {
            let extents = extents.max(least);
            Vm {
                extents,
                arrives,
                decides: dice.random_range(5_000..50_000),
                begins: dice.random_range(200_000..600_000),
                per_extent: (MICROS_PER_EXTENT * dice.random_range(0.8..1.2)) as Micros,
                killed_at: (killed && dice.random_bool(0.03))
                    .then(|| dice.random_range(0..extents)),
            }
        };
        let vms = extents.into_iter().zip(arrivals).map(vm).collect();
        Storm {
            seed,
            mix,
            nodes,
            even: even && real.is_none(),
            occupants,
            full,
            dirty,
            builders: match real {
                Some(real) => real.builders,
                None => pick(&mut dice, &[2, 4, 8, 16, 32]),
            },
            vms,
        }
    }

    /// On a line, for people.
    pub fn about(&self) -> String {
        let evenly = if self.even { "even" } else { "uneven" };
        let killed = self.vms.iter().filter(|vm| vm.killed_at.is_some()).count();
        format!(
            "{}: {} VMs, {} builders ({killed} killed), {} {evenly} nodes, {:.0} % wanted in the end, \
             {:.0} % of free memory dirty",
            self.mix.name(),
            self.vms.len(),
            self.builders,
            self.nodes.len(),
            self.full * 100.0,
            self.dirty * 100.0
        )
    }
}

fn pick<T: Copy>(dice: &mut impl Rng, items: &[T]) -> T {
    items[dice.random_range(0..items.len())]
}

fn pick_weighted(dice: &mut impl Rng, items: &[(f64, u32)]) -> f64 {
    // OK because no weights are 0 and no list is empty.
    items
        .choose_weighted(dice, |item| item.1)
        .map_or(1.0, |item| item.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storms_are_what_they_say() {
        let storms: Vec<Storm> = (0..400).map(Storm::draw).collect();
        for storm in &storms {
            let size: u64 = storm.nodes.iter().sum();
            let of = |f: fn(&Occupant) -> bool| -> u64 {
                let all = storm.occupants.iter().filter(|o| f(o));
                all.map(|o| o.extents).sum()
            };
            let wanted: u64 = storm.vms.iter().map(|vm| vm.extents).sum();
            // Sizes are rounded down to extents.
            let full = (wanted + of(|o| o.leaves.is_none())) as f64 / size as f64;
            assert!(
                (storm.full - 0.05..storm.full + 0.01).contains(&full),
                "{full}: {}",
                storm.about()
            );
            assert!((2..=8).contains(&storm.nodes.len()) && (40..=80).contains(&storm.vms.len()));
            for (node, size) in storm.nodes.iter().enumerate() {
                let there = storm.occupants.iter().filter(|o| o.node == node);
                assert!(there.map(|o| o.extents).sum::<u64>() <= *size);
            }
            assert!(storm.vms.is_sorted_by_key(|vm| vm.arrives));
        }
        for mix in MIXES {
            let of_it = storms.iter().filter(|storm| storm.mix == mix).count();
            assert!(of_it > 60, "{of_it} {}", mix.name());
        }
        let same = |seed| format!("{:?}", Storm::draw(seed));
        assert_eq!(same(7), same(7));
        assert_ne!(same(7), same(8));
    }

    #[test]
    fn on_a_real_host_they_are_smaller_and_else_the_same() {
        let nodes = [800, 1000, 1000, 900];
        let real = Real {
            nodes: &nodes,
            builders: 4,
            least: 64,
        };
        for seed in 0..200 {
            let (storm, large) = (Storm::draw_on(seed, Some(real)), Storm::draw(seed));
            assert_eq!(
                (storm.mix, storm.full, storm.dirty),
                (large.mix, large.full, large.dirty)
            );
            assert_eq!((&storm.nodes[..], storm.builders), (&nodes[..], 4));
            assert!((10..=16).contains(&storm.vms.len()));
            for vm in &storm.vms {
                assert!(vm.extents >= 64 && vm.arrives == 0 && vm.killed_at.is_none());
            }
            for (node, size) in nodes.iter().enumerate() {
                let there = storm.occupants.iter().filter(|o| o.node == node);
                assert!(there.map(|o| o.extents).sum::<u64>() <= *size);
            }
            assert!(storm
                .occupants
                .iter()
                .all(|o| matches!(o.leaves, None | Some(0))));
            let stays = storm.occupants.iter().filter(|o| o.leaves.is_none());
            let stays: u64 = stays.map(|o| o.extents).sum();
            let wanted: u64 = storm.vms.iter().map(|vm| vm.extents).sum();
            let full = (wanted + stays) as f64 / 3700.0;
            // Small ones are made larger.
            assert!(
                (storm.full - 0.01..storm.full + 0.15).contains(&full),
                "{full}: {}",
                storm.about()
            );
        }
    }
}
