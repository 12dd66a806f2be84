//! The proofs in `proofs/`: `./dev prove` runs this.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use xen_claims_tests::native::Tree;
use xen_claims_tests::prove::{prove, workshop};
use xen_claims_tests::series::need;

/// Proves what Xen's allocator does with claims, on a host of 3 nodes.
#[derive(Debug, Parser)]
#[command(name = "./dev prove")]
struct Arguments {
    /// Only these proofs.
    names: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    need(&[("cbmc", "cbmc"), ("goto-cc", "cbmc"), ("kissat", "kissat")])?;
    let tree = Tree::find()?.context("no Xen tree is prepared: ./dev xen prepare makes one")?;
    let tally = prove(&workshop(tree.file("")), &arguments.names)?;
    println!(
        "{} places reached, {} properties found to fail on broken allocators",
        tally.reached, tally.noticed
    );
    println!("{} proved, {} failed", tally.proved, tally.failed);
    // Proving nothing proves nothing.
    Ok(tally.failed == 0 && tally.proved > 0)
}
