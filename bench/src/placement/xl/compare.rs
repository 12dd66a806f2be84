//! Real storms beside simulated ones: how well the one tells the other.

use std::fmt::Write as _;

use anyhow::{ensure, Result};
use xen_claims::Model;
use xen_claims_lab::allocator::{Boot, Build, Flags, Host, Placing};

use super::super::figures::Tally;
use super::super::player::{topology, Course};
use super::super::storm::Storm;
use super::super::{of_each, patched};
use super::host::{self, tools, RealCourse, TIMED};
use super::simulated::{self, paces, Assumed, Pace, AS_MEASURED};
use crate::page::{row, table};

/// How often each storm is simulated, with other times.
const PLAYS: u64 = 100;

/// Which host is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// Xen's allocator, with as much of node 0 in the DMA zone as on the booted host.
    Allocator,
    WithoutDma,
    Embedded,
}

/// What is taken for true: all that is known first, then one thing less each time.
const ASSUMED: [(&str, Assumed, On); 7] = {
    let all = AS_MEASURED;
    [
        ("all that is known", all, On::Allocator),
        (
            "libxl sees the host of the moment it places",
            Assumed {
                looks_late: true,
                ..all
            },
            On::Allocator,
        ),
        (
            "memory is populated in one step",
            Assumed {
                at_once: true,
                ..all
            },
            On::Allocator,
        ),
        (
            "what was freed is still dirty",
            Assumed { dirty: true, ..all },
            On::Allocator,
        ),
        ("no DMA zone", all, On::WithoutDma),
        (
            "placed as `Claims.plan` does",
            Assumed {
                libxl: false,
                ..all
            },
            On::Allocator,
        ),
        ("on the embedded hypervisor", all, On::Embedded),
    ]
};

/// A storm, with one set of tools.
struct Compared {
    storm: Storm,
    real: Tally,
    /// Each time it was simulated.
    simulated: Vec<Tally>,
}

/// What is told of a VM, and how a tally counts it.
type Figure = (&'static str, fn(&Tally) -> u64);
const FIGURES: [Figure; 4] = [
    ("as planned", |t| t.planned),
    ("spread", |t| t.spread),
    ("failed late", |t| t.failed),
    ("refused", |t| t.refused),
];

fn simulate(
    build: &Build,
    storm: &Storm,
    claims: bool,
    assumed: Assumed,
    on: On,
    paces: &[Pace],
) -> Result<Vec<Tally>> {
    let mut storm = storm.clone();
    if !assumed.dirty {
        storm.occupants.retain(|occupant| occupant.leaves.is_none());
    }
    let topology = topology(&storm)?;
    let play = |seed| -> Result<Course> {
        let mut boot = Boot::new(&topology);
        match on {
            On::Embedded => {
                let host = Model::new(&topology);
                return simulated::play(&host, &storm, claims, assumed, paces, seed);
            }
            On::Allocator => {
                let dma = Flags {
                    dma: true,
                    ..Flags::default()
                };
                boot = boot.flags(dma).placing(Placing::FirstLow(host::low()));
            }
            On::WithoutDma => {}
        }
        let host = Host::boot(build, &boot)?;
        simulated::play(&host, &storm, claims, assumed, paces, seed)
    };
    (0..PLAYS)
        .map(|seed| Ok(Tally::of(&storm, &play(seed)?)))
        .collect()
}

fn compare(
    build: &Build,
    reals: &[&RealCourse],
    assumed: Assumed,
    on: On,
    paces: &[Pace],
) -> Result<Vec<Compared>> {
    of_each(reals.len(), |index| {
        let real = reals[index];
        let storm = host::storm(real.seed);
        let simulated = simulate(build, &storm, real.claims, assumed, on, paces)?;
        Ok(Compared {
            real: Tally::of(&storm, &real.course),
            storm,
            simulated,
        })
    })
}

/// Mean, and the limits that 2.5 % are below and above.
fn expected(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let beyond = values.len() / 40;
    (mean, values[beyond], values[values.len() - 1 - beyond])
}

/// Of all storms together, what is expected in percent of VMs.
fn total(compared: &[Compared], figure: fn(&Tally) -> u64) -> (f64, f64, f64) {
    let vms: u64 = compared.iter().map(|one| one.real.vms).sum();
    let of_play = |play: usize| {
        compared
            .iter()
            .map(|one| figure(&one.simulated[play]))
            .sum::<u64>()
    };
    let plays = 0..PLAYS as usize;
    expected(
        plays
            .map(|play| 100.0 * of_play(play) as f64 / vms as f64)
            .collect(),
    )
}

fn of_storm(one: &Compared, figure: fn(&Tally) -> u64) -> (f64, f64, f64) {
    expected(
        one.simulated
            .iter()
            .map(|tally| figure(tally) as f64)
            .collect(),
    )
}

/// In how many storms the real number is one that is to be expected.
fn within(compared: &[Compared], figure: fn(&Tally) -> u64) -> usize {
    let is_within = |one: &&Compared| {
        let (_, low, high) = of_storm(one, figure);
        (low..=high).contains(&(figure(&one.real) as f64))
    };
    compared.iter().filter(is_within).count()
}

/// Pearson's, of the rates of storms; none where one of both is always the same.
fn correlation(compared: &[Compared], figure: fn(&Tally) -> u64) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = compared
        .iter()
        .map(|one| {
            let vms = one.real.vms as f64;
            (
                figure(&one.real) as f64 / vms,
                of_storm(one, figure).0 / vms,
            )
        })
        .collect();
    let count = pairs.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
    let (xx, yy) = (sum(&|p| (p.0 - x).powi(2)), sum(&|p| (p.1 - y).powi(2)));
    (xx > 0.0 && yy > 1e-9).then(|| sum(&|p| (p.0 - x) * (p.1 - y)) / (xx * yy).sqrt())
}

/// How far the real number of a storm is from the expected one, on average.
fn distance(compared: &[Compared], figure: fn(&Tally) -> u64) -> f64 {
    let of = |one: &Compared| (figure(&one.real) as f64 - of_storm(one, figure).0).abs();
    compared.iter().map(of).sum::<f64>() / compared.len() as f64
}

fn interval((mean, low, high): (f64, f64, f64)) -> String {
    format!("{mean:.1} ({low:.1} to {high:.1})")
}

fn overall(all: &[(bool, Vec<Compared>)]) -> String {
    let mut head = row(["of all VMs, %"]);
    head.extend(FIGURES.iter().map(|(name, _)| (*name).to_owned()));
    let mut rows = vec![head];
    for (claims, compared) in all {
        let vms: u64 = compared.iter().map(|one| one.real.vms).sum();
        let mut real = vec![format!("{}, real guests", tools(*claims))];
        let mut simulated = vec![format!("{}, simulated", tools(*claims))];
        for (_, figure) in FIGURES {
            let hits: u64 = compared.iter().map(|one| figure(&one.real)).sum();
            real.push(format!("{:.1}", 100.0 * hits as f64 / vms as f64));
            simulated.push(interval(total(compared, figure)));
        }
        rows.extend([real, simulated]);
    }
    table(&rows)
}

fn rests_on(name: &str, claims: bool, compared: &[Compared]) -> Vec<String> {
    let planned = FIGURES[0].1;
    let correlation = correlation(compared, planned);
    vec![
        format!("{}, {name}", tools(claims)),
        interval(total(compared, planned)),
        format!("{} of {}", within(compared, planned), compared.len()),
        correlation.map_or(String::new(), |r| format!("{r:.2}")),
        format!("{:.1}", distance(compared, planned)),
    ]
}

fn by_storm(before: &[Compared], with: &[Compared]) -> String {
    let mut rows = vec![row([
        "seed",
        "mix",
        "VMs",
        "wanted, %",
        "as it was: as planned",
        "simulated",
        "with claims: as planned",
        "simulated",
    ])];
    for (before, with) in before.iter().zip(with) {
        let storm = &before.storm;
        let planned = FIGURES[0].1;
        rows.push(vec![
            storm.seed.to_string(),
            storm.mix.name().to_owned(),
            storm.vms.len().to_string(),
            format!("{:.0}", storm.full * 100.0),
            planned(&before.real).to_string(),
            interval(of_storm(before, planned)),
            planned(&with.real).to_string(),
            interval(of_storm(with, planned)),
        ]);
    }
    table(&rows)
}

fn pace(timed: &[RealCourse]) -> Result<String> {
    let mut rows = vec![row([
        "seconds, median",
        "until it looks",
        "until placed",
        "until it populates",
        "for a GiB",
        "the rest",
    ])];
    for claims in [false, true] {
        let mut cells = vec![tools(claims).to_owned()];
        cells.extend(
            simulated::medians(&paces(timed, claims)?).map(|seconds| format!("{seconds:.2}")),
        );
        rows.push(cells);
    }
    Ok(table(&rows))
}

/// Everything, as Markdown, of what was played.
pub fn tables(courses: &[RealCourse]) -> Result<String> {
    let (timed, reals): (Vec<_>, Vec<_>) = courses
        .iter()
        .cloned()
        .partition(|course| TIMED.contains(&course.seed));
    ensure!(
        !reals.is_empty(),
        "no storm was played to its end but those that are timed"
    );
    let build = patched()?;
    let mut all = Vec::new();
    let mut rows = vec![row([
        "as planned, % of VMs",
        "simulated",
        "storms within their intervals",
        "correlation",
        "off by, VMs of a storm",
    ])];
    for claims in [false, true] {
        let paces = paces(&timed, claims)?;
        let of_it: Vec<&RealCourse> = reals.iter().filter(|real| real.claims == claims).collect();
        // With claims, there is nothing to explain.
        let count = if claims { 1 } else { ASSUMED.len() };
        for (name, assumed, on) in ASSUMED.into_iter().take(count) {
            eprintln!("bench: simulating {}, {name}", tools(claims));
            let compared = compare(&build, &of_it, assumed, on, &paces)?;
            rows.push(rests_on(name, claims, &compared));
            if (assumed, on) == (AS_MEASURED, On::Allocator) {
                all.push((claims, compared));
            }
        }
    }
    let storms = all[0].1.len();
    let vms: u64 = all[0].1.iter().map(|one| one.real.vms).sum();
    let mut text = String::new();
    let _ = writeln!(text, "{storms} storms, {vms} VMs, with each set of tools; each was simulated {PLAYS} times. In brackets: what 95 % of these had.\n");
    text += &overall(&all);
    text += &table(&rows);
    text += &by_storm(&all[0].1, &all[1].1);
    text += &pace(&timed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(planned: u64) -> Tally {
        Tally {
            vms: 10,
            planned,
            ..Tally::default()
        }
    }

    /// A real number, and what the plays of it had.
    fn compared(real: u64, plays: [u64; 4]) -> Compared {
        let simulated = plays
            .map(|planned| vec![tally(planned); PLAYS as usize / 4])
            .concat();
        Compared {
            storm: host::storm(1),
            real: tally(real),
            simulated,
        }
    }

    #[test]
    fn a_prediction_is_judged() {
        let all = [
            compared(2, [1, 2, 3, 2]),
            compared(9, [5, 6, 7, 6]),
            compared(6, [4, 4, 4, 4]),
        ];
        let planned = FIGURES[0].1;
        // 10, 12, 14 and 12 of 30 VMs.
        let (mean, low, high) = total(&all, planned);
        assert!(
            (mean - 40.0).abs() < 1e-9
                && (low - 100.0 / 3.0).abs() < 1e-9
                && (high - 140.0 / 3.0).abs() < 1e-9
        );
        assert_eq!(within(&all, planned), 1);
        assert!((distance(&all, planned) - 5.0 / 3.0).abs() < 1e-9);
        // Of (2, 2), (9, 6), (6, 4): 14 / sqrt(24.67 * 8).
        assert!((correlation(&all, planned).unwrap() - 0.9967).abs() < 1e-3);
        assert_eq!(correlation(&all[..1], planned), None);
    }
}
