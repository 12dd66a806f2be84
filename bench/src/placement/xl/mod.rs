//! A few storms for real, with guests that `xl create` starts on a booted Xen, and the same ones in simulated
//! time: `./dev bench --placement --xl`.

mod compare;
mod host;
mod libxl;
mod simulated;

use std::path::Path;

use anyhow::{ensure, Context, Result};

use super::replay;
use super::tables::replace_real;
use host::tools;

/// Plays the storms of the seeds from 1 on, unless they are to be those that were played already; then compares
/// them with simulated ones, and prints tables. `page`: writes them into docs/placement.md.
pub(crate) fn run(storms: u64, again: bool, page: bool) -> Result<()> {
    if !again {
        host::play(&(1..=storms).collect::<Vec<_>>())?;
    }
    let text = compare::tables(&host::kept()?)?;
    if page {
        replace_real(&text)?;
    }
    print!("{text}");
    Ok(())
}

/// Writes the report of a storm that was played.
pub(crate) fn report(seed: u64, directory: &Path) -> Result<()> {
    let courses = host::kept()?
        .into_iter()
        .filter(|course| course.seed == seed);
    let courses: Vec<_> = courses
        .map(|real| (tools(real.claims).to_owned(), real.claims, real.course))
        .collect();
    ensure!(
        !courses.is_empty(),
        "storm {seed} is not one of those that were played last"
    );
    replay::report(&host::storm(seed), "Xen", &courses, directory).context("no report")
}
