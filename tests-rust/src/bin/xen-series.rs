//! The series in `xen-patches/`: `./dev xen` runs this.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xen_claims_tests::series::{build, check, prepare, Cache};

/// The Xen source with the series in xen-patches/ applied: made, built, checked.
#[derive(Debug, Parser)]
#[command(name = "./dev xen")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    /// The cache directory.
    #[arg(long, env = "XEN_CLAIMS_CACHE", hide = true)]
    cache: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Downloads, verifies and unpacks the Xen source, and applies the series.
    Prepare {
        /// Download again: there may be a newer point release.
        #[arg(long)]
        update: bool,
    },
    /// Builds the hypervisor, libxenctrl, the in-tree OCaml binding and the in-tree test.
    Build,
    /// Checks the series as a Xen maintainer would.
    Check {
        /// Only what takes no build: style, messages, sizes, order.
        #[arg(long)]
        style: bool,
    },
}

fn main() -> ExitCode {
    let Arguments { command, cache } = Arguments::parse();
    match run(&command, &cache) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is asked; whether all is well.
fn run(task: &Task, cache: &Path) -> Result<bool> {
    let patches = fs::canonicalize("xen-patches").context("no xen-patches/ here")?;
    let cache = Cache::new(cache)?;
    match task {
        Task::Prepare { update } => {
            prepare::prepare(&cache, &patches, *update)?;
        }
        Task::Build => {
            let tree = prepare::prepare(&cache, &patches, false)?;
            build::build(&cache, &tree)?;
        }
        Task::Check { style: true } => return check::style_only(&patches),
        Task::Check { style: false } => return check::check(&cache, &patches),
    }
    Ok(true)
}
