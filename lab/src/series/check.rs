//! The checks a maintainer would make, one line each, and a last line that counts them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{bail, ensure, Context, Result};

use super::base::main_of;
use super::build::{self, BuildTree, DEBUG, MATRIX};
use super::drift::compare;
use super::patch::{FileChange, Patch, Series};
use super::prepare::{base, commits, offsets, prepare, Tree};
use super::style::{cover_letter_findings, findings, RULES};
use crate::run::{git, logged, need, output, remove_directory, Cache};
use crate::source::archives;
use crate::source::pinned::Pinned;

/// So many lines a patch may add outside documentation and tests.
const MOST_ADDED: usize = 150;
const NOT_COUNTED: &[&str] = &["docs/", "tools/tests/", "tools/ocaml/test/"];

/// So many bytes `struct domain` may grow: four for each of 64 nodes, and 16. It is allocated as a page, whatever
/// its size.
const MOST_GROWTH: u64 = 64 * 4 + 16;

/// The mail the patches are answers to. It does not end in `.patch`, as it is none.
const COVER_LETTER: &str = "0000-cover-letter";

/// The programs it takes, beyond those of a build.
const PROGRAMS: &[(&str, &str)] = &[
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("pahole", "dwarves"),
    ("sphinx-build", "python3-sphinx"),
];

/// What was checked so far.
#[derive(Debug, Default)]
struct Report {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Report {
    /// Makes a check and prints what came of it: a figure, or what is wrong.
    fn check(&mut self, name: &str, work: impl FnOnce() -> Result<String>) {
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs();
        let time = match seconds {
            0 => String::new(),
            _ => format!(" ({seconds} s)"),
        };
        match result {
            Ok(figure) => {
                self.passed += 1;
                println!("ok      {name}{}{figure}{time}", separator(&figure));
            }
            Err(error) => {
                self.failed += 1;
                let reason = format!("{error:#}").replace('\n', "\n        ");
                let space = if reason.starts_with('\n') { "" } else { " " };
                println!("FAILED  {name}{time}:{space}{reason}");
            }
        }
    }

    /// Says what could not be checked.
    fn skip(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        println!("{name}: skipped, because {reason}");
    }

    fn end(&self) -> bool {
        let Report {
            passed,
            failed,
            skipped,
        } = self;
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        self.failed == 0
    }
}

fn separator(figure: &str) -> &'static str {
    if figure.is_empty() {
        ""
    } else {
        ": "
    }
}

/// The checks that need the patches alone; whether all passed.
pub fn style_only(patches: &Path) -> Result<bool> {
    let mut report = Report::default();
    check_style(&mut report, patches, &Series::read(patches)?);
    Ok(report.end())
}

/// Every check; whether all passed.
pub fn check(cache: &Cache, patches: &Path) -> Result<bool> {
    need(&[build::PROGRAMS, PROGRAMS].concat())?;
    let tree = prepare(cache, patches)?;
    let mut report = Report::default();
    check_style(&mut report, patches, &tree.series);
    check_applying(&mut report, cache, patches, &tree)?;
    check_docs(&mut report, cache, &tree)?;
    check_builds(&mut report, cache, &tree)?;
    Ok(report.end())
}

fn check_style(report: &mut Report, directory: &Path, series: &Series) {
    report.check("series lists the patches, in order", || {
        match &series.mismatch {
            Some(mismatch) => bail!("{mismatch}"),
            None => Ok(format!("{} patches", series.patches.len())),
        }
    });
    match main_of(directory) {
        None => report.check("the cover letter is about these patches", || {
            let path = directory.join(COVER_LETTER);
            let letter = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let subjects: Vec<_> = series.patches.iter().map(|p| p.subject.as_str()).collect();
            let wrong = cover_letter_findings(&letter, &subjects);
            ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
            Ok(String::new())
        }),
        // A series that is not sent to Xen's maintainers has no letter.
        Some(main) => report.check("differs from the main series in what is listed", || {
            compare(&Series::read(main)?, directory, series)
        }),
    }
    let of_patches: Vec<_> = series
        .patches
        .iter()
        .map(|patch| (patch, findings(patch)))
        .collect();
    for rule in RULES {
        report.check(rule, || {
            let places: Vec<String> = of_patches
                .iter()
                .flat_map(|(patch, found)| found.iter().map(move |found| (patch, found)))
                .filter(|(_, found)| found.rule == *rule)
                .map(|(patch, found)| format!("\n{}: {}", patch.number(), found.place))
                .collect();
            ensure!(places.is_empty(), "{}", places.concat());
            Ok(String::new())
        });
    }
    report.check(
        &format!("at most {MOST_ADDED} lines added outside docs and tests"),
        || check_size(&series.patches),
    );
}

/// Lines added to a file, but for what documents the public interface in its headers.
fn added_code(file: &FileChange) -> usize {
    let is_public = file.path.starts_with("xen/include/public/");
    let is_comment = |line: &str| ["/*", "*"].iter().any(|c| line.trim_start().starts_with(c));
    let code = |line: &&str| !(is_public && is_comment(line));
    file.added().filter(code).count()
}

fn check_size(patches: &[Patch]) -> Result<String> {
    let sizes = patches.iter().map(|patch| {
        let counted = patch
            .files
            .iter()
            .filter(|file| !NOT_COUNTED.iter().any(|dir| file.path.starts_with(dir)));
        let added: usize = counted.map(added_code).sum();
        (added, patch.number())
    });
    let mut sizes: Vec<_> = sizes.collect();
    sizes.sort();
    let large: Vec<String> = sizes
        .iter()
        .filter(|(added, _)| *added > MOST_ADDED)
        .map(|(added, number)| format!("{number} adds {added}"))
        .collect();
    ensure!(large.is_empty(), "{}", large.join(", "));
    let largest = sizes.last().map_or((0, ""), |largest| *largest);
    Ok(format!("the largest, {}, adds {}", largest.1, largest.0))
}

/// The series must apply to its base, to the pinned one exactly, as far as it does not share its patches with another
/// base; `git apply` knows no fuzz. What Debian's newest package is changes without us, so that it is told and does
/// not fail the check.
fn check_applying(report: &mut Report, cache: &Cache, patches: &Path, tree: &Tree) -> Result<()> {
    let pinned = Pinned::read(patches)?;
    let count = |offsets: &[String]| format!("{} hunks with offsets", offsets.len());
    report.check(&format!("applies to {}", tree.source.label), || {
        let offsets = offsets(&tree.path, patches, &tree.series)?;
        let own = |offset: &&String| {
            let name = offset.split(':').next().unwrap_or_default();
            patches.join(name).exists()
        };
        let own: Vec<_> = offsets.iter().filter(own).map(String::as_str).collect();
        let exact = !tree.source.is(&pinned) || own.is_empty();
        ensure!(exact, "\n{}", own.join("\n"));
        Ok(count(&offsets))
    });
    let mut reasons = Vec::new();
    let other = archives(&pinned.release).iter().find_map(|archive| {
        let found = archive.source(cache);
        reasons.push(match &found {
            Ok(found) => format!("{} has {}, too", archive.suite, found.label),
            Err(error) => format!("{} gives none: {error:#}", archive.suite),
        });
        found.ok().filter(|other| other.key != tree.source.key)
    });
    let Some(other) = other else {
        report.skip("applies to Debian's newest Xen", &reasons.join("; "));
        return Ok(());
    };
    let name = format!("applies to {}, Debian's newest, not pinned", other.label);
    let found = (|| {
        let directory = cache.path("other.tmp");
        remove_directory(&directory)?;
        base(&other, &tree.series.compiler_fixes, &directory)?;
        let offsets = offsets(&directory, patches, &tree.series)?;
        remove_directory(&directory)?;
        anyhow::Ok(offsets)
    })();
    match found {
        Ok(offsets) => report.check(&name, || Ok(count(&offsets))),
        Err(error) => {
            println!("note    {name}: no: {error:#}");
        }
    }
    Ok(())
}

fn check_docs(report: &mut Report, cache: &Cache, tree: &Tree) -> Result<()> {
    let bench = Bench::new(cache, &tree.path, "docs")?;
    let log = cache.path("check-docs.log");
    let warnings = |commit: &str| -> Result<BTreeSet<String>> {
        bench.checkout(commit)?;
        fs::write(&log, "")?;
        let made = bench.path.join(".git/sphinx");
        let mut sphinx = Command::new("sphinx-build");
        sphinx
            .args(["-q", "--keep-going", "-E", "-b", "html", "-d"])
            .arg(made.join("doctrees"))
            .arg(".")
            .arg(made.join("html"))
            .current_dir(bench.path.join("docs"));
        logged(&mut sphinx, &log)?;
        Ok(warnings_in(&fs::read(&log)?))
    };
    let name = "documentation builds with Sphinx without a new warning";
    report.check(name, || none_new(&warnings("checked")?, &warnings("base")?));
    remove_directory(&bench.path)
}

/// A tree that goes from commit to commit, so that make builds again what a patch changes.
#[derive(Debug)]
struct Bench {
    path: PathBuf,
    build_tree: BuildTree,
}

impl Bench {
    fn new(cache: &Cache, tree: &Path, name: &str) -> Result<Bench> {
        let path = cache.path(&format!("check-{name}"));
        // Always a new one: what make left of a later patch makes an earlier one fail.
        remove_directory(&path)?;
        fs::create_dir(&path)?;
        output(git(&path).args(["init", "--quiet"]))?;
        let from = tree.join(".git");
        output(
            git(&path)
                .args(["fetch", "--quiet", "--force"])
                .arg(from)
                .args([
                    "+refs/heads/series:refs/heads/checked",
                    "+refs/tags/base:refs/tags/base",
                ]),
        )?;
        let build_tree = BuildTree::new(cache, &path);
        Ok(Bench { path, build_tree })
    }

    fn checkout(&self, commit: &str) -> Result<()> {
        let arguments = ["checkout", "--quiet", "--force", "--detach", commit];
        output(git(&self.path).args(arguments)).map(|_| ())
    }

    /// Builds a commit's hypervisor or tools and says what the compilers warned of.
    fn build(&self, part: &Part) -> Result<BTreeSet<String>> {
        let logs: &[&str] = match part {
            Part::Hypervisor(variant) => {
                self.build_tree.hypervisor(variant)?;
                &[variant.name]
            }
            Part::Tools => {
                self.build_tree.tools()?;
                self.build_tree.xl()?;
                &["tools", "xl"]
            }
        };
        let texts = logs.iter().map(|log| fs::read(self.build_tree.log(log)));
        let text = texts.collect::<Result<Vec<_>, _>>().context("no log")?;
        Ok(warnings_in(&text.concat()))
    }

    /// The same, but every warning that is not known is an error.
    fn build_quietly(&self, part: &Part, known: &BTreeSet<String>) -> Result<()> {
        none_new(&self.build(part)?, known).map(drop)
    }
}

/// The warnings in a log, without numbers: those of lines differ before and after a patch.
fn warnings_in(log: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(log);
    let warnings = text.lines().filter(|line| is_warning(line));
    warnings
        .map(|line| line.replace(|char: char| char.is_ascii_digit(), ""))
        .collect()
}

/// Every warning that is not known is an error; how many there are.
fn none_new(warnings: &BTreeSet<String>, known: &BTreeSet<String>) -> Result<String> {
    let new: Vec<_> = warnings.difference(known).cloned().collect();
    ensure!(new.is_empty(), "new warnings:\n{}", new.join("\n"));
    Ok(format!("{} warnings", warnings.len()))
}

/// The hypervisor of a tree's base, built in a tree of its own; where it is.
pub fn stock(cache: &Cache, tree: &Path) -> Result<PathBuf> {
    let bench = Bench::new(cache, tree, "stock")?;
    bench.build_tree.killed_or_done(|| {
        bench.checkout("base")?;
        bench.build_tree.hypervisor(&DEBUG)
    })?;
    Ok(bench.path.join("xen/xen"))
}

/// Whether a line of a build's log is a warning of a compiler, a linker, a script or Sphinx.
fn is_warning(line: &str) -> bool {
    ["warning:", "Warning ", "WARNING:", "ERROR:"]
        .iter()
        .any(|word| line.contains(word))
}

#[derive(Debug)]
enum Part {
    Hypervisor(build::Variant),
    Tools,
}

fn check_builds(report: &mut Report, cache: &Cache, tree: &Tree) -> Result<()> {
    let commits = commits(tree)?;
    let (Some(last), count) = (commits.last(), commits.len()) else {
        bail!("no patches");
    };
    let none = BTreeSet::new();

    let bench = Bench::new(cache, &tree.path, DEBUG.name)?;
    let hypervisor = Part::Hypervisor(DEBUG);
    bench.build_tree.killed_or_done(|| {
        let mut known = [BTreeSet::new(), BTreeSet::new()];
        let mut size = None;
        report.check("the base builds", || {
            bench.checkout("base")?;
            known = [bench.build(&hypervisor)?, bench.build(&Part::Tools)?];
            size = Some(domain_size(&bench)?);
            Ok(format!("{} warnings", known[0].len() + known[1].len()))
        });
        for (number, (patch, commit)) in tree.series.patches.iter().zip(&commits).enumerate() {
            let mut parts = Vec::new();
            if patch.touches(&["xen/"]) {
                parts.push((&hypervisor, &known[0]));
            }
            if patch.touches(&["tools/", "xen/include/public/"]) {
                parts.push((&Part::Tools, &known[1]));
            }
            let droppable = number + 2 == count;
            if droppable {
                parts = vec![(&hypervisor, &known[0]), (&Part::Tools, &known[1])];
            }
            if parts.is_empty() {
                continue;
            }
            let what: Vec<_> = parts
                .iter()
                .map(|(part, _)| match part {
                    Part::Hypervisor(variant) => variant.what,
                    Part::Tools => "tools",
                })
                .collect();
            let mut name = format!("{} builds without a new warning", patch.number());
            if droppable {
                name = format!(
                    "the series without its last patch builds, {}",
                    patch.number()
                );
            }
            report.check(&name, || {
                bench.checkout(commit)?;
                for (part, known) in parts {
                    bench.build_quietly(part, known)?;
                }
                Ok(what.join("; "))
            });
        }
        report.check(
            &format!("struct domain grows by at most {MOST_GROWTH} bytes"),
            || {
                let before = size.context("the base was not built")?;
                let after = domain_size(&bench)?;
                let figures = format!("{after} bytes, {before} without the series");
                ensure!(after <= before + MOST_GROWTH, "{figures}");
                Ok(figures)
            },
        );
        Ok(())
    })?;

    for variant in MATRIX {
        let bench = Bench::new(cache, &tree.path, variant.name)?;
        report.check(&format!("the series builds: {}", variant.what), || {
            bench.build_tree.killed_or_done(|| {
                bench.checkout(last)?;
                bench.build_quietly(&Part::Hypervisor(variant), &none)?;
                let lacking = bench.build_tree.lacks(&variant)?;
                Ok(lacking
                    .iter()
                    .map(|o| format!("this Xen has no {o}"))
                    .collect::<Vec<_>>()
                    .join(", "))
            })
        });
    }
    Ok(())
}

/// The size of `struct domain` in the hypervisor built last.
fn domain_size(bench: &Bench) -> Result<u64> {
    let symbols = bench.path.join("xen/xen-syms");
    let text = output(
        Command::new("pahole")
            .args(["--format_path=dwarf", "--sizes"])
            .arg(symbols),
    )?;
    size_of_domain(&text).context("pahole says no size of struct domain")
}

/// `domain`, its size and its holes, with tabs between, on a line of the sizes of all structures.
fn size_of_domain(sizes: &str) -> Option<u64> {
    let line = sizes
        .lines()
        .find_map(|line| line.strip_prefix("domain\t"))?;
    line.split('\t').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read() {
        let sizes = "domain_iommu\t96\t1\ndomain\t2432\t10\nvcpu\t1\t0\n";
        assert_eq!(size_of_domain(sizes), Some(2432));
        assert_eq!(size_of_domain("subdomain\t2432\t10\n"), None);
    }

    #[test]
    fn large_patches_are_found() -> Result<()> {
        let patch = |path: &str, lines: usize| {
            let text = format!(
                "From 0\nSubject: [PATCH] a: b\n\nWhy.\n---\ndiff --git a/{path} b/{path}\n@@ -0,0 +1,{lines} @@\n{}",
                "+a\n".repeat(lines)
            );
            Patch::parse("0001-a.patch", &text)
        };
        assert!(check_size(&[patch("xen/a.c", 151)?]).is_err());
        assert_eq!(
            check_size(&[patch("xen/a.c", 150)?, patch("docs/a.rst", 151)?])?,
            "the largest, 0001, adds 150"
        );
        Ok(())
    }

    #[test]
    fn warnings_are_told_from_other_lines() {
        assert!(is_warning(
            "a.c:1:2: warning: unused variable 'x' [-Wunused]"
        ));
        assert!(is_warning("File \"a.ml\", line 1:\nWarning 32 [unused]: x"));
        assert!(!is_warning("  CC      common/warning.o"));
    }
}
