//! The map shows all there is.

use std::fs;
use std::path::PathBuf;

use super::page;

fn map() -> String {
    fs::read_to_string(page::repository().join("docs/map.md")).unwrap()
}

#[test]
fn every_directory_is_on_the_map() {
    let map = map();
    for file in page::files() {
        // Whoever finds these two levels finds what is below.
        let directory: PathBuf = file.parent().unwrap().iter().take(2).collect();
        let link = format!("](../{}", directory.join("").display());
        assert!(map.contains(&link), "docs/map.md has no link {link}");
    }
}

#[test]
fn every_command_of_dev_is_on_the_map() {
    let map = map();
    let help = fs::read_to_string(page::repository().join("tools/help.txt")).unwrap();
    let commands = help.split("\n\n").nth(1).unwrap().lines();
    let commands =
        commands.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')));
    let mut seen = 0;
    for command in commands.map(|line| line.split("  ").next().unwrap()) {
        let command = command.split(" --").next().unwrap();
        assert!(
            map.contains(&format!("`./dev {command}`")),
            "docs/map.md: no ./dev {command}"
        );
        seen += 1;
    }
    assert!(seen > 10, "only {seen} commands");
}
