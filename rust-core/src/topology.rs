//! What NUMA nodes a host has: the presets, `NODESxGiB`, and this machine.

use core::str::FromStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::hypervisor::{Distances, LOCAL, UNREACHABLE};
use crate::limits::MAX_NODES;
use crate::units::{Bytes, NodeId, Pages, PAGE_SIZE};

/// The nodes of a host: which there are, the memory of each, and how far they are from each other.
///
/// ```
/// use xen_claims::Topology;
/// let host: Topology = "2x64".parse()?;
/// assert_eq!(host.nodes().count(), 2);
/// assert!("0x0".parse::<Topology>().is_err());
/// # Ok::<(), xen_claims::TopologyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    nodes: Vec<(NodeId, Pages)>,
    distances: Distances,
}

/// Why there is no such host.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// Neither a preset nor `NODESxGiB`.
    #[error("'{0}' is no host: give 'this', 'uma', '2-socket', 'epyc-nps4', or NODESxGiB such as '4x16'")]
    Unknown(String),
    /// A host of no nodes, or of more than Xen supports.
    #[error("'{0}': a host has 1..{MAX_NODES} nodes")]
    Nodes(String),
    /// Nodes of no memory, or of more than can be counted.
    #[error("'{0}': a node has 1..{MAX_GIB} GiB")]
    Memory(String),
    /// This machine does not say what it has.
    #[error("cannot read this machine's nodes from {}: {reason}", .path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What firmware commonly says of the nodes of two sockets.
const OTHER_SOCKET: u8 = 21;

/// What that of AMD EPYC says.
fn two_sockets_of_four(from: usize, to: usize) -> u8 {
    if from / 4 == to / 4 {
        12
    } else {
        32
    }
}

/// The distances of nodes 0 to `count` - 1, which are as far from each other as `distance` says.
fn between(count: usize, distance: impl Fn(usize, usize) -> u8) -> Distances {
    let row = |from| {
        let to = |to| {
            if from == to {
                LOCAL
            } else {
                distance(from, to)
            }
        };
        (0..count).map(to).collect()
    };
    (0..count).map(row).collect()
}

const PAGES_PER_GIB: u64 = (1 << 30) / PAGE_SIZE;

/// Largest node that can be asked for: 64 of them are still far from wrapping a count.
const MAX_GIB: u64 = 1 << 20;

impl Topology {
    /// A host of these nodes. Nodes without memory are allowed, as real hosts have them.
    ///
    /// # Errors
    ///
    /// [`TopologyError::Nodes`] if there is none, or one twice.
    pub fn new(nodes: impl IntoIterator<Item = (NodeId, Pages)>) -> Result<Self, TopologyError> {
        let mut nodes: Vec<_> = nodes.into_iter().collect();
        nodes.sort_unstable();
        if nodes.is_empty() || nodes.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(TopologyError::Nodes(format!("{} nodes", nodes.len())));
        }
        // OK because there is one.
        let count = nodes.iter().map(|(node, _)| node.index() + 1).max();
        let distances = between(count.unwrap_or(0), |_, _| OTHER_SOCKET);
        Ok(Topology { nodes, distances })
    }

    fn uniform(nodes: usize, gib: u64, distance: impl Fn(usize, usize) -> u8) -> Self {
        let pages = Pages::new(gib * PAGES_PER_GIB);
        Topology {
            nodes: NodeId::all()
                .take(nodes)
                .map(|node| (node, pages))
                .collect(),
            distances: between(nodes, distance),
        }
    }

    /// This machine, as Linux describes it.
    ///
    /// # Errors
    ///
    /// [`TopologyError::Unreadable`] where it does not, or has a node that Xen would not support.
    pub fn this_machine() -> Result<Self, TopologyError> {
        Self::from_sysfs(Path::new("/sys/devices/system/node"))
            .or_else(|_| Self::from_meminfo(Path::new("/proc/meminfo")))
    }

    /// The nodes in a directory laid out like `/sys/devices/system/node`.
    ///
    /// # Errors
    ///
    /// As [`this_machine`](Self::this_machine).
    pub fn from_sysfs(directory: &Path) -> Result<Self, TopologyError> {
        let unreadable = |path: &Path, reason: String| TopologyError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let listing = fs::read_dir(directory).map_err(|e| unreadable(directory, e.to_string()))?;
        let mut nodes = Vec::new();
        for entry in listing {
            let path = entry
                .map_err(|e| unreadable(directory, e.to_string()))?
                .path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name.and_then(|name| name.strip_prefix("node"));
            let Some(number) = number.and_then(|n| n.parse::<i64>().ok()) else {
                continue;
            };
            let node = NodeId::new(number).map_err(|e| unreadable(&path, e.to_string()))?;
            nodes.push((node, mem_total(&path.join("meminfo"))?));
        }
        let mut topology = Topology::new(nodes)
            .map_err(|_| unreadable(directory, "it lists no node".to_owned()))?;
        topology.read_distances(directory);
        Ok(topology)
    }

    /// The distances in such a directory: a file for each node, with one for each node that is online.
    /// What a kernel does not say stays as it is.
    fn read_distances(&mut self, directory: &Path) {
        for &(from, _) in &self.nodes {
            let path = directory.join(format!("node{}/distance", from.index()));
            let text = fs::read_to_string(path).unwrap_or_default();
            for (&(to, _), word) in self.nodes.iter().zip(text.split_whitespace()) {
                let distance = word.parse().unwrap_or(UNREACHABLE);
                self.distances[from.index()][to.index()] = distance;
            }
        }
    }

    /// A kernel without NUMA has no such directory: one node with all memory.
    fn from_meminfo(path: &Path) -> Result<Self, TopologyError> {
        let pages = mem_total(path)?;
        Topology::new(NodeId::all().take(1).map(|node| (node, pages)))
    }

    /// How far the nodes are from each other.
    pub fn distances(&self) -> Distances {
        self.distances.clone()
    }

    /// The nodes and their memory, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, Pages)> + '_ {
        self.nodes.iter().copied()
    }
}

/// `MemTotal` of a node's or the system's meminfo, whose unit is KiB.
fn mem_total(path: &Path) -> Result<Pages, TopologyError> {
    let unreadable = |reason: String| TopologyError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    let line = text.lines().find(|line| line.contains("MemTotal:"));
    let kib = line
        .and_then(|line| line.split_whitespace().rev().nth(1))
        .and_then(|kib| kib.parse::<u64>().ok())
        .and_then(|kib| kib.checked_mul(1024))
        .ok_or_else(|| unreadable("it has no MemTotal".to_owned()))?;
    Pages::from_bytes(Bytes::new(kib)).map_err(|e| unreadable(e.to_string()))
}

impl FromStr for Topology {
    type Err = TopologyError;

    /// `this`, a preset, or `NODESxGiB`.
    fn from_str(text: &str) -> Result<Self, TopologyError> {
        match text {
            "this" => return Topology::this_machine(),
            "uma" => return Ok(Topology::uniform(1, 64, |_, _| OTHER_SOCKET)),
            "2-socket" => return Ok(Topology::uniform(2, 128, |_, _| OTHER_SOCKET)),
            // Two sockets of AMD EPYC with four nodes each ("nodes per socket 4").
            "epyc-nps4" => return Ok(Topology::uniform(8, 32, two_sockets_of_four)),
            _ => {}
        }
        let unknown = || TopologyError::Unknown(text.to_owned());
        let (nodes, gib) = text.split_once('x').ok_or_else(unknown)?;
        let number = |digits: &str| {
            // Rust would take a sign as well.
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
            // What does not fit in 64 bits is over every limit.
            plain.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))
        };
        let nodes = number(nodes).ok_or_else(unknown)?;
        let gib = number(gib).ok_or_else(unknown)?;
        let nodes = usize::try_from(nodes).unwrap_or(usize::MAX);
        if !(1..=MAX_NODES).contains(&nodes) {
            return Err(TopologyError::Nodes(text.to_owned()));
        }
        if !(1..=MAX_GIB).contains(&gib) {
            return Err(TopologyError::Memory(text.to_owned()));
        }
        Ok(Topology::uniform(nodes, gib, |_, _| OTHER_SOCKET))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_described_or_refused() {
        for text in [
            "",
            "x",
            "4x",
            "x4",
            "0x0",
            "65x1",
            "1x0",
            "1x1048577",
            "-1x4",
            "4x16x2",
            "UMA",
        ] {
            let error = text.parse::<Topology>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{text}'")), "{error}");
        }
        assert!(matches!(
            "-1x4".parse::<Topology>(),
            Err(TopologyError::Unknown(_))
        ));
    }

    #[test]
    fn a_preset_is_the_host_of_its_name() {
        let host = |text: &str| {
            let host = text.parse::<Topology>().unwrap();
            let gib: Vec<_> = host.nodes().map(|(_, pages)| pages.get() >> 18).collect();
            (gib, host.distances())
        };
        assert_eq!(host("uma"), (vec![64], vec![vec![10]]));
        let two = vec![vec![10, 21], vec![21, 10]];
        assert_eq!(host("2-socket"), (vec![128, 128], two.clone()));
        assert_eq!(host("2x3"), (vec![3, 3], two));
        let (gib, distances) = host("epyc-nps4");
        assert_eq!(gib, [32; 8]);
        assert_eq!(distances[3], [12, 12, 12, 10, 32, 32, 32, 32]);
        assert_eq!(distances[4], [32, 32, 32, 32, 10, 12, 12, 12]);
        assert_eq!(host("64x1").0.len(), 64);
        let this = Topology::this_machine().unwrap();
        assert_eq!("this".parse::<Topology>().unwrap(), this);
    }

    #[test]
    fn nodes_come_from_sysfs_with_gaps_and_without_memory() {
        let directory =
            std::env::temp_dir().join(format!("xen-claims-sysfs-{}", std::process::id()));
        for (node, kib) in [(0, 4096), (8, 8192), (10, 0)] {
            let path = directory.join(format!("node{node}"));
            fs::create_dir_all(&path).unwrap();
            let text = format!("Node {node} MemTotal:  {kib} kB\nNode {node} MemFree:  0 kB\n");
            fs::write(path.join("meminfo"), text).unwrap();
            fs::write(path.join("distance"), "10 21 255\n").unwrap();
        }
        fs::write(directory.join("online"), "0,8,10\n").unwrap();
        let topology = Topology::from_sysfs(&directory);
        fs::remove_dir_all(&directory).unwrap();
        let topology = topology.unwrap();
        let distances = topology.distances();
        assert_eq!(distances.len(), 11);
        assert_eq!([distances[8][8], distances[0][10]], [21, UNREACHABLE]);
        let nodes: Vec<_> = topology
            .nodes()
            .map(|(n, p)| (n.index(), p.get()))
            .collect();
        assert_eq!(nodes, [(0, 1024), (8, 2048), (10, 0)]);
    }
}
