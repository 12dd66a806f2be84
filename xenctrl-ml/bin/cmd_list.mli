(** [xen-claims list] *)

val cmd : Status.t Cmdliner.Cmd.t
