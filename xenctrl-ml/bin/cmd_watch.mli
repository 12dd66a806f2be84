(** [xen-claims watch] *)

val cmd : Status.t Cmdliner.Cmd.t
