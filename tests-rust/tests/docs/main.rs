//! The documentation: its links lead somewhere, its commands exist, and its words are those of the
//! contract, as they are everywhere; and no file is too long to be read.
//!
//! What commands print, and OCaml programs do, is tested where the command is built:
//! `tests-ocaml/docs`.

mod commands;
mod lengths;
mod links;
mod map;
mod page;
mod words;
