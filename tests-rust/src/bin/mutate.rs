//! Breaks page_alloc.c with the series applied in every way that `mutants/page_alloc.mutants` lists,
//! and shows that the tests notice. `./dev mutate` runs this.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use clap::Parser;
use tempfile::TempDir;
use wait_timeout::ChildExt;
use xen_claims_lab::allocator::{Build, Profile, Tree, Xen};
use xen_claims_lab::exit_code;
use xen_claims_lab::mutants;

/// Breaks the allocator in every way that is listed, and shows that the tests notice.
#[derive(Debug, Parser)]
#[command(name = "./dev mutate")]
struct Arguments {
    /// Only these mutants.
    names: Vec<String>,
}

/// What takes longer hangs, which is noticed, too.
const LIMIT: Duration = Duration::from_secs(120);

/// What is run on a mutant: its name in the table, and the arguments of the program `judge`.
const JUDGES: [(&str, &[&str]); 2] = [
    ("conformance", &["--soak", "100"]),
    ("model", &["--case", "none", "--calls", "20000"]),
];

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    let tree = Tree::prepared()?;
    let build = Build::new(&tree, Xen::Patched, Profile::Debug)?;
    let text = fs::read_to_string(tree.file("common/page_alloc.c"))?;
    let mut mutants = mutants::list()?;
    for name in &arguments.names {
        ensure!(
            mutants.iter().any(|mutant| mutant.name == *name),
            "there is no mutant {name}"
        );
    }
    mutants.retain(|m| arguments.names.is_empty() || arguments.names.contains(&m.name));
    // All of them, before any takes its time.
    let texts = mutants.iter().map(|mutant| mutant.apply(&text));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    for (judge, judged) in JUDGES.iter().zip(judge(&build.object)?) {
        if let Some(found) = judged {
            bail!("{} finds something in the file as it is: {found}", judge.0);
        }
    }

    println!("{:36} {:24} model", "mutant", "conformance");
    let work = Mutex::new(mutants.iter().zip(&texts));
    let caught = Mutex::new(0);
    let next = || work.lock().ok().and_then(|mut work| work.next());
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        let workers = (0..threads).map(|_| {
            scope.spawn(|| -> Result<()> {
                while let Some((mutant, text)) = next() {
                    let found = one(&build, &tree, text).with_context(|| mutant.name.clone())?;
                    if let Ok(mut caught) = caught.lock() {
                        *caught += usize::from(found.iter().any(Option::is_some));
                    }
                    let [conformance, model] =
                        found.map(|found| found.unwrap_or_else(|| "nothing".to_owned()));
                    println!("{:36} {conformance:24} {model}", mutant.name);
                }
                Ok(())
            })
        });
        let workers: Vec<_> = workers.collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let caught = caught.into_inner().unwrap_or(0);
    println!("{caught} of {} caught", mutants.len());
    println!("{caught} passed, {} failed", mutants.len() - caught);
    Ok(caught == mutants.len())
}

/// What each judge finds in one mutant.
fn one(build: &Build, tree: &Tree, text: &str) -> Result<[Option<String>; 2]> {
    let directory = TempDir::new()?;
    judge(&build.with_page_alloc(tree, text, directory.path())?.object)
}

/// What each judge finds in a host, in a word.
fn judge(object: &Path) -> Result<[Option<String>; 2]> {
    let mut found = [None, None];
    for (found, (_, arguments)) in found.iter_mut().zip(JUDGES) {
        *found = ask(object, arguments)?;
    }
    Ok(found)
}

fn ask(object: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let program = std::env::current_exe()?.with_file_name("judge");
    let mut child = Command::new(&program)
        .arg(object)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let mut output = child.stdout.take().context("no output")?;
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        output.read_to_end(&mut said).map(|_| said)
    });
    let status = child.wait_timeout(LIMIT)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    let said = reader.join().ok().and_then(Result::ok).unwrap_or_default();
    Ok(match status {
        Some(status) if status.success() => None,
        Some(status) if status.code() == Some(1) => Some(word(&String::from_utf8_lossy(&said))),
        Some(status) => Some(status.to_string()),
        None => Some("hangs".to_owned()),
    })
}

/// The name of the case or of the call that found it, and whether it was an assertion of Xen's.
fn word(said: &str) -> String {
    let name = said
        .trim_start_matches("Case failed: ")
        .split([':', ' '])
        .next();
    match said.lines().find(|line| line.contains("the host stopped")) {
        Some(_) => format!(
            "{} (assertion)",
            name.filter(|n| *n != "the").unwrap_or("a call")
        ),
        None => name.unwrap_or_default().to_owned(),
    }
}
