//! Compiles a proof for CBMC, runs that, and reads what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{anyhow, bail, Context, Result};
use tempfile::TempDir;

use super::{Kind, LIMIT};
use crate::run::output;

/// What a proof is compiled from.
#[derive(Debug)]
pub struct Sources {
    /// `xen/` of a prepared tree.
    pub xen: PathBuf,
    /// The proofs.
    pub proofs: PathBuf,
}

/// A proof to be compiled.
#[derive(Debug)]
pub struct Program {
    /// The file in `proofs/`, without `.c`.
    pub name: &'static str,
    /// For the preprocessor.
    pub definitions: &'static [&'static str],
    /// Functions, and what is called instead.
    pub replaced: &'static [(&'static str, &'static str)],
    /// Rounds of a loop that are looked at.
    pub rounds: u32,
    /// Show what is reached, instead of what holds.
    pub reach: bool,
    /// In place of the tree's `page_alloc.c`.
    pub page_alloc: Option<String>,
}

/// A compiled proof.
#[derive(Debug)]
pub struct Compiled {
    directory: TempDir,
    rounds: u32,
    reach: bool,
}

/// What CBMC is asked in one run. A solver does better with one thing at a time.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// Does one property hold? CBMC's names of its instances.
    Property(String, Vec<String>),
    /// Does all the rest hold?
    Rest(Vec<String>),
    /// Which places are reached?
    Places(Vec<String>),
    /// On a broken allocator: does this one property hold?
    Control(String, Vec<String>),
}

/// What CBMC found out, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// There is no counterexample.
    Holds,
    /// The solver came to no end.
    Unknown,
    /// There is one.
    Fails,
}

/// One assertion that CBMC checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    name: String,
    description: String,
    /// What it found.
    pub verdict: Verdict,
}

/// As Xen's makefiles have it, as far as it matters to a front end.
const FLAGS: &[&str] = &[
    "-m64",
    "-std=gnu99",
    "-nostdinc",
    "-fno-builtin",
    "-D__XEN__",
    "-DBUILD_ID",
    "-DXEN_IMG_OFFSET=0x200000",
    "-D__OBJECT_LABEL__=proof",
];

impl Sources {
    /// The file with the series applied.
    pub fn page_alloc(&self) -> Result<String> {
        let path = self.xen.join("common/page_alloc.c");
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// Compiles a proof.
    pub fn compile(&self, program: &Program) -> Result<Compiled> {
        let directory = TempDir::new()?;
        let object = directory.path().join("proof.goto");
        let page_alloc = match &program.page_alloc {
            None => self.xen.join("common/page_alloc.c"),
            Some(text) => {
                let path = directory.path().join("page_alloc.c");
                fs::write(&path, text)?;
                path
            }
        };
        let mut compile = Command::new("goto-cc");
        compile
            .current_dir(&self.xen)
            .args(FLAGS)
            .arg(format!("-DPAGE_ALLOC=\"{}\"", page_alloc.display()))
            .args(program.definitions.iter().map(|word| format!("-D{word}")))
            .args(program.reach.then_some("-DREACH"))
            .arg("-I")
            .arg(self.proofs.join("include"))
            .args(["-I", "include", "-I", "arch/x86/include"])
            .args(["-include", "xen/config.h"])
            .arg("-o")
            .arg(&object)
            .arg(self.proofs.join(format!("{}.c", program.name)));
        output(&mut compile)?;
        if !program.replaced.is_empty() {
            let mut replace = Command::new("goto-instrument");
            for (function, other) in program.replaced {
                replace.args(["--replace-calls", &format!("{function}:{other}")]);
            }
            output(replace.arg(&object).arg(&object))?;
        }
        Ok(Compiled {
            directory,
            rounds: program.rounds,
            reach: program.reach,
        })
    }
}

impl Compiled {
    fn cbmc(&self) -> Command {
        // timeout(1) ends the solver, too, which CBMC starts.
        let mut cbmc = Command::new("timeout");
        cbmc.args(["--kill-after=5", &LIMIT.as_secs().to_string(), "cbmc"])
            .arg(self.directory.path().join("proof.goto"))
            .args([
                "--unwind",
                &self.rounds.to_string(),
                "--drop-unused-functions",
            ])
            .arg(if self.reach {
                "--no-standard-checks"
            } else {
                "--unsigned-overflow-check"
            })
            .stdin(Stdio::null());
        cbmc
    }

    /// What there is to ask.
    pub fn questions(&self, kind: Kind) -> Result<Vec<Question>> {
        let list = output(self.cbmc().arg("--show-properties"))?;
        Ok(questions(&list, kind))
    }

    /// Asks CBMC.
    pub fn ask(&self, question: &Question) -> Result<Vec<Check>> {
        let mut cbmc = self.cbmc();
        cbmc.arg("--slice-formula");
        for name in question.names() {
            cbmc.args(["--property", name]);
        }
        // Where there are counterexamples, the solver CBMC has built in finds one after the other.
        if matches!(question, Question::Property(..) | Question::Rest(_)) {
            cbmc.args(["--external-sat-solver", "kissat"]);
        }
        let done = cbmc.output().context("cannot run timeout")?;
        let said = String::from_utf8_lossy(&done.stdout);
        match done.status.code() {
            // All hold, some do not, out of time.
            Some(0 | 10 | 124 | 137) => said.lines().filter_map(Check::read).collect(),
            _ => bail!(
                "cbmc failed ({}): {}{}",
                done.status,
                tail(&said),
                tail(&String::from_utf8_lossy(&done.stderr))
            ),
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// What to ask of what `--show-properties` lists.
fn questions(list: &str, kind: Kind) -> Vec<Question> {
    let mut properties: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut rest, mut places) = (Vec::new(), Vec::new());
    for block in list.split("\nProperty ").skip(1) {
        let (name, block) = block.split_once(":\n").unwrap_or((block, ""));
        let description = block.lines().nth(1).unwrap_or("").trim();
        if let Some(property) = description.strip_prefix("prove: ") {
            properties.entry(property).or_default()
        } else if description.starts_with("reach: ") {
            &mut places
        } else {
            &mut rest
        }
        .push(name.to_owned());
    }
    let mut properties = properties
        .into_iter()
        .map(|(property, names)| (property.to_owned(), names));
    match kind {
        Kind::Prove => properties
            .map(|(property, names)| Question::Property(property, names))
            .chain([Question::Rest(rest)])
            .collect(),
        Kind::Reach => vec![Question::Places(places)],
        Kind::Control(_, wanted) => properties
            .find(|(property, _)| property == wanted)
            .map(|(property, names)| Question::Control(property, names))
            .into_iter()
            .collect(),
    }
}

impl Question {
    /// What to call it when there is no answer.
    pub fn title(&self) -> String {
        match self {
            Question::Property(property, _) | Question::Control(property, _) => property.clone(),
            Question::Rest(_) => "what may not fail anywhere".to_owned(),
            Question::Places(_) => "the places to be reached".to_owned(),
        }
    }

    fn names(&self) -> &[String] {
        let (Question::Property(_, names)
        | Question::Rest(names)
        | Question::Places(names)
        | Question::Control(_, names)) = self;
        names
    }

    /// Of so many of the assertions asked about CBMC says nothing.
    pub fn unanswered(&self, checks: &[Check]) -> usize {
        let silent = |name: &&String| checks.iter().all(|check| check.name != **name);
        self.names().iter().filter(silent).count()
    }

    /// CBMC answers more than it is asked.
    pub fn is_about(&self, check: &Check) -> bool {
        match self {
            Question::Property(property, _) | Question::Control(property, _) => {
                check.description.strip_prefix("prove: ") == Some(property)
            }
            Question::Rest(_) => true,
            Question::Places(_) => check.description.starts_with("reach: "),
        }
    }
}

impl Check {
    /// `[main.assertion.1] line 29 prove: what holds: SUCCESS`. Lines that begin otherwise tell of
    /// other things; one that begins so and goes on otherwise may be a failure.
    fn read(line: &str) -> Option<Result<Check>> {
        let parts = line.strip_prefix('[')?.split_once("] ");
        let parts = parts.and_then(|(name, rest)| Some((name, rest.rsplit_once(": ")?)));
        let verdict = |word| match word {
            "SUCCESS" => Some(Verdict::Holds),
            "FAILURE" => Some(Verdict::Fails),
            "UNKNOWN" | "ERROR" => Some(Verdict::Unknown),
            _ => None,
        };
        let known = parts.and_then(|(name, (rest, word))| Some((name, rest, verdict(word)?)));
        let Some((name, rest, verdict)) = known else {
            return Some(Err(anyhow!("cbmc says what nobody knows here: {line}")));
        };
        let description = match rest
            .strip_prefix("line ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((_, description)) => description,
            None => rest,
        };
        Some(Ok(Check {
            name: name.to_owned(),
            description: description.to_owned(),
            verdict,
        }))
    }

    /// The property this is an instance of, in words.
    pub fn property(&self) -> String {
        for prefix in ["prove: ", "expect: ", "reach: "] {
            if let Some(property) = self.description.strip_prefix(prefix) {
                return property.to_owned();
            }
        }
        let kind = self.name.rsplit('.').nth(1).unwrap_or_default();
        let property = match kind {
            "assertion" => "nothing stops Xen: no ASSERT() or BUG_ON() fails",
            "overflow" => "no sum wraps",
            "unwind" => "no loop takes more rounds than are looked at",
            "no-body" => "nothing is called that the proof knows nothing of",
            _ => "every pointer, index and shift is good",
        };
        match self.verdict {
            Verdict::Fails => format!("{property}: {} ({})", self.description, self.name),
            _ => property.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_check() -> Result<()> {
        let read = |line| Check::read(line).transpose();
        let check = read("[main.assertion.1] line 29 prove: I1: C <= F: FAILURE")?;
        let check = check.as_ref().map(|c| (c.property(), c.verdict));
        assert_eq!(check, Some(("I1: C <= F".to_owned(), Verdict::Fails)));
        let check = read("[f.no-body.g] line 2 no body for callee g: SUCCESS")?;
        assert!(check.is_some_and(|check| check.property().starts_with("nothing is called")));
        let check = read("[f.overflow.2] arithmetic overflow on unsigned + in a + b: ERROR")?;
        assert!(check.is_some_and(|check| check.verdict == Verdict::Unknown));
        assert_eq!(read("** 0 of 113 failed (1 iterations)")?, None);
        assert_eq!(read("Running propositional reduction")?, None);
        for line in [
            "[f.overflow.2] line 1 a + b: REFUTED",
            "[f.overflow.2] FAILURE",
            "[f",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        Ok(())
    }

    /// Would fail if CBMC could leave out what it does not know.
    #[test]
    fn what_is_not_answered_is_counted() -> Result<()> {
        let names = ["a.assertion.1", "b.assertion.1"]
            .map(str::to_owned)
            .to_vec();
        let question = Question::Property("p".to_owned(), names);
        let line = "[a.assertion.1] line 1 prove: p: SUCCESS";
        let checks: Vec<_> = Check::read(line).into_iter().collect::<Result<_>>()?;
        assert_eq!(question.unanswered(&checks), 1);
        assert_eq!(question.unanswered(&[]), 2);
        Ok(())
    }

    #[test]
    fn properties_are_asked_one_at_a_time() {
        let list = "\nProperty a.assertion.1:\n  file f line 1\n  prove: p\n  FALSE\n\n\
            Property a.assertion.2:\n  file f line 2\n  expect: q\n  FALSE\n\n\
            Property b.assertion.1:\n  file f line 3\n  prove: p\n  FALSE\n\n\
            Property b.overflow.1:\n  file f line 4\n  arithmetic overflow\n  FALSE\n";
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let p = names(&["a.assertion.1", "b.assertion.1"]);
        assert_eq!(
            questions(list, Kind::Control("", "p")),
            [Question::Control("p".to_owned(), p)]
        );
        assert_eq!(questions(list, Kind::Control("", "q")), []);
        let p = names(&["a.assertion.1", "b.assertion.1"]);
        assert_eq!(
            questions(list, Kind::Prove),
            [
                Question::Property("p".to_owned(), p),
                Question::Rest(names(&["a.assertion.2", "b.overflow.1"]))
            ]
        );
    }
}
