//! The conformance suite on one host after the other, and a table of how its cases went.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;

use xen_claims_lab::host::boot::Bootable;
use xen_claims_lab::host::machine::Machine;
use xen_claims_lab::run::step;

use crate::conformance::{cases, Case};

/// How a case went on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Went {
    Well,
    Skipped(String),
    /// With the report.
    Badly(String),
}

/// How the cases went on a host, by their names, and why not all of them ran.
type Column = (HashMap<&'static str, Went>, Option<String>);

/// The suite; and the case for callers that may not claim.
const SUITE: &[&str] = &["conformance", "--xen", "--soak"];
const WITHOUT_PERMISSION: &[&str] = &["conformance", "--xen", "--may-not-claim", "--case", "I16"];

/// What no booted Xen can show, which scrubs when it likes to: its allocator in a process shows it.
const ELSEWHERE: &[&str] = &["P8"];

/// What Xen's console says when claims are recalled, and the case which makes that happen how often.
const RECALLED: &str = "Page offlining: recalled";
const RECALLS: (&str, usize) = ("F2", 2);

/// Boots each machine, runs the suite there and prints the table; whether all is well.
pub fn conformance(
    boot: &Bootable,
    machines: &[Machine],
    limit: Duration,
    soak: u64,
) -> Result<bool> {
    let soak = soak.to_string();
    let suite = [SUITE, &[&soak]].concat();
    let mut columns = Vec::new();
    for machine in machines {
        let (nodes, gib) = (machine.nodes, machine.gib);
        let log = boot.output(machine);
        let text = format!(
            "the suite on {}, {gib} GiB, {}",
            node_count(nodes),
            log.display()
        );
        columns.push(step(&text, || {
            let (mut went, problem) = column(boot, machine, &suite, limit);
            let forbidden = Machine {
                may_claim: false,
                ..*machine
            };
            let (more, other) = column(boot, &forbidden, WITHOUT_PERMISSION, limit);
            went.extend(more);
            Ok((went, problem.or(other)))
        })?);
    }
    let (table, passed, failed, skipped) = table(machines, &columns);
    print!("{table}");
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

/// What comes of one boot.
fn column(boot: &Bootable, machine: &Machine, command: &[&str], limit: Duration) -> Column {
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    let mut out = Kept::default();
    let ended = File::create(boot.output(machine)).map(|file| out.file = Some(file));
    let ended = ended.map_err(anyhow::Error::from);
    let ended = ended.and_then(|()| boot.run(machine, &command, limit, &mut out));
    let out = String::from_utf8_lossy(&out.text);
    let went = read(&out);
    let problem = match ended {
        Ok(0 | 1) if !went.is_empty() => match boot.console(machine) {
            Ok(console) => unexpected_recalls(&console, &went),
            Err(error) => Some(format!("{error:#}")),
        },
        Ok(_) => Some(out.trim_end().to_owned()),
        Err(error) => Some(format!("{error:#}")),
    };
    (went, problem)
}

/// Output that is kept, and can be watched in a file as it comes.
#[derive(Default)]
struct Kept {
    text: Vec<u8>,
    file: Option<File>,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        self.file
            .iter()
            .try_for_each(|mut file| file.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The console has the recalls that the cases make, and no others.
fn unexpected_recalls(console: &str, went: &HashMap<&'static str, Went>) -> Option<String> {
    let (case, times) = RECALLS;
    let expected = match went.get(case) {
        Some(Went::Well) => times,
        // What a case that failed has recalled, its report says.
        Some(Went::Badly(_)) => return None,
        Some(Went::Skipped(_)) | None => 0,
    };
    let found: Vec<&str> = console.lines().filter(|l| l.contains(RECALLED)).collect();
    (found.len() != expected).then(|| {
        let found = found.join("\n  ");
        format!("{expected} recalls were expected on the console, there are:\n  {found}")
    })
}

fn node_count(nodes: u32) -> String {
    format!("{nodes} node{}", if nodes == 1 { "" } else { "s" })
}

/// What the suite printed.
fn read(out: &str) -> HashMap<&'static str, Went> {
    let mut found = HashMap::new();
    let mut reported = None;
    for line in out.lines() {
        if let Some((case, outcome)) = cases().find_map(|case| outcome_of(case, line)) {
            reported = None;
            let went = match outcome.strip_prefix("skipped, because ") {
                Some(reason) => Went::Skipped(reason.to_owned()),
                None if outcome == "ok" => Went::Well,
                None => {
                    reported = Some(case.id);
                    Went::Badly(String::new())
                }
            };
            found.insert(case.id, went);
        } else if !line.starts_with("  ") {
            reported = None;
        } else if let Some(Went::Badly(report)) = reported.and_then(|id| found.get_mut(id)) {
            *report += &format!("{line}\n");
        }
    }
    found
}

fn outcome_of<'a>(case: &'static Case, line: &'a str) -> Option<(&'static Case, &'a str)> {
    let outcome = line.strip_prefix(&format!("{:<4} {}: ", case.id, case.title))?;
    Some((case, outcome))
}

/// The table with what there is to say to it, and how many cases passed, failed, were skipped.
fn table(machines: &[Machine], columns: &[Column]) -> (String, u32, u32, u32) {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut text = "case".to_owned();
    let mut notes = String::new();
    for machine in machines {
        text += &format!("  {:<7}", node_count(machine.nodes));
    }
    for case in cases() {
        text = format!("{}\n{:<4}", text.trim_end(), case.id);
        for (machine, (went, problem)) in machines.iter().zip(columns) {
            let place = format!("{} on {}", case.id, node_count(machine.nodes));
            let word = match went.get(case.id) {
                Some(Went::Well) => {
                    passed += 1;
                    "ok"
                }
                Some(Went::Skipped(reason)) => {
                    skipped += 1;
                    notes += &format!("{place}: skipped, because {reason}\n");
                    "skipped"
                }
                Some(Went::Badly(report)) => {
                    failed += 1;
                    notes += &format!("{place}: FAILED\n{report}");
                    "FAILED"
                }
                None => {
                    // One that did not end is what went wrong; why is said for the host.
                    skipped += u32::from(problem.is_some());
                    failed += u32::from(problem.is_none());
                    "-"
                }
            };
            text += &format!("  {word:<7}");
        }
    }
    // One host can be too small for a case; all of them are not.
    if machines.len() > 1 && columns.iter().all(|(_, problem)| problem.is_none()) {
        for case in cases().filter(|case| !ELSEWHERE.contains(&case.id)) {
            let mut went = columns.iter().map(|(went, _)| went.get(case.id));
            if went.all(|went| matches!(went, None | Some(Went::Skipped(_)))) {
                failed += 1;
                notes += &format!("{}: FAILED, it passed on no host\n", case.id);
            }
        }
    }
    for (machine, (_, problem)) in machines.iter().zip(columns) {
        if let Some(problem) = problem {
            failed += 1;
            notes += &format!("{}: {problem}\n", node_count(machine.nodes));
        }
    }
    (
        format!("{}\n{notes}", text.trim_end()),
        passed,
        failed,
        skipped,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_suite_prints_is_read() {
        let line = |id: &str, outcome: &str| {
            let title = cases().find(|case| case.id == id).map(|case| case.title);
            format!("{id:<4} {}: {outcome}\n", title.unwrap_or_default())
        };
        let out = line("A1", "ok")
            + &line("A3", "skipped, because it is late")
            + &line("A2", "FAILED\n  step: one\n  found: two")
            + "1 passed, 1 failed, 1 skipped\n";
        let went = read(&out);
        assert_eq!(went.get("A1"), Some(&Went::Well));
        let report = "  step: one\n  found: two\n".to_owned();
        assert_eq!(went.get("A2"), Some(&Went::Badly(report)));
        assert_eq!(
            went.get("A3"),
            Some(&Went::Skipped("it is late".to_owned()))
        );
        assert_eq!(went.len(), 3);
    }

    #[test]
    fn recalls_are_those_expected() {
        let line = "(XEN) Page offlining: recalled 1 page claimed by d7\n";
        let well = HashMap::from([("F2", Went::Well)]);
        assert_eq!(unexpected_recalls(&line.repeat(2), &well), None);
        assert!(unexpected_recalls(line, &well).is_some());
        assert!(unexpected_recalls(&line.repeat(3), &well).is_some());
        assert!(unexpected_recalls(line, &HashMap::new()).is_some());
    }

    /// Would fail if a case that no host can show were only skipped.
    #[test]
    fn a_case_that_passes_nowhere_has_failed() {
        let machines = [Machine::new(1, None), Machine::new(2, None)];
        let mut columns = [(HashMap::new(), None), (HashMap::new(), None)];
        for case in cases() {
            columns[1].0.insert(case.id, Went::Well);
        }
        assert_eq!(table(&machines, &columns).2, columns[1].0.len() as u32);
        for column in &mut columns {
            for case in cases() {
                let skipped = Went::Skipped("it is late".to_owned());
                column.0.entry(case.id).or_insert(skipped);
            }
        }
        assert_eq!(table(&machines, &columns).2, 0);
        let skipped = Went::Skipped("it is small".to_owned());
        columns[1].0.insert("A9", skipped);
        let (text, _, failed, _) = table(&machines, &columns);
        assert_eq!(failed, 1);
        assert!(text.ends_with("A9: FAILED, it passed on no host\n"));
    }

    #[test]
    fn a_host_that_died_has_failed() {
        let machines = [Machine::new(2, None)];
        let columns = [(
            HashMap::from([("A1", Went::Well)]),
            Some("it hung".to_owned()),
        )];
        let (text, passed, failed, _) = table(&machines, &columns);
        assert_eq!((passed, failed), (1, 1));
        assert!(text.starts_with("case  2 nodes\nA1    ok\nA2    -\n"));
        assert!(text.ends_with("2 nodes: it hung\n"));
    }
}
