(** [xen-claims release] *)

open Xenctrl_claims

val release_orphans : idle:float -> yes:bool -> Xenctrl.handle -> (unit, Status.failure) result
(** [release_orphans ~idle xc] releases the claims of domains that nobody builds: those to which
    nothing happens for [idle] seconds. *)

val cmd : Status.t Cmdliner.Cmd.t
