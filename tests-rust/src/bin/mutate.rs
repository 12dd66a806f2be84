//! Breaks Xen's files with the series applied in every way that the lists in `lab/mutants/` have, and
//! shows that the tests notice. `./dev mutate` runs this.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use tempfile::TempDir;
use xen_claims_lab::allocator::{Build, Tree, Xen};
use xen_claims_lab::exit_code;
use xen_claims_lab::mutants::{self, Mutant};
use xen_claims_lab::run::on_every_processor;
use xen_claims_tests::judge::{Judge, Verdict, ADDRESS, CONFORMANCE, MODEL, THREADS};

/// Breaks the allocator in every way that is listed, and shows that the tests notice.
#[derive(Debug, Parser)]
#[command(name = "./dev mutate")]
struct Arguments {
    /// The Xen it is of: 4.20, or one of xen-patches/bases/.
    #[arg(long, value_name = "VERSION")]
    base: Option<String>,
    /// Only these mutants.
    names: Vec<String>,
}

/// What takes longer has no end.
const LIMIT: Duration = Duration::from_secs(600);

/// Both are asked of each mutant.
const JUDGES: [Judge; 2] = [CONFORMANCE, MODEL];
/// These one after the other, as long as nothing was found. That they find nothing in the main base's files
/// as they are, `tests/xen/sanitizers.rs` shows.
const SANITIZERS: [Judge; 2] = [ADDRESS, THREADS];

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    let tree = Tree::of(arguments.base.as_deref())?;
    let mutants = mutants::only(mutants::list(tree.base.as_deref())?, &arguments.names)?;
    // All of them, before any takes its time.
    let texts = mutants.iter().map(|mutant| {
        let path = tree.file(mutant.file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        mutant.apply(&text)
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    if let Some(base) = &tree.base {
        let translated = mutants.iter().filter(|mutant| mutant.translated);
        let names: Vec<&str> = translated.map(|mutant| &*mutant.name).collect();
        println!(
            "{} mutants, {} of them in the words of Xen {base}: {}",
            mutants.len(),
            names.len(),
            names.join(", ")
        );
    }
    let sanitizers = tree.base.iter().flat_map(|_| &SANITIZERS);
    for judge in JUDGES.iter().chain(sanitizers) {
        let build = Build::new(&tree, Xen::Patched, judge.profile)?;
        match ask(judge, &build.object)? {
            Verdict::Nothing => {}
            Verdict::Found(_, said) | Verdict::Unclear(_, said) => {
                anyhow::bail!("{} on the files as they are:\n{said}", judge.name)
            }
        }
    }

    println!(
        "{:40} {:24} {:24} sanitizers",
        "mutant", "conformance", "model"
    );
    let work = Mutex::new(mutants.iter().zip(&texts));
    let noticed = AtomicUsize::new(0);
    let next = || work.lock().ok().and_then(|mut work| work.next());
    on_every_processor(|| {
        while let Some((mutant, text)) = next() {
            let verdicts = one(&tree, mutant, text).with_context(|| mutant.name.clone())?;
            let found = |verdict: &Verdict| matches!(verdict, Verdict::Found(..));
            noticed.fetch_add(verdicts.iter().any(found).into(), Ordering::Relaxed);
            let [conformance, model, sanitizers @ ..] = &verdicts[..] else {
                continue;
            };
            let sanitizers: Vec<_> = sanitizers.iter().map(Verdict::to_string).collect();
            let sanitizers = sanitizers.join(", ");
            println!(
                "{:40} {conformance:24} {model:24} {sanitizers}",
                mutant.name
            );
        }
        Ok(())
    })?;
    Ok(mutants::tell(noticed.into_inner(), mutants.len()))
}

/// What the judges say of one mutant, in their order.
fn one(tree: &Tree, mutant: &Mutant, text: &str) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    for (judge, once_found) in JUDGES
        .iter()
        .map(|judge| (judge, true))
        .chain(SANITIZERS.iter().map(|judge| (judge, false)))
    {
        let found = verdicts.iter().any(|v| matches!(v, Verdict::Found(..)));
        if found && !once_found {
            break;
        }
        let directory = TempDir::new()?;
        let build = Build::new(tree, Xen::Patched, judge.profile)?;
        let build = build.with_file(tree, judge.profile, mutant.file, text, directory.path())?;
        verdicts.push(ask(judge, &build.object)?);
    }
    Ok(verdicts)
}

fn ask(judge: &Judge, object: &Path) -> Result<Verdict> {
    let program = std::env::current_exe()?.with_file_name("judge");
    judge.ask(&program, object, LIMIT)
}
