(** What is on the host of an embedded hypervisor, for trying the command and testing it. *)

open Xenctrl_claims

val load : Xenctrl.handle -> string -> (unit, string) result
(** [load xc path] makes the domains that the JSON file [path] describes, and what they claim. The
    error names what is wrong with the file, or what the hypervisor refused. *)

val manual : Cmdliner.Manpage.block list
(** What such a file has in it. *)
