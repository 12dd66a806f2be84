//! `ocaml-interop`, of the version that is for the OCaml this is built for: 0.12 is for OCaml 5 alone, and
//! 0.10 the last for OCaml 4.
//!
//! Both read and make values in the same way. What is new in 0.12 and used here, the attribute
//! `export`, is taken from there: what it expands to is in [`internal`].

#[cfg(all(feature = "ocaml4", not(feature = "ocaml5")))]
mod ocaml4;

#[cfg(all(feature = "ocaml4", not(feature = "ocaml5")))]
pub use ocaml4::*;

#[cfg(feature = "ocaml5")]
pub use interop5::*;

#[cfg(not(any(feature = "ocaml4", feature = "ocaml5")))]
compile_error!("one of the features ocaml4 and ocaml5 has to be chosen");
