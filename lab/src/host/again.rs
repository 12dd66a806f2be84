//! A boot that is tried again.
//!
//! In about a hundred boots it was seen once that Dom0's kernel crashed before it ran anything, while Xen
//! had nothing to complain of. More than one such crash in a run of all suites is for somebody to look
//! at.

use std::env;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// What names the file by which all programs of one run know that it was tried. It says of which console.
pub const VARIABLE: &str = "XEN_CLAIMS_BOOTED_AGAIN";

/// The same for a program that is run by itself.
static TRIED: AtomicBool = AtomicBool::new(false);

/// May a boot with this console be tried again? Once in a run.
pub(super) fn may_be_tried(console: &Path) -> Result<bool> {
    let file = env::var_os(VARIABLE);
    first(file.as_deref().map(Path::new), &TRIED, console)
}

fn first(file: Option<&Path>, tried: &AtomicBool, console: &Path) -> Result<bool> {
    let Some(path) = file else {
        return Ok(!tried.swap(true, Ordering::Relaxed));
    };
    match File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        created => {
            writeln!(created.context(VARIABLE)?, "{}", console.display())?;
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if each program had a try of its own, or each boot.
    #[test]
    fn a_run_has_one_try() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let (file, console) = (directory.path().join("again"), Path::new("a.log"));
        let programs = [AtomicBool::new(false), AtomicBool::new(false)];
        assert!(first(Some(&file), &programs[0], console)?);
        assert!(!first(Some(&file), &programs[1], console)?);
        assert_eq!(std::fs::read_to_string(&file)?, "a.log\n");
        assert!(first(None, &programs[0], console)?);
        assert!(!first(None, &programs[0], console)?);
        Ok(())
    }
}
