(** [xen-claims show] *)

val cmd : Status.t Cmdliner.Cmd.t
