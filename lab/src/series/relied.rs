//! Changes in Xen that the series relies on: `xen-patches/relies-on.txt`. An older tree lacks some.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::run::{git, output};

/// The list, beside the patches.
pub const LIST: &str = "relies-on.txt";

/// A change in Xen, and how a tree shows that it has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change<'list> {
    commit: Option<&'list str>,
    subject: &'list str,
    file: &'list str,
    sign: Sign<'list>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign<'list> {
    /// The file is there.
    File,
    /// This text is in the file.
    Text(&'list str),
    /// This text is not, or no longer, in the file.
    NoText(&'list str),
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        match self.commit {
            Some(commit) => write!(to, "{commit} (\"{}\")", self.subject),
            None => write!(to, "\"{}\"", self.subject),
        }
    }
}

impl<'list> Change<'list> {
    /// Reads a line of the list.
    fn parse(line: &'list str) -> Option<Change<'list>> {
        let fields: Vec<_> = line.split(" | ").map(str::trim).collect();
        let [commit, file, sign, subject] = fields[..] else {
            return None;
        };
        Some(Change {
            commit: (commit != "-").then_some(commit),
            subject,
            file,
            sign: match sign.strip_prefix('!') {
                Some(text) => Sign::NoText(text.trim()),
                None if sign == "-" => Sign::File,
                None => Sign::Text(sign),
            },
        })
    }

    /// Whether a tree with this file, or without it, has the change.
    fn is_in(&self, contents: Option<&str>) -> bool {
        match (self.sign, contents) {
            (_, None) => false,
            (Sign::File, Some(_)) => true,
            (Sign::Text(text), Some(contents)) => contents.contains(text),
            (Sign::NoText(text), Some(contents)) => !contents.contains(text),
        }
    }
}

/// The changes on the list that a tree lacks in its first commit, `base`: commit and subject.
pub fn missing(tree: &Path, patches: &Path) -> Result<Vec<String>> {
    let path = patches.join(LIST);
    let list =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut missing = Vec::new();
    for line in list.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let change = Change::parse(line)
            .with_context(|| format!("{LIST} has a line without its four fields: {line}"))?;
        let contents = output(git(tree).arg("show").arg(format!("base:{}", change.file)));
        if !change.is_in(contents.ok().as_deref()) {
            missing.push(change.to_string());
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_there_or_gone_and_needs_its_file() {
        let has = |line: &str, contents| Change::parse(line).map(|it| it.is_in(contents));
        for (line, contents, there) in [
            ("- | f | new | s", Some("a new line"), true),
            ("- | f | new | s", Some("an old line"), false),
            ("- | f | new | s", None, false),
            ("- | f | ! old | s", Some("a new line"), true),
            ("- | f | ! old | s", Some("an old line"), false),
            ("- | f | ! old | s", None, false),
            ("- | f | - | s", Some(""), true),
            ("- | f | - | s", None, false),
        ] {
            assert_eq!(has(line, contents), Some(there), "{line} with {contents:?}");
        }
        assert_eq!(Change::parse("75d29d9b5e | f | a subject"), None);
    }

    #[test]
    fn c_with_bars_is_no_separator() {
        let change = Change::parse("12ab | a.c | if ( a || b ) | x86: c");
        assert_eq!(
            change.map(|change| (change.sign, change.to_string())),
            Some((Sign::Text("if ( a || b )"), "12ab (\"x86: c\")".to_owned()))
        );
    }
}
