use std::fs;
use std::path::{Component, Path, PathBuf};

use super::page::{self, Link, Page};

/// `docs/../LICENSE` as `LICENSE`; `None` if it leads out of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if !normal.pop() => return None,
            Component::ParentDir | Component::CurDir => {}
            part => normal.push(part),
        }
    }
    Some(normal)
}

/// What is wrong with a link of `page`.
fn fault(pages: &[Page], page: &Page, link: &Link) -> Option<String> {
    if link.to.starts_with("https://") {
        return None;
    }
    let (file, anchor) = link.to.split_once('#').unwrap_or((&link.to, ""));
    let Some(target) = (match file {
        "" => Some(page.path.clone()),
        file => normal(&page.path.with_file_name(file)),
    }) else {
        return Some("is outside of the repository".to_owned());
    };
    let whole = page::repository().join(&target);
    if !whole.exists() {
        return Some("is not there".to_owned());
    }
    if !anchor.is_empty() {
        let found = pages.iter().find(|page| page.path == target);
        if !found.is_some_and(|page| page.anchors.iter().any(|name| name == anchor)) {
            return Some("has no such heading".to_owned());
        }
    }
    // `name` as a link to a file: the name of the file, or something in it.
    let name = link.code.as_ref()?;
    let is_the_file = target.ends_with(name.trim_end_matches('/'));
    let is_in_it = || fs::read_to_string(&whole).is_ok_and(|text| text.contains(name.as_str()));
    (!is_the_file && !is_in_it()).then(|| format!("has no '{name}'"))
}

fn faults(pages: &[Page]) -> Vec<String> {
    let faults = pages.iter().flat_map(|page| {
        let faulty = page
            .links
            .iter()
            .map(move |link| (link, fault(pages, page, link)));
        faulty.filter_map(|(link, fault)| {
            Some(format!("{}: {} {}", page.path.display(), link.to, fault?))
        })
    });
    faults.collect()
}

/// Would fail for a file that was renamed, and for a test that is not there any more.
#[test]
fn every_link_leads_somewhere() {
    let pages = page::all();
    let links: usize = pages.iter().map(|page| page.links.len()).sum();
    assert!(links > 50, "only {links} links were found");
    let faults = faults(&pages);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let text = "# One & `two` 1.2\n[a](#one--two-12) [b](#two) [c](../LICENSE) [d](LICENSE)\n\
        [e](../../x) [`LICENSE`](../LICENSE) [`Lesser`](../LICENSE) [`More of`](../LICENSE)\n\
        ![f](none.svg) [g](contract.md#11-words)";
    let page = Page::read(Path::new("docs/contract.md"), text);
    assert_eq!(
        faults(&[page]),
        [
            "docs/contract.md: #two has no such heading",
            "docs/contract.md: LICENSE is not there",
            "docs/contract.md: ../../x is outside of the repository",
            "docs/contract.md: ../LICENSE has no 'More of'",
            "docs/contract.md: none.svg is not there",
            "docs/contract.md: contract.md#11-words has no such heading",
        ]
    );
}

/// Every page can be found by somebody who begins at README.
#[test]
fn every_page_is_linked() {
    let pages = page::all();
    let mut seen = vec![PathBuf::from("README.md")];
    let mut next = 0;
    while let Some(path) = seen.get(next).cloned() {
        next += 1;
        let page = pages.iter().find(|page| page.path == path);
        for link in page.into_iter().flat_map(|page| &page.links) {
            let file = link.to.split('#').next().unwrap_or_default();
            let Some(target) = normal(&path.with_file_name(file)) else {
                continue;
            };
            if !seen.contains(&target) {
                seen.push(target);
            }
        }
    }
    for page in pages {
        assert!(
            seen.contains(&page.path),
            "nothing leads to {}",
            page.path.display()
        );
    }
}
