//! What claim sets cost, beside what they replace. `./dev bench` runs this, in the checkout.

mod allocator;
mod callgrind;
mod install;
mod outside;
mod page;
mod placement;
mod rounds;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use serde::{Deserialize, Serialize};
use xen_claims_lab::exit_code;

/// Measures what claim sets cost, beside what they replace, and prints tables
#[derive(Debug, Parser)]
#[command(name = "./dev bench")]
struct Options {
    /// Write all figures there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write tables and picture into docs/performance.md, or with --placement into docs/placement.md
    #[arg(long)]
    page: bool,
    /// Few rounds, or storms: to see that it works
    #[arg(long)]
    quick: bool,
    /// Count instead how often VMs land where they were planned, in 1,000 storms on two hypervisors
    #[arg(long, conflicts_with = "json")]
    placement: bool,
    /// With --placement: play 20 smaller storms with guests that xl starts on a booted Xen, and compare them with
    /// simulated ones
    #[arg(long, requires = "placement")]
    xl: bool,
    /// With --xl: do not boot, compare the storms that were played last
    #[arg(long, requires = "xl", conflicts_with_all = ["quick", "storm"])]
    again: bool,
    /// Play only the storm of this seed, and write storm-report/report.html; with --xl, the one that was played last
    #[arg(
        long,
        value_name = "SEED",
        requires = "placement",
        conflicts_with = "page"
    )]
    storm: Option<u64>,
    /// Where to play that storm
    #[arg(
        long,
        value_enum,
        requires = "storm",
        conflicts_with = "xl",
        default_value = "allocator"
    )]
    on: placement::On,
}

/// Everything that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Where.
    pub machine: String,
    pub seconds: f64,
    pub binding: outside::Binding,
    pub allocator: Vec<allocator::Point>,
    pub install: Vec<install::Point>,
    pub embedded: Vec<outside::Embedded>,
    pub storm: Vec<outside::Storm>,
}

const STORM: [u64; 6] = [300, 600, 1250, 2500, 5000, 10_000];

fn machine() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let mut models = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name\t: "));
    let model = models.next().unwrap_or("unknown CPUs").to_owned();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{} CPUs ({model}), Linux {}",
        models.count() + 1,
        kernel.trim()
    ))
}

fn measure(quick: bool) -> Result<Report> {
    let start = Instant::now();
    let rounds = |all| if quick { 3 } else { all };
    let part = |text: &str| eprintln!("bench: {:3.0} s  {text}", start.elapsed().as_secs_f64());
    part("instructions, under valgrind");
    let counts = callgrind::run(&[])?;
    part("the allocator, with the series and without");
    let allocator = allocator::run(rounds(41), &counts)?;
    part("claim calls under the heap lock");
    let install = install::run(rounds(31), &counts)?;
    part("the binding");
    let binding = outside::binding(rounds(31), if quick { 20_000 } else { 200_000 })?;
    part("the embedded hypervisor, under Criterion");
    let embedded = outside::embedded()?;
    part("storms of VMs");
    let storm = STORM
        .into_iter()
        .map(outside::storm)
        .collect::<Result<_>>()?;
    part("done");
    Ok(Report {
        machine: machine()?,
        seconds: start.elapsed().as_secs_f64(),
        binding,
        allocator,
        install,
        embedded,
        storm,
    })
}

fn main() -> ExitCode {
    exit_code(run().map(|()| true))
}

fn run() -> Result<()> {
    if callgrind::is_running() {
        allocator::count()?;
        return install::count();
    }
    let options = Options::parse();
    if let Some(seed) = options.storm {
        let directory = Path::new("storm-report");
        if options.xl {
            return placement::xl::report(seed, directory);
        }
        return placement::replay(seed, options.on, directory);
    }
    if options.xl {
        let storms = if options.quick { 2 } else { 20 };
        return placement::xl::run(storms, options.again, options.page);
    }
    if options.placement {
        let storms = if options.quick { 20 } else { 1000 };
        return placement::run(storms, options.page);
    }
    let report = measure(options.quick)?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    if options.page {
        page::write(&report)?;
    }
    print!("{}", page::tables(&report));
    Ok(())
}
