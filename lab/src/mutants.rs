//! The ways to break `page_alloc.c` that `mutants/page_alloc.mutants` lists.

use std::fs;

use anyhow::{ensure, Context, Result};

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mutants/page_alloc.mutants");

/// One way to break the file.
#[derive(Debug, PartialEq)]
pub struct Mutant {
    /// What to call it.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
    old: String,
    new: String,
}

/// All that are listed.
pub fn list() -> Result<Vec<Mutant>> {
    parse(&fs::read_to_string(LIST).context(LIST)?)
}

impl Mutant {
    /// The file with this broken; an error unless what it changes is there exactly once.
    pub fn apply(&self, text: &str) -> Result<String> {
        let times = text.matches(&self.old).count();
        ensure!(
            times == 1,
            "mutant {}: what it changes is {times} times in page_alloc.c, not once:\n{}",
            self.name,
            self.old
        );
        Ok(text.replacen(&self.old, &self.new, 1))
    }
}

fn parse(list: &str) -> Result<Vec<Mutant>> {
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
        let mutants = parse("About.\n\n## a: b\n x\n \n-y\n+z\n")?;
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
