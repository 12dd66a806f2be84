//! The series in `xen-patches/`: `./dev xen` runs this.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xen_claims_lab::exit_code;
use xen_claims_lab::series::base::Base;
use xen_claims_lab::series::{build, check, prepare};

/// The Xen source with the series in xen-patches/ applied: made, built, checked.
#[derive(Debug, Parser)]
#[command(name = "./dev xen")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    /// The Xen that the series is for: 4.20, or one of xen-patches/bases/.
    #[arg(long, global = true, value_name = "VERSION")]
    base: Option<String>,
    /// The cache directory.
    #[arg(long, env = "XEN_CLAIMS_CACHE", hide = true)]
    cache: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Gets, verifies and unpacks the Xen source that the series is for, and applies the series.
    Prepare {
        /// Only try Debian's newest Xen source: does the series apply there?
        #[arg(long)]
        update: bool,
        /// Only look whether there is nothing to do, and fail if there is.
        #[arg(long, conflicts_with = "update", hide = true)]
        unchanged: bool,
    },
    /// Builds the hypervisor, libxenctrl, xl, the in-tree OCaml binding and the in-tree tests.
    Build,
    /// Checks the series as a Xen maintainer would.
    Check {
        /// Only what takes no build: style, messages, sizes, order.
        #[arg(long)]
        style: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    exit_code(run(&arguments))
}

/// Does what is asked; whether all is well.
fn run(arguments: &Arguments) -> Result<bool> {
    let patches = fs::canonicalize("xen-patches").context("no xen-patches/ here")?;
    let Base { patches, cache } =
        Base::find(arguments.base.as_deref(), &patches, &arguments.cache)?;
    match arguments.command {
        Task::Prepare {
            unchanged: true, ..
        } => return prepare::is_prepared(&cache, &patches),
        Task::Prepare { update: true, .. } => prepare::update(&cache, &patches)?,
        Task::Prepare { update: false, .. } => drop(prepare::prepare(&cache, &patches)?),
        Task::Build => build::build(&cache, &prepare::prepare(&cache, &patches)?)?,
        Task::Check { style: true } => return check::style_only(&patches),
        Task::Check { style: false } => return check::check(&cache, &patches),
    }
    Ok(true)
}
