use std::fs;

use super::page;

/// More than anybody reads in one go.
const LONG: usize = 500;

#[test]
fn long_files_say_why_in_their_head() {
    for file in page::files() {
        let end = file.extension().unwrap_or_default();
        if !["rs", "ml", "mli", "t", "c", "h", "sh"]
            .map(AsRef::as_ref)
            .contains(&end)
        {
            continue;
        }
        let text = fs::read_to_string(page::repository().join(&file)).unwrap();
        let mut head = text.lines().take(5);
        let says_why = head.any(|line| line.contains(&format!("Over {LONG} lines, as ")));
        let lines = text.lines().count();
        assert_eq!(lines > LONG, says_why, "{}: {lines} lines", file.display());
    }
}
