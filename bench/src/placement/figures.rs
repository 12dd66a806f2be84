//! What is counted, and how sure it is.

use super::player::{Course, Outcome};
use super::storm::Storm;

/// Half of the width of a normal 95 % interval, in standard errors.
const Z: f64 = 1.96;

/// An estimate and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Wilson's interval for `value`, a rate seen in `count` trials.
fn wilson(value: f64, count: f64) -> Estimate {
    let z2 = Z * Z;
    let centre = value + z2 / (2.0 * count);
    let half = Z * (value * (1.0 - value) / count + z2 / (4.0 * count * count)).sqrt();
    let scale = 1.0 + z2 / count;
    Estimate {
        value,
        low: ((centre - half) / scale).clamp(0.0, value),
        high: ((centre + half) / scale).clamp(value, 1.0),
    }
}

/// The rate of `hits` among `of`, given for each storm. VMs of one storm share a fate, so that they are
/// worth fewer independent ones (the design effect); where nothing varies, a storm is one trial.
pub fn rate(storms: &[(u64, u64)]) -> Estimate {
    let count = storms.len() as f64;
    let hits: u64 = storms.iter().map(|(hits, _)| hits).sum();
    let of: u64 = storms.iter().map(|(_, of)| of).sum();
    if of == 0 {
        return Estimate {
            value: 0.0,
            low: 0.0,
            high: 1.0,
        };
    }
    let value = hits as f64 / of as f64;
    let deviation = |&(hits, of): &(u64, u64)| (hits as f64 - value * of as f64).powi(2);
    let squares: f64 = storms.iter().map(deviation).sum();
    let variance = count / (count - 1.0).max(1.0) * squares / (of as f64).powi(2);
    let trials = if variance > 0.0 {
        (value * (1.0 - value) / variance).min(of as f64)
    } else {
        count
    };
    wilson(value, trials)
}

/// The mean of what each storm had, none of which is less than 0.
pub fn mean(values: &[f64]) -> Estimate {
    let count = values.len() as f64;
    let value = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    let half = Z * (squares / (count - 1.0).max(1.0) / count).sqrt();
    Estimate {
        value,
        low: (value - half).max(0.0),
        high: value + half,
    }
}

/// One storm, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    pub vms: u64,
    pub planned: u64,
    pub spread: u64,
    pub failed: u64,
    pub refused: u64,
    /// Refused while so much memory was free: others claimed it, and did not use it yet.
    pub refused_though_free: u64,
    /// Failed or refused, and in the end there was memory for it.
    pub missed: u64,
    pub retries: u64,
    /// Share of the host.
    pub wasted: f64,
    pub seconds: f64,
    /// Share of the host: free in the end, on nodes where no VM of median size fits.
    pub unusable: f64,
}

impl Tally {
    pub fn of(storm: &Storm, course: &Course) -> Tally {
        let count = |f: &dyn Fn(&super::player::Played) -> bool| {
            course.vms.iter().filter(|vm| f(vm)).count() as u64
        };
        let built = |vm: &super::player::Played| vm.outcome == Outcome::Built;
        let mut free: u64 = course.left.iter().sum();
        let mut missed = 0;
        for vm in course.vms.iter().filter(|vm| !built(vm)) {
            if vm.pages <= free {
                free -= vm.pages;
                missed += 1;
            }
        }
        let mut sizes: Vec<u64> = course.vms.iter().map(|vm| vm.pages).collect();
        sizes.sort_unstable();
        let median = sizes[sizes.len() / 2];
        let host = (storm.nodes.iter().sum::<u64>() << super::storm::ORDER) as f64;
        let unusable: u64 = course.left.iter().filter(|free| **free < median).sum();
        Tally {
            vms: course.vms.len() as u64,
            planned: count(&|vm| built(vm) && vm.stray() == 0),
            spread: count(&|vm| built(vm) && vm.stray() > 0),
            failed: count(&|vm| matches!(vm.outcome, Outcome::Failed { .. })),
            refused: count(&|vm| matches!(vm.outcome, Outcome::Refused { .. })),
            refused_though_free: count(
                &|vm| matches!(vm.outcome, Outcome::Refused { free_pages, .. } if free_pages >= vm.pages),
            ),
            missed,
            retries: course.vms.iter().map(|vm| u64::from(vm.retries)).sum(),
            wasted: course.vms.iter().map(|vm| vm.wasted).sum::<u64>() as f64 / host,
            seconds: course.seconds,
            unusable: unusable as f64 / host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(estimate: Estimate, low: f64, high: f64) {
        let off = (estimate.low - low).abs().max((estimate.high - high).abs());
        assert!(off < 5e-4, "{estimate:?} is not {low} to {high}");
    }

    #[test]
    fn intervals_are_those_of_the_books() {
        // Newcombe 1998, table I, method 3: Wilson's.
        close(wilson(81.0 / 263.0, 263.0), 0.2553, 0.3662);
        close(wilson(15.0 / 148.0, 148.0), 0.0624, 0.1605);
        close(wilson(0.0, 20.0), 0.0, 0.1611);
        close(wilson(1.0 / 29.0, 29.0), 0.0061, 0.1718);
        // 2, 4, 6: mean 4, standard error 2 / sqrt 3.
        close(mean(&[2.0, 4.0, 6.0]), 1.7368, 6.2632);
    }

    #[test]
    fn vms_that_share_a_fate_are_worth_one() {
        let independent: Vec<_> = (0..100).map(|i| (i % 2, 1)).collect();
        let together: Vec<_> = (0..100).map(|i| (i % 2 * 50, 50)).collect();
        let (one, fifty) = (rate(&independent), rate(&together));
        close(fifty, one.low, one.high);
        assert!(one.low > 0.39 && one.high < 0.61);
        // Nothing went wrong in 1000 storms: 3 in 1000 might (and Wilson is a little more careful).
        let never = rate(&[(0, 50); 1000]);
        assert!(
            never.low == 0.0 && (0.003..0.004).contains(&never.high),
            "{never:?}"
        );
    }
}
