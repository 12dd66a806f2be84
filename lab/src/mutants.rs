//! The ways to break Xen's files and those of the library that are listed in `mutants/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};

/// The files, below `xen/`; each has a list of its name.
const FILES: &[&str] = &["common/page_alloc.c", "common/domctl.c", "common/sysctl.c"];

/// Files of the library, in the checkout; each has a list of its name in `library/`.
const LIBRARY: &[&str] = &[
    "claims-ml/claims.ml",
    "claims-ml/plan.ml",
    "claims-ml/populating.ml",
    "xenctrl-ml/xenctrl.ml",
    "ocaml-stubs/src/marshal.rs",
    "ocaml-stubs/src/runtime.rs",
    "ocaml-stubs/src/stubs.rs",
];

/// One way to break a file.
#[derive(Debug, PartialEq)]
pub struct Mutant {
    /// The file.
    pub file: &'static str,
    /// What to call it.
    pub name: String,
    /// What is wrong with it.
    pub what: String,
    /// Whether it is in words of its base.
    pub translated: bool,
    old: String,
    new: String,
}

fn lists() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants")
}

/// All of Xen's files that are listed, for the main base or this one. Another base has its own names for
/// some of what they change, and mutants of its own, in a directory of its version.
pub fn list(base: Option<&str>) -> Result<Vec<Mutant>> {
    let lists = lists();
    let mut mutants = Vec::new();
    for file in FILES {
        mutants.extend(read(&lists, file)?);
    }
    if let Some(base) = base {
        let own = lists.join(base);
        let path = own.join("words.txt");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        translate(&mut mutants, &text).with_context(|| path.display().to_string())?;
        for file in FILES {
            if own.join(name_of_list(file)).is_file() {
                mutants.extend(read(&own, file)?);
            }
        }
    }
    distinct(mutants)
}

/// All of the library's files.
pub fn library() -> Result<Vec<Mutant>> {
    let lists = lists().join("library");
    let mut mutants = Vec::new();
    for file in LIBRARY {
        mutants.extend(read(&lists, file)?);
    }
    distinct(mutants)
}

/// Those of these names; without names, all.
///
/// # Errors
///
/// There is none of a name.
pub fn only(mut mutants: Vec<Mutant>, names: &[String]) -> Result<Vec<Mutant>> {
    for name in names {
        ensure!(
            mutants.iter().any(|mutant| mutant.name == *name),
            "there is no mutant {name}"
        );
    }
    mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name));
    Ok(mutants)
}

/// Says how many of them were noticed, for people and to be counted; whether all were.
pub fn tell(noticed: usize, all: usize) -> bool {
    println!("{noticed} of {all} noticed");
    println!("{noticed} passed, {} failed", all - noticed);
    noticed == all
}

fn distinct(mutants: Vec<Mutant>) -> Result<Vec<Mutant>> {
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

fn name_of_list(file: &str) -> PathBuf {
    let list = Path::new(file).with_extension("mutants");
    list.file_name().map(PathBuf::from).unwrap_or_default()
}

fn read(lists: &Path, file: &'static str) -> Result<Vec<Mutant>> {
    let list = lists.join(name_of_list(file));
    let text = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    parse(file, &text).with_context(|| list.display().to_string())
}

/// Puts the second word of each line in the place of the first.
fn translate(mutants: &mut [Mutant], words: &str) -> Result<()> {
    let lines = words.lines().filter(|line| !line.starts_with('#'));
    for line in lines.filter(|line| !line.is_empty()) {
        let pair: Vec<&str> = line.split(' ').collect();
        let [from, to] = pair[..] else {
            bail!("'{line}' is not two words");
        };
        let mut used = false;
        for mutant in mutants.iter_mut() {
            let texts = [&mutant.old, &mutant.new];
            let [old, new] = texts.map(|text| replace_word(text, from, to));
            let here = (&old, &new) != (&mutant.old, &mutant.new);
            used |= here;
            mutant.translated |= here;
            (mutant.old, mutant.new) = (old, new);
        }
        ensure!(used, "no mutant has {from}");
    }
    Ok(())
}

fn replace_word(text: &str, from: &str, to: &str) -> String {
    let is_end = |c: char| !c.is_alphanumeric() && c != '_';
    let pieces = text.split_inclusive(is_end).map(|piece| {
        let (word, end) = piece.split_at(piece.trim_end_matches(is_end).len());
        [if word == from { to } else { word }, end]
    });
    pieces.flatten().collect()
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
            translated: false,
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

    /// A word that is a part of another one, or that nothing has.
    #[test]
    fn words_of_a_base_are_whole_and_of_use() -> Result<()> {
        let mut mutants = parse(
            "f.c",
            "\n## a: b\n-nrspin_lock(spin_lock);\n\n## c: d\n-x\n",
        )?;
        translate(&mut mutants, "# Why.\n\nspin_lock lock\n")?;
        assert_eq!(mutants[0].old, "nrspin_lock(lock);");
        assert_eq!(
            mutants.iter().map(|m| m.translated).collect::<Vec<_>>(),
            [true, false]
        );
        for wrong in ["spin_unlock unlock", "x", "x y z"] {
            assert!(translate(&mut mutants, wrong).is_err(), "{wrong}");
        }
        Ok(())
    }

    /// Two mutants of one name in different lists.
    #[test]
    fn every_base_has_its_lists() -> Result<()> {
        let (main, older) = (list(None)?, list(Some("4.17"))?);
        assert!(main.iter().all(|mutant| !mutant.translated));
        assert!(older.len() > main.len());
        Ok(())
    }
}
