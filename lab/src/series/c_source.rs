//! C as it is after a patch, without what is in comments and strings.

use super::patch::{Hunk, Line};

/// A line of a file after the patch.
#[derive(Debug)]
pub(super) struct CodeLine {
    pub(super) number: u32,
    pub(super) added: bool,
    pub(super) text: String,
    /// The text with comments, strings and characters blanked out.
    pub(super) code: String,
    /// Whether a `//` comment is on it.
    pub(super) slashes: bool,
}

/// The lines of a hunk as they are after the patch.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) lines: Vec<CodeLine>,
}

impl Code {
    pub(super) fn of(hunk: &Hunk) -> Code {
        let mut lines = Vec::new();
        let mut number = hunk.new_start;
        // A hunk that starts within a comment has a line of it that shows it.
        let first = hunk.lines.first().map(|line| match line {
            Line::Context(text) | Line::Added(text) | Line::Removed(text) => text.trim_start(),
        });
        let mut in_comment =
            first.is_some_and(|line| line.starts_with("* ") || line == "*" || line == "*/");
        for line in &hunk.lines {
            let (added, text) = match line {
                Line::Context(text) => (false, text),
                Line::Added(text) => (true, text),
                Line::Removed(_) => continue,
            };
            let (code, slashes) = blanked(text, &mut in_comment);
            lines.push(CodeLine {
                number,
                added,
                text: text.clone(),
                code,
                slashes,
            });
            number += 1;
        }
        Code { lines }
    }

    /// The lines on which parentheses after a keyword lack a space before or within.
    pub(super) fn tight_parentheses(&self) -> Vec<u32> {
        // One string, so that a condition may go over several lines.
        let mut text = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            let preprocessor = line.code.trim_start().starts_with('#');
            let code = if preprocessor { "" } else { line.code.as_str() };
            text.extend(
                code.trim_end_matches('\\')
                    .chars()
                    .map(|char| (char, index)),
            );
            text.push(('\n', index));
        }
        let at = |position: usize| text.get(position).map_or('\n', |(char, _)| *char);
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        let mut found = Vec::new();
        let mut report = |index: usize| {
            let line = &self.lines[index];
            if line.added && !found.contains(&line.number) {
                found.push(line.number);
            }
        };
        let mut position = 0;
        while position < text.len() {
            let start = position;
            while is_word(at(position)) {
                position += 1;
            }
            if start == position {
                position += 1;
                continue;
            }
            let word: String = text[start..position].iter().map(|(char, _)| char).collect();
            if !["if", "for", "while", "switch"].contains(&word.as_str()) {
                continue;
            }
            let spaces = (position..).take_while(|place| at(*place) == ' ').count();
            let opening = position + spaces;
            if at(opening) != '(' {
                continue;
            }
            if spaces != 1 || !at(opening + 1).is_whitespace() {
                report(text[opening].1);
            }
            let mut depth = 0;
            for (place, (char, index)) in text.iter().enumerate().skip(opening) {
                match char {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => continue,
                }
                if depth == 0 {
                    if !at(place - 1).is_whitespace() {
                        report(*index);
                    }
                    break;
                }
            }
        }
        found
    }
}

/// A line with comments, strings and characters replaced by blanks, and whether it had a `//`.
fn blanked(text: &str, in_comment: &mut bool) -> (String, bool) {
    let mut code = String::new();
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let next = chars.peek().copied();
        match (char, quote) {
            ('*', _) if *in_comment && next == Some('/') => {
                *in_comment = false;
                chars.next();
                code.push_str("  ");
                continue;
            }
            _ if *in_comment => {}
            ('\\', Some(_)) => {
                chars.next();
                code.push(' ');
            }
            (_, Some(closing)) => {
                if char == closing {
                    quote = None;
                    code.push(char);
                    continue;
                }
            }
            ('"' | '\'', None) => {
                quote = Some(char);
                code.push(char);
                continue;
            }
            ('/', None) if next == Some('*') => {
                *in_comment = true;
                chars.next();
                code.push(' ');
            }
            ('/', None) if next == Some('/') => return (code, true),
            _ => {
                code.push(char);
                continue;
            }
        }
        code.push(' ');
    }
    (code, false)
}
