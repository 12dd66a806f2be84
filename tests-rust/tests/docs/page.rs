//! A page of documentation, read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A link or a picture.
pub struct Link {
    /// What can be clicked, if that is code and nothing else.
    pub code: Option<String>,
    pub to: String,
}

/// A fenced block: its language, and its lines.
pub struct Block {
    pub language: String,
    pub text: String,
}

pub struct Page {
    /// From the top of the repository.
    pub path: PathBuf,
    pub links: Vec<Link>,
    /// What a link can lead to.
    pub anchors: Vec<String>,
    pub blocks: Vec<Block>,
    /// Code within lines.
    pub spans: Vec<String>,
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file of the repository, from its top: what git knows or would add.
pub fn files() -> Vec<PathBuf> {
    let git = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(git.status.success(), "{git:?}");
    let names = String::from_utf8(git.stdout).unwrap();
    let names = names.split_terminator('\0').map(PathBuf::from);
    let files: Vec<_> = names
        .filter(|name| repository().join(name).is_file())
        .collect();
    assert!(files.len() > 100, "only {files:?}");
    files
}

/// Every page in the repository.
pub fn all() -> Vec<Page> {
    let files = files().into_iter();
    let pages = files.filter(|file| file.extension().is_some_and(|end| end == "md"));
    pages
        .map(|path| {
            let text = fs::read_to_string(repository().join(&path)).unwrap();
            Page::read(&path, &text)
        })
        .collect()
}

impl Page {
    pub fn read(path: &Path, text: &str) -> Page {
        let mut page = Page {
            path: path.to_owned(),
            links: Vec::new(),
            anchors: Vec::new(),
            blocks: Vec::new(),
            spans: Vec::new(),
        };
        // Text and code since the link or heading that it is in began.
        let (mut words, mut code) = (String::new(), Vec::<String>::new());
        let mut targets = Vec::new();
        let mut block = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => words.clear(),
                Event::End(TagEnd::Heading(_)) => page.anchors.push(anchor(&words)),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    targets.push(dest_url.into_string());
                    words.clear();
                    code.clear();
                }
                Event::End(TagEnd::Link | TagEnd::Image) => page.links.push(Link {
                    code: (code.len() == 1 && words == code[0]).then(|| code[0].clone()),
                    to: targets.pop().unwrap_or_default(),
                }),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    block = Some(Block {
                        language: language.into_string(),
                        text: String::new(),
                    });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Code(span) => {
                    words.push_str(&span);
                    code.push(span.to_string());
                    page.spans.push(span.into_string());
                }
                Event::Text(text) => match &mut block {
                    Some(block) => block.text.push_str(&text),
                    None => words.push_str(&text),
                },
                Event::SoftBreak => words.push(' '),
                _ => {}
            }
        }
        page
    }
}

/// The anchor of a heading, as forges make it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        })
        .collect()
}
