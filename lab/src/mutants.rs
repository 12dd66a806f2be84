//! The ways to break Xen's files that are listed in `mutants/`.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};

/// The files, below `xen/`; each has a list of its name.
const FILES: &[&str] = &["common/page_alloc.c", "common/domctl.c", "common/sysctl.c"];

/// One way to break a file.
#[derive(Debug, PartialEq)]
pub struct Mutant {
    /// The file.
    pub file: &'static str,
    /// What to call it.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
    old: String,
    new: String,
}

/// All that are listed.
pub fn list() -> Result<Vec<Mutant>> {
    let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants");
    let mut mutants = Vec::new();
    for file in FILES {
        let name = Path::new(file).with_extension("mutants");
        let list = lists.join(name.file_name().context("no name")?);
        let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
        mutants.extend(parse(file, &text).with_context(|| list.display().to_string())?);
    }
    for (n, mutant) in mutants.iter().enumerate() {
        let again = mutants[..n].iter().any(|other| other.name == mutant.name);
        ensure!(!again, "two mutants are called {}", mutant.name);
    }
    Ok(mutants)
}

impl Mutant {
    /// The file with this broken; an error unless what it changes is there exactly once.
    pub fn apply(&self, text: &str) -> Result<String> {
        let times = text.matches(&self.old).count();
        ensure!(
            times == 1,
            "mutant {}: what it changes is {times} times in {}, not once:\n{}",
            self.name,
            self.file,
            self.old
        );
        Ok(text.replacen(&self.old, &self.new, 1))
    }
}

fn parse(file: &'static str, list: &str) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for part in list.split("\n## ").skip(1) {
        let (head, lines) = part.split_once('\n').context("a mutant without lines")?;
        let (name, what) = head
            .split_once(": ")
            .with_context(|| format!("'{head}' says no what"))?;
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for line in lines.trim_end().lines() {
            let line = line.trim_end();
            match (line.get(..1), line.get(1..).unwrap_or("")) {
                (Some("-"), rest) => old.push(rest),
                (Some("+"), rest) => new.push(rest),
                (_, rest) => {
                    old.push(rest);
                    new.push(rest);
                }
            }
        }
        mutants.push(Mutant {
            file,
            name: name.to_owned(),
            what: what.to_owned(),
            old: old.join("\n"),
            new: new.join("\n"),
        });
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_read_and_applied_once() -> Result<()> {
        let mutants = parse("f.c", "About.\n\n## a: b\n x\n \n-y\n+z\n")?;
        assert_eq!(
            (mutants[0].old.as_str(), mutants[0].new.as_str()),
            ("x\n\ny", "x\n\nz")
        );
        assert_eq!(mutants[0].apply("w\nx\n\ny\n")?, "w\nx\n\nz\n");
        for text in ["x\ny", "x\n\ny\nx\n\ny"] {
            let error = mutants[0].apply(text).map_err(|error| error.to_string());
            assert!(error.is_err_and(|error| error.starts_with("mutant a: ")));
        }
        Ok(())
    }
}
