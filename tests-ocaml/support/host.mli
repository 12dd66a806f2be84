(** The hypervisor that the tests run on: an embedded one; or, where [XEN_CLAIMS_TEST_HOST] is
    [xen], the Xen below, in its Dom0. That one has to be idle: no domains come and go, and nothing
    is claimed. *)

open Xenctrl_claims

val on_xen : bool

val slack : int64
(** By so many pages free counts change without our doing: 0 if embedded. *)

val rounds : int -> int
(** [rounds n] is how often to do what is worth doing [n] times on an embedded hypervisor. *)

val open_ : ?nodes:int -> unit -> Xenctrl.handle
(** [open_ ~nodes ()] is a new host of that many nodes (4 by default) of 1 GiB; or Xen, which has
    the nodes it has. *)

val new_domain : Xenctrl.handle -> Xenctrl.domid
(** [new_domain h] is a new domain, which does not outlive the {!case} that makes it. *)

(** What not every host can show. *)
type need =
  | Embedded of string  (** An embedded hypervisor, and for what. *)
  | Nodes of int  (** As many nodes. *)

val case : ?need:need -> string -> (unit -> unit) -> unit Alcotest.test_case
(** [case ~need name test] is a test case; on a host that lacks what it needs it is skipped, and its
    name says why. On Xen it fails if not all memory is back in the end. *)
