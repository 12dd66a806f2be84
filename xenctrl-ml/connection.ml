(* What a handle is: the calls of the library that opened it, on what it opened. So a program has two
   hypervisors' worth of Rust only if it links xenctrl-claims.testing. *)

open Primitives

(* What only that library knows of it. *)
type inner = ..

type t = {
  inner : inner;
  close : unit -> unit;
  set : int -> claim array -> failure option;
  get : int -> (string, failure) result;
  claim_pages : int -> int64 -> failure option;
  has_claim_sets : unit -> (bool, failure) result;
  nodes : unit -> (node_memory list, failure) result;
  distances : unit -> (int array array, failure) result;
  host : unit -> (host_memory, failure) result;
  domains : unit -> (domain_info list, failure) result;
  set_node_affinity : int -> int list -> failure option;
}
