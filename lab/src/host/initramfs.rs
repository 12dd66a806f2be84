//! The archive that Linux unpacks at boot: cpio, in the format `newc`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use cpio::newc::{trailer, Builder};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const DEVICE: u32 = 0o020_000;

/// An archive in the making. Directories are added as files need them.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    directories: BTreeSet<String>,
}

impl Archive {
    /// Adds a directory and those above it.
    pub(super) fn directory(&mut self, path: &str) -> io::Result<()> {
        self.parent(path)?;
        if self.directories.insert(path.to_owned()) {
            self.entry(path, DIRECTORY | 0o755, (0, 0), &[])?;
        }
        Ok(())
    }

    /// Adds a file.
    pub(super) fn file(&mut self, path: &str, mode: u32, contents: &[u8]) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, FILE | mode, (0, 0), contents)
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &str, number: (u32, u32)) -> io::Result<()> {
        self.entry(path, DEVICE | 0o600, number, &[])
    }

    /// The whole archive.
    pub(super) fn end(self) -> io::Result<Vec<u8>> {
        trailer(self.bytes)
    }

    fn parent(&mut self, path: &str) -> io::Result<()> {
        path.rsplit_once('/')
            .map_or(Ok(()), |(parent, _)| self.directory(parent))
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        device: (u32, u32),
        contents: &[u8],
    ) -> io::Result<()> {
        // Linux takes two entries of one number for links to one file.
        self.entries += 1;
        let entry = Builder::new(path).ino(self.entries).mode(mode);
        let entry = entry.rdev_major(device.0).rdev_minor(device.1);
        let size = u32::try_from(contents.len()).map_err(io::Error::other)?;
        let mut writer = entry.write(&mut self.bytes, size);
        writer.write_all(contents)?;
        writer.finish().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_once_and_before_what_is_in_them() -> io::Result<()> {
        let mut archive = Archive::default();
        archive.file("a/b/c", 0o644, b"xyz")?;
        archive.file("a/b/d", 0o644, b"")?;
        let bytes = archive.end()?;
        let (mut rest, mut names) = (bytes.as_slice(), Vec::new());
        loop {
            let entry = cpio::NewcReader::new(rest)?;
            if entry.entry().is_trailer() {
                break;
            }
            names.push((entry.entry().name().to_owned(), entry.entry().ino()));
            rest = entry.finish()?;
        }
        let wanted = ["a", "a/b", "a/b/c", "a/b/d"].map(str::to_owned);
        assert_eq!(names, wanted.into_iter().zip(1..).collect::<Vec<_>>());
        Ok(())
    }
}
