//! Runs the suites of the project, one after the other, shows what each prints, and ends with what was
//! skipped and why, and one line for all of them: `N passed, N failed, N skipped`. `./dev test` runs
//! this.

use std::process::ExitCode;

use clap::Parser;

mod count;
mod run;
mod skips;
mod table;

/// Runs every test suite; the last line says how many tests passed.
#[derive(Debug, Parser)]
#[command(name = "./dev test")]
struct Arguments {
    /// Also what takes long.
    #[arg(long)]
    all: bool,
    /// Only these suites, and what makes what they need.
    #[arg(value_name = "SUITE", conflicts_with = "all", value_parser = known)]
    names: Vec<&'static str>,
}

fn known(name: &str) -> Result<&'static str, String> {
    let mut names = table::SUITES.iter().map(|suite| suite.name);
    names.find(|known| *known == name).ok_or_else(|| {
        let names = table::SUITES.iter().map(|suite| suite.name);
        format!(
            "there is no such suite; there are:\n  {}",
            names.collect::<Vec<_>>().join("\n  ")
        )
    })
}

fn main() -> ExitCode {
    let Arguments { all, names } = Arguments::parse();
    run::run_all(&table::chosen(all, &names))
}
