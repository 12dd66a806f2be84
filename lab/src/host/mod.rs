//! A host with NUMA, in QEMU, that runs a built Xen: [`boot::Bootable`] boots a [`machine::Machine`],
//! with [`xl`] in its Dom0.

pub mod again;
pub mod boot;
mod console;
mod initramfs;
pub mod machine;
pub mod policy;
pub mod xl;
