//! Somebody else's library in Rust, with what two of them might quarrel about: memory, threads, and panics that
//! are caught.

use std::panic::{catch_unwind, set_hook};
use std::thread;

/// `n`, an OCaml integer, by way of all that; 0 if something of it is missing.
#[no_mangle]
pub extern "C" fn other_round(n: isize) -> isize {
    set_hook(Box::new(|_| ()));
    let caught = catch_unwind(|| panic!("{n}")).map_err(|panic| panic.downcast::<String>());
    let text = match caught {
        Err(Ok(text)) => *text,
        _ => return 1,
    };
    thread::spawn(move || text.parse::<isize>())
        .join()
        .map_or(1, |n| n.unwrap_or(1))
}
