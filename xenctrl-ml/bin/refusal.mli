(** What a hypervisor refuses, as a message: what is wrong, the name of the error, what to do. *)

open Xenctrl_claims

val error : ?domid:Xenctrl.domid -> Claims.lack Claims.error -> ('a, Status.failure) result
(** [error ~domid e] says that [e] was the answer to what was asked, for [domid] if it was about
    one. *)

val reason : Claims.lack Claims.error -> string
(** [reason e] is what is wrong, alone; sizes are as {!Size} writes them. *)

val of_unix_error : Unix.error -> string -> string -> ('a, Status.failure) result
(** [of_unix_error error call subject] is for a {!Unix.Unix_error} of module {!Xenctrl}. *)
