//! The list of what is taken away.

/// What is not there, or not as it should be.
#[derive(Debug, Clone, Copy)]
pub enum Away {
    /// The network.
    Network,
    /// A Debian mirror that is good for something.
    Mirror(Answer),
    /// Room in the cache directory.
    Room,
    /// The right to write there.
    Writing,
    /// Crates, and the network to get them.
    Crates,
    /// A program, though there is a Xen tree.
    Program(&'static str),
}

/// What a mirror answers, whatever it is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Status(&'static str),
    Garbage,
    /// It closes the connection.
    HangsUp,
    /// It keeps the connection and says nothing.
    Silence,
    /// The beginning of a large file, and then nothing more.
    Part,
}

use Answer::{Garbage, HangsUp, Silence, Status};
use Away::{Crates, Mirror, Network, Program, Room, Writing};

const SUITES: &str = env!("CARGO_BIN_EXE_suites");
const FUZZ: &str = env!("CARGO_BIN_EXE_fuzz");
const MUTATE: &str = env!("CARGO_BIN_EXE_mutate");

/// Programs of another crate, which cargo finds.
macro_rules! lab {
    ($($word:literal),*) => {
        &["cargo", "run", "--quiet", "--locked", "--package", "xen-claims-lab", "--bin", $($word),*]
    };
}

pub const PREPARE: &[&str] = lab!["xen-series", "prepare"];
const PROVE: &[&str] = lab!["prove"];
/// Makes a build root first.
pub const ROOT: &[&str] = &["./dev", "shell", "--", "true"];
/// What can be done where there is no Xen source.
pub const SOURCE: &[&str] = &[
    "error: no Xen source: ",
    "DEBIAN_MIRROR=URL",
    "XEN_TARBALL=",
    "XEN_SOURCE=",
];
const NO_TREE: &[&str] = &["no Xen tree is prepared"];

/// What is taken away, what is run then, its exit status, and what it must say.
pub const ROWS: &[(Away, &[&str], i32, &[&str])] = &[
    (Network, PREPARE, 1, SOURCE),
    (Mirror(Status("404 Not Found")), PREPARE, 1, SOURCE),
    (
        Mirror(Status("503 Service Unavailable")),
        PREPARE,
        1,
        SOURCE,
    ),
    (Mirror(Garbage), PREPARE, 1, SOURCE),
    (Mirror(HangsUp), PREPARE, 1, SOURCE),
    (Mirror(Silence), PREPARE, 1, SOURCE),
    (
        Network,
        ROOT,
        1,
        &["making the build root", "DEBIAN_MIRROR="],
    ),
    (
        Mirror(Status("404 Not Found")),
        ROOT,
        1,
        &["404", "DEBIAN_MIRROR="],
    ),
    (
        Mirror(Status("503 Service Unavailable")),
        ROOT,
        1,
        &["503", "DEBIAN_MIRROR="],
    ),
    (
        Mirror(Garbage),
        ROOT,
        1,
        &["making the build root", "DEBIAN_MIRROR="],
    ),
    (
        Mirror(HangsUp),
        ROOT,
        1,
        &["making the build root", "DEBIAN_MIRROR="],
    ),
    (Room, PREPARE, 1, &["No space left on device"]),
    (Room, ROOT, 1, &["a build root needs 3000 MiB", "are free"]),
    (
        Writing,
        PREPARE,
        1,
        &["cannot create", "Read-only file system"],
    ),
    (Writing, ROOT, 1, &["cannot write in", "XDG_CACHE_HOME"]),
    (
        Writing,
        &["tools/xen.sh", "prepare"],
        1,
        &["cannot write", "read-only?"],
    ),
    (Crates, &["tools/test.sh"], 101, &["failed to", "host"]),
    (Network, &[FUZZ], 1, NO_TREE),
    (Network, &[MUTATE], 1, NO_TREE),
    (
        Network,
        &[
            "cargo",
            "test",
            "--locked",
            "--package",
            "xen-claims-tests",
            "--test",
            "xen",
        ],
        0,
        &["no Xen tree is prepared", "0 passed; 0 failed; 1 ignored"],
    ),
    // What needs no network goes on without.
    (
        Network,
        &[SUITES, "Rust format"],
        0,
        &["\n1 passed, 0 failed, 0 skipped\n"],
    ),
    // One failure, said once; the suites that need no Xen run.
    (
        Network,
        &[
            SUITES,
            "Rust format",
            "Rust tests on Xen's allocator",
            "Xen conformance",
        ],
        1,
        &[
            "DEBIAN_MIRROR=URL",
            "XEN_TARBALL=",
            "XEN_SOURCE=",
            "\nskipped: Rust tests on Xen's allocator: no Xen source\n",
            "\nskipped: Xen build: no Xen source\n",
            "\nskipped: Xen conformance: no Xen source\n",
            "\nfailed: Xen source and series\n1 passed, 1 failed, 3 skipped\n",
        ],
    ),
    (
        Network,
        &[SUITES, "Rust formats"],
        2,
        &["no such suite", "  Rust format\n"],
    ),
    (
        Program("git"),
        PREPARE,
        1,
        &["missing programs: git (Debian packages: git)"],
    ),
    (
        Program("gcc"),
        &[FUZZ],
        1,
        &["missing programs: gcc (Debian packages: gcc)"],
    ),
    (Program("cbmc"), PROVE, 1, &["missing programs: cbmc"]),
    (
        Program("qemu-system-x86_64"),
        &[SUITES, "Boot storm on Xen"],
        1,
        &[
            "missing programs: qemu-system-x86_64 (Debian packages: qemu-system-x86)",
            "\nfailed: Boot storm on Xen\n0 passed, 1 failed, 0 skipped\n",
        ],
    ),
];

/// What no user is to see of a thing that is missing.
pub const NEVER: &[&str] = &[
    "stack backtrace",
    "Stack backtrace",
    "panicked",
    "RUST_BACKTRACE",
];
