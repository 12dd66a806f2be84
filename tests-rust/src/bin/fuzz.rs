//! Random sequences of calls on Xen's own allocator and on the embedded hypervisor, side by side.
//! `./dev fuzz` and `./dev test` run this.

use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use xen_claims_lab::allocator::{Build, Profile, Tree, Xen};
use xen_claims_lab::exit_code;
use xen_claims_tests::differential::{check, shortest, unchanged, Compared};
use xen_claims_tests::sequences::{long_sequences, Sequence};

/// Random sequences of calls on Xen's own allocator and on the embedded hypervisor, side by side.
#[derive(Debug, Parser)]
#[command(name = "./dev fuzz")]
struct Arguments {
    /// The Xen it is of: 4.20, or one of xen-patches/bases/.
    #[arg(long, value_name = "VERSION")]
    base: Option<String>,
    /// Go on for so long.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Make so many calls instead, however long they take.
    #[arg(long, conflicts_with = "minutes")]
    calls: Option<u64>,
    /// Where the random numbers begin [default: somewhere else each time].
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    let tree = Tree::of(arguments.base.as_deref())?;
    let build = Build::new(&tree, Xen::Patched, Profile::Debug)?;
    let stock = Build::new(&tree, Xen::Stock, Profile::Debug)?;
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |since| since.as_nanos() as u64)
    });
    // What stops a host is a result here, and told at the end.
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let end = Duration::from_secs(60 * arguments.minutes);
    let total = Mutex::new(Compared::default());
    let same = Mutex::new(Compared::default());
    let failure = Mutex::new(None);
    let enough = || match arguments.calls {
        Some(calls) => lock(&total).calls >= calls,
        None => start.elapsed() >= end,
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        for thread in 0..threads {
            let (build, total, failure, enough) = (&build, &total, &failure, &enough);
            let (stock, same) = (&stock, &same);
            scope.spawn(move || {
                let mut runner = runner(seed, thread as u64);
                for number in 0_u64.. {
                    if lock(failure).is_some() || enough() {
                        break;
                    }
                    // It gives up only where a filter lets nothing through, and there is none.
                    let Ok(tree) = long_sequences().new_tree(&mut runner) else {
                        continue;
                    };
                    let sequence = tree.current();
                    let also = (number % 8 == 0).then_some((Against::Stock(stock, build), same));
                    for (against, sum) in [(Against::Model(build), total)].into_iter().chain(also) {
                        match against.differ(&sequence) {
                            Ok(compared) => *lock(sum) += compared,
                            Err(_) => *lock(failure) = Some((against, sequence.clone())),
                        }
                    }
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let Compared {
        calls, in_pieces, ..
    } = *lock(&total);
    println!(
        "{calls} calls in {seconds:.0} s ({:.0} per second), seed {seed}; {in_pieces} times a node \
         had the pages of an extent, but in smaller pieces",
        calls as f64 / seconds
    );
    let Compared { calls, .. } = *lock(&same);
    println!("{calls} calls that claim nothing gave the same pages as Xen without the series");
    let failure = lock(&failure).take();
    let Some((against, sequence)) = failure else {
        println!("2 passed, 0 failed");
        return Ok(true);
    };
    tell(against, &sequence);
    println!("1 passed, 1 failed");
    Ok(false)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What a patched host is compared with.
#[derive(Debug, Clone, Copy)]
enum Against<'a> {
    Model(&'a Build),
    Stock(&'a Build, &'a Build),
}

impl Against<'_> {
    fn differ(self, sequence: &Sequence) -> Result<Compared, String> {
        match self {
            Against::Model(build) => check(build, sequence),
            Against::Stock(stock, build) => unchanged(stock, build, sequence),
        }
    }
}

fn runner(seed: u64, thread: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&thread.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

fn tell(against: Against<'_>, sequence: &Sequence) {
    let end = Instant::now() + Duration::from_secs(60);
    let sequence = shortest(sequence, end, |shorter| against.differ(shorter).is_err());
    if let Err(difference) = against.differ(&sequence) {
        println!("{difference}");
    }
    println!("by this sequence, for the list in tests-rust/tests/xen/differential.rs:");
    println!("nodes {:?}, memory {:?}", sequence.nodes, sequence.memory);
    for plan in &sequence.plans {
        println!("    {plan:?},");
    }
}
