//! Threads against each other, and numbers at random for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::context::{expect, Check, Stop};

/// Where two threads wait for each other. They spin, because waking up takes longer than what
/// they are to do at the same instant.
#[derive(Default)]
struct StartLine {
    arrivals: AtomicUsize,
}

impl StartLine {
    fn wait(&self) {
        let before_me = self.arrivals.fetch_add(1, Ordering::AcqRel);
        let both = (before_me / 2 + 1) * 2;
        let mut spins = 0;
        while self.arrivals.load(Ordering::Acquire) < both {
            spins += 1;
            if spins < 200 {
                std::hint::spin_loop();
            } else {
                // The other one may be waiting for this CPU.
                thread::yield_now();
            }
        }
    }
}

/// Whose call of the two was served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Left,
    Right,
}

/// How long one of the two waits at the start: whoever was first waits longer the next time. So a race
/// stays close whatever one side has to do before its call arrives, and a window of a few
/// instructions is met.
struct Handicap {
    /// Turns that the left one waits or, below zero, the right one.
    left: i32,
    step: i32,
    last: First,
}

/// Half a millisecond or so, in which a message reaches another process.
const MOST_TURNS: i32 = 1 << 14;

impl Handicap {
    const fn new() -> Self {
        Handicap {
            left: 0,
            step: 1,
            last: First::Left,
        }
    }

    fn adjust(&mut self, first: First) {
        let same = first == self.last;
        self.step = if same { self.step * 2 } else { self.step / 2 }.clamp(1, MOST_TURNS / 16);
        self.left += match first {
            First::Left => self.step,
            First::Right => -self.step,
        };
        self.left = self.left.clamp(-MOST_TURNS, MOST_TURNS);
        self.last = first;
    }
}

fn turns(count: i32) {
    (0..count).for_each(|_| std::hint::spin_loop());
}

/// Where a busy machine lets only one of two threads run at a time, it takes so many times the rounds until
/// the other one is first.
const PATIENCE: usize = 10;

/// Was the same one first in all these rounds?
fn always(left_first: usize, rounds: usize) -> bool {
    !(1..rounds).contains(&left_first)
}

/// So many times: runs `left` and `right` at the same instant on what `prepare` made, and lets `judge`
/// look at both results and say who was first. Fails if it was always the same.
pub(super) fn race<X: Copy + Send, L, R: Send>(
    rounds: usize,
    mut prepare: impl FnMut() -> Check<X>,
    left: impl Fn(X) -> L,
    right: impl Fn(X) -> R + Send + Sync,
    mut judge: impl FnMut(X, L, R) -> Check<First>,
) -> Check {
    let line = &StartLine::default();
    let right = &right;
    let mut left_first = 0;
    let same = thread::scope(|scope| -> Check<bool> {
        let (to_right, inbox) = mpsc::channel();
        let (outbox, from_right) = mpsc::channel();
        scope.spawn(move || {
            for (x, wait) in inbox {
                line.wait();
                turns(wait);
                if outbox.send(right(x)).is_err() {
                    break;
                }
            }
        });
        let gone = || Stop::failed("two threads that race", "one of them is gone");
        let mut handicap = Handicap::new();
        let mut done = 0;
        while done < rounds || (always(left_first, done) && done < PATIENCE * rounds) {
            done += 1;
            let x = prepare()?;
            to_right.send((x, -handicap.left)).map_err(|_| gone())?;
            line.wait();
            turns(handicap.left);
            let left = left(x);
            let right = from_right.recv().map_err(|_| gone())?;
            let first = judge(x, left, right)?;
            left_first += usize::from(first == First::Left);
            handicap.adjust(first);
        }
        Ok(always(left_first, done))
    })?;
    // Otherwise nobody raced.
    expect("always the same of the two is first", false, same)
}

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of `items`, which are not none.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// Brings `items` into another order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
