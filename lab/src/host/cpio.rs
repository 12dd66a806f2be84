//! A cpio archive as Linux unpacks it at boot: the format `newc`.

use std::collections::BTreeSet;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const DEVICE: u32 = 0o020_000;

/// An archive in the making. Directories are added as files need them.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: usize,
    directories: BTreeSet<String>,
}

impl Archive {
    /// Adds a directory and those above it.
    pub fn directory(&mut self, path: &str) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent);
        }
        if self.directories.insert(path.to_owned()) {
            self.entry(path, DIRECTORY | 0o755, (0, 0), &[]);
        }
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, contents: &[u8]) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent);
        }
        self.entry(path, FILE | mode, (0, 0), contents);
    }

    /// Adds a character device.
    pub fn device(&mut self, path: &str, number: (u32, u32)) {
        self.entry(path, DEVICE | 0o600, number, &[]);
    }

    /// The whole archive.
    pub fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), contents: &[u8]) {
        self.entries += 1;
        let (links, size, name) = (1, contents.len(), path.len() + 1);
        let fields = [self.entries, mode as usize, 0, 0, links, 0, size, 0, 0]
            .into_iter()
            .chain([device.0 as usize, device.1 as usize, name, 0]);
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_laid_out_as_linux_reads_it() {
        let mut archive = Archive::default();
        archive.file("a/b", 0o644, b"xyz");
        let bytes = archive.end();
        let file = &bytes[110 + 2..];
        assert_eq!(&file[..22], b"07070100000002000081a4");
        assert_eq!(&file[54..62], b"00000003");
        assert_eq!(&file[94..102], b"00000004");
        assert_eq!(&file[110..120], b"a/b\0\0\0xyz\0");
        assert_eq!(bytes.len() % 4, 0);
    }
}
