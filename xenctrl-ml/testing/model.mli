(** A hypervisor in this program, with a host of its own. *)

open Xenctrl_claims

val create : string -> Xenctrl.handle
(** [create host] is a handle on a new hypervisor whose host is [this] (the nodes of this machine),
    [uma] (one node of 64 GiB), [2-socket] (2 of 128 GiB), [epyc-nps4] (8 of 32 GiB), or NODESxGiB
    such as [4x16].

    Raises [Invalid_argument] if [host] is none of these; the message says what is wrong with it. *)

(** What goes wrong in a claim call. *)
type fault =
  | Panic  (** The Rust code below panics, before it changed anything. *)
  | Panic_in_binding
      (** Not in a claim call: {!inject} itself panics, outside of any call of the hypervisor. *)
  | Delay of float  (** The hypercall takes that many seconds. *)
  | Refuse of Unix.error
      (** The answer is this error, as from a Xen without claim sets ([EOPNOTSUPP]) or one whose
          security policy says no ([EPERM], or [EACCES] as FLASK does).
          {!Xenctrl_claims.Xenctrl.has_claim_sets} counts as a claim call. *)

val inject : Xenctrl.handle -> fault -> unit
(** [inject h fault] lets the next claim call that has no fault yet have this one.

    Raises [Unix.Unix_error] with [EOPNOTSUPP] if [h] is no embedded hypervisor; [Invalid_argument]
    for an error that Xen does not give, and for a delay that is negative or no number. *)
