//! Which tests may be skipped, by suite: `expected-skips.txt`.

/// The list.
pub struct Expected {
    /// A suite, and what is skipped in it, with the reason.
    entries: Vec<(String, String)>,
}

/// What a suite skipped, held against the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Compared<'a> {
    /// Skipped, and not in the list.
    pub unexpected: Vec<&'a str>,
    /// In the list, and not skipped.
    pub absent: Vec<&'a str>,
}

impl Expected {
    /// The project's own.
    pub fn listed() -> Expected {
        Expected::read(include_str!("../../../expected-skips.txt"))
    }

    /// Suites stand at the beginning of a line, and behind spaces what is skipped in each of them.
    fn read(text: &str) -> Expected {
        let mut suites = Vec::new();
        let mut entries = Vec::new();
        for line in text.lines().map(str::trim_end) {
            match line.strip_prefix(' ') {
                Some(entry) => entries.extend(
                    suites
                        .iter()
                        .map(|suite: &&str| ((*suite).to_owned(), entry.trim().to_owned())),
                ),
                None if line.is_empty() => suites.clear(),
                None if line.starts_with('#') => {}
                None => suites.push(line),
            }
        }
        Expected { entries }
    }

    /// What a suite skipped, against what the list has for it.
    pub fn compare<'a>(&'a self, suite: &str, skips: &'a [String]) -> Compared<'a> {
        let of_suite = self.entries.iter().filter(|(of, _)| of == suite);
        let entries: Vec<&str> = of_suite.map(|(_, entry)| entry.as_str()).collect();
        let skips = skips.iter().map(String::as_str);
        Compared {
            unexpected: skips
                .clone()
                .filter(|skip| !entries.iter().any(|entry| matches(entry, skip)))
                .collect(),
            absent: entries
                .iter()
                .copied()
                .filter(|entry| !skips.clone().any(|skip| matches(entry, skip)))
                .collect(),
        }
    }

    #[cfg(test)]
    pub fn suites(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(suite, _)| suite.as_str())
    }
}

/// Whether a text is what an entry says, in which `*` stands for any text.
fn matches(entry: &str, text: &str) -> bool {
    let Some((start, rest)) = entry.split_once('*') else {
        return entry == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let mut ends = text.char_indices().map(|(n, _)| n).chain([text.len()]);
    ends.any(|n| matches(rest, &text[n..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::SUITES;

    /// Would fail for an entry that holds for other suites or hosts, or that is not missed.
    #[test]
    fn skips_are_held_against_the_list() {
        let list =
            "# About.\n\nOne\n  1_nodes::A3: it needs 2 nodes\n  *::I16: it needs *\n\nTwo\nFour\n  B\n";
        let expected = Expected::read(list);
        let skips = [
            "1_nodes::A3: it needs 2 nodes",
            "4_nodes::A3: it needs 2 nodes",
            "8_nodes::I16: it needs a caller",
            "B",
        ]
        .map(str::to_owned);
        let compared = expected.compare("One", &skips);
        assert_eq!(compared.unexpected, ["4_nodes::A3: it needs 2 nodes", "B"]);
        assert_eq!(compared.absent, Vec::<&str>::new());
        let compared = expected.compare("One", &skips[..1]);
        assert_eq!(compared.absent, ["*::I16: it needs *"]);
        assert_eq!(expected.compare("Three", &[]), Compared::default());
        assert_eq!(expected.compare("Two", &skips[3..]), Compared::default());
        assert_eq!(expected.compare("Four", &skips[3..]), Compared::default());
    }

    #[test]
    fn the_list_is_of_suites_there_are() {
        for suite in Expected::listed().suites() {
            assert!(SUITES.iter().any(|known| known.name == suite), "{suite}");
        }
    }
}
