//! The series in `xen-patches/`: a git tree of Xen with it applied, the build of that tree, and the
//! checks a maintainer would make. The program `xen-series` is the way in.
//!
//! [`prepare::prepare`] makes the tree in the cache directory: the base is one commit, each patch
//! another. [`build::build`] builds it, [`check::check`] judges the series.

pub mod base;
pub mod build;
pub mod check;
pub mod drift;
pub mod patch;
pub mod prepare;
pub mod relied;
pub mod style;
pub mod xapi;
