(** [xen-claims nodes] *)

val cmd : Status.t Cmdliner.Cmd.t
