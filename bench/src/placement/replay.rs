//! A storm in the report of the demo, which the example builder writes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};
use serde_json::json;

use super::player::Course;
use super::storm::Storm;

const BUILDER: &str = "_build/default/examples/builder/builder.exe";

/// A column of the report: its name, whether claims were to keep what was planned, and the storm.
pub type Column = (String, bool, Course);

pub fn report(storm: &Storm, on: &str, columns: &[Column], directory: &Path) -> Result<()> {
    let storms: Vec<_> = columns
        .iter()
        .map(|(by, claims, course)| json!({ "by": by, "claims": claims, "course": course }))
        .collect();
    let record = json!({
        "name": format!("storm {}", storm.seed),
        "about": storm.about(),
        "host": on,
        "seed": storm.seed,
        "builders": storm.builders,
        "storms": storms,
    });
    let mut builder = Command::new(BUILDER)
        .args(["replay", "--report"])
        .arg(directory)
        .stdin(Stdio::piped())
        .spawn()
        .context(BUILDER)?;
    let mut stdin = builder.stdin.take().context("no pipe")?;
    stdin.write_all(record.to_string().as_bytes())?;
    drop(stdin);
    let status = builder.wait()?;
    ensure!(status.success(), "the builder ended with {status}");
    Ok(())
}
