//! The pinned base: which tarball of the Xen source the series is for, and the places that may have it.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, ensure, Context, Result};
use sha2::{Digest, Sha256};

use crate::run::Cache;

/// What says which one it is, beside the series.
pub const FILE: &str = "base.txt";

/// Debian's archive of all that it ever published, by SHA-1.
const SNAPSHOT: &str = "https://snapshot.debian.org/file";

/// Options for apt: who says nothing twice, for 4 s, is not asked again, as the next place may answer.
/// (Without retries apt asks over HTTP a second time all the same.)
pub const APT_OPTIONS: &[&str] = &[
    "Acquire::Retries=0",
    "Acquire::http::Timeout=4",
    "Acquire::https::Timeout=4",
    // Whatever proxy there is, it is not for this host itself.
    "Acquire::http::Proxy::127.0.0.1=DIRECT",
    "APT::Sandbox::User=root",
];
/// In the environment of apt, so that a silent name server costs no more.
pub const RESOLVER: (&str, &str) = ("RES_OPTIONS", "timeout:2 attempts:1");

/// A tarball of the Xen source, known by its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Which Xen it is, `4.20`.
    pub version: String,
    /// The release of Debian it is from.
    pub release: String,
    /// The name of the file.
    pub name: String,
    /// Its SHA-256, which decides.
    pub sha256: String,
    size: u64,
    sha1: String,
}

/// Where the tarball may be, beside the cache.
#[derive(Debug, Clone)]
pub struct Places {
    /// The file itself, or a directory that may have it: `XEN_TARBALL`.
    pub given: Option<PathBuf>,
    mirror: String,
    snapshot: String,
}

impl Places {
    /// The usual ones, and one that the user gave.
    pub fn new(given: Option<PathBuf>) -> Places {
        Places {
            given,
            mirror: env::var("DEBIAN_MIRROR").unwrap_or_default(),
            snapshot: SNAPSHOT.to_owned(),
        }
    }

    /// Where on the network it may be, the nearest first.
    fn urls(&self, base: &Pinned) -> Vec<String> {
        // As apt writes it: some servers take a plus sign for a space.
        let name = base.name.replace('+', "%2b");
        let mirror = self.mirror.trim_end_matches('/');
        let mut urls = Vec::new();
        if !mirror.is_empty() {
            urls.push(format!("{mirror}/pool/main/x/xen/{name}"));
            urls.push(format!("{mirror}-security/pool/updates/main/x/xen/{name}"));
        }
        urls.push(format!("{}/{}", self.snapshot, base.sha1));
        urls
    }
}

impl Pinned {
    /// The base of the series in this directory.
    pub fn read(patches: &Path) -> Result<Pinned> {
        let path = patches.join(FILE);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Pinned::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Pinned> {
        let hex = |text: &str, digits| {
            let lower = |char: char| char.is_ascii_digit() || ('a'..='f').contains(&char);
            text.len() == digits && text.chars().all(lower)
        };
        let is_said = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let lines: Vec<_> = text.lines().filter(is_said).collect();
        let [line] = lines[..] else {
            bail!("{} lines name a base, not one", lines.len());
        };
        let fields: Vec<_> = line.split_whitespace().collect();
        let [version, release, size, sha256, sha1, name] = fields[..] else {
            bail!("a line without its six fields: {line}");
        };
        ensure!(
            hex(sha256, 64) && hex(sha1, 40) && !name.contains('/'),
            "a line with an odd sum or name: {line}"
        );
        Ok(Pinned {
            version: version.to_owned(),
            release: release.to_owned(),
            name: name.to_owned(),
            sha256: sha256.to_owned(),
            size: size.parse().with_context(|| line.to_owned())?,
            sha1: sha1.to_owned(),
        })
    }

    /// The tarball, from the first place that has it. What is found elsewhere is no other file.
    pub fn fetch(&self, cache: &Cache, places: &Places) -> Result<PathBuf> {
        let directory = cache.path("base");
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let kept = directory.join(&self.name);
        let new = directory.join("download.tmp");
        // A download that was killed leaves it.
        remove_file(&new)?;

        let mut failures: Vec<String> = Vec::new();
        let found = |path: PathBuf, place: &dyn fmt::Display, failures: &[String]| {
            for failure in failures {
                println!("not from {failure}");
            }
            println!(
                "{} is from {place}: its sha256 is the pinned one",
                self.name
            );
            Ok(path)
        };
        if kept.exists() {
            match self.verify(&kept) {
                Ok(()) => return found(kept, &"the cache", &failures),
                Err(error) => failures.push(format!("{}: {error:#}", kept.display())),
            }
            remove_file(&kept)?;
        }
        if let Some(given) = &places.given {
            let path = match given.is_dir() {
                true => given.join(&self.name),
                false => given.clone(),
            };
            match self.verify(&path) {
                Ok(()) => return found(path.clone(), &path.display(), &failures),
                Err(error) => failures.push(format!("{}: {error:#}", path.display())),
            }
        }
        for url in places.urls(self) {
            let got = download(&url, &new).and_then(|()| self.verify(&new));
            match got {
                Ok(()) => {
                    fs::rename(&new, &kept)?;
                    return found(kept, &url, &failures);
                }
                Err(error) => failures.push(format!("{url}: {error:#}")),
            }
            remove_file(&new)?;
        }
        if places.mirror.is_empty() {
            failures.push("a Debian mirror: this system's apt names none".to_owned());
        }
        bail!(
            "no Xen source: {}, which the series is for, is not to be had\n  from {}\n\
             What helps: a network, or DEBIAN_MIRROR=URL of another mirror; XEN_TARBALL=that file, \
             or a directory with it; XEN_SOURCE=a Xen tree of yours",
            self.name,
            failures.join("\n  from ")
        )
    }

    /// Whether a file is this one.
    fn verify(&self, path: &Path) -> Result<()> {
        let (size, sha256) = measure(path)?;
        ensure!(
            (size, &sha256) == (self.size, &self.sha256),
            "not the pinned file: it has {size} bytes and sha256 {sha256}, pinned are {} bytes and sha256 {}",
            self.size,
            self.sha256
        );
        Ok(())
    }
}

/// How many bytes a file has, and their SHA-256.
pub fn measure(path: &Path) -> Result<(u64, String)> {
    let measured = File::open(path).and_then(|mut file| {
        let mut hash = Sha256::new();
        let size = io::copy(&mut file, &mut hash)?;
        Ok((size, format!("{:x}", hash.finalize())))
    });
    measured.with_context(|| format!("cannot read {}", path.display()))
}

/// Downloads a file the way apt does, through whatever proxy and with whatever certificates it has.
fn download(url: &str, to: &Path) -> Result<()> {
    let mut helper = Command::new("/usr/lib/apt/apt-helper");
    for option in APT_OPTIONS {
        helper.args(["-o", option]);
    }
    let done = helper
        .args(["-qq", "download-file", url])
        .arg(to)
        .env(RESOLVER.0, RESOLVER.1)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .context("cannot run /usr/lib/apt/apt-helper")?;
    ensure!(done.status.success(), "{}", complaint(&done.stderr, url));
    Ok(())
}

/// Why apt could not download something, in a few words.
pub fn complaint(stderr: &[u8], url: &str) -> String {
    let text = String::from_utf8_lossy(stderr);
    let first = text.lines().find_map(|line| line.strip_prefix("E: "));
    let reason = first.unwrap_or("apt failed and does not say why");
    let reason = reason.strip_prefix("Failed to fetch ").unwrap_or(reason);
    let reason = reason.strip_prefix(url).unwrap_or(reason);
    let words: Vec<_> = reason.split_whitespace().collect();
    words.join(" ")
}

/// Removes a file; that there is none is fine.
fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::{Duration, Instant};

    use tempfile::TempDir;

    use super::*;

    const TEXT: &str = "a tarball";
    const NAME: &str = "xen_1+2.orig.tar.xz";

    /// What a server has at a path.
    #[derive(Clone, Copy)]
    enum Answer {
        Status(&'static str),
        File(&'static str),
        Garbage,
        Silence,
    }
    use Answer::{File as Has, Garbage, Silence, Status};

    /// A mirror, its security archive and a snapshot archive, on loopback.
    struct Server {
        url: String,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        fn new(mirror: Answer, security: Answer, snapshot: Answer) -> Result<Server> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let url = format!("http://{}", listener.local_addr()?);
            let asked = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&asked);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let log = Arc::clone(&log);
                    thread::spawn(move || {
                        serve(stream, |path| {
                            log.lock().unwrap().push(path.to_owned());
                            match path.split('/').nth(1) {
                                Some("debian") => mirror,
                                Some("debian-security") => security,
                                _ => snapshot,
                            }
                        })
                    });
                }
            });
            Ok(Server { url, asked })
        }

        fn places(&self) -> Places {
            Places {
                given: None,
                mirror: format!("{}/debian/", self.url),
                snapshot: format!("{}/file", self.url),
            }
        }

        fn asked(&self) -> Vec<String> {
            self.asked.lock().unwrap().clone()
        }
    }

    fn serve(stream: TcpStream, answer: impl Fn(&str) -> Answer) -> Option<()> {
        let mut request = BufReader::new(&stream);
        loop {
            let mut path = String::new();
            loop {
                let mut line = String::new();
                request.read_line(&mut line).ok().filter(|read| *read > 0)?;
                if let Some(rest) = line.strip_prefix("GET ") {
                    path = rest.split(' ').next()?.to_owned();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let (status, body) = match answer(&path) {
                Status(status) => (status, "no"),
                Has(body) => ("200 OK", body),
                Garbage => {
                    (&stream).write_all(b"\0\x01 no HTTP\n\n").ok()?;
                    return None;
                }
                Silence => {
                    thread::sleep(Duration::from_secs(60));
                    return None;
                }
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
            (&stream).write_all((head + body).as_bytes()).ok()?;
        }
    }

    fn pinned() -> Pinned {
        Pinned {
            version: "1".to_owned(),
            release: "forky".to_owned(),
            name: NAME.to_owned(),
            sha256: format!("{:x}", Sha256::digest(TEXT)),
            size: TEXT.len() as u64,
            sha1: "5a1".to_owned(),
        }
    }

    fn cache() -> Result<(TempDir, Cache)> {
        let directory = tempfile::tempdir()?;
        let cache = Cache::new(directory.path())?;
        fs::create_dir(cache.path("base"))?;
        Ok((directory, cache))
    }

    fn in_cache(cache: &Cache) -> Result<Vec<String>> {
        let entries = fs::read_dir(cache.path("base"))?;
        Ok(entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<_>>()?)
    }

    const POOL: &str = "/debian/pool/main/x/xen/xen_1%2b2.orig.tar.xz";
    const SECURITY: &str = "/debian-security/pool/updates/main/x/xen/xen_1%2b2.orig.tar.xz";
    const SNAPSHOT: &str = "/file/5a1";
    const OTHER: &str = "A tarball";

    #[test]
    fn the_first_place_with_the_right_file_is_taken() -> Result<()> {
        for (answers, asked) in [
            ([Has(TEXT), Has(TEXT), Has(TEXT)], &[POOL][..]),
            (
                [Status("404 Not Found"), Has(TEXT), Has(TEXT)],
                &[POOL, SECURITY],
            ),
            // The right name, length and status say nothing.
            (
                [Has(OTHER), Has("a tar"), Has(TEXT)],
                &[POOL, SECURITY, SNAPSHOT],
            ),
            (
                [Garbage, Status("503 Later"), Has(TEXT)],
                &[POOL, SECURITY, SNAPSHOT],
            ),
        ] {
            let (_directory, cache) = cache()?;
            // What a killed download left is neither taken nor continued.
            fs::write(cache.path("base/download.tmp"), "a tar")?;
            let [mirror, security, snapshot] = answers;
            let server = Server::new(mirror, security, snapshot)?;
            let file = pinned().fetch(&cache, &server.places())?;
            assert_eq!(fs::read_to_string(&file)?, TEXT);
            assert_eq!(server.asked(), asked);
            assert_eq!(in_cache(&cache)?, [NAME]);
            // It is in the cache now.
            pinned().fetch(&cache, &server.places())?;
            assert_eq!(server.asked(), asked);
        }
        Ok(())
    }

    #[test]
    fn who_says_nothing_is_not_waited_for() -> Result<()> {
        let (_directory, cache) = cache()?;
        let server = Server::new(Silence, Has(TEXT), Silence)?;
        let start = Instant::now();
        pinned().fetch(&cache, &server.places())?;
        // Three such places have to fail within 30 s.
        assert!(start.elapsed() < Duration::from_secs(10));
        Ok(())
    }

    #[test]
    fn a_wrong_file_is_named_and_not_kept() -> Result<()> {
        let (directory, cache) = cache()?;
        let server = Server::new(
            Has(OTHER),
            Status("404 Not Found"),
            Has("longer than pinned"),
        )?;
        let given = directory.path().join("given");
        fs::create_dir(&given)?;
        fs::write(given.join(NAME), "")?;
        fs::write(cache.path("base").join(NAME), "an old tarball")?;
        let mut places = server.places();
        places.given = Some(given.clone());
        let Err(error) = pinned().fetch(&cache, &places) else {
            bail!("there is none");
        };
        let message = error.to_string();
        for text in ["an old tarball", "", OTHER, "longer than pinned"] {
            let sum = format!("{:x}", Sha256::digest(text));
            let both = format!(
                "sha256 {sum}, pinned are 9 bytes and sha256 {}",
                pinned().sha256
            );
            assert!(message.contains(&both), "{text}: {message}");
        }
        for text in [
            POOL,
            SECURITY,
            SNAPSHOT,
            "404",
            "XEN_TARBALL",
            "XEN_SOURCE",
            "DEBIAN_MIRROR",
        ] {
            assert!(message.contains(text), "{text}: {message}");
        }
        assert_eq!(in_cache(&cache)?, [""; 0]);
        assert!(given.join(NAME).exists());

        // A right one there is taken before the network is asked, and left where it is.
        fs::write(given.join(NAME), TEXT)?;
        assert_eq!(pinned().fetch(&cache, &places)?, given.join(NAME));
        places.given = Some(given.join(NAME));
        assert_eq!(pinned().fetch(&cache, &places)?, given.join(NAME));
        assert_eq!(server.asked().len(), 3);
        Ok(())
    }

    #[test]
    fn what_names_the_base_is_read_strictly() -> Result<()> {
        let [sha256, sha1] = ["c5".repeat(32), "5a".repeat(20)];
        let right = format!("1.2 forky 9 {sha256} {sha1} new\n");
        let pinned = Pinned::parse(&format!("# a comment\n\n{right}"))?;
        assert_eq!((pinned.name.as_str(), pinned.size), ("new", 9));
        assert_eq!((&*pinned.version, &*pinned.release), ("1.2", "forky"));
        for wrong in [
            "".to_owned(),
            right.repeat(2),
            right.replace(" 9 ", " nine "),
            right.replace(" 9 ", " "),
            right.replace(&sha256, &sha256[1..]),
            right.replace(&sha256, &sha256.to_uppercase()),
            right.replace(" new", " ../new"),
        ] {
            assert!(Pinned::parse(&wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
