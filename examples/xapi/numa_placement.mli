(** What becomes of a toolstack's NUMA placement when it makes claim sets, over whatever binding it
    has. [docs/xapi.md] says which part replaces what. Amounts are pages. *)

open Claim_sets

(** What the toolstack does itself, by its own binding. *)
module type TOOLSTACK = sig
  type handle

  val cpus : handle -> (int * int list) list
  (** The processors of each node. *)

  val set_vcpu_affinity : handle -> Claims.domid -> int list -> unit
  (** Softly, for all vCPUs, to these processors. Xen makes the domain's node affinity of it. *)

  val debug : string -> unit
end

type request = { vcpus : int; memory : int64 }

(** Where a VM was placed. *)
type placed =
  | On of int list  (** Its vCPUs and its memory are on these nodes, and the memory is claimed. *)
  | Anywhere  (** Its memory is claimed host-wide, and it has no affinity. *)
  | Unclaimed  (** This Xen has no claims for it: build it as ever. *)

type no_memory = { wanted : int64; by : int64; holders : Claims.holder list }
(** The host has not that much for it: [by] pages are missing. *)

val plan :
  cpus:(int * int list) list -> request -> Claims.host -> (Claims.claim array, Claims.lack) result
(** [plan ~cpus request host] takes the fewest, and of these the nearest, nodes that have the
    processors and the memory; fills the one with most first; and claims host-wide what no node has.
*)

module Make (C : Claims.S) (_ : TOOLSTACK with type handle = C.handle) : sig
  val numa_placement : C.handle -> Claims.domid -> request -> (placed, no_memory) result
  (** [numa_placement h d request] is called once [d]'s maximum memory is set, and before anything
      is populated. No mutex is needed. *)

  val after_build : C.handle -> Claims.domid -> unit
  (** [after_build h d] gives back what the builder left of the claims, once it is done. *)

  val go_on : C.handle -> Claims.domid -> request -> has:int64 -> bool
  (** [go_on h d request ~has] is whether [d], which was found half built after a restart and has
      [has] pages, has or claims all of its memory: then it can be populated to its end, and its
      vCPUs have been given their affinity again. Otherwise destroy it. *)

  val free_for_vms : C.handle -> (int64, Claims.refusal) result
  (** [free_for_vms h] is what nobody has and nobody was promised: what a memory balancer may give.
  *)
end
