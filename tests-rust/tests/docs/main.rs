//! The documentation: its links lead somewhere, its commands exist, and its words are those of the
//! contract, as they are everywhere.
//!
//! What commands print, and OCaml programs do, is tested where the command is built:
//! `tests-ocaml/docs`.

mod commands;
mod links;
mod page;
mod words;
