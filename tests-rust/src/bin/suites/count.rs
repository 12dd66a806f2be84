//! What a suite's output says of its tests.

use std::ops::AddAssign;

/// How many tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// How a suite counts its tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// It does not: it is one test, which succeeds or fails.
    One,
    /// As `cargo test` does.
    Cargo,
    /// By a line `N passed, N failed, N skipped`, or as Alcotest does.
    Lines,
}

/// What a line of the output is.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Tally(Tally),
    /// A test that was skipped, and why. Not one more to count, unless a tally comes with it.
    Skipped(String, Tally),
    /// One of many tests that went well: nobody wants to read it.
    Well,
    Other,
}

impl Count {
    pub fn read(self, line: &str) -> Line {
        let plain = without_colour(line);
        let line = plain.trim();
        let tally = |found: Option<Tally>| found.map_or(Line::Other, Line::Tally);
        let not_counted = |name| Line::Skipped(name, Tally::default());
        match self {
            Count::One => Line::Other,
            Count::Cargo => match line
                .strip_prefix("test ")
                .and_then(|t| t.rsplit_once(" ... "))
            {
                Some((_, "ok")) => Line::Well,
                Some((name, outcome)) if outcome.starts_with("ignored") => {
                    let reason = outcome["ignored".len()..].trim_start_matches(',').trim();
                    let inner = reason.strip_prefix('(').and_then(|r| r.strip_suffix(')'));
                    let reason = inner.unwrap_or(reason);
                    let reason = if reason.is_empty() {
                        "#[ignore]"
                    } else {
                        reason
                    };
                    not_counted(format!("{}: {reason}", name.trim_end()))
                }
                _ => tally(cargo(line)),
            },
            Count::Lines => {
                if let Some((name, reason)) = line.split_once(": skipped, because ") {
                    return not_counted(format!("{name}: {reason}"));
                }
                if let Some(rest) = line.strip_prefix("SKIP ") {
                    return not_counted(rest.to_owned());
                }
                // Alcotest does not count these.
                if let Some(rest) = line.strip_prefix("[SKIP] ") {
                    let words: Vec<_> = rest.split_whitespace().collect();
                    let one = Tally {
                        skipped: 1,
                        ..Tally::default()
                    };
                    return Line::Skipped(words.join(" "), one);
                }
                tally(checks(line).or_else(|| alcotest(line)))
            }
        }
    }
}

/// `test result: ok. 7 passed; 0 failed; 1 ignored; ...`
fn cargo(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| {
        let part = counts.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some(Tally {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
    })
}

/// `Test Successful in 0.003s. 12 tests run.` or `2 failures! in 0.003s. 12 tests run.`
fn alcotest(line: &str) -> Option<Tally> {
    let (verdict, rest) = line.split_once(" in ")?;
    let run = rest.split_once("s. ")?.1.strip_suffix(" run.")?;
    let run = run
        .strip_suffix(" tests")
        .or_else(|| run.strip_suffix(" test"))?;
    let failures = |word| verdict.strip_suffix(word);
    let failed = match verdict {
        "Test Successful" => 0,
        _ => failures(" failures!")
            .or_else(|| failures(" failure!"))?
            .parse()
            .ok()?,
    };
    Some(Tally {
        passed: run.parse::<u64>().ok()?.checked_sub(failed)?,
        failed,
        skipped: 0,
    })
}

/// `12 passed, 1 failed` or `12 passed, 1 failed, 2 skipped`
fn checks(line: &str) -> Option<Tally> {
    let (passed, rest) = line.split_once(" passed, ")?;
    let (failed, rest) = rest.split_once(" failed")?;
    let skipped = match rest {
        "" => "0",
        rest => rest.strip_prefix(", ")?.strip_suffix(" skipped")?,
    };
    Some(Tally {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
        skipped: skipped.parse().ok()?,
    })
}

/// A line without the escape sequences for colours.
fn without_colour(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or(part, |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Line {
        Line::Tally(Tally {
            passed,
            failed,
            skipped,
        })
    }

    fn skipped(text: &str) -> Line {
        Line::Skipped(text.to_owned(), Tally::default())
    }

    #[test]
    fn totals_are_read_and_other_lines_are_not() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(Count::Cargo.read(line), tally(5, 2, 1));
        assert_eq!(Count::Cargo.read("test result_of_set ... ok"), Line::Well);
        assert_eq!(
            Count::Cargo.read("test result_of_set ... FAILED"),
            Line::Other
        );
        for (line, counted) in [
            ("Test Successful in 0.003s. 12 tests run.", tally(12, 0, 0)),
            (
                "\x1b[32mTest Successful\x1b[0m in 0.003s. 12 tests run.",
                tally(12, 0, 0),
            ),
            ("1 failure! in 0.003s. 1 test run.", tally(0, 1, 0)),
            ("3 failures! in 1.003s. 12 tests run.", tally(9, 3, 0)),
            ("built in 3s. 4 tests run", Line::Other),
            ("12 passed, 1 failed", tally(12, 1, 0)),
            ("12 passed, 1 failed, 3 skipped", tally(12, 1, 3)),
            ("12 passed, 1 failed, 3 skipped, stopped", Line::Other),
            ("ok      12 passed, 1 failed", Line::Other),
        ] {
            assert_eq!(Count::Lines.read(line), counted, "{line}");
        }
        assert_eq!(Count::One.read("12 passed, 1 failed"), Line::Other);
    }

    /// A skip that is counted but not shown, or twice, would fail.
    #[test]
    fn what_is_skipped_has_a_name_and_a_reason() {
        let line = "test 1_nodes::A3   ... ignored (needs 2 nodes)";
        assert_eq!(
            Count::Cargo.read(line),
            skipped("1_nodes::A3: needs 2 nodes")
        );
        assert_eq!(
            Count::Cargo.read("test slow ... ignored"),
            skipped("slow: #[ignore]")
        );
        let line = "A7 on 2 nodes: skipped, because it needs 4 nodes";
        assert_eq!(
            Count::Lines.read(line),
            skipped("A7 on 2 nodes: it needs 4 nodes")
        );
        let line = "SKIP S3: a page goes, not permitted";
        assert_eq!(
            Count::Lines.read(line),
            skipped("S3: a page goes, not permitted")
        );
        let line = "  \x1b[33m[SKIP]\x1b[0m        claims          1   two: needs 4 nodes.";
        let one = Tally {
            skipped: 1,
            ..Tally::default()
        };
        let text = "claims 1 two: needs 4 nodes.".to_owned();
        assert_eq!(Count::Lines.read(line), Line::Skipped(text, one));
    }
}
