//! The Xens that there is a series for: what is in `xen-patches/` itself, and in each directory of its `bases/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::run::Cache;
use crate::source::pinned::Pinned;

/// Where the series for other bases are, below the main one.
const OTHERS: &str = "bases";

/// A series for one Xen, and where what is made of it is kept.
#[derive(Debug, Clone)]
pub struct Base {
    /// The directory of its `series` and `base.txt`.
    pub patches: PathBuf,
    /// Its part of the cache.
    pub cache: Cache,
}

impl Base {
    /// The base of this version, or the main one: of a directory like `xen-patches/`, with this cache directory.
    ///
    /// # Errors
    ///
    /// There is none of this version, or no series at all.
    pub fn find(version: Option<&str>, patches: &Path, cache: &Path) -> Result<Base> {
        let cache = Cache::new(cache)?;
        let main = Pinned::read(patches)?.version;
        let Some(version) = version.filter(|version| *version != main) else {
            return Ok(Base {
                patches: patches.to_owned(),
                cache,
            });
        };
        let others = others(patches)?;
        if !others.iter().any(|other| other == version) {
            bail!(
                "there is no series for Xen {version}; there are some for {main}, {}",
                others.join(", ")
            );
        }
        Ok(Base {
            patches: patches.join(OTHERS).join(version),
            cache: cache.part(version)?,
        })
    }

    /// Its version, unless it is the main one.
    pub fn other(&self) -> Option<&str> {
        main_of(&self.patches)?;
        self.patches.file_name()?.to_str()
    }
}

/// The versions of all bases but the main one.
fn others(patches: &Path) -> Result<Vec<String>> {
    let directory = patches.join(OTHERS);
    let mut versions = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        versions.push(entry?.file_name().to_string_lossy().into_owned());
    }
    versions.sort();
    Ok(versions)
}

/// The directory of the main series, if this one is that of another base.
pub fn main_of(patches: &Path) -> Option<&Path> {
    let others = patches.parent()?;
    others.parent().filter(|_| others.ends_with(OTHERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_found_by_its_version_or_named() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let top = directory.path();
        let sums = format!("1 {} {} a.tar", "b".repeat(64), "a".repeat(40));
        fs::create_dir_all(top.join("bases/1.1"))?;
        fs::write(top.join("base.txt"), format!("1.2 forky {sums}\n"))?;
        let find = |version| Base::find(version, top, &top.join("cache"));

        for main in [None, Some("1.2")] {
            let base = find(main)?;
            assert_eq!((base.patches.as_path(), base.other()), (top, None));
        }
        let other = find(Some("1.1"))?;
        assert_eq!(
            (main_of(&other.patches), other.other()),
            (Some(top), Some("1.1"))
        );
        assert_ne!(other.cache.path("tree"), find(None)?.cache.path("tree"));
        let Err(error) = find(Some("1.3")) else {
            bail!("there is none");
        };
        assert!(error.to_string().ends_with("for 1.2, 1.1"), "{error}");
        Ok(())
    }
}
