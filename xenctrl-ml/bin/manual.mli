(** The manual page xen-claims(1), but for what Cmdliner writes by itself. *)

val environment : Cmdliner.Cmd.Env.info list
val blocks : Cmdliner.Manpage.block list
