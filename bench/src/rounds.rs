//! Medians and their spread.

use serde::{Deserialize, Serialize};

/// The middle of some samples, and the quartiles around it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Median {
    /// Half of the samples are below.
    pub median: f64,
    /// A quarter of them are below.
    pub low: f64,
    /// A quarter of them are above.
    pub high: f64,
}

impl Median {
    /// Of at least one sample.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (sorted.len().saturating_sub(1)) as f64;
            sorted
                .get(place.round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Median {
            median: at(0.5),
            low: at(0.25),
            high: at(0.75),
        }
    }
}

/// Ours and what it is compared with, of rounds in which they came one after the other: what
/// disturbs one disturbs the other, and leaves their ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Ours.
    pub ours: Median,
    /// What it replaces.
    pub other: Median,
    /// Ours by the other, of each round.
    pub ratio: Median,
}

impl Pair {
    /// Of (ours, other) for each round.
    pub fn of(rounds: &[(f64, f64)]) -> Self {
        Pair {
            ours: Median::of(rounds.iter().map(|round| round.0)),
            other: Median::of(rounds.iter().map(|round| round.1)),
            ratio: Median::of(rounds.iter().map(|round| round.0 / round.1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Quartiles taken of unsorted samples; the ratio of the medians for the median of the ratios.
    #[test]
    fn a_pair_compares_round_by_round() {
        let pair = Pair::of(&[
            (10.0, 5.0),
            (3.0, 1.0),
            (100.0, 100.0),
            (8.0, 2.0),
            (9.0, 1.0),
        ]);
        assert_eq!(
            (pair.ours.low, pair.ours.median, pair.ours.high),
            (8.0, 9.0, 10.0)
        );
        assert_eq!(pair.other.median, 2.0);
        assert_eq!(pair.ratio.median, 3.0);
    }
}
