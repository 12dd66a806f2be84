(** The hypervisor that a command works on. *)

open Xenctrl_claims

type t =
  | Xen  (** The one this program runs on. *)
  | Model of { host : string; state : string option }
      (** An embedded one, of that host, in the state that a file describes. *)

val run : t -> (Xenctrl.handle -> (unit, Status.failure) result) -> (unit, Status.failure) result
(** [run t f] is [f] of a handle on [t], which is closed then. Fails without calling [f] if there is
    no such hypervisor, or it has no claim sets. An error that [f] raises becomes a failure. *)
