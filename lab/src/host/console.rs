//! What the console of a booted host says of how it went.

use std::time::Duration;

use anyhow::{bail, Result};

/// What `/init` writes before it runs the command.
const BEGINS: &str = "xen-claims: the command begins";

/// What Xen writes when Dom0's kernel has crashed.
const CRASHED: &str = "Hardware Dom0 crashed";

/// What `/init` writes before the exit status.
const STATUS: &str = "xen-claims: exit status ";

/// Signs on the console that Xen found something wrong with itself.
const COMPLAINTS: &[&str] = &[
    "ASSERT",
    "Assertion",
    "Xen BUG",
    "Xen WARN",
    "Xen call trace",
];

/// The line in which Xen says that something is wrong with it.
fn complaint(console: &str) -> Option<&str> {
    let complains = |line: &&str| COMPLAINTS.iter().any(|sign| line.contains(sign));
    console
        .lines()
        .filter(|line| line.contains("(XEN)"))
        .find(complains)
}

/// Dom0's kernel crashed, before any of our programs ran, and Xen found nothing wrong with itself.
pub fn crashed_early(console: &str) -> bool {
    console.contains(CRASHED) && !console.contains(BEGINS) && complaint(console).is_none()
}

/// The command's exit status by what is on the console.
pub fn verdict(console: &str, in_time: bool, limit: Duration) -> Result<u8> {
    if let Some(complaint) = complaint(console) {
        bail!("Xen complained: {}", complaint.trim());
    }
    let status = console
        .rsplit_once(STATUS)
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    match status {
        _ if !in_time => bail!("it took longer than {} s", limit.as_secs()),
        Some(status) => Ok(status),
        None => bail!("Dom0 ended before the command did"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(9);

    #[test]
    fn the_console_says_how_it_went() -> Result<()> {
        let good = "(XEN) Assertions are on\r\nxen-claims: exit status 3\r\n(XEN) off\r\n";
        assert!(verdict(good, true, LIMIT).is_err());
        let good = good.replace("Assertions", "They");
        assert_eq!(verdict(&good, true, LIMIT)?, 3);
        assert!(verdict(&good, false, LIMIT).is_err());
        assert!(verdict("Kernel panic", true, LIMIT).is_err());
        let bad = "(XEN) Xen WARN at mm.c:1\r\nxen-claims: exit status 0\r\n";
        assert!(verdict(bad, true, LIMIT).is_err());
        Ok(())
    }

    #[test]
    fn a_crash_is_tried_again_only_before_the_command() {
        let crash = "(XEN) Hardware Dom0 crashed: rebooting machine\r\n";
        assert!(crashed_early(crash));
        assert!(!crashed_early(&format!("{BEGINS}\r\n{crash}")));
        assert!(!crashed_early(&format!(
            "(XEN) Assertion 'x' failed\r\n{crash}"
        )));
        assert!(!crashed_early("[ 2.1] BUG: soft lockup\r\n"));
    }
}
