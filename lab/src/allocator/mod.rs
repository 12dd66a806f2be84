//! The allocator of a Xen tree, compiled into a shared object and driven from here.
//!
//! What of it is real and what is not is told in `allocator/README.md`. [`Build`] compiles a prepared
//! tree, [`Host`] is a hypervisor made of what was compiled. Each host has a copy of the code, with
//! its static variables, to itself: several can be at work in one process.

mod boot;
mod build;
mod host;
mod loaded;
mod measure;

pub use boot::{Boot, Flags, Placing};
pub use build::{Build, Profile, Tree, Xen};
pub use host::Host;
pub use measure::Cost;
