//! Patches as `git format-patch` writes them, and the series they make.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use sha2::{Digest, Sha256};

/// The directory, beside `series`, of what the compilers need.
const COMPILER_FIXES: &str = "compiler";

/// A line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The same before and after.
    Context(String),
    /// Only there after.
    Added(String),
    /// Only there before.
    Removed(String),
}

/// A hunk: some lines in a row, with the lines around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The line that starts with `@@`.
    pub header: String,
    /// Its first line before the patch.
    pub old_start: u32,
    /// Its first line after the patch.
    pub new_start: u32,
    /// The lines of the patch file it is on, the header included.
    pub at: (usize, usize),
    /// What it changes.
    pub lines: Vec<Line>,
}

/// All that a patch does to one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChange {
    /// The file, relative to the tree.
    pub path: String,
    /// Whether the patch creates it.
    pub new: bool,
    /// The changes, in order.
    pub hunks: Vec<Hunk>,
}

impl FileChange {
    /// The added lines.
    pub fn added(&self) -> impl Iterator<Item = &str> {
        let lines = self.hunks.iter().flat_map(|hunk| &hunk.lines);
        lines.filter_map(|line| match line {
            Line::Added(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// A patch: a message and changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// The name of its file.
    pub name: String,
    /// That file, below the directory of the series or elsewhere.
    pub path: PathBuf,
    /// The first line of the message, without `[PATCH]`.
    pub subject: String,
    /// The rest of the message.
    pub body: Vec<String>,
    /// What it does to which file.
    pub files: Vec<FileChange>,
}

/// `@@ -1,2 +3,4 @@`: the two first lines and the two numbers of lines.
fn hunk_range(header: &str) -> Option<[u32; 4]> {
    let (old, new) = header
        .strip_prefix("@@ -")?
        .split_once(" @@")?
        .0
        .split_once(" +")?;
    let range = |text: &str| match text.split_once(',') {
        Some((start, lines)) => Some((start.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    let ((a, b), (c, d)) = (range(old)?, range(new)?);
    Some([a, c, b, d])
}

impl Patch {
    /// Reads the text of a patch file.
    pub fn parse(name: &str, text: &str) -> Result<Patch> {
        let mut patch = Patch {
            name: name.to_owned(),
            ..Patch::default()
        };
        let mut lines = text.lines().zip(1..).peekable();

        let mut in_subject = false;
        for (line, _) in lines.by_ref().take_while(|(line, _)| !line.is_empty()) {
            if let Some(subject) = line.strip_prefix("Subject: ") {
                patch.subject = subject.to_owned();
                in_subject = true;
            } else if in_subject && line.starts_with(' ') {
                patch.subject += line;
            } else {
                in_subject = false;
            }
        }
        if let Some((_, subject)) = patch
            .subject
            .split_once("] ")
            .filter(|_| patch.subject.starts_with("[PATCH"))
        {
            patch.subject = subject.to_owned();
        }
        ensure!(!patch.subject.is_empty(), "{name} has no subject");

        while let Some((line, _)) = lines.next_if(|(line, _)| !line.starts_with("diff --git ")) {
            patch.body.push(line.to_owned());
        }
        // What follows `---` is a summary of the changes, not part of the message.
        if let Some(end) = patch.body.iter().position(|line| line == "---") {
            patch.body.truncate(end);
        }
        while patch.body.last().is_some_and(|line| line.trim().is_empty()) {
            patch.body.pop();
        }

        while let Some((line, number)) = lines.next() {
            if let Some(files) = line.strip_prefix("diff --git ") {
                let path = files.split_once(" b/").map_or(files, |(_, path)| path);
                patch.files.push(FileChange {
                    path: path.to_owned(),
                    ..FileChange::default()
                });
            }
            let Some(file) = patch.files.last_mut() else {
                continue;
            };
            file.new |= line.starts_with("new file mode");
            let Some([old_start, new_start, mut old, mut new]) = hunk_range(line) else {
                continue;
            };
            let mut hunk = Hunk {
                header: line.to_owned(),
                old_start,
                new_start,
                at: (number, number),
                lines: Vec::new(),
            };
            while old > 0 || new > 0 {
                let Some((line, number)) = lines.next() else {
                    bail!("{name} ends within a hunk");
                };
                hunk.at.1 = number;
                let (removed, added, line) = match line.split_at_checked(1) {
                    Some(("+", text)) => (0, 1, Line::Added(text.to_owned())),
                    Some(("-", text)) => (1, 0, Line::Removed(text.to_owned())),
                    Some(("\\", _)) => continue,
                    Some((" ", text)) => (1, 1, Line::Context(text.to_owned())),
                    None => (1, 1, Line::Context(String::new())),
                    _ => bail!("{name}, line {number}: not a line of a hunk: '{line}'"),
                };
                let left = (old.checked_sub(removed), new.checked_sub(added));
                let (Some(old_left), Some(new_left)) = left else {
                    bail!("{name}, line {number}: the hunk is longer than it says");
                };
                (old, new) = (old_left, new_left);
                hunk.lines.push(line);
            }
            file.hunks.push(hunk);
        }
        ensure!(!patch.files.is_empty(), "{name} changes nothing");
        Ok(patch)
    }

    /// Whether it touches a file below one of these directories.
    pub fn touches(&self, directories: &[&str]) -> bool {
        self.files
            .iter()
            .any(|file| directories.iter().any(|d| file.path.starts_with(d)))
    }

    /// The four digits its name begins with, or else the whole name.
    pub fn number(&self) -> &str {
        self.name.split_once('-').map_or(&self.name, |(n, _)| n)
    }
}

/// The patches that the file `series` of a directory names, in that order. They may be in other directories,
/// when several bases share them.
#[derive(Debug, Clone)]
pub struct Series {
    /// The patches.
    pub patches: Vec<Patch>,
    /// Patches for the base itself, without which this release's compilers refuse it.
    pub compiler_fixes: Vec<PathBuf>,
    /// A hash of everything in all of them.
    pub digest: String,
    /// What is wrong with `series` itself, if anything.
    pub mismatch: Option<String>,
}

impl Series {
    /// Reads the series.
    pub fn read(directory: &Path) -> Result<Series> {
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let list = read("series")?;
        let names: Vec<&str> = list
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        ensure!(
            !names.is_empty(),
            "{} names no patches",
            directory.join("series").display()
        );

        let mut hash = Sha256::new();
        let mut patches = Vec::new();
        let mut add = |name: &str| -> Result<String> {
            let text = read(name)?;
            hash.update(format!("{name} {}\n", text.len()));
            hash.update(&text);
            Ok(text)
        };
        for name in &names {
            let mut patch = Patch::parse(base_name(name), &add(name)?)?;
            patch.path = directory.join(name);
            patches.push(patch);
        }
        let fixes = directory.join(COMPILER_FIXES);
        let mut compiler_fixes = Vec::new();
        for name in if fixes.is_dir() {
            patch_files(&fixes)?
        } else {
            vec![]
        } {
            add(&format!("{COMPILER_FIXES}/{name}"))?;
            compiler_fixes.push(fixes.join(name));
        }
        let files = patch_files(directory)?;
        Ok(Series {
            patches,
            compiler_fixes,
            digest: format!("{:x}", hash.finalize()),
            mismatch: mismatch(&names, &files),
        })
    }
}

/// The names of the patches in a directory, sorted.
fn patch_files(directory: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".patch") {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

/// The last part of a path.
fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// What is wrong with the names in `series`, in whose directory these files are.
fn mismatch(names: &[&str], files: &[String]) -> Option<String> {
    if let Some(file) = files.iter().find(|file| !names.contains(&file.as_str())) {
        return Some(format!("{file} is not in series"));
    }
    let names: Vec<_> = names.iter().map(|name| base_name(name)).collect();
    names
        .windows(2)
        .find_map(|pair| match pair[0].cmp(pair[1]) {
            Ordering::Less => None,
            Ordering::Equal => Some(format!("series names {} twice", pair[1])),
            Ordering::Greater => Some(format!("{} is not in the order of the numbers", pair[1])),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "From 0000000 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n\
        Subject: [PATCH 3/9] xen/mm: a subject that is\n folded\n\nWhy.\n---\n xen/a.c | 3 +-\n\n\
        diff --git a/xen/a.c b/xen/a.c\nindex 1..2 100644\n--- a/xen/a.c\n+++ b/xen/a.c\n\
        @@ -7,2 +7,3 @@ int f(void)\n one\n-- two\n+two\n+++ three\n-- \n2.39\n";

    #[test]
    fn a_patch_is_read() -> Result<()> {
        let patch = Patch::parse("0003-a.patch", PATCH)?;
        assert_eq!(patch.subject, "xen/mm: a subject that is folded");
        assert_eq!(patch.body, ["Why."]);
        assert_eq!(patch.number(), "0003");
        let [file] = &patch.files[..] else {
            bail!("not one file");
        };
        assert_eq!((file.path.as_str(), file.new), ("xen/a.c", false));
        assert_eq!(file.added().collect::<Vec<_>>(), ["two", "++ three"]);
        assert_eq!((file.hunks[0].old_start, file.hunks[0].at), (7, (14, 18)));
        assert!(patch.touches(&["xen/"]) && !patch.touches(&["tools/", "docs/"]));
        Ok(())
    }

    #[test]
    fn a_patch_that_ends_early_is_refused() {
        let cut = PATCH.split_once("+two").map_or("", |(start, _)| start);
        assert!(Patch::parse("a", cut).is_err());
        assert!(Patch::parse("a", "Subject: [PATCH] b\n\nc\n").is_err());
    }

    #[test]
    fn series_and_files_agree() {
        let files = ["1.patch".to_owned(), "3.patch".to_owned()];
        assert_eq!(mismatch(&["1.patch", "3.patch"], &files), None);
        assert_eq!(
            mismatch(&["1.patch", "../2.patch", "3.patch"], &files),
            None
        );
        for bad in [
            &["../2.patch", "1.patch", "3.patch"][..],
            &["1.patch", "3.patch", "../3.patch"],
            &["3.patch", "1.patch"],
            &["1.patch"],
            &["1.patch", "3.patch", "3.patch"],
        ] {
            assert!(mismatch(bad, &files).is_some(), "{bad:?}");
        }
    }
}
